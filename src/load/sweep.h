// Response time against the number of devices and the rate of requests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <string>
#include <vector>

#include "load/generator.h"
#include "load/instances.h"
#include "load/result.h"

namespace espalier::load {

struct Contestant {
  Launch launch;
  std::size_t most = 65535;  // devices that are tried
};

struct SweepOptions {
  std::vector<Contestant> contestants;
  std::vector<std::size_t> counts;  // of devices, ascending
  std::vector<double> rates;        // requests a second, to all devices together
  std::string path = "/hello";
  std::uint16_t base_port = 20000;
  std::string folder;                             // for the logs of the processes; exists
  std::uint64_t up_timeout_ns = 120'000'000'000;  // until all devices answer
  // Duration, warm-up, timeout, keep-alive; connections if they are not 0.
  LoadOptions load;
};

struct SweepRow {
  std::string contestant;
  std::size_t devices = 0;
  double up_seconds = 0;  // from the start, or from scaling, until each had answered once
  std::string problem;    // why there is nothing more to say; empty: none
  double rate = 0;
  std::size_t connections = 0;
  std::uint64_t memory_bytes = 0;  // of all processes, after the load
  double cpu_share = 0;            // of one core, during the load, all processes together
  LoadResult result;
};

// For each contestant and number of devices: starts them, waits until all have answered, measures each rate,
// and takes them down; what can be scaled goes on with more devices instead, and is taken down at the end.
// `on_row` is told each row at once. A contestant that does not come up with so many is not asked for more;
// its row says how far it came.
std::vector<SweepRow> run_sweep(const SweepOptions& options,
                                const std::function<void(const SweepRow&)>& on_row);

// Connections for so many devices where nobody has said: one for each, but at least 16 in all and at most 6
// to one (ESP-IDF's server takes seven).
std::size_t connections_for(std::size_t devices);

}  // namespace espalier::load
