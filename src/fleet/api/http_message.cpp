#include "fleet/api/http_message.h"

#include <array>
#include <nlohmann/json.hpp>

namespace espalier::fleet::api {

namespace {

struct Status {
  unsigned code;
  std::string_view name;
};
constexpr std::array kStatuses = {
    Status{101, "Switching Protocols"},
    Status{200, "OK"},
    Status{202, "Accepted"},
    Status{204, "No Content"},
    Status{400, "Bad Request"},
    Status{401, "Unauthorized"},
    Status{404, "Not Found"},
    Status{405, "Method Not Allowed"},
    Status{408, "Request Timeout"},
    Status{409, "Conflict"},
    Status{413, "Content Too Large"},
    Status{415, "Unsupported Media Type"},
    Status{426, "Upgrade Required"},
    Status{431, "Request Header Fields Too Large"},
    Status{500, "Internal Server Error"},
    Status{503, "Service Unavailable"},
};

}  // namespace

std::string_view status_name(unsigned status) {
  for (const Status& known : kStatuses)
    if (known.code == status) return known.name;
  return "Unknown";
}

Response problem(unsigned status, std::string_view detail) {
  const nlohmann::ordered_json body = {
      {"type", "about:blank"}, {"title", status_name(status)}, {"status", status}, {"detail", detail}};
  // What is no UTF-8 (a name out of a request) is replaced, where dump() would throw.
  using Json = nlohmann::ordered_json;
  return {.status = status,
          .content_type = "application/problem+json",
          .body = body.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"};
}

}  // namespace espalier::fleet::api
