#include "host/monitor_memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>

#include "xtensa/decoder.h"
#include "xtensa/disassembler.h"

namespace espalier::host {

namespace {

std::string character(std::uint8_t c) {
  switch (c) {
    case '\'':
      return "'\\''";
    case '\\':
      return "'\\\\'";
    case '\n':
      return "'\\n'";
    case '\r':
      return "'\\r'";
    default:
      return c >= 32 && c <= 126 ? fmt::format("'{:c}'", c) : fmt::format("'\\x{:02x}'", c);
  }
}

std::int64_t sign_extended(std::uint64_t value, unsigned size) {
  const unsigned unused = 64 - 8 * size;
  return static_cast<std::int64_t>(value << unused) >> unused;
}

std::string item(char format, std::uint64_t value, unsigned size) {
  const unsigned decimal = (size * 8 * 10 + 32) / 33;
  switch (format) {
    case 'o':
      return fmt::format("{:#{}o}", value, (size * 8 + 2) / 3);
    case 'u':
      return fmt::format("{:{}}", value, decimal);
    case 'd':
      return fmt::format("{:{}}", sign_extended(value, size), decimal);
    case 'c':
      return character(static_cast<std::uint8_t>(value));
    default:
      return fmt::format("0x{:0{}x}", value, size * 2);
  }
}

std::string instructions(esp32::Machine& machine, unsigned cpu, std::uint32_t count, std::uint32_t address) {
  const xtensa::DisassemblyContext context{
      .symbol = {}, .word = [&](std::uint32_t at) -> std::optional<std::uint32_t> {
        std::array<std::uint8_t, 4> b{};
        if (machine.peek(cpu, at, b) != b.size()) return std::nullopt;
        return b[0] | b[1] << 8 | b[2] << 16 | static_cast<std::uint32_t>(b[3]) << 24;
      }};
  std::string text;
  for (std::uint32_t n = 0; n < count; ++n) {
    std::array<std::uint8_t, 3> bytes{};
    const std::size_t there = machine.peek(cpu, address, bytes);
    const unsigned length = there == 0 ? 1 : xtensa::instruction_length(bytes[0]);
    if (there < length)
      return text + fmt::format("0x{:08x}:  Address 0x{:08x} is out of bounds.\n", address, address);
    const xtensa::Instruction instruction = xtensa::decode(address, bytes.data());
    std::string line = xtensa::disassemble(instruction, context);
    if (instruction.op == xtensa::Op::kInvalid)
      for (unsigned i = 0; i < length; ++i) line += fmt::format("{}0x{:02x}", i == 0 ? "\t" : ", ", bytes[i]);
    text += fmt::format("0x{:08x}:  {}\n", address, line);
    address += length;
  }
  return text;
}

}  // namespace

std::expected<DumpFormat, std::string> parse_dump_format(std::string_view text, DumpFormat earlier) {
  DumpFormat format{.count = 1, .format = earlier.format, .size = 0};
  std::size_t at = 0;
  if (at < text.size() && std::isdigit(static_cast<unsigned char>(text[at]))) format.count = 0;
  for (; at < text.size() && std::isdigit(static_cast<unsigned char>(text[at])); ++at)
    format.count = std::min<std::uint32_t>(format.count * 10 + static_cast<std::uint32_t>(text[at] - '0'),
                                           kMostDumped + 1);
  for (; at < text.size(); ++at) {
    switch (const char c = text[at]) {
      case 'o':
      case 'd':
      case 'u':
      case 'x':
      case 'i':
      case 'c':
        format.format = c;
        break;
      case 'b':
        format.size = 1;
        break;
      case 'h':
        format.size = 2;
        break;
      case 'w':
        format.size = 4;
        break;
      case 'g':
      case 'L':
        format.size = 8;
        break;
      default:
        return std::unexpected(fmt::format("invalid char in format: '{}'", c));
    }
  }
  if (format.format == 'c') format.size = 1;
  if (format.size == 0) format.size = earlier.size;
  return format;
}

std::string dump_memory(esp32::Machine& machine, unsigned cpu, DumpFormat format, std::uint32_t address,
                        bool physical) {
  if (std::uint64_t{format.count} * format.size > kMostDumped)
    return fmt::format("more than {} bytes; ask for them in parts\n", kMostDumped);
  if (format.format == 'i') return instructions(machine, cpu, format.count, address);
  const std::uint32_t line_size = format.size == 1 ? 8 : 16;
  std::string text;
  for (std::uint32_t left = format.count * format.size; left != 0;) {
    const std::uint32_t size = std::min(left, line_size);
    std::array<std::uint8_t, 16> bytes{};
    text += fmt::format("{:0{}x}:", address, physical ? 16 : 8);
    if (machine.peek(cpu, address, std::span(bytes).first(size)) != size)
      return text + " Cannot access memory\n";
    for (std::uint32_t i = 0; i < size; i += format.size) {
      std::uint64_t value = 0;
      for (unsigned n = 0; n < format.size; ++n) value |= std::uint64_t{bytes[i + n]} << 8 * n;
      text += " " + item(format.format, value, format.size);
    }
    text += "\n";
    address += size;
    left -= size;
  }
  return text;
}

std::string print_value(char format, std::int64_t value) {
  const auto bits = static_cast<std::uint64_t>(value);
  switch (format) {
    case 'o':
      return fmt::format("{:#o}\n", bits);
    case 'u':
      return fmt::format("{}\n", bits);
    case 'c':
      return character(static_cast<std::uint8_t>(value)) + "\n";
    case 'd':
    case 'i':
      return fmt::format("{}\n", value);
    default:
      return fmt::format("{:#x}\n", bits);
  }
}

}  // namespace espalier::host
