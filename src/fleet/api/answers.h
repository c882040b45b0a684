// What the API's endpoints have in common: answers, and bodies that are what openapi.json says.
#pragma once

#include <expected>
#include <span>
#include <string>
#include <string_view>

#include "fleet/api/http_message.h"
#include "fleet/api/http_router.h"
#include "fleet/api/to_json.h"
#include "fleet/control.h"

namespace espalier::fleet::api {

Response json_answer(const Json& value, unsigned status = 200);
Response to_problem(const Error& error);
// The body of a request, which fits components/schemas/`schema`; otherwise what to answer.
std::expected<Json, Response> body_of(const Request& request, std::string_view schema);
// The device that a target names.
const std::string& name_of_device(const Request& request);

// An endpoint without query parameters that needs nothing but the fleet.
struct ControlRoute {
  std::string_view method;
  std::string_view pattern;
  Response (*answer)(Control&, const Request&);
};
// `control` and `routes` outlive the router.
void add_routes(Router& router, Control& control, std::span<const ControlRoute> routes);

}  // namespace espalier::fleet::api
