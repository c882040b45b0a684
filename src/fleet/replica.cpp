#include "fleet/replica.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <charconv>

namespace espalier::fleet {
namespace {

using Wrong = std::unexpected<std::string>;

// What stands for the host in group_mac(): no host_id() is empty.
constexpr std::string_view kAnyHost;

std::string own_host_name() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0) return {};
  const std::string_view whole = name.data();
  return std::string(whole.substr(0, whole.find('.')));
}

}  // namespace

MacAddress Replica::mac() const {
  return device_mac(group_mac(kAnyHost, name, name), ordinal);
}

std::expected<Replica, std::string> parse_replica(std::string_view text) {
  const auto wrong = [&](std::string_view what) {
    return Wrong(fmt::format("'{}' {} (expected NAME-ORDINAL, such as sensor-3, or auto)", text, what));
  };
  const std::size_t hyphen = text.rfind('-');
  if (hyphen == std::string_view::npos) return wrong("has no ordinal");
  const std::string_view digits = text.substr(hyphen + 1);
  Replica replica{.name = std::string(text.substr(0, hyphen))};
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), replica.ordinal);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size() ||
      digits != std::to_string(replica.ordinal))
    return wrong("does not end with an ordinal");
  if (replica.ordinal >= kMostOrdinals)
    return wrong(fmt::format("is past the ordinal {}", kMostOrdinals - 1));
  if (auto ok = check_name(replica.name); !ok) return Wrong(ok.error());
  return replica;
}

std::expected<std::optional<Replica>, std::string> find_replica(std::string_view text) {
  if (text == "auto") {
    const auto replica = parse_replica(own_host_name());
    return replica ? std::optional(*replica) : std::nullopt;
  }
  auto replica = parse_replica(text);
  if (!replica) return Wrong(replica.error());
  return std::optional(std::move(*replica));
}

std::expected<void, std::string> place(FleetSpec& spec, const Replica& replica) {
  for (GroupSpec& group : spec.groups) {
    const std::uint64_t end = (std::uint64_t{replica.ordinal} + 1) * group.count;
    if (end > kMostOrdinals)
      return Wrong(fmt::format("{}: {} devices a replica would go past the ordinal {}", replica.text(),
                               group.count, kMostOrdinals - 1));
    group.first = replica.ordinal * group.count;
    group.most = group.count;
    if (!group.mac) group.mac = group_mac(kAnyHost, replica.name, group.name);
  }
  return {};
}

}  // namespace espalier::fleet
