// Ethernet addresses as numbers.
#pragma once

#include <cstdint>
#include <string>

#include "net/ethernet_port.h"

namespace espalier::net {

// Its first byte on the wire is the most significant of six.
using EthernetAddress = std::uint64_t;
inline constexpr EthernetAddress kEthernetBroadcast = 0xffff'ffff'ffff;

// The address at `at` of a frame that is long enough.
EthernetAddress ethernet_address(Frame frame, std::size_t at);
// Broadcast and multicast.
constexpr bool is_group(EthernetAddress address) {
  return (address >> 40 & 1) != 0;
}
// libslirp's own addresses are 52:55 and the IPv4 address that they are for.
constexpr EthernetAddress gateway_mac(std::uint32_t address) {
  return EthernetAddress{0x5255} << 32 | address;
}
constexpr bool is_gateway_mac(EthernetAddress address) {
  return address >> 32 == 0x5255;
}
// "24:0a:c4:00:00:01".
std::string text_of(EthernetAddress address);

}  // namespace espalier::net
