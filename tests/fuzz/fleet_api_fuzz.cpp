// libFuzzer target: requests to the fleet's control API, behind the parser of HTTP. Whatever method, path, query,
// headers and body are, the answer is one that openapi.json describes: an error is a problem, JSON is JSON.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "fleet/api/openapi.h"
#include "fleet/api/routes.h"
#include "fleet/api/testing/fake_control.h"
#include "fuzz/check.h"

using namespace espalier::fleet::api;

namespace {

// Up to the next line feed, which it takes off, too.
std::string line(std::string_view& rest) {
  const std::size_t end = rest.find('\n');
  std::string text(rest.substr(0, end));
  rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // Method, target, type of the body, Last-Event-ID, body.
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  Request request{.method = line(rest)};
  const std::string target = line(rest);
  request.headers["content-type"] = line(rest);
  request.headers["last-event-id"] = line(rest);
  request.body = rest;

  testing::FakeControl control;
  const Router router = make_router(control, std::make_shared<ApiMetrics>());
  request.path = target.substr(0, target.find('?'));
  auto match = router.find(request.method, request.path);
  auto* const found = std::get_if<Router::Found>(&match);
  auto query = parse_query(std::string_view(target).substr(std::min(target.size(), request.path.size() + 1)));
  if (!found || !query) return 0;
  request.query = std::move(*query);
  request.parameters = std::move(found->parameters);
  const Response response = found->route->handler(request);
  if (response.content_type.ends_with("json") && response.status != 204 && response.status != 101) {
    const Json body = Json::parse(response.body, nullptr, false);
    CHECK(!body.is_discarded());
    if (response.status >= 400) CHECK(!openapi().violation(openapi_schema("Problem"), body));
  }
  CHECK(response.status < 500 || response.status == 503);
  if (response.stream) {
    if (response.stream->input()) {
      const auto* const bytes = reinterpret_cast<const std::uint8_t*>(request.body.data());
      CHECK(response.stream->input()({bytes, request.body.size()}) <= request.body.size());
    }
    response.stream->detach();
  }
  CHECK(control.followers() == 0);
  return 0;
}
