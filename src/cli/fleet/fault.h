// espalier fleet fault: something goes wrong with devices of a running fleet on purpose.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace espalier::cli::fleet {

struct FaultOptions {
  std::string who;  // a device, or a group
  std::string kind;
  std::vector<std::pair<std::string, std::string>> settings;  // as host::set_fault() takes them
};
// Returns the exit code.
int cause_fault(const std::string& fleet, const FaultOptions& options);

}  // namespace espalier::cli::fleet
