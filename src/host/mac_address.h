// MAC addresses as people write them.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "devices/efuse_values.h"

namespace espalier::host {

// "24:0a:c4:00:00:01", or with hyphens; no group addresses. Otherwise one line that names the text.
std::expected<devices::MacAddress, std::string> parse_mac(std::string_view text);
// "24:0a:c4:00:00:01".
std::string mac_text(const devices::MacAddress& mac);

}  // namespace espalier::host
