// UDP over IPv4 in Ethernet frames, as far as a server needs it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "net/ethernet_port.h"

namespace espalier::net {

// Addresses and ports in the host's byte order. Formats: RFC 791 and RFC 768.
struct UdpPacket {
  std::uint64_t source_mac = 0;
  std::uint64_t destination_mac = 0;
  std::uint32_t source = 0;
  std::uint32_t destination = 0;
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::span<const std::uint8_t> data{};

  // Nothing where the frame holds no whole datagram; `data` lies in the frame. The UDP checksum is not
  // looked at: nothing on this network damages frames unless it is asked to.
  static std::optional<UdpPacket> parse(Frame frame);
  // The frame, with both checksums.
  std::vector<std::uint8_t> frame() const;
};

}  // namespace espalier::net
