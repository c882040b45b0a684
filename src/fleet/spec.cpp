#include "fleet/spec.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <set>
#include <tuple>

#include "host/mac_address.h"

namespace espalier::fleet {
namespace {

namespace fs = std::filesystem;
using Wrong = std::unexpected<std::string>;

constexpr std::array<std::pair<std::string_view, FleetNet>, 3> kNets = {
    {{"user", FleetNet::kUser}, {"lan", FleetNet::kLan}, {"none", FleetNet::kNone}}};
constexpr std::array kPolicies = {RestartPolicy::kNo, RestartPolicy::kOnFailure, RestartPolicy::kAlways};

std::expected<void, std::string> check_ports(const FleetSpec& spec) {
  std::map<std::tuple<bool, std::string, unsigned>, std::string> taken;
  for (const GroupSpec& group : spec.groups) {
    if (!group.ports.empty() && spec.net == FleetNet::kNone)
      return Wrong(fmt::format("{}ports: there is no network to publish ports of", group.where));
    for (const PortSpec& port : group.ports) {
      if (!port.counts && port.first.host_port != 0 && group.count > 1)
        return Wrong(fmt::format("{0}ports: {1} is one port for {2} devices; '{3}+:{4}' gives each its own",
                                 group.where, port.first.host_end(), group.count, port.first.host_port,
                                 port.first.guest_port));
      for (unsigned ordinal = 0; ordinal < group.count; ++ordinal) {
        const auto publish = port.of(ordinal);
        if (!publish)
          return Wrong(fmt::format("{}ports: {}+ for {} devices goes past port 65535", group.where,
                                   port.first.host_port, group.count));
        if (publish->host_port == 0) continue;
        const std::string name = device_name(group.name, group.first + ordinal);
        const auto [at, fresh] =
            taken.try_emplace({publish->udp, publish->address, publish->host_port}, name);
        if (!fresh)
          return Wrong(fmt::format("{}ports: {} and {} both publish {}", group.where, at->second, name,
                                   publish->host_end()));
      }
    }
  }
  return {};
}

std::expected<void, std::string> check_templates(const GroupSpec& group) {
  const Identity sample{.ordinal = group.count, .name = group.name, .mac = {}, .more = group.environment};
  const auto check = [&](std::string_view key, std::string_view text) -> std::expected<void, std::string> {
    if (auto filled = fill_template(text, sample); !filled)
      return Wrong(fmt::format("{}{}: {}", group.where, key, filled.error()));
    return {};
  };
  if (auto ok = check("hostname", group.hostname); !ok) return ok;
  for (const PartitionSpec& partition : group.partitions) {
    const std::string key = "partitions." + partition.name;
    if (auto ok = check(key, partition.file); !ok) return ok;
    for (const image::NvsRow& row : partition.nvs)
      if (auto ok = check(fmt::format("{}.{}.{}", key, row.space, row.key), row.value); !ok) return ok;
  }
  return {};
}

std::expected<void, std::string> check_group(const GroupSpec& group) {
  const auto wrong = [&](std::string_view key, std::string_view what) {
    return Wrong(fmt::format("{}{}: {}", group.where, key, what));
  };
  if (auto ok = check_name(group.name); !ok) return wrong("name", ok.error());
  if (group.count > kMostOrdinals) return wrong("count", fmt::format("more than {} devices", kMostOrdinals));
  if (group.machine.demo == !group.machine.image.empty())
    return wrong("image", "name an image or the demo, one of them");
  std::error_code error;
  for (const auto& [key, file] :
       {std::pair<std::string_view, const std::string&>{"image", group.machine.image},
        {"efuse", group.machine.efuse},
        {"rom", group.machine.rom}})
    if (!file.empty() && !fs::exists(file, error))
      return wrong(key, fmt::format("{}: {}", file, error ? error.message() : "No such file or directory"));
  return check_templates(group);
}

}  // namespace

std::optional<net::Publish> PortSpec::of(unsigned ordinal) const {
  net::Publish publish = first;
  if (!counts) return publish;
  const unsigned port = first.host_port + ordinal;
  if (port > 65535) return std::nullopt;
  publish.host_port = static_cast<std::uint16_t>(port);
  return publish;
}

std::expected<PortSpec, std::string> parse_port(std::string_view text) {
  std::string plain(text);
  const std::size_t plus = plain.find("+:");
  if (plus != std::string::npos) plain.erase(plus, 1);
  auto publish = net::parse_publish(plain);
  // That one's errors begin with the option of another command.
  const auto wrong = [&](std::string_view what) {
    return Wrong(fmt::format("{}: {} (expected [ADDR:]BASE+:GUESTPORT[/udp])", text, what));
  };
  if (!publish) {
    std::string what = publish.error();
    if (const std::string begin = fmt::format("--publish {}: ", plain); what.starts_with(begin))
      what.erase(0, begin.size());
    return wrong(what.substr(0, what.find(" (expected")));
  }
  if (plus != std::string::npos && publish->host_port == 0)
    return wrong("port 0 is any free one, which there is nothing to add to");
  return PortSpec{.first = *publish, .counts = plus != std::string::npos};
}

std::string_view name_of(FleetNet net) {
  return std::ranges::find(kNets, net, &std::pair<std::string_view, FleetNet>::second)->first;
}

std::expected<FleetNet, std::string> parse_fleet_net(std::string_view text) {
  std::string names;
  for (const auto& [name, net] : kNets) {
    if (name == text) return net;
    names += fmt::format("{}{}", names.empty() ? "" : ", ", name);
  }
  return Wrong(fmt::format("'{}' is none of {}", text, names));
}

std::expected<RestartPolicy, std::string> parse_restart_policy(std::string_view text) {
  for (const RestartPolicy policy : kPolicies)
    if (name_of(policy) == text) return policy;
  return Wrong(fmt::format("'{}' is none of no, on-failure, always", text));
}

std::expected<host::ClockMode, std::string> parse_clock(std::string_view text) {
  if (text == "realtime") return host::ClockMode::kRealtime;
  if (text == "warp") return host::ClockMode::kWarp;
  return Wrong(fmt::format("'{}' is none of realtime, warp", text));
}

std::expected<std::uint32_t, std::string> parse_psram(std::string_view text) {
  if (text == "0") return 0;
  if (text == "2M") return 2u << 20;
  if (text == "4M") return 4u << 20;
  return Wrong(fmt::format("'{}' is none of 0, 2M, 4M", text));
}

std::expected<void, std::string> check_lan(const LanSpec& lan) {
  const std::uint32_t first = lan.first.value_or(lan.network.first());
  if (first < lan.network.network + 4 || first >= lan.network.broadcast())
    return Wrong(fmt::format("first: {} is no device's address in {}/{}, which begin at {}",
                             net::ipv4_text(first), net::ipv4_text(lan.network.network),
                             lan.network.prefix_length, net::ipv4_text(lan.network.network + 4)));
  return {};
}

std::expected<void, std::string> check_group_names(const std::vector<GroupSpec>& groups) {
  std::set<std::string> names;
  for (const GroupSpec& group : groups)
    if (!names.insert(group.name).second)
      return Wrong(fmt::format("{}name: there are two groups named {}", group.where, group.name));
  // "a-1" with ordinal 0 and "a" with ordinal 1... differ; "a-1" as a group and "a-1" as a device do not.
  for (const GroupSpec& group : groups)
    for (const GroupSpec& other : groups) {
      const std::string prefix = group.name + "-";
      if (!other.name.starts_with(prefix)) continue;
      const std::string rest = other.name.substr(prefix.size());
      if (std::ranges::all_of(rest, [](char c) { return (c >= '0' && c <= '9'); }))
        return Wrong(
            fmt::format("{}name: {} could be a device of the group {}", other.where, other.name, group.name));
    }
  return {};
}

std::expected<void, std::string> check_spec(const FleetSpec& spec) {
  if (auto ok = check_name(spec.name); !ok) return Wrong("name: " + ok.error());
  if (auto ok = check_lan(spec.lan); !ok) return Wrong("lan." + ok.error());
  if (spec.groups.empty()) return Wrong("there are no devices in this fleet");
  for (const GroupSpec& group : spec.groups)
    if (auto ok = check_group(group); !ok) return ok;
  if (auto ok = check_group_names(spec.groups); !ok) return ok;
  return check_ports(spec);
}

std::vector<MacAddress> group_macs(const FleetSpec& spec, std::string_view host) {
  std::vector<MacAddress> macs;
  for (const GroupSpec& group : spec.groups) {
    MacAddress mac = group.mac.value_or(group_mac(host, spec.name, group.name));
    if (!group.mac)
      for (unsigned salt = 1; std::ranges::find(macs, mac) != macs.end(); ++salt)
        mac = group_mac(host, spec.name, fmt::format("{}/{}", group.name, salt));
    macs.push_back(mac);
  }
  return macs;
}

}  // namespace espalier::fleet
