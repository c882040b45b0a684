// Options that `espalier load` and `espalier load sweep` share.
#pragma once

#include <CLI/CLI.hpp>
#include <cstddef>
#include <cstdint>
#include <string>

#include "load/generator.h"

namespace espalier::cli {

struct LoadArguments {
  std::size_t connections = 16;  // 0: left to the command
  double seconds = 10;
  double warm_up = 0;
  std::uint64_t timeout_ms = 5000;
  std::uint64_t requests = 0;
  bool no_keep_alive = false;

  // Without targets and rate.
  load::LoadOptions options() const;
};

// -c, -d, --warmup, --timeout, --no-keepalive; the help tells what `arguments` holds as the defaults.
void add_load_options(CLI::App& command, LoadArguments& arguments);

}  // namespace espalier::cli
