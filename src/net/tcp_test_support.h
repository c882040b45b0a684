// TCP segments for the tests of what looks into them.
#pragma once

#include <string_view>

#include "net/fake_guest_test_support.h"

namespace espalier::net::testing {

struct TcpText {
  std::uint32_t sequence = 0x1000;
  std::uint32_t acknowledged = 1000;
  std::string_view data = "answer";
  std::uint8_t flags = 0x18;  // PSH, ACK
  std::uint16_t guest_port = 80;
  std::uint16_t remote_port = 40000;
  std::uint32_t fragment = 0;
  bool options = false;
};

inline Bytes tcp_frame(const TcpText& s, bool from_guest) {
  Bytes f = {0x52, 0x55, 10, 0, 2, 2};
  put(f, kGuestMac);
  put16(f, 0x0800);
  const std::size_t header = s.options ? 24 : 20;
  put(f, Bytes{0x45, 0});
  put16(f, static_cast<std::uint32_t>(20 + header + s.data.size()));
  put32(f, 0x12340000 | s.fragment);
  put(f, Bytes{64, 6, 0, 0});
  put32(f, from_guest ? kGuestIp : kHostIp);
  put32(f, from_guest ? kHostIp : kGuestIp);
  put16(f, from_guest ? s.guest_port : s.remote_port);
  put16(f, from_guest ? s.remote_port : s.guest_port);
  put32(f, s.sequence);
  put32(f, s.acknowledged);
  put(f, Bytes{static_cast<std::uint8_t>(header * 4), s.flags});
  put16(f, 5744);
  put32(f, 0);
  if (s.options) put(f, Bytes{1, 1, 1, 0});
  put(f, bytes(s.data));
  if (f.size() < 60) f.resize(60);  // the wire's minimum
  return f;
}
inline Bytes from_guest(const TcpText& s) {
  return tcp_frame(s, true);
}
inline Bytes to_guest(const TcpText& s) {
  return tcp_frame(s, false);
}

}  // namespace espalier::net::testing
