#include "host/qmp_commands.h"

#include <fmt/format.h>

#include "host/monitor_network.h"

namespace espalier::host {

namespace {

using Result = std::expected<QmpAnswer, QmpError>;

Result generic(std::string text) {
  while (text.ends_with('\n')) text.pop_back();
  return std::unexpected(QmpError{"GenericError", std::move(text)});
}

Result human_monitor_command(Monitor& monitor, const Json& arguments) {
  const unsigned before = monitor.cpu();
  if (arguments.contains("cpu-index")) {
    const auto cpu = arguments["cpu-index"].get<std::int64_t>();
    if (cpu < 0 || cpu > 1) return generic("Parameter 'cpu-index' expects a CPU number");
    monitor.choose_cpu(static_cast<unsigned>(cpu));
  }
  std::string text;
  for (const char c : monitor.execute(arguments["command-line"].get<std::string>())) {
    if (c == '\n') text += '\r';
    text += c;
  }
  if (arguments.contains("cpu-index")) monitor.choose_cpu(before);
  return QmpAnswer{.value = text};
}

Result netdev_add(Session& session, const Json& arguments) {
  net::SlirpOptions options;
  options.restricted = arguments.value("restrict", false);
  if (auto ok = session.plug_network(options, arguments["id"].get<std::string>()); !ok)
    return generic(ok.error());
  for (const Json& rule : arguments.value("hostfwd", Json::array()))
    if (const auto added = add_hostfwd(session, rule["str"].get<std::string>()); !added) {
      session.unplug_network();
      return generic(added.error());
    }
  return QmpAnswer{};
}

Result netdev_del(Session& session, const Json& arguments) {
  const auto id = arguments["id"].get<std::string>();
  if (session.network() == nullptr || session.network_id() != id)
    return std::unexpected(QmpError{"DeviceNotFound", fmt::format("Device '{}' not found", id)});
  session.unplug_network();
  return QmpAnswer{};
}

}  // namespace

Json qmp_version() {
  return {{"qemu", {{"micro", 0}, {"minor", 2}, {"major", 7}}}, {"package", "espalier " ESPALIER_VERSION}};
}

QmpCommands qmp_commands(Monitor& monitor) {
  QmpCommands commands;
  commands["query-version"] = [](const Json&) -> Result { return QmpAnswer{.value = qmp_version()}; };
  commands["query-name"] = [&monitor](const Json&) -> Result {
    QmpAnswer answer;
    if (const std::string& name = monitor.session().options().name; !name.empty())
      answer.value["name"] = name;
    return answer;
  };
  commands["query-status"] = [&monitor](const Json&) -> Result {
    const debug::RunControl& control = monitor.control();
    return QmpAnswer{.value = {{"status", debug::run_state_name(control.state())},
                               {"singlestep", false},
                               {"running", control.running()}}};
  };
  commands["stop"] = [&monitor](const Json&) -> Result {
    monitor.control().pause();
    return QmpAnswer{};
  };
  commands["cont"] = [&monitor](const Json&) -> Result {
    monitor.control().resume();
    return QmpAnswer{};
  };
  // The answer comes before the event.
  commands["system_reset"] = [&monitor](const Json&) -> Result {
    return QmpAnswer{.then = [&monitor] { monitor.control().system_reset(); }};
  };
  commands["quit"] = [&monitor](const Json&) -> Result {
    return QmpAnswer{.then = [&monitor] { monitor.execute("quit"); }};
  };
  commands["human-monitor-command"] = [&monitor](const Json& arguments) {
    return human_monitor_command(monitor, arguments);
  };
  commands["netdev_add"] = [&monitor](const Json& arguments) {
    return netdev_add(monitor.session(), arguments);
  };
  commands["netdev_del"] = [&monitor](const Json& arguments) {
    return netdev_del(monitor.session(), arguments);
  };
  return commands;
}

}  // namespace espalier::host
