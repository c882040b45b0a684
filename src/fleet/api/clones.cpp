#include "fleet/api/clones.h"

#include <string>
#include <vector>

#include "fleet/api/answers.h"

namespace espalier::fleet::api {
namespace {

Response snapshot(Control& control, const Request& request) {
  const auto file = control.snapshot(name_of_device(request));
  if (!file) return to_problem(file.error());
  return {.content_type = "application/octet-stream",
          .body = std::string(reinterpret_cast<const char*>(file->data()), file->size())};
}

Response clone(Control& control, const Request& request) {
  const auto body = body_of(request, "Clones");
  if (!body) return body.error();
  CloneRequest wanted{.group = body->value("group", std::string()),
                      .count = body->at("count").get<std::size_t>()};
  if (body->contains("ports")) wanted.ports = body->at("ports").get<std::vector<std::string>>();
  const auto group = control.clone(name_of_device(request), wanted);
  return group ? json_answer(to_json(*group), 202) : to_problem(group.error());
}

}  // namespace

void add_clones(Router& router, Control& control) {
  static constexpr ControlRoute kRoutes[] = {
      {"GET", "/v1/devices/{name}/snapshot", snapshot},
      {"POST", "/v1/devices/{name}/clones", clone},
  };
  add_routes(router, control, kRoutes);
}

}  // namespace espalier::fleet::api
