// Who a device is: its name, its MAC address and what templates say of it.
#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <string>
#include <string_view>

#include "devices/efuse_values.h"

namespace espalier::fleet {

using devices::MacAddress;

// ESP-IDF derives four addresses from the one in eFuse (Wi-Fi station, access point, Bluetooth, Ethernet:
// base to base + 3), so each device has four.
inline constexpr unsigned kAddressesPerDevice = 4;
// What the addresses of one group have room for.
inline constexpr unsigned kMostOrdinals = 1u << 16;

// This host among others: from /etc/machine-id, which containers share or lack, and the host name, which they
// do not.
std::string host_id();

// The base MAC address of ordinal 0 of a group: locally administered; 28 bits are a hash of the three, the
// lowest 18 count the ordinals. The same on every start.
MacAddress group_mac(std::string_view host, std::string_view fleet, std::string_view group);
// The base MAC address of a device whose group's ordinal 0 has `first`.
MacAddress device_mac(const MacAddress& first, unsigned ordinal);

// What a group calls its devices.
std::string device_name(std::string_view group, unsigned ordinal);
// Letters, digits and hyphens, no hyphen at either end, at most 24 characters: with
// the ordinal no more than the 32 that DHCP has room for. Otherwise what is wrong with it.
std::expected<void, std::string> check_name(std::string_view name);

// {ordinal}, {name}, {mac}, and whatever `more` defines, in braces; "{{" and "}}" are braces. Otherwise one
// line that names what is unknown.
struct Identity {
  unsigned ordinal = 0;
  std::string name;
  MacAddress mac{};
  std::map<std::string, std::string> more;
};
std::expected<std::string, std::string> fill_template(std::string_view text, const Identity& identity);
// The same of a whole file's text; the error begins with the line's number instead of the text: "3: ...".
std::expected<std::string, std::string> fill_text(std::string_view text, const Identity& identity);

}  // namespace espalier::fleet
