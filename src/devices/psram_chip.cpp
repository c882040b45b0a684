#include "devices/psram_chip.h"

#include <algorithm>
#include <array>

namespace espalier::devices {

namespace {

constexpr std::uint8_t kManufacturer = 0x0d;  // AP Memory
constexpr std::uint8_t kKnownGoodDie = 0x5d;

// Bits 7..5 of the id's third byte give the capacity: 0 for 16, 1 for 32, 2 for 64 Mbit (ESP-IDF
// esp_psram/esp32/esp_psram_impl_quad.c). The others tell revisions apart; 0x20 and 0x26 are old chips whose
// clock needs special care, so they are avoided.
std::uint8_t capacity_code(std::size_t size) {
  constexpr std::size_t kMiB = 1024 * 1024;
  const unsigned code = size <= 2 * kMiB ? 0 : size <= 4 * kMiB ? 1 : 2;
  return static_cast<std::uint8_t>(code << 5 | 0x0a);
}

struct Command {
  enum class Kind : std::uint8_t {
    kRead,
    kWrite,
    kReadId,
    kEnterQuad,
    kExitQuad,
    kEnableReset,
    kReset,
    kNothing
  };
  std::uint8_t opcode;
  std::uint8_t dummy_cycles;
  Kind kind;
};
constexpr Command kCommands[] = {
    {0x03, 0, Command::Kind::kRead},        {0x0b, 8, Command::Kind::kRead},
    {0xeb, 6, Command::Kind::kRead},        {0x02, 0, Command::Kind::kWrite},
    {0x38, 0, Command::Kind::kWrite},       {0x9f, 0, Command::Kind::kReadId},
    {0x35, 0, Command::Kind::kEnterQuad},   {0xf5, 0, Command::Kind::kExitQuad},
    {0x66, 0, Command::Kind::kEnableReset}, {0x99, 0, Command::Kind::kReset},
    {0xc0, 0, Command::Kind::kNothing},  // burst length: matters to wrapped accesses of the cache only
};

}  // namespace

std::uint8_t PsramChip::id(std::size_t index) const {
  switch (index % 8) {
    case 0:
      return kManufacturer;
    case 1:
      return kKnownGoodDie;
    case 2:
      return capacity_code(contents_.bytes.size());
    default:
      return static_cast<std::uint8_t>(0x11 * (index % 8));  // the rest of the die's own number
  }
}

void PsramChip::transfer(SpiTransfer& transfer) {
  using Kind = Command::Kind;
  SpiReader reader(transfer);
  // Drivers of the first chips delay a command by two clocks: two bits of a command phase, which the reader
  // drops, or a zero byte on four lines.
  unsigned lines = reader.lines();
  auto opcode = reader.byte();
  while (opcode == 0) {
    lines = reader.lines();
    opcode = reader.byte();
  }
  if (!opcode || lines != (quad_ ? 4u : 1u)) return;
  const bool was_reset_enabled = reset_enabled_;
  reset_enabled_ = false;
  const auto* const command =
      std::ranges::find_if(kCommands, [&](const Command& c) { return c.opcode == *opcode; });
  if (command == std::end(kCommands)) return;
  std::uint32_t address = 0;
  if (command->kind == Kind::kRead || command->kind == Kind::kWrite || command->kind == Kind::kReadId) {
    const auto number = reader.number(3);
    if (!number) return;
    address = static_cast<std::uint32_t>(*number % contents_.bytes.size());
  }
  // In QPI mode a fast read (0x0b) waits for four clocks only.
  const unsigned dummy = quad_ && command->dummy_cycles == 8 ? 4 : command->dummy_cycles;
  const std::size_t early = dummy != 0 ? std::min(reader.skip(dummy), transfer.miso.size()) : 0;
  const auto out = transfer.miso.subspan(early);
  switch (command->kind) {
    case Kind::kRead:
      read(address, out);
      break;
    case Kind::kWrite:
      write(address, reader.rest());
      break;
    case Kind::kReadId:
      for (std::size_t i = 0; i < out.size(); ++i) out[i] = id(i);
      break;
    case Kind::kEnterQuad:
      quad_ = true;
      break;
    case Kind::kExitQuad:
      quad_ = false;
      break;
    case Kind::kEnableReset:
      reset_enabled_ = true;
      break;
    case Kind::kReset:
      if (was_reset_enabled) quad_ = false;
      break;
    case Kind::kNothing:
      break;
  }
}

void PsramChip::read(std::uint32_t address, std::span<std::uint8_t> out) const {
  for (std::uint8_t& byte : out) {
    byte = contents_.bytes[address];
    if (++address == contents_.bytes.size()) address = 0;
  }
}

void PsramChip::write(std::uint32_t address, std::span<const std::uint8_t> data) {
  for (const std::uint8_t byte : data) {
    if (std::uint8_t* const at = contents_.writable(address, 1)) *at = byte;
    if (++address == contents_.bytes.size()) address = 0;
  }
}

void PsramChip::power_cycle() {
  quad_ = false;
  reset_enabled_ = false;
}

void PsramChip::archive(base::Archive& ar) {
  ar.section("psram chip");
  ar(quad_, reset_enabled_);
}

}  // namespace espalier::devices
