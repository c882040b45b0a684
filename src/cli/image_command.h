// espalier image info|merge|pack|nvs|nvs-gen
#pragma once

#include "cli/cli.h"

namespace CLI {
class App;
}

namespace espalier::cli {

void add_image_command(CLI::App& app, Action& action);

}  // namespace espalier::cli
