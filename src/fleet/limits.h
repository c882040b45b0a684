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
  std::uint64_t mappings;     // of vm.max_map_count
  std::uint64_t descriptors;  // without published ports
  std::uint64_t memory;       // bytes
};
inline constexpr MachineNeeds kMachineNeeds = {.mappings = 70, .descriptors = 8, .memory = 2 << 20};

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

// For `machines` more, which publish `ports` ports in all. Otherwise one line that names the limit, what is
// needed and the command that raises it.
std::expected<void, std::string> check_room(const HostRoom& room, std::uint64_t machines,
                                            std::uint64_t ports);

// Whether these can be bound now. Otherwise one line that names the first that cannot.
std::expected<void, std::string> check_ports_free(const std::vector<net::Publish>& ports);

// Of this process.
std::uint64_t resident_bytes();
std::uint64_t mapping_count();
std::uint64_t process_cpu_ns();

}  // namespace espalier::fleet
