// Puts load on HTTP servers and measures how they answer.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <string>
#include <vector>

#include "load/result.h"
#include "load/target.h"

namespace espalier::load {

struct LoadOptions {
  std::vector<Target> targets;   // at least one; requests go to them in turns
  std::size_t connections = 16;  // open at the same time, to all targets together; at least one
  // Requests a second. Each is due at its own time, whatever became of those before (open loop), and its
  // latency counts from then: a server that stalls is charged for all that were due meanwhile. 0: each
  // connection sends its next request when the last is answered (closed loop).
  double rate = 0;
  std::uint64_t duration_ns = 10'000'000'000;  // of the measured part
  std::uint64_t warm_up_ns = 0;                // before it, with the same load
  std::uint64_t requests = 0;                  // stop after so many; 0: not for that reason
  std::uint64_t timeout_ns = 5'000'000'000;    // for each request, from when it was due
  bool keep_alive = true;                      // else a connection for each request
  std::function<bool()> interrupted;           // asked after each wake-up; true ends the run early
};

// Sends GET requests and waits for what is under way at the end. One thread, one event loop; its own part is
// some microseconds a request. Connections are opened when they are needed. With a rate and more targets than
// connections those idle longest are closed for others; in a closed loop each then goes from target to
// target.
//
// In a closed loop another connection to a target is opened only with each answer of it, until there are all:
// a small server's backlog is short, and a SYN that it drops is repeated only after seconds.
//
// An error, one line: the host's limits are too low for what is asked for.
std::expected<LoadResult, std::string> run_load(const LoadOptions& options);

}  // namespace espalier::load
