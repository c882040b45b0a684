#include "net/slirp_options.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <array>
#include <bit>
#include <string_view>

namespace espalier::net {

void SlirpOptions::adopt(const GuestLease& lease) {
  const auto text = [](std::uint32_t address) {
    const in_addr network_order{.s_addr = htonl(address)};
    std::array<char, INET_ADDRSTRLEN> room{};
    return std::string(inet_ntop(AF_INET, &network_order, room.data(), room.size()));
  };
  const SlirpOptions usual;
  if (!lease || network != usual.network || host != usual.host || dns != usual.dns || guest != usual.guest)
    return;
  network = text(lease.address & lease.mask);
  prefix_length = static_cast<unsigned>(std::popcount(lease.mask));
  host = text(lease.gateway);
  dns = text(lease.dns);
  guest = text(lease.address);
}

std::expected<void, std::string> SlirpOptions::check() const {
  const auto wrong = [](std::string_view what) { return std::unexpected(std::string(what)); };
  in_addr net{};
  in_addr address{};
  if (inet_pton(AF_INET, network.c_str(), &net) != 1) {
    return wrong(fmt::format("\"{}\" is not an IPv4 network", network));
  }
  if (prefix_length < 8 || prefix_length > 30) {
    return wrong(fmt::format("a prefix length of {} leaves no room (8 to 30)", prefix_length));
  }
  const std::uint32_t mask = htonl(~0u << (32 - prefix_length));
  if (net.s_addr & ~mask) {
    return wrong(fmt::format("{}/{} has bits set beyond its prefix", network, prefix_length));
  }
  for (const std::string* text : {&host, &dns, &guest}) {
    if (inet_pton(AF_INET, text->c_str(), &address) != 1)
      return wrong(fmt::format("\"{}\" is not an IPv4 address", *text));
    if ((address.s_addr & mask) != net.s_addr || (address.s_addr & ~mask) == 0 ||
        (address.s_addr | mask) == ~0u) {
      return wrong(fmt::format("{} is no host's address in {}/{}", *text, network, prefix_length));
    }
  }
  if (host == dns || host == guest || dns == guest) {
    return wrong("host, name server and guest need different addresses");
  }
  if (hostname.size() > 32) return wrong("the guest's host name is longer than 32 characters");
  return {};
}

}  // namespace espalier::net
