// espalier fleet net: how bad the cables of a running fleet's devices are.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "net/impairment.h"

namespace espalier::cli::fleet {

struct NetOptions {
  std::vector<std::string> who;  // devices, or groups
  net::ImpairmentPatch patch;
  bool change = false;  // else it is shown
  bool json = false;
};
// Returns the exit code. Without names: all devices, which are only shown.
int network(const std::string& fleet, const NetOptions& options);

}  // namespace espalier::cli::fleet
