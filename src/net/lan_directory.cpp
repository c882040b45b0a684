#include "net/lan_directory.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace espalier::net {
namespace {

// Of machines behind uplinks so many get an address.
constexpr std::uint32_t kMostLeases = 4096;

std::string lower(std::string_view text) {
  std::string name(text);
  for (char& c : name)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  return name;
}

}  // namespace

std::expected<std::uint32_t, std::string> parse_ipv4(std::string_view text) {
  in_addr parsed{};
  if (inet_pton(AF_INET, std::string(text).c_str(), &parsed) != 1)
    return std::unexpected(fmt::format("'{}' is not an IPv4 address", text));
  return ntohl(parsed.s_addr);
}

std::string ipv4_text(std::uint32_t address) {
  return fmt::format("{}.{}.{}.{}", address >> 24, address >> 16 & 255, address >> 8 & 255, address & 255);
}

std::expected<LanNetwork, std::string> parse_lan_network(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto address = parse_ipv4(text.substr(0, slash));
  if (!address) return std::unexpected(address.error() + "; a network is written 10.1.0.0/16");
  LanNetwork network{.network = *address, .prefix_length = 0};
  if (slash != std::string_view::npos) {
    const std::string_view digits = text.substr(slash + 1);
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), network.prefix_length);
    if (error != std::errc{} || end != digits.data() + digits.size()) network.prefix_length = 0;
  }
  if (network.prefix_length < 8 || network.prefix_length > 27)
    return std::unexpected(fmt::format("'{}': a prefix length from /8 to /27 is wanted", text));
  if (!network.contains(*address) || *address == 0)
    return std::unexpected(fmt::format("'{}' has bits set beyond its prefix", text));
  return network;
}

std::shared_ptr<const LanDirectory::Claim> LanDirectory::claim(const std::string& name,
                                                               const std::string& hostname) {
  const std::string key = lower(name);
  std::uint32_t address = first_;
  {
    const std::lock_guard lock(mutex_);
    const auto known = names_.find(key);
    if (known != names_.end() && hosts_.at(known->second).name == key) {
      address = known->second;
    } else {
      for (auto at = hosts_.lower_bound(address); at != hosts_.end() && at->first == address; ++at) ++address;
      if (leased(address)) return nullptr;
      hosts_[address].name = key;
      names_[key] = address;
      if (!hostname.empty()) names_.try_emplace(lower(hostname), address);
    }
    ++hosts_[address].claims;
  }
  return std::make_shared<const Claim>(shared_from_this(), key, address);
}

void LanDirectory::release(const std::string& name) {
  const std::lock_guard lock(mutex_);
  const std::uint32_t address = names_.at(name);
  if (--hosts_.at(address).claims != 0) return;
  hosts_.erase(address);
  std::erase_if(names_, [&](const auto& entry) { return entry.second == address; });
}

bool LanDirectory::leased(std::uint32_t address) const {
  return network_.broadcast() - address <= next_lease_;
}

std::optional<std::uint32_t> LanDirectory::lease(EthernetAddress mac) {
  const std::lock_guard lock(mutex_);
  if (const auto known = leases_.find(mac); known != leases_.end()) return known->second;
  const std::uint32_t address = network_.broadcast() - 1 - next_lease_;
  if (next_lease_ >= kMostLeases || address < first_ || hosts_.contains(address)) return std::nullopt;
  ++next_lease_;
  leases_.emplace(mac, address);
  return address;
}

std::optional<std::uint32_t> LanDirectory::address_of(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  const auto at = names_.find(lower(name));
  if (at == names_.end()) return std::nullopt;
  return at->second;
}

std::optional<std::string> LanDirectory::name_of(std::uint32_t address) const {
  const std::lock_guard lock(mutex_);
  const auto at = hosts_.find(address);
  if (at == hosts_.end()) return std::nullopt;
  return at->second.name;
}

void LanDirectory::seen(std::uint32_t address, EthernetAddress mac) {
  const std::lock_guard lock(mutex_);
  if (const auto at = hosts_.find(address); at != hosts_.end()) at->second.mac = mac;
}

std::optional<EthernetAddress> LanDirectory::mac_of(std::uint32_t address) const {
  const std::lock_guard lock(mutex_);
  const auto at = hosts_.find(address);
  if (at == hosts_.end()) return std::nullopt;
  return at->second.mac;
}

}  // namespace espalier::net
