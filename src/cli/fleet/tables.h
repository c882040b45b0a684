// The control API's answers as tables for people.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace espalier::cli::fleet {

// Of GET /v1/devices.
std::string devices_table(const nlohmann::json& devices);
// Of GET /v1/stats. `most`: only so many devices, those that take most processor time first.
std::string stats_table(const nlohmann::json& stats, std::optional<std::size_t> most);
// Of several GET /v1/fleet.
std::string fleets_table(const nlohmann::json& fleets);

}  // namespace espalier::cli::fleet
