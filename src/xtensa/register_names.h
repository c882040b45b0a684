// Names of the special and user registers, and which accesses to them exist.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "xtensa/instruction.h"
#include "xtensa/registers.h"

namespace espalier::xtensa {

// The name of special register `number` as the assembler spells it after "rsr.", "wsr." or "xsr." (`op` is
// RSR, WSR or XSR), or nothing if the LX6 of the ESP32 has no such access; executing it is an illegal
// instruction. Register 226 is read as "interrupt" and written as "intset".
std::optional<std::string_view> special_register_name(Op op, std::uint8_t number);

// The name of user register `number` as after "rur." and "wur.".
std::optional<std::string_view> user_register_name(std::uint8_t number);

// "LoadProhibited", as the ISA Reference Manual calls the cause of an exception.
std::string_view cause_name(Cause cause);

}  // namespace espalier::xtensa
