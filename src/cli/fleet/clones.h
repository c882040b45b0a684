// espalier fleet snapshot and clone: a running device as a file, and as more devices.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace espalier::cli::fleet {

// Writes the device's machine, as it is now, to `file`. Returns the exit code.
int save_device(const std::string& fleet, const std::string& device, const std::string& file);

struct CloneOptions {
  std::string device;
  std::size_t count = 1;
  std::string group;               // empty: DEVICE-clones
  std::vector<std::string> ports;  // none: the device's, at any free ports of the host
};
// `count` new devices that go on from where it is. Returns the exit code.
int clone_device(const std::string& fleet, const CloneOptions& options);

}  // namespace espalier::cli::fleet
