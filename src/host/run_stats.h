// What `espalier run --stats` prints when the machine has stopped.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "xtensa/core.h"

namespace espalier::host {

struct RunStats {
  std::array<std::uint64_t, 2> instructions{};  // PRO and APP CPU, charged ones of native functions included
  std::uint64_t guest_ns = 0;   // turns of the cores, the registers that they touched included
  std::uint64_t timers_ns = 0;  // timers of devices
  std::uint64_t idle_ns = 0;    // waiting for the next timer or for the outside
  std::uint64_t total_ns = 0;   // since the machine was made; the rest is consoles, network, loop
  std::uint64_t turns = 0;
  std::uint64_t polling_turns = 0;
  std::uint64_t slow_accesses = 0;
  std::uint32_t resets = 0;
  xtensa::EngineStats engine;  // of both cores together
};

// Lines of "name value", each ended by a line feed.
std::string format_stats(const RunStats& stats);

}  // namespace espalier::host
