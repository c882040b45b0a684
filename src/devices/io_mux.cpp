#include "devices/io_mux.h"

namespace espalier::devices {
namespace {

constexpr std::uint32_t PIN_CTRL = 0x00;

// Where each pin's register lies; 0 where there is no pad.
constexpr std::array<std::uint8_t, IoMux::kPins> kOffsets = {
    0x44, 0x88, 0x40, 0x84, 0x48, 0x6c, 0x60, 0x64, 0x68, 0x54, 0x58, 0x5c, 0x34, 0x38,
    0x30, 0x3c, 0x4c, 0x50, 0x70, 0x74, 0x78, 0x7c, 0x80, 0x8c, 0x90, 0x24, 0x28, 0x2c,
    0,    0,    0,    0,    0x1c, 0x20, 0x14, 0x18, 0x04, 0x08, 0x0c, 0x10};

constexpr std::uint32_t FUN_PD = 1u << 7, FUN_PU = 1u << 8, FUN_IE = 1u << 9;
constexpr unsigned FUN_DRV = 10, MCU_SEL = 12;

// After reset: drive strength 2, function 0, and input and pull as the TRM's table "IO_MUX Pad List" has
// them.
constexpr std::uint32_t kOff = 2u << FUN_DRV;
constexpr std::uint32_t kInput = kOff | FUN_IE;
constexpr std::uint32_t kDown = kInput | FUN_PD;
constexpr std::uint32_t kUp = kInput | FUN_PU;
constexpr std::uint32_t kWritable = 0x7fff;

constexpr Reg kRegisters[] = {
    {PIN_CTRL, 0, 0xfff},         {0x04, kOff, kWritable, 8},  // 36 to 39, 34, 35, 32, 33
    {0x24, kOff, kWritable, 2},   {0x2c, kInput, kWritable},   // 25, 26, 27
    {0x30, kUp, kWritable},       {0x34, kDown, kWritable, 2},
    {0x3c, kUp, kWritable},  // MTMS, MTDI, MTCK, MTDO
    {0x40, kDown, kWritable},     {0x44, kUp, kWritable},
    {0x48, kDown, kWritable},      // 2, 0, 4
    {0x4c, kInput, kWritable, 2},  // 16, 17
    {0x54, kUp, kWritable, 7},     // flash pads, 5
    {0x70, kInput, kWritable, 5},  // 18 to 22
    {0x84, kUp, kWritable, 2},     // U0RXD, U0TXD
    {0x8c, kInput, kWritable, 2},  // 23, 24
};

}  // namespace

IoMux::IoMux(Context context) : RegisterBlock("io_mux", kSize, kRegisters, context) {}

std::uint32_t IoMux::offset_of(unsigned pin) {
  return pin < kPins ? kOffsets[pin] : 0;
}

IoMux::Pad IoMux::pad(unsigned pin) const {
  const std::uint32_t offset = offset_of(pin);
  if (offset == 0) return {};
  const std::uint32_t v = get(offset);
  return {v >> MCU_SEL & 7, (v & FUN_IE) != 0, (v & FUN_PU) != 0, (v & FUN_PD) != 0, v >> FUN_DRV & 3};
}

void IoMux::write(std::uint32_t offset, std::uint32_t value) {
  RegisterBlock::write(offset, value);
  if (!on_change || offset == PIN_CTRL) return;
  for (unsigned pin = 0; pin < kPins; ++pin)
    if (kOffsets[pin] == offset) return on_change(pin);
}

void IoMux::reset(ResetKind kind) {
  RegisterBlock::reset(kind);
  if (!on_change) return;
  for (unsigned pin = 0; pin < kPins; ++pin) on_change(pin);
}

}  // namespace espalier::devices
