#include "host/mac_address.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>

namespace espalier::host {

std::expected<devices::MacAddress, std::string> parse_mac(std::string_view text) {
  auto wrong = [text](std::string_view what) { return std::unexpected(fmt::format("'{}' {}", text, what)); };
  devices::MacAddress mac{};
  constexpr std::size_t kLength = 6 * 3 - 1;
  if (text.size() != kLength) return wrong("is no MAC address: it should look like 24:0a:c4:00:00:01");
  for (std::size_t i = 0; i < mac.size(); ++i) {
    const char* digits = text.data() + i * 3;
    auto [end, error] = std::from_chars(digits, digits + 2, mac[i], 16);
    bool separated = i == 5 || digits[2] == ':' || digits[2] == '-';
    if (error != std::errc() || end != digits + 2 || !separated) {
      return wrong("is no MAC address: it should look like 24:0a:c4:00:00:01");
    }
  }
  if (mac[0] & 1) return wrong("is a group address, which no interface can have: its first byte is odd");
  return mac;
}

std::string mac_text(const devices::MacAddress& mac) {
  return fmt::format("{:02x}", fmt::join(mac, ":"));
}

}  // namespace espalier::host
