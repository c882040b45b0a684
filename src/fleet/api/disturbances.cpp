#include "fleet/api/disturbances.h"

#include <cmath>
#include <optional>

#include "fleet/api/answers.h"

namespace espalier::fleet::api {
namespace {

// JSON has milliseconds, which people read; the rest of the program nanoseconds.
constexpr double kNsPerMs = 1e6;

template <class T>
std::optional<T> value_of(const Json& body, const char* key) {
  const auto found = body.find(key);
  return found == body.end() ? std::nullopt : std::optional(found->get<T>());
}

std::optional<std::uint64_t> ns_of(const Json& body, const char* key) {
  const auto ms = value_of<double>(body, key);
  if (!ms) return std::nullopt;
  return static_cast<std::uint64_t>(std::llround(*ms * kNsPerMs));
}

Response network_of(Control& control, const std::string& name) {
  const auto device = control.device(name);
  return device ? json_answer(to_json(device->link)) : to_problem(device.error());
}

Response show_network(Control& control, const Request& request) {
  return network_of(control, name_of_device(request));
}

Response change_network(Control& control, const Request& request) {
  const auto body = body_of(request, "NetworkPatch");
  if (!body) return body.error();
  net::ImpairmentPatch patch{.clear = body->value("clear", false),
                             .latency_ns = ns_of(*body, "latency_ms"),
                             .jitter_ns = ns_of(*body, "jitter_ms"),
                             .loss = value_of<double>(*body, "loss"),
                             .duplicate = value_of<double>(*body, "duplicate"),
                             .reorder = value_of<double>(*body, "reorder"),
                             .rate = value_of<std::uint64_t>(*body, "rate"),
                             .partition = value_of<bool>(*body, "partition"),
                             .seed = value_of<std::uint64_t>(*body, "seed")};
  if (const auto direction = value_of<std::string>(*body, "direction"))
    patch.direction = *net::parse_direction(*direction);  // the schema knows no other
  if (auto done = control.impair(name_of_device(request), patch); !done) return to_problem(done.error());
  return network_of(control, name_of_device(request));
}

// What the body's names say, in the words of a command line: one place knows what fits together.
Response cause_fault(Control& control, const Request& request) {
  const auto body = body_of(request, "Fault");
  if (!body) return body.error();
  host::Fault fault = host::usual_fault(*host::parse_fault_kind(body->at("kind").get<std::string>()));
  if (const auto ns = ns_of(*body, "duration_ms")) fault.duration_ns = *ns;
  for (const auto& [key, value] : body->items()) {
    if (key == "kind" || key == "duration_ms") continue;
    const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
    if (auto ok = host::set_fault(fault, key, text); !ok) return problem(400, ok.error());
  }
  if (auto ok = host::check_fault(fault); !ok) return problem(400, ok.error());
  if (auto done = control.inject(name_of_device(request), fault); !done) return to_problem(done.error());
  return {.status = 202, .content_type = "application/json", .body = text_of(*body) + "\n"};
}

}  // namespace

void add_disturbances(Router& router, Control& control) {
  static constexpr ControlRoute kRoutes[] = {
      {"GET", "/v1/devices/{name}/network", show_network},
      {"PATCH", "/v1/devices/{name}/network", change_network},
      {"POST", "/v1/devices/{name}/faults", cause_fault},
  };
  add_routes(router, control, kRoutes);
}

}  // namespace espalier::fleet::api
