#include "fleet/api/answers.h"

#include <fmt/format.h>

#include "fleet/api/openapi.h"

namespace espalier::fleet::api {

Response json_answer(const Json& value, unsigned status) {
  return {.status = status, .body = text_of(value) + "\n"};
}

Response to_problem(const Error& error) {
  switch (error.kind) {
    case Error::Kind::kNotFound:
      return problem(404, error.message);
    case Error::Kind::kInvalid:
      return problem(400, error.message);
    case Error::Kind::kConflict:
      return problem(409, error.message);
    case Error::Kind::kUnavailable:
      return problem(503, error.message);
  }
  return problem(500, error.message);
}

std::expected<Json, Response> body_of(const Request& request, std::string_view schema) {
  const auto type = request.headers.find("content-type");
  if (type == request.headers.end() || !type->second.starts_with("application/json"))
    return std::unexpected(problem(415, "the body has to be application/json"));
  Json body = Json::parse(request.body, nullptr, false);
  if (body.is_discarded()) return std::unexpected(problem(400, "the body is not JSON"));
  if (const auto what = openapi().violation(openapi_schema(schema), body))
    return std::unexpected(problem(400, "the body: " + *what));
  return body;
}

const std::string& name_of_device(const Request& request) {
  return request.parameters.find("name")->second;
}

void add_routes(Router& router, Control& control, std::span<const ControlRoute> routes) {
  for (const ControlRoute& route : routes)
    router.add({.method = std::string(route.method),
                .pattern = std::string(route.pattern),
                .handler = [&control, &route](const Request& request) -> Response {
                  for (const auto& [name, value] : request.query)
                    return problem(400, fmt::format("{} has no query parameter \"{}\"", route.pattern, name));
                  return route.answer(control, request);
                }});
}

}  // namespace espalier::fleet::api
