// What the control facade tells, as openapi.json describes it.
#pragma once

#include <cstdint>

#include "base/json_schema.h"
#include "fleet/control.h"

namespace espalier::fleet::api {

using base::Json;

// As the API gives times.
inline double seconds(std::uint64_t ns) {
  return static_cast<double>(ns) / 1e9;
}

Json to_json(const FleetInfo& info);
Json to_json(const GroupInfo& group);
Json to_json(const DeviceInfo& device);
Json to_json(const net::LinkImpairment& link);
Json to_json(const FleetStats& stats);
Json to_json(const Event& event);
// In one line. What is no UTF-8 in it (of a console's line, of a name) is replaced.
std::string text_of(const Json& json);

}  // namespace espalier::fleet::api
