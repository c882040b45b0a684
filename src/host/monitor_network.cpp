#include "host/monitor_network.h"

#include <fmt/format.h>

#include <vector>

#include "net/hostfwd.h"

namespace espalier::host {

namespace {

constexpr std::string_view kNone = "user mode network stack not in use\n";

// The rule of a hostfwd command; the word before it, if any, has to name the network. Otherwise the answer.
std::expected<std::string_view, std::string> rule_of(Session& session, const Monitor::Call& call) {
  if (session.network() == nullptr) return std::unexpected(std::string(kNone));
  if (call.words.size() == 1) return call.words[0];
  if (call.words[0] != session.network_id())
    return std::unexpected(fmt::format("unrecognized netdev id '{}'\n", call.words[0]));
  return call.words[1];
}

}  // namespace

std::string network_info(Session& session) {
  std::string text = "open_eth.0: index=0,type=nic,\n";
  if (session.network() != nullptr) {
    const net::SlirpOptions& options = session.network()->options();
    text += fmt::format(" \\ {}: index=0,type=user,net={},restrict={}\n", session.network_id(),
                        options.network, options.restricted ? "on" : "off");
  } else if (session.options().net == NetMode::kTap) {
    text += fmt::format(" \\ {}: index=0,type=tap\n", session.network_id());
  } else if (session.options().net == NetMode::kSocket) {
    text +=
        fmt::format(" \\ {}: index=0,type=socket,{}\n", session.network_id(), session.options().link.text());
  }
  return text;
}

std::string usernet_info(Session& session) {
  if (session.network() == nullptr) return {};
  return fmt::format("Hub -1 ({}):\n{}", session.network_id(), session.network()->connections());
}

std::expected<std::string, std::string> add_hostfwd(Session& session, std::string_view rule) {
  const auto publish = net::parse_hostfwd(rule);
  if (!publish) return std::unexpected(publish.error());
  if (const auto port = session.network()->publish(*publish); !port)
    return std::unexpected(fmt::format("Could not set up host forwarding rule '{}': {}", rule, port.error()));
  if (!net::is_open_to_others(*publish)) return {};
  return fmt::format("warning: {} is open to other machines", publish->host_end());
}

std::string hostfwd_add(Monitor& monitor, const Monitor::Call& call) {
  const auto rule = rule_of(monitor.session(), call);
  if (!rule) return rule.error();
  const auto added = add_hostfwd(monitor.session(), *rule);
  const std::string& line = added ? *added : added.error();
  return line.empty() ? line : line + "\n";
}

std::string hostfwd_remove(Monitor& monitor, const Monitor::Call& call) {
  const auto rule = rule_of(monitor.session(), call);
  if (!rule) return rule.error();
  const auto end = net::parse_hostfwd_end(*rule);
  if (!end) return "invalid format\n";
  return fmt::format("host forwarding rule for {} {}\n", *rule,
                     monitor.session().network()->unpublish(*end) ? "removed" : "not found");
}

std::string netdev_add(Monitor& monitor, const Monitor::Call& call) {
  Session& session = monitor.session();
  net::SlirpOptions options;
  std::string id;
  std::vector<std::string> rules;
  std::string_view rest = call.words[0];
  for (bool first = true; !rest.empty(); first = false) {
    const auto comma = rest.find(',');
    const std::string_view part = rest.substr(0, comma);
    rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1);
    const auto equals = part.find('=');
    std::string_view key = part.substr(0, equals);
    const std::string_view value =
        equals == std::string_view::npos ? std::string_view{} : part.substr(equals + 1);
    if (first && equals == std::string_view::npos) {
      if (key != "user") return fmt::format("Parameter 'type' does not accept value '{}'\n", key);
    } else if (key == "id") {
      id = value;
    } else if (key == "hostfwd") {
      rules.emplace_back(value);
    } else if (key == "restrict" && (value == "on" || value == "off")) {
      options.restricted = value == "on";
    } else if (key != "type" || value != "user") {
      return fmt::format("Parameter '{}' is unexpected\n", key);
    }
  }
  if (id.empty()) return "Parameter 'id' is missing\n";
  if (auto ok = session.plug_network(options, id); !ok) return ok.error() + "\n";
  std::string answer;
  for (const std::string& rule : rules) {
    const auto added = add_hostfwd(session, rule);
    if (!added) {
      session.unplug_network();
      return added.error() + "\n";
    }
    if (!added->empty()) answer += *added + "\n";
  }
  return answer;
}

std::string netdev_del(Monitor& monitor, const Monitor::Call& call) {
  Session& session = monitor.session();
  if (session.network() == nullptr || session.network_id() != call.words[0])
    return fmt::format("Error: Device '{}' not found\n", call.words[0]);
  session.unplug_network();
  return {};
}

}  // namespace espalier::host
