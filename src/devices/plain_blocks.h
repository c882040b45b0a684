// Blocks of the ESP32 of which nothing but memory is needed.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "devices/register_block.h"

namespace espalier::devices {

// One row a block: where it lies, how long it is, and the registers whose reset value or writable bits are
// known (ESP-IDF soc/esp32/register/soc/sdio_*_reg.h, rtc_i2c_reg.h). The radio's blocks (fe, fe2, nrx, bb)
// are undocumented; they remember what firmware writes.
struct PlainBlock {
  std::string_view name;
  std::uint32_t base;
  std::uint32_t size;
  std::span<const Reg> registers;
  RegisterBlock::Domain domain = RegisterBlock::Domain::kDigital;
};

// All of them, for the chip's table of devices.
std::span<const PlainBlock> plain_blocks();
std::unique_ptr<RegisterBlock> make_plain_block(const PlainBlock& block, Context context);

}  // namespace espalier::devices
