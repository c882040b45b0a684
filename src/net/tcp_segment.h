// TCP segments in Ethernet frames, as far as the cable has to understand them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "net/ethernet_port.h"

namespace espalier::net {

// What a segment's headers say. IPv4 only: no IPv6 connection leads from outside to a guest. Offsets and
// bits: RFC 791 and RFC 9293.
struct TcpSegment {
  static constexpr std::uint8_t kFin = 1, kSyn = 2, kRst = 4, kAck = 16;

  std::uint32_t source = 0;  // addresses and ports in the host's byte order
  std::uint32_t destination = 0;
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::uint32_t sequence = 0;
  std::uint32_t acknowledged = 0;
  std::uint8_t flags = 0;
  std::size_t tcp_at = 0;     // offset of the TCP header in the frame
  std::size_t data_size = 0;  // bytes

  // Nothing where the frame holds no whole TCP segment over IPv4.
  static std::optional<TcpSegment> parse(Frame frame);
};

// A connection, seen from the guest.
struct TcpConnection {
  std::uint32_t remote = 0;
  std::uint16_t remote_port = 0;
  std::uint16_t guest_port = 0;

  static TcpConnection from_guest(const TcpSegment& s) {
    return {s.destination, s.destination_port, s.source_port};
  }
  static TcpConnection to_guest(const TcpSegment& s) { return {s.source, s.source_port, s.destination_port}; }
  bool operator==(const TcpConnection&) const = default;
};

// Whether `a` lies behind `b` in a sequence that wraps at 2^32.
constexpr bool sequence_after(std::uint32_t a, std::uint32_t b) {
  return static_cast<std::int32_t>(a - b) > 0;
}

// A segment with the headers of `like` (a frame that TcpSegment::parse() takes), but with neither data nor
// options, with these flags and this sequence number.
std::vector<std::uint8_t> bare_segment(Frame like, std::uint32_t sequence, std::uint8_t flags);

}  // namespace espalier::net
