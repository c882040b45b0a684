// `espalier load sweep`: response time against the number of devices.
#pragma once

#include <CLI/CLI.hpp>

#include "cli/cli.h"

namespace espalier::cli {

// Below `load`.
void add_load_sweep_command(CLI::App& load_command, Action& action);

}  // namespace espalier::cli
