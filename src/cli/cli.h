// The command line: each command registers itself and leaves behind what to do.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "host/session_options.h"

namespace espalier::cli {

// What a command does once the whole line has been parsed; returns the exit code.
using Action = std::function<int()>;

// What `espalier run` does with its options; returns the exit code.
using Runner = std::function<int(const host::SessionOptions&)>;

// Parses `arguments` (without the program's name) and does what they say. Returns the exit code; never
// throws. Without a runner there is no `run` command.
int run_cli(const std::vector<std::string>& arguments, Runner run);

// One line on standard error: "espalier: TEXT". Returns kBadInput, for `return fail(...)`.
int fail(const std::string& text);

}  // namespace espalier::cli
