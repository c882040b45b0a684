#include "net/address_translation.h"

#include <algorithm>

#include "net/bytes.h"

namespace espalier::net {
namespace {

constexpr std::size_t kEthernet = 14;
constexpr std::uint16_t kTypeIpv4 = 0x0800, kTypeArp = 0x0806, kTypeIpv6 = 0x86dd;
enum Protocol : std::uint8_t { kIcmp = 1, kTcp = 6, kUdp = 17, kIcmpv6 = 58 };
constexpr std::uint16_t kFragmentOffset = 0x1fff;
constexpr std::size_t kTcpSumAt = 16, kUdpSumAt = 6, kIcmpSumAt = 2;
constexpr std::uint16_t kDhcpServer = 67, kDhcpClient = 68;
constexpr std::size_t kDhcpHardwareAt = 8 + 28;  // behind the UDP header

// Ones' complement sum, folded.
std::uint16_t words(Frame data) {
  return static_cast<std::uint16_t>(~internet_checksum(data));
}

// The checksum at `at`, after a part of what it is of has changed (RFC 1624, equation 3).
void adjust(std::span<std::uint8_t> data, std::size_t at, std::uint16_t before, std::uint16_t after) {
  if (before == after || data.size() < at + 2) return;
  std::uint32_t sum =
      (~std::uint32_t{get_u16(data, at)} & 0xffff) + (~std::uint32_t{before} & 0xffff) + after;
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  set_u16(data, at, ~sum);
}

// UDP's, for which 0 means that there is none.
void adjust_udp(std::span<std::uint8_t> data, std::uint16_t before, std::uint16_t after) {
  if (data.size() < kUdpSumAt + 2 || get_u16(data, kUdpSumAt) == 0) return;
  adjust(data, kUdpSumAt, before, after);
  if (get_u16(data, kUdpSumAt) == 0) set_u16(data, kUdpSumAt, 0xffff);
}

// The interface identifier that an address is made of (RFC 4291, appendix A).
std::uint64_t identifier_of(EthernetAddress mac) {
  return ((mac >> 24 & 0xff'ffff) ^ 0x02'0000) << 40 | 0xff'fe00'0000 | (mac & 0xff'ffff);
}

}  // namespace

void AddressTranslation::set_leases(const GuestLease& guest, const GuestLease& own) {
  guest_ = own_ = {};
  if (!guest || !own) return;
  guest_ = {guest.address, guest.gateway, guest.dns, guest.broadcast()};
  own_ = {own.address, own.gateway, own.dns, own.broadcast()};
}

// A permutation: an address that only the other side has stands for what its partner would collide with.
std::uint32_t AddressTranslation::ipv4(std::uint32_t address, Way way) const {
  const auto& from = way == Way::kOut ? guest_ : own_;
  const auto& to = way == Way::kOut ? own_ : guest_;
  if (const auto at = std::ranges::find(from, address); at != from.end())
    return to[static_cast<std::size_t>(at - from.begin())];
  for (std::size_t i = 0; i < kAddresses; ++i) {
    const auto at = std::ranges::find(to, address);
    if (at == to.end()) break;
    address = from[static_cast<std::size_t>(at - to.begin())];
  }
  return address;
}

EthernetAddress AddressTranslation::mac(EthernetAddress address, Way way) const {
  if (address == macs_.first) return macs_.second;
  if (address == macs_.second) return macs_.first;
  if (is_gateway_mac(address))
    return gateway_mac(ipv4(static_cast<std::uint32_t>(address & 0xffff'ffff), way));
  // The group of a solicited node, by the last three bytes of its address (RFC 2464, RFC 4291).
  constexpr EthernetAddress kSolicited = 0x3333'ff00'0000, kNode = 0xff'ffff;
  if ((address & ~kNode) == kSolicited) {
    if ((address & kNode) == (macs_.first & kNode)) return kSolicited | (macs_.second & kNode);
    if ((address & kNode) == (macs_.second & kNode)) return kSolicited | (macs_.first & kNode);
  }
  return address;
}

void AddressTranslation::put_mac(Bytes at, Way way) const {
  const EthernetAddress address = mac(ethernet_address(at, 0), way);
  for (std::size_t i = 0; i < 6; ++i) at[i] = static_cast<std::uint8_t>(address >> (40 - 8 * i));
}

void AddressTranslation::put_ipv4(Bytes at, Way way) const {
  const std::uint32_t address = ipv4(get_u32(at, 0), way);
  set_u16(at, 0, address >> 16);
  set_u16(at, 2, address);
}

// The same in both directions.
void AddressTranslation::put_ipv6(Bytes at) const {
  if (macs_.first == macs_.second) return;
  const std::uint64_t identifier = std::uint64_t{get_u32(at, 8)} << 32 | get_u32(at, 12);
  const auto exchange = [&](std::uint64_t guest, std::uint64_t own) {
    if (identifier != guest && identifier != own) return;
    const std::uint64_t now = identifier == guest ? own : guest;
    for (std::size_t i = 0; i < 8; ++i) at[8 + i] = static_cast<std::uint8_t>(now >> (56 - 8 * i));
  };
  if (at[0] != 0xff) return exchange(identifier_of(macs_.first), identifier_of(macs_.second));
  // ff02::1:ff00:0/104
  constexpr std::uint64_t kSolicited = 0x1'ff00'0000, kNode = 0xff'ffff;
  if (get_u16(at, 0) == 0xff02)
    exchange(kSolicited | (macs_.first & kNode), kSolicited | (macs_.second & kNode));
}

void AddressTranslation::rewrite(std::span<std::uint8_t> frame, Way way) const {
  if (frame.size() < kEthernet) return;
  put_mac(frame.subspan(0, 6), way);
  put_mac(frame.subspan(6, 6), way);
  const Bytes payload = frame.subspan(kEthernet);
  switch (get_u16(frame, 12)) {
    case kTypeArp:
      return arp(payload, way);
    case kTypeIpv4:
      return ipv4_packet(payload, way);
    case kTypeIpv6:
      return ipv6_packet(payload, way);
  }
}

// RFC 826.
void AddressTranslation::arp(Bytes message, Way way) const {
  if (message.size() < 28 || get_u16(message, 0) != 1 || get_u16(message, 2) != kTypeIpv4 ||
      get_u16(message, 4) != 0x0604)
    return;
  put_mac(message.subspan(8, 6), way);
  put_ipv4(message.subspan(14, 4), way);
  put_mac(message.subspan(18, 6), way);
  put_ipv4(message.subspan(24, 4), way);
}

void AddressTranslation::ipv4_packet(Bytes packet, Way way) const {
  if (packet.size() < 20 || packet[0] >> 4 != 4) return;
  const std::size_t header = std::size_t{4} * (packet[0] & 15);
  // A packet that is quoted is longer than the quotation.
  const std::size_t total = std::min<std::size_t>(get_u16(packet, 2), packet.size());
  if (header < 20 || total < header) return;
  const Bytes addresses = packet.subspan(12, 8);
  const std::uint16_t before = words(addresses);
  put_ipv4(addresses.subspan(0, 4), way);
  put_ipv4(addresses.subspan(4, 4), way);
  const std::uint16_t after = words(addresses);
  adjust(packet, 10, before, after);
  if ((get_u16(packet, 6) & kFragmentOffset) != 0) return;  // the first fragment has the other headers
  const Bytes payload = packet.subspan(header, total - header);
  switch (packet[9]) {
    case kTcp:
      return adjust(payload, kTcpSumAt, before, after);
    case kUdp:
      return udp(payload, before, after, way);
    case kIcmp:
      return icmp(payload, way);
  }
}

void AddressTranslation::udp(Bytes datagram, std::uint16_t before, std::uint16_t after, Way way) const {
  adjust_udp(datagram, before, after);
  if (datagram.size() < kDhcpHardwareAt + 6) return;
  const std::uint16_t port = get_u16(datagram, 2);
  if (port != kDhcpServer && port != kDhcpClient) return;
  const Bytes hardware = datagram.subspan(kDhcpHardwareAt, 6);
  const std::uint16_t old = words(hardware);
  put_mac(hardware, way);
  adjust_udp(datagram, old, words(hardware));
}

// Errors quote the packet that they are about (RFC 792).
void AddressTranslation::icmp(Bytes message, Way way) const {
  enum : std::uint8_t { kUnreachable = 3, kQuench = 4, kRedirect = 5, kTimeExceeded = 11, kParameter = 12 };
  if (message.size() < 8) return;
  const std::uint8_t type = message[0];
  if (type != kUnreachable && type != kQuench && type != kRedirect && type != kTimeExceeded &&
      type != kParameter)
    return;
  const Bytes changing = message.subspan(4);
  const std::uint16_t before = words(changing);
  if (type == kRedirect) put_ipv4(message.subspan(4, 4), way);
  ipv4_packet(message.subspan(8), way);
  adjust(message, kIcmpSumAt, before, words(changing));
}

void AddressTranslation::ipv6_packet(Bytes packet, Way way) const {
  if (packet.size() < 40 || packet[0] >> 4 != 6) return;
  const Bytes addresses = packet.subspan(8, 32);
  const std::uint16_t before = words(addresses);
  put_ipv6(addresses.subspan(0, 16));
  put_ipv6(addresses.subspan(16, 16));
  const std::uint16_t after = words(addresses);
  Bytes payload = packet.subspan(40, std::min<std::size_t>(get_u16(packet, 4), packet.size() - 40));
  std::uint8_t next = packet[6];
  for (;;) {
    enum : std::uint8_t { kHopByHop = 0, kRouting = 43, kFragment = 44, kDestination = 60 };
    if (next != kHopByHop && next != kRouting && next != kFragment && next != kDestination) break;
    if (payload.size() < 8) return;
    if (next == kFragment && get_u16(payload, 2) >> 3 != 0) return;
    const std::size_t size = next == kFragment ? 8 : 8 + std::size_t{8} * payload[1];
    if (payload.size() < size) return;
    next = payload[0];
    payload = payload.subspan(size);
  }
  switch (next) {
    case kTcp:
      return adjust(payload, kTcpSumAt, before, after);
    case kUdp:
      return adjust_udp(payload, before, after);
    case kIcmpv6:
      return icmpv6(payload, before, after, way);
  }
}

// RFC 4861: addresses and where options begin; RFC 4443: errors quote.
void AddressTranslation::icmpv6(Bytes message, std::uint16_t before, std::uint16_t after, Way way) const {
  adjust(message, kIcmpSumAt, before, after);
  if (message.size() < 8) return;
  struct Discovery {
    std::uint8_t type;
    std::size_t addresses;  // of 16 bytes each, from 8 on
    std::size_t options_at;
  };
  constexpr std::array<Discovery, 5> kDiscovery = {
      {{133, 0, 8}, {134, 0, 16}, {135, 1, 24}, {136, 1, 24}, {137, 2, 40}}};
  constexpr std::uint8_t kErrors = 4, kSourceAddress = 1, kTargetAddress = 2;
  const Bytes changing = message.subspan(4);
  const std::uint16_t old = words(changing);
  if (message[0] != 0 && message[0] <= kErrors) ipv6_packet(message.subspan(8), way);
  const auto at = std::ranges::find(kDiscovery, message[0], &Discovery::type);
  if (at != kDiscovery.end() && message.size() >= at->options_at) {
    for (std::size_t i = 0; i < at->addresses; ++i) put_ipv6(message.subspan(8 + 16 * i, 16));
    for (Bytes rest = message.subspan(at->options_at); rest.size() >= 8;) {
      const std::size_t size = std::size_t{8} * rest[1];
      if (size == 0 || size > rest.size()) break;
      if (rest[0] == kSourceAddress || rest[0] == kTargetAddress) put_mac(rest.subspan(2, 6), way);
      rest = rest.subspan(size);
    }
  }
  adjust(message, kIcmpSumAt, old, words(changing));
}

}  // namespace espalier::net
