// The registers of an ESP32 core as GDB numbers them.
//
// Source of the numbering: the register map that xtensa-esp32-elf-gdb is built with, as Espressif's QEMU has
// it too (target/xtensa/core-esp32/gdb-config): 0 pc, 1 to 64 ar0 to ar63, then special, user and FP
// registers; from 105 on the privileged ones; a0 to a15 of the present window last. ESP-IDF's esp_gdbstub
// sends the first 105.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "xtensa/core.h"

namespace espalier::debug {

struct GdbRegister {
  enum class Kind : std::uint8_t { kPc, kPhysical, kSpecial, kUser, kFp, kWindow };
  std::string name;
  Kind kind = Kind::kPc;
  std::uint16_t number = 0;  // among those of its kind
  std::uint8_t bits = 32;
  bool readable = true;
};

// g and G without the privileged registers, with them, and with the window's: 420, 628 and 692 bytes.
inline constexpr unsigned kGdbCoreRegisters = 105;
inline constexpr unsigned kGdbAllRegisters = 157;
inline constexpr unsigned kGdbWindowRegisters = 173;

// All kGdbWindowRegisters of them, by number.
std::span<const GdbRegister> gdb_registers();

// Whether G, which writes back all that g has read, leaves it alone: what has changed by itself meanwhile.
bool is_volatile_gdb_register(unsigned n);
// Write-only registers read as 0. Writing has the effects of WSR; what is read-only stays as it is.
std::uint32_t read_gdb_register(xtensa::Core& core, unsigned n);
void write_gdb_register(xtensa::Core& core, unsigned n, std::uint32_t value);

// The target description (target.xml) of these registers.
std::string gdb_target_description();
// qXfer:memory-map: where memory is. Flash counts as RAM, so that breakpoints are set there as anywhere.
std::string gdb_memory_map();

}  // namespace espalier::debug
