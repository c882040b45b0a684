// What the control facade tells, as openapi.json describes it.
#pragma once

#include "base/json_schema.h"
#include "fleet/control.h"

namespace espalier::fleet::api {

using base::Json;

Json to_json(const FleetInfo& info);
Json to_json(const GroupInfo& group);
Json to_json(const DeviceInfo& device);
Json to_json(const net::LinkImpairment& link);
Json to_json(const FleetStats& stats);
Json to_json(const Event& event);
// In one line. What is no UTF-8 in it (of a console's line, of a name) is replaced.
std::string text_of(const Json& json);

}  // namespace espalier::fleet::api
