// QEMU's machine protocol with one client, apart from sockets and machines.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "host/qmp_schema.h"
#include "host/qmp_splitter.h"

namespace espalier::host {

struct QmpError {
  std::string_view kind;  // QEMU's class: GenericError, CommandNotFound, DeviceNotFound
  std::string text;
};

struct QmpAnswer {
  Json value = Json::object();
  std::function<void()> then{};  // done once the answer is on its way
};

// A command of the schema, with arguments that fit it.
using QmpCommand = std::function<std::expected<QmpAnswer, QmpError>(const Json& arguments)>;
using QmpCommands = std::map<std::string, QmpCommand, std::less<>>;

// The greeting, the negotiation, then commands and events; a JSON text a line towards the client. Nothing
// that a client sends is more than an error to it.
class QmpSession {
 public:
  using Send = std::function<void(std::string_view line)>;
  // `version` is the greeting's. query-commands and qmp_capabilities are the session's own.
  QmpSession(QmpCommands commands, Json version, Send send);

  // A new client: from the beginning.
  void greet();
  void feed(std::uint8_t byte);
  // Passes an event on, unless the negotiation is not over. `data` null: none.
  void event(std::string_view name, const Json& data = nullptr);

 private:
  void take(const std::string& text);
  std::expected<QmpAnswer, QmpError> dispatch(const Json& request);
  void send(const Json& message);

  QmpCommands commands_;
  Json version_;
  Send send_;
  QmpSplitter splitter_;
  bool negotiated_ = false;
};

}  // namespace espalier::host
