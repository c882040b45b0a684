// Where a GDB server listens, as a command line says it.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace espalier::debug {

// Where to listen: [ADDRESS:]PORT. The address is numeric, an IPv6 one in brackets; without one only this
// host can connect. Port 0 is any free one.
struct GdbAddress {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;
  bool operator==(const GdbAddress&) const = default;
};
// Also QEMU's tcp:[ADDRESS]:PORT. The error is one line that names the text.
std::expected<GdbAddress, std::string> parse_gdb_address(std::string_view text);

}  // namespace espalier::debug
