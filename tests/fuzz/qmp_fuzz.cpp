// libFuzzer target: bytes of a QMP client. Every byte is taken, every line that goes back is one JSON text
// that the schema knows, and after 0xFF and the negotiation a command is answered whatever came before.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "fuzz/check.h"
#include "host/qmp_session.h"

using namespace espalier::host;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using Result = std::expected<QmpAnswer, QmpError>;
  std::string last;
  int stops = 0;
  QmpCommands commands;
  commands["stop"] = [&](const Json&) -> Result { return QmpAnswer{.then = [&] { ++stops; }}; };
  commands["human-monitor-command"] = [](const Json& arguments) -> Result {
    CHECK(arguments["command-line"].is_string());
    return QmpAnswer{.value = arguments["command-line"]};
  };
  commands["netdev_add"] = [](const Json& arguments) -> Result {
    for (const Json& rule : arguments.value("hostfwd", Json::array())) CHECK(rule["str"].is_string());
    return std::unexpected(QmpError{"GenericError", arguments["id"].get<std::string>()});
  };
  QmpSession session(commands, {{"qemu", {{"micro", 0}, {"minor", 2}, {"major", 7}}}, {"package", ""}},
                     [&](std::string_view line) {
                       CHECK(line.ends_with("\r\n") && line.find('\n') == line.size() - 1);
                       const Json message = Json::parse(line, nullptr, false);
                       CHECK(!message.is_discarded());
                       CHECK(!qmp_schema().violation(qmp_schema().root(), message));
                       last = line;
                     });
  session.greet();
  const auto type = [&](std::string_view text) {
    for (const char c : text) session.feed(static_cast<std::uint8_t>(c));
  };
  if (size != 0 && data[0] & 1) type("{\"execute\":\"qmp_capabilities\"}");
  for (std::size_t i = 0; i < size; ++i) session.feed(data[i]);
  type("\n\xff{\"execute\":\"qmp_capabilities\"}");
  const int before = stops;
  type("{\"execute\":\"stop\",\"id\":1}");
  CHECK(stops == before + 1);
  CHECK(last == "{\"return\":{},\"id\":1}\r\n");
  return 0;
}
