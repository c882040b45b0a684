#include "load/fleet_targets.h"

#include <fmt/format.h>

namespace espalier::load {
namespace {

// Where the host reaches a port that is bound to every interface.
std::string reachable(const std::string& address) {
  if (address.empty() || address == "0.0.0.0") return "127.0.0.1";
  if (address == "::") return "[::1]";
  return address.find(':') == std::string::npos ? address : "[" + address + "]";
}

}  // namespace

std::expected<std::vector<Target>, std::string> targets_of_devices(const nlohmann::json& devices,
                                                                   const std::string& path) {
  constexpr unsigned kHttp = 80;
  std::vector<Target> targets;
  try {
    for (const nlohmann::json& device : devices) {
      if (device.at("state") != "running") continue;
      const nlohmann::json* best = nullptr;
      for (const nlohmann::json& port : device.at("ports")) {
        if (port.at("protocol") != "tcp") continue;
        const unsigned guest = port.at("guest_port");
        if (best == nullptr || guest == kHttp ||
            (best->at("guest_port") != kHttp && guest < best->at("guest_port").get<unsigned>()))
          best = &port;
      }
      if (best == nullptr) continue;
      auto some = parse_url(fmt::format("http://{}:{}{}", reachable(best->at("address")),
                                        best->at("host_port").get<unsigned>(), path));
      if (!some) return std::unexpected(some.error());
      targets.push_back(some->front());
    }
  } catch (const nlohmann::json::exception& error) {
    return std::unexpected(fmt::format("the fleet's list of devices is not understood: {}", error.what()));
  }
  if (targets.empty())
    return std::unexpected(
        "no device of the fleet runs and publishes a TCP port: fleet up needs -p BASE+:80");
  return targets;
}

}  // namespace espalier::load
