// The monitor's looks at guest memory: x, xp, print.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "esp32/machine.h"

namespace espalier::host {

// What stands behind the slash: a count, a format (o d u x i c) and a size (b h w g).
struct DumpFormat {
  std::uint32_t count = 1;
  char format = 'x';
  unsigned size = 4;  // bytes
};

// `text` is what follows the slash. `earlier` gives what it leaves out. An error is QEMU's text for it.
std::expected<DumpFormat, std::string> parse_dump_format(std::string_view text, DumpFormat earlier);

// Most bytes that one dump shows.
inline constexpr std::uint32_t kMostDumped = 64 * 1024;

// Lines as QEMU prints them: "3ffb0000: 0x00000001 ...", with 16 digits of address if `physical`. Memory is
// what core `cpu` sees; nothing that reading would do happens.
std::string dump_memory(esp32::Machine& machine, unsigned cpu, DumpFormat format, std::uint32_t address,
                        bool physical);

// One value by a print command's format.
std::string print_value(char format, std::int64_t value);

}  // namespace espalier::host
