// espalier health: whether a fleet, or a guest's web server, does what it is there for. Made for health
// checks of containers.
#pragma once

#include "cli/cli.h"

namespace CLI {
class App;
}

namespace espalier::cli {

void add_health_command(CLI::App& app, Action& action);

}  // namespace espalier::cli
