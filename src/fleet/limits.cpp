#include "fleet/limits.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <optional>
#include <utility>

#include "fleet/power_up.h"
#include "host/demo_image.h"

namespace espalier::fleet {
namespace {

namespace fs = std::filesystem;
constexpr std::uint64_t kUnlimited = ~std::uint64_t{0};
// What connections and the process's own doings need besides.
constexpr std::uint64_t kSpareDescriptors = 256;
constexpr std::uint64_t kSpareMappings = 1024;

std::optional<std::uint64_t> number_in(const std::string& path) {
  std::ifstream file(path);
  std::uint64_t value = 0;
  if (!(file >> value)) return std::nullopt;
  return value;
}

// A line "NAME:   12345 kB" of a file in /proc.
std::optional<std::uint64_t> kib_of(const std::string& path, std::string_view name) {
  std::ifstream file(path);
  std::string line;
  while (std::getline(file, line))
    if (line.starts_with(name)) return std::stoull(line.substr(name.size()));
  return std::nullopt;
}

// The group's folder as a container sees it, of version 2 and of version 1.
std::uint64_t cgroup_free() {
  for (const auto& [limit_file, used_file] :
       {std::pair{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"},
        {"/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"}}) {
    const auto limit = number_in(limit_file);  // "max" is no number
    const auto used = number_in(used_file);
    if (limit && used) return *limit > *used ? *limit - *used : 0;
  }
  return kUnlimited;
}

std::uint64_t open_descriptors() {
  std::error_code error;
  std::uint64_t count = 0;
  for (fs::directory_iterator it("/proc/self/fd", error), end; it != end; it.increment(error)) ++count;
  return count;
}

}  // namespace

HostRoom host_room() {
  HostRoom room;
  room.max_mappings = number_in("/proc/sys/vm/max_map_count").value_or(kUnlimited);
  if (rlimit files{}; getrlimit(RLIMIT_NOFILE, &files) == 0) {
    if (files.rlim_cur < files.rlim_max) {
      files.rlim_cur = files.rlim_max;
      setrlimit(RLIMIT_NOFILE, &files);
      getrlimit(RLIMIT_NOFILE, &files);
    }
    room.max_descriptors = files.rlim_cur == RLIM_INFINITY ? kUnlimited : files.rlim_cur;
  }
  if (const auto free = kib_of("/proc/meminfo", "MemAvailable:")) room.free_memory = *free * 1024;
  room.free_memory = std::min(room.free_memory, cgroup_free());
  room.mappings = mapping_count();
  room.descriptors = open_descriptors();
  return room;
}

std::uint64_t mappings_of(Start start) {
  switch (start) {
    case Start::kDemo:
      return 55;
    case Start::kFirmware:
      return 90;
    case Start::kDemoSnapshot:
      return 70;
    case Start::kSnapshot:
      break;
  }
  return 95;
}

Start start_of(const GroupInputs& inputs) {
  const host::BootInputs& boot = *inputs.boot;
  if (boot.snapshot)
    return boot.snapshot->notes().image == host::kDemoName ? Start::kDemoSnapshot : Start::kSnapshot;
  return boot.image.name == host::kDemoName ? Start::kDemo : Start::kFirmware;
}

std::expected<void, std::string> check_room(const HostRoom& room, const Wanted& wanted) {
  const std::uint64_t machines = wanted.machines;
  if (machines == 0) return {};
  const std::uint64_t mappings = room.mappings + kSpareMappings + wanted.mappings;
  if (mappings > room.max_mappings)
    return std::unexpected(
        fmt::format("{} devices need up to {} memory mappings and vm.max_map_count allows {}; as root: "
                    "sysctl -w vm.max_map_count={}",
                    machines, mappings, room.max_mappings, mappings));
  const std::uint64_t descriptors =
      room.descriptors + kSpareDescriptors + machines * kMachineNeeds.descriptors + wanted.ports;
  if (descriptors > room.max_descriptors)
    return std::unexpected(
        fmt::format("{} devices need {} open files and the limit is {}; raise it with `ulimit -n {}`",
                    machines, descriptors, room.max_descriptors, descriptors));
  const std::uint64_t memory = machines * kMachineNeeds.memory;
  if (memory > room.free_memory)
    return std::unexpected(
        fmt::format("{} devices need {} MiB of memory or more and {} MiB are free; start fewer, or give "
                    "the host or the container more",
                    machines, memory >> 20, room.free_memory >> 20));
  return {};
}

std::expected<void, std::string> check_ports_free(const std::vector<net::Publish>& ports) {
  for (const net::Publish& port : ports) {
    if (port.host_port == 0) continue;
    sockaddr_storage address{};
    socklen_t size = 0;
    const int fd =
        socket(port.is_ipv6() ? AF_INET6 : AF_INET, (port.udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
    if (fd < 0) return std::unexpected(net::bind_error(port, errno));
    const int one = 1;
    // As libslirp does: only a socket that listens is in the way, not what is left of closed connections.
    if (!port.udp) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (port.is_ipv6()) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
    const bool bound = net::host_sockaddr(port, address, size) &&
                       bind(fd, reinterpret_cast<const sockaddr*>(&address), size) == 0 &&
                       (port.udp || listen(fd, 1) == 0);
    const int error = errno;
    close(fd);
    if (!bound) return std::unexpected(net::bind_error(port, error));
  }
  return {};
}

std::uint64_t resident_bytes() {
  return kib_of("/proc/self/status", "VmRSS:").value_or(0) * 1024;
}

std::uint64_t mapping_count() {
  std::ifstream maps("/proc/self/maps");
  return static_cast<std::uint64_t>(
      std::count(std::istreambuf_iterator<char>(maps), std::istreambuf_iterator<char>(), '\n'));
}

std::uint64_t process_cpu_ns() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}

}  // namespace espalier::fleet
