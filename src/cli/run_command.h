// espalier run IMAGE, espalier debug IMAGE: the command line only; run_machine.h does the work.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "cli/cli.h"
#include "host/session_options.h"

namespace CLI {
class App;
}

namespace espalier::cli {

// `run` is what the command does with its options.
void add_run_command(CLI::App& app, Action& action, const Runner& run);
// The same with --gdb-wait.
void add_debug_command(CLI::App& app, Action& action, const Runner& run);

// The options of `run`, for commands that boot a machine too, and what can only be said of them together: one
// line, empty if all is well.
void add_run_options(CLI::App& command, host::SessionOptions& options);
std::string problem_of(const host::SessionOptions& options);
// An option that takes a number of seconds greater than 0.
void add_seconds(CLI::App& command, const std::string& name, std::optional<double>& target,
                 const std::string& help);

}  // namespace espalier::cli
