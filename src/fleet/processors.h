// How many of the host's processors this process may use: what a fleet has threads for.
#pragma once

#include <optional>
#include <string>

namespace espalier::fleet {

// Where the kernel says which control groups a process is in (cgroups(7)), and where their files are. A
// container sees its own group as the root of one tree, or of one for each controller.
struct ControlGroups {
  std::string memberships = "/proc/self/cgroup";
  std::string root = "/sys/fs/cgroup";
};

// Processor time for each second, from the least quota among the process's group and those above it: cpu.max
// of version 2 (Documentation/admin-guide/cgroup-v2.rst), cpu.cfs_quota_us of version 1
// (Documentation/scheduler/sched-bwc.rst). Nothing: there is none.
std::optional<double> processor_quota(const ControlGroups& groups = {});

// `processors` may be used at all; a quota is rounded up. At least 1.
unsigned processors_within(unsigned processors, std::optional<double> quota);

// Of this process: its affinity mask and its groups' quota.
unsigned usable_processors();

}  // namespace espalier::fleet
