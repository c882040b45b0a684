#include "host/qmp_session.h"

#include <fmt/format.h>
#include <sys/time.h>

#include <utility>

namespace espalier::host {

namespace {

constexpr std::string_view kGeneric = "GenericError";
constexpr std::string_view kNotFound = "CommandNotFound";

std::unexpected<QmpError> error(std::string_view kind, std::string text) {
  return std::unexpected(QmpError{kind, std::move(text)});
}

Json error_object(const QmpError& error) {
  return {{"class", error.kind}, {"desc", error.text}};
}

}  // namespace

QmpSession::QmpSession(QmpCommands commands, Json version, Send send)
    : commands_(std::move(commands)), version_(std::move(version)), send_(std::move(send)) {
  commands_["qmp_capabilities"] = [this](const Json& arguments) -> std::expected<QmpAnswer, QmpError> {
    if (negotiated_) return error(kNotFound, "Capabilities negotiation is already complete, command ignored");
    if (arguments.contains("enable") && !arguments["enable"].empty())
      return error(kGeneric,
                   fmt::format("Capability {} is not available", arguments["enable"][0].get<std::string>()));
    negotiated_ = true;
    return QmpAnswer{};
  };
  commands_["query-commands"] = [this](const Json&) -> std::expected<QmpAnswer, QmpError> {
    QmpAnswer answer{.value = Json::array()};
    for (const auto& [name, command] : commands_) answer.value.push_back({{"name", name}});
    return answer;
  };
}

void QmpSession::greet() {
  splitter_.reset();
  negotiated_ = false;
  send({{"QMP", {{"version", version_}, {"capabilities", Json::array()}}}});
}

void QmpSession::send(const Json& message) {
  // Whatever is no UTF-8 (a name with other bytes) is replaced, where dump() would throw.
  send_(message.dump(-1, ' ', true, Json::error_handler_t::replace) + "\r\n");
}

void QmpSession::event(std::string_view name, const Json& data) {
  if (!negotiated_) return;
  timeval now{};
  gettimeofday(&now, nullptr);
  Json message = {{"timestamp", {{"seconds", now.tv_sec}, {"microseconds", now.tv_usec}}}, {"event", name}};
  if (!data.is_null()) message["data"] = data;
  send(message);
}

void QmpSession::feed(std::uint8_t byte) {
  const auto step = splitter_.feed(byte);
  if (!step) return;
  if (*step)
    take(**step);
  else
    send({{"error", error_object({kGeneric, step->error()})}});
}

void QmpSession::take(const std::string& text) {
  const Json request = Json::parse(text, nullptr, false);
  const auto answer =
      request.is_discarded() ? error(kGeneric, "JSON parse error, invalid syntax") : dispatch(request);
  Json message;
  if (answer)
    message["return"] = answer->value;
  else
    message["error"] = error_object(answer.error());
  if (request.is_object() && request.contains("id")) message["id"] = request["id"];
  send(message);
  if (answer && answer->then) answer->then();
}

std::expected<QmpAnswer, QmpError> QmpSession::dispatch(const Json& request) {
  if (!request.is_object()) return error(kGeneric, "QMP input must be a JSON object");
  for (const auto& [name, member] : request.items())
    if (name != "execute" && name != "arguments" && name != "id")
      return error(kGeneric, fmt::format("QMP input member '{}' is unexpected", name));
  if (!request.contains("execute")) return error(kGeneric, "QMP input lacks member 'execute'");
  if (!request["execute"].is_string()) return error(kGeneric, "QMP input member 'execute' must be a string");
  const Json arguments = request.value("arguments", Json::object());
  if (!arguments.is_object()) return error(kGeneric, "QMP input member 'arguments' must be an object");
  const std::string name = request["execute"].get<std::string>();
  if (!negotiated_ && name != "qmp_capabilities")
    return error(kNotFound, "Expecting capabilities negotiation with 'qmp_capabilities'");
  const auto command = commands_.find(name);
  if (command == commands_.end())
    return error(kNotFound, fmt::format("The command {} has not been found", name));
  if (const auto what = argument_error(qmp_schema().root()["commands"][name]["arguments"], arguments))
    return error(kGeneric, *what);
  return command->second(arguments);
}

}  // namespace espalier::host
