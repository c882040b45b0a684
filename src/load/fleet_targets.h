// A fleet's devices as targets.
#pragma once

#include <expected>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "load/target.h"

namespace espalier::load {

// From what a fleet's control API answers to GET /v1/devices: of each device that runs, the TCP port that it
// publishes of its port 80, or else of its lowest one; asked for `path`. One line if there is none at all, or
// if the answer is something else.
std::expected<std::vector<Target>, std::string> targets_of_devices(const nlohmann::json& devices,
                                                                   const std::string& path);

}  // namespace espalier::load
