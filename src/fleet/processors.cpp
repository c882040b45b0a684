#include "fleet/processors.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>
#include <vector>

namespace espalier::fleet {
namespace {

namespace fs = std::filesystem;

// A group and all above it, as folders below `root`. What lies outside of the tree that is mounted here, as
// in a container whose groups have no namespace of their own, is not there: the root is the own group then.
std::vector<fs::path> and_above(const fs::path& root, const std::string& group) {
  std::vector<fs::path> folders = {root};
  for (const fs::path& part : fs::path(group).relative_path()) {
    if (part == "..") return {root};
    folders.push_back(folders.back() / part);
  }
  return folders;
}

std::optional<double> share(double quota, double period) {
  if (quota > 0 && period > 0) return quota / period;
  return std::nullopt;
}

// "200000 100000" or "max 100000": microseconds of each period.
std::optional<double> quota_of_version_2(const fs::path& folder) {
  std::ifstream file(folder / "cpu.max");
  double quota = 0, period = 0;
  return file >> quota >> period ? share(quota, period) : std::nullopt;
}

// -1: none.
std::optional<double> quota_of_version_1(const fs::path& folder) {
  std::ifstream quota_file(folder / "cpu.cfs_quota_us"), period_file(folder / "cpu.cfs_period_us");
  double quota = 0, period = 0;
  return quota_file >> quota && period_file >> period ? share(quota, period) : std::nullopt;
}

bool names_cpu(const std::string& controllers) {
  std::istringstream list(controllers);
  for (std::string one; std::getline(list, one, ',');)
    if (one == "cpu") return true;
  return false;
}

// How many the affinity mask has.
unsigned processors_of_affinity() {
  // The kernel wants room for all processors that there can be.
  for (std::size_t most = 1024; most <= 1u << 20; most *= 2) {
    cpu_set_t* set = CPU_ALLOC(most);
    if (set == nullptr) break;
    const std::size_t size = CPU_ALLOC_SIZE(most);
    const bool got = sched_getaffinity(0, size, set) == 0;
    const int count = got ? CPU_COUNT_S(size, set) : 0;
    CPU_FREE(set);
    if (got) return static_cast<unsigned>(count);
  }
  return std::thread::hardware_concurrency();
}

}  // namespace

std::optional<double> processor_quota(const ControlGroups& groups) {
  std::optional<double> least;
  const auto take = [&](std::optional<double> quota) {
    if (quota) least = least ? std::min(*least, *quota) : *quota;
  };
  std::ifstream memberships(groups.memberships);
  // "HIERARCHY:CONTROLLERS:/GROUP"; version 2 has hierarchy 0 and no controllers.
  for (std::string line; std::getline(memberships, line);) {
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string group = line.substr(second + 1);
    if (controllers.empty()) {
      for (const fs::path& folder : and_above(groups.root, group)) take(quota_of_version_2(folder));
    } else if (names_cpu(controllers)) {
      // Distributions mount the hierarchy by its controllers' names, or link to it by one.
      std::error_code none;
      fs::path root = fs::path(groups.root) / controllers;
      if (!fs::is_directory(root, none)) root = fs::path(groups.root) / "cpu";
      for (const fs::path& folder : and_above(root, group)) take(quota_of_version_1(folder));
    }
  }
  return least;
}

unsigned processors_within(unsigned processors, std::optional<double> quota) {
  unsigned most = std::max(1u, processors);
  if (quota && *quota < most) most = std::max(1u, static_cast<unsigned>(std::ceil(*quota)));
  return most;
}

unsigned usable_processors() {
  return processors_within(processors_of_affinity(), processor_quota());
}

}  // namespace espalier::fleet
