#include "fleet/api/routes.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include "fleet/api/answers.h"
#include "fleet/api/clones.h"
#include "fleet/api/disturbances.h"
#include "fleet/api/openapi.h"

namespace espalier::fleet::api {

namespace {

// The parameters of a request's query.
class Query {
 public:
  explicit Query(const Request& request) : fields_(request.query) {}

  std::optional<std::uint64_t> number(std::string_view name) {
    const auto found = fields_.find(name);
    return found == fields_.end() ? std::nullopt : number(name, found->second);
  }
  std::optional<std::uint64_t> number(std::string_view name, std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (!text.empty() && error == std::errc() && end == text.data() + text.size()) return value;
    error_ = fmt::format("{}: \"{}\" is not a number from 0 on", name, text);
    return std::nullopt;
  }
  bool flag(std::string_view name) {
    const auto found = fields_.find(name);
    if (found == fields_.end()) return false;
    if (found->second != "true" && found->second != "false")
      error_ = fmt::format("{}: \"{}\" is neither true nor false", name, found->second);
    return found->second == "true";
  }
  // What is wrong with those asked for so far.
  const std::string& error() const { return error_; }

 private:
  const Fields& fields_;
  std::string error_;
};

std::string_view as_text(std::span<const std::uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

class Endpoints {
 public:
  Endpoints(Control& control, std::shared_ptr<ApiMetrics> metrics, std::size_t stream_limit)
      : control_(control), metrics_(std::move(metrics)), stream_limit_(stream_limit) {}

  Response fleet(const Request&) const { return json_answer(to_json(control_.info())); }

  Response scale(const Request& request) const {
    const auto body = body_of(request, "FleetPatch");
    if (!body) return body.error();
    if (auto scaled = control_.scale(body->at("scale").get<std::map<std::string, std::size_t>>()); !scaled)
      return to_problem(scaled.error());
    return json_answer(to_json(control_.info()), 202);
  }

  Response down(const Request&) const {
    control_.down();
    FleetInfo info = control_.info();
    info.going_down = true;
    return json_answer(to_json(info), 202);
  }

  Response devices(const Request&) const {
    Json all = Json::array();
    for (const DeviceInfo& device : control_.list()) all.push_back(to_json(device));
    return json_answer(all);
  }

  Response device(const Request& request) const { return show(name_of_device(request)); }

  Response remove(const Request& request) const {
    const auto removed = control_.remove(name_of_device(request));
    return removed ? Response{.status = 204} : to_problem(removed.error());
  }

  template <Result<void> (Control::*command)(std::string_view)>
  Response power(const Request& request) const {
    if (auto done = (control_.*command)(name_of_device(request)); !done) return to_problem(done.error());
    return show(name_of_device(request));
  }

  Response logs(const Request& request) const {
    Query query(request);
    const auto tail = query.number("tail");
    const bool follow = query.flag("follow");
    if (!query.error().empty()) return problem(400, query.error());
    Response response{.content_type = "text/plain; charset=utf-8"};
    if (!follow) {
      auto text = control_.logs(name_of_device(request), tail);
      if (!text) return to_problem(text.error());
      response.body = std::move(*text);
      return response;
    }
    response.stream = std::make_shared<Stream>(stream_limit_);
    if (auto wrong = show_console(request, tail, response.stream)) return *wrong;
    return response;
  }

  Response input(const Request& request) const {
    if (request.body.empty()) return problem(400, "there are no bytes in the body");
    const auto typed =
        control_.input(name_of_device(request),
                       {reinterpret_cast<const std::uint8_t*>(request.body.data()), request.body.size()});
    return typed ? Response{.status = 204} : to_problem(typed.error());
  }

  Response console(const Request& request) const {
    Query query(request);
    const auto tail = query.number("tail");
    if (!query.error().empty()) return problem(400, query.error());
    Response response{.status = 101};
    response.stream = std::make_shared<Stream>(stream_limit_);
    response.stream->set_input([&control = control_, name = name_of_device(request)](auto bytes) {
      const auto piece = bytes.first(std::min(bytes.size(), kInputPiece));
      const auto typed = control.input(name, piece);
      // With no machine there the wire ends in the air; what the guest does not take yet waits.
      return typed || typed.error().kind != Error::Kind::kUnavailable ? piece.size() : 0;
    });
    if (auto wrong = show_console(request, tail.value_or(0), response.stream)) return *wrong;
    return response;
  }

  Response events(const Request& request) const {
    Query query(request);
    auto after = query.number("after");
    const auto last = request.headers.find("last-event-id");
    if (!after && last != request.headers.end()) after = query.number("Last-Event-ID", last->second);
    if (!query.error().empty()) return problem(400, query.error());
    auto stream = std::make_shared<Stream>(stream_limit_);
    stream->set_heartbeat(":\n\n");
    stream->keep(control_.follow_events(after.value_or(0), [stream](const Event& event) {
      stream->send(fmt::format("id: {}\ndata: {}\n\n", event.id, text_of(to_json(event))));
    }));
    Response response{.content_type = "text/event-stream", .stream = std::move(stream)};
    response.headers.emplace_back("Cache-Control", "no-cache");
    return response;
  }

  Response stats(const Request&) const { return json_answer(to_json(control_.stats())); }

  Response metrics(const Request& request) const {
    Query query(request);
    const bool per_device = query.flag("devices");
    if (!query.error().empty()) return problem(400, query.error());
    return {.content_type = "text/plain; version=0.0.4; charset=utf-8",
            .body = metrics_of(control_.info(), control_.stats(), per_device) + metrics_->text()};
  }

  Response health(const Request&) const {
    if (control_.info().going_down) return problem(503, "the fleet is going down");
    return json_answer({{"status", "ok"}});
  }

  Response description(const Request&) const { return {.body = std::string(openapi_text())}; }

 private:
  // Of a console's input at once, less than what may wait for a guest.
  static constexpr std::size_t kInputPiece = 4096;

  Response show(std::string_view name) const {
    const auto device = control_.device(name);
    return device ? json_answer(to_json(*device)) : to_problem(device.error());
  }

  // The console's bytes into the stream, which ends with the device. Or what is wrong.
  std::optional<Response> show_console(const Request& request, std::optional<std::size_t> tail,
                                       const std::shared_ptr<Stream>& stream) const {
    auto following = control_.follow_logs(name_of_device(request), tail, [stream](auto bytes) {
      if (bytes.empty())
        stream->finish();
      else
        stream->send(as_text(bytes));
    });
    if (!following) {
      stream->detach();
      return to_problem(following.error());
    }
    stream->keep(std::move(*following));
    return std::nullopt;
  }

  Control& control_;
  std::shared_ptr<ApiMetrics> metrics_;
  std::size_t stream_limit_;
};

}  // namespace

Router make_router(Control& control, std::shared_ptr<ApiMetrics> metrics, std::size_t stream_limit) {
  using Method = Response (Endpoints::*)(const Request&) const;
  struct Row {
    std::string_view method;
    std::string_view pattern;
    Method answer;
    std::array<std::string_view, 2> query{};  // the names of its parameters
    bool websocket = false;
    bool open = false;
  };
  static constexpr Row kRows[] = {
      {"GET", "/v1/fleet", &Endpoints::fleet},
      {"PATCH", "/v1/fleet", &Endpoints::scale},
      {"DELETE", "/v1/fleet", &Endpoints::down},
      {"GET", "/v1/devices", &Endpoints::devices},
      {"GET", "/v1/devices/{name}", &Endpoints::device},
      {"DELETE", "/v1/devices/{name}", &Endpoints::remove},
      {"POST", "/v1/devices/{name}/start", &Endpoints::power<&Control::start>},
      {"POST", "/v1/devices/{name}/stop", &Endpoints::power<&Control::stop>},
      {"POST", "/v1/devices/{name}/restart", &Endpoints::power<&Control::restart>},
      {"GET", "/v1/devices/{name}/logs", &Endpoints::logs, {"tail", "follow"}},
      {"POST", "/v1/devices/{name}/input", &Endpoints::input},
      {"GET", "/v1/devices/{name}/console", &Endpoints::console, {"tail"}, true},
      {"GET", "/v1/events", &Endpoints::events, {"after"}},
      {"GET", "/v1/stats", &Endpoints::stats},
      {"GET", "/metrics", &Endpoints::metrics, {"devices"}},
      {"GET", "/healthz", &Endpoints::health, {}, false, true},
      {"GET", "/v1/openapi.json", &Endpoints::description},
  };
  const auto endpoints = std::make_shared<const Endpoints>(control, std::move(metrics), stream_limit);
  Router router;
  for (const Row& row : kRows)
    router.add({.method = std::string(row.method),
                .pattern = std::string(row.pattern),
                .handler = [endpoints, &row](const Request& request) -> Response {
                  for (const auto& [name, value] : request.query)
                    if (name.empty() || std::ranges::find(row.query, name) == row.query.end())
                      return problem(400, fmt::format("{} has no query parameter \"{}\"", row.pattern, name));
                  return ((*endpoints).*row.answer)(request);
                },
                .websocket = row.websocket,
                .open = row.open});
  add_disturbances(router, control);
  add_clones(router, control);
  return router;
}

}  // namespace espalier::fleet::api
