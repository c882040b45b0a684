// espalier fleet: many machines in one process, and what can be asked of them while they run.
#pragma once

#include "cli/cli.h"

namespace CLI {
class App;
}

namespace espalier::cli::fleet {

void add_fleet_command(CLI::App& app, Action& action);

}  // namespace espalier::cli::fleet
