// Whether this host has room for so many machines in one process, and what to raise if not.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <vector>

#include "net/publish.h"

namespace espalier::fleet {

// What one machine needs, at least; measured of the demo's, which limits_test.cpp holds this against.
struct MachineNeeds {
  std::uint64_t descriptors;  // without published ports
  std::uint64_t memory;       // bytes
};
inline constexpr MachineNeeds kMachineNeeds = {.descriptors = 8, .memory = 2 << 20};

// How a machine begins, which its memory mappings depend on: firmware touches more of flash than the demo
// does, and of a snapshot's memory each piece that a machine has changed is a mapping of its own.
enum class Start : std::uint8_t { kDemo, kFirmware, kDemoSnapshot, kSnapshot };
// The most mappings that one has had after load, and some to spare. Seen: the demo 49, firmware 44 (NuttX)
// to 78 (MicroPython), of snapshots the demo 61, others 60 to 90 (docs/decisions.md).
std::uint64_t mappings_of(Start start);
struct GroupInputs;
Start start_of(const GroupInputs& inputs);

// What there is. ~0: no limit.
struct HostRoom {
  std::uint64_t max_mappings = ~std::uint64_t{0};     // vm.max_map_count
  std::uint64_t max_descriptors = ~std::uint64_t{0};  // RLIMIT_NOFILE
  std::uint64_t free_memory = ~std::uint64_t{0};      // bytes: MemAvailable, or what the cgroup leaves
  std::uint64_t mappings = 0;                         // of this process, now
  std::uint64_t descriptors = 0;
};
// The process's limit of open files is raised to the hard limit first.
HostRoom host_room();

// What is to be started besides what there is.
struct Wanted {
  std::uint64_t machines = 0;
  std::uint64_t mappings = 0;  // of all of them: mappings_of()
  std::uint64_t ports = 0;     // published by all of them
};
// Otherwise one line that names the limit, what is needed and the command that raises it.
std::expected<void, std::string> check_room(const HostRoom& room, const Wanted& wanted);

// Whether these can be bound now. Otherwise one line that names the first that cannot.
std::expected<void, std::string> check_ports_free(const std::vector<net::Publish>& ports);

// Of this process.
std::uint64_t resident_bytes();
std::uint64_t mapping_count();
std::uint64_t process_cpu_ns();

}  // namespace espalier::fleet
