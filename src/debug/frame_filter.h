// Which Ethernet frames somebody is interested in: by protocol and port.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "net/ethernet_port.h"

namespace espalier::debug {

// One end of a TCP or UDP exchange, as text: "10.0.2.15:80", "[fe80::1]:80".
using Endpoint = std::string;

// What a TCP segment or UDP datagram in a frame says.
struct Segment {
  bool tcp = false;  // else UDP
  Endpoint source, destination;
  std::uint16_t destination_port = 0;
  net::Frame payload;
};
// Nothing if it is something else, a fragment, or damaged. IPv6 without extension headers.
std::optional<Segment> segment_of(net::Frame frame);

// "tcp:80", "udp:53", "tcp", "udp": frames that carry data to that port, or to any.
struct FrameFilter {
  bool tcp = true;
  std::uint16_t port = 0;  // 0: any

  static std::expected<FrameFilter, std::string> parse(std::string_view text);
  bool matches(const Segment& segment) const {
    return segment.tcp == tcp && !segment.payload.empty() && (port == 0 || segment.destination_port == port);
  }
};

}  // namespace espalier::debug
