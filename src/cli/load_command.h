// `espalier load`: puts load on web servers of guests, or others.
#pragma once

#include <CLI/CLI.hpp>

#include "cli/cli.h"

namespace espalier::cli {

void add_load_command(CLI::App& app, Action& action);

}  // namespace espalier::cli
