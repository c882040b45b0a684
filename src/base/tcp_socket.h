// TCP sockets by numeric addresses, for servers that people find by a command line.
#pragma once

#include <cstdint>
#include <expected>
#include <string>

namespace espalier::base {

struct TcpEnd {
  std::string address;  // numeric; IPv6 without its brackets
  std::uint16_t port = 0;
  // As it is written: 127.0.0.1:5000, [::1]:5000.
  std::string name() const;
};

// A descriptor that listens at `end` and does not block. Port 0 becomes the one that was bound. The error
// says why not, and what can be done, without the address.
std::expected<int, std::string> listen_tcp(TcpEnd& end);
// A connected descriptor, which does block. The error says why not.
std::expected<int, std::string> connect_tcp(const TcpEnd& end);

}  // namespace espalier::base
