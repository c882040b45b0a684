// info registers, and the registers that a monitor's expression may name.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "xtensa/core.h"

namespace espalier::host {

// All of a core's registers as QEMU prints an Xtensa's, without those that can only be written.
std::string registers_text(xtensa::Core& core);

// pc, a0 to a15, ar0 to ar63, special and user registers by their names.
std::optional<std::uint32_t> register_by_name(xtensa::Core& core, std::string_view name);

}  // namespace espalier::host
