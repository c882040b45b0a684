// espalier snapshot create|info.
#pragma once

#include "cli/cli.h"

namespace CLI {
class App;
}

namespace espalier::cli {

// `run` is what `espalier run` does with its options.
void add_snapshot_command(CLI::App& app, Action& action, const Runner& run);

}  // namespace espalier::cli
