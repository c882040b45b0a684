// espalier image nvs|nvs-gen: partitions of ESP-IDF's NVS, read and made.
#pragma once

#include "cli/cli.h"

namespace CLI {
class App;
}

namespace espalier::cli {

// Adds both to `espalier image`.
void add_nvs_commands(CLI::App& image, Action& action);

}  // namespace espalier::cli
