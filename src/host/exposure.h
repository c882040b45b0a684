// Warns of servers that other machines can reach.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/serial_backend.h"

namespace espalier::host {

// One line about a server at this address (numeric) that commands the machine; empty where only this host
// reaches it. `what` is "QMP", "GDB" or the label of a line.
std::string exposure_warning(std::string_view address, std::uint16_t port, std::string_view what);
// The same for a serial line, a monitor's or QMP's; empty also for one that does not listen.
std::string exposure_warning(const base::SerialSpec& spec, std::string_view what);

}  // namespace espalier::host
