// The option -p/--publish: which port of the host leads to which port of the guest.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace espalier::net {

struct Publish {
  std::string address = "127.0.0.1";  // numeric; IPv6 without its brackets
  std::uint16_t host_port = 0;        // 0: any free one
  std::uint16_t guest_port = 0;
  bool udp = false;
  std::string guest_address{};  // numeric, IPv4; empty: the one that DHCP gives out

  bool is_ipv6() const { return address.find(':') != std::string::npos; }
  // The host's end as the user would write it: "127.0.0.1:8000", "[::1]:5353/udp".
  std::string host_end() const;
};

// Docker's spelling: [ADDR:]HOSTPORT:GUESTPORT[/tcp|/udp], IPv6 addresses in brackets. Otherwise one line
// that says what is wrong with it.
std::expected<Publish, std::string> parse_publish(std::string_view text);

// What the system calls want for the host's end (port as given). False if the address is not numeric.
bool host_sockaddr(const Publish& publish, sockaddr_storage& into, socklen_t& size);

// One line for a bind that failed with `error`: names the port, and what can be done about it.
std::string bind_error(const Publish& publish, int error);

}  // namespace espalier::net
