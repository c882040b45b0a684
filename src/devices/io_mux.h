// IO MUX: each pad's function, pulls, drive strength and input enable (ESP32 TRM, chapter "IO_MUX and GPIO
// Matrix"; offsets from ESP-IDF soc/esp32/register/soc/io_mux_reg.h). Base address 0x3FF49000.
#pragma once

#include <array>
#include <cstdint>
#include <functional>

#include "devices/register_block.h"

namespace espalier::devices {

class IoMux : public RegisterBlock {
 public:
  static constexpr std::uint32_t kSize = 0x1000;
  static constexpr unsigned kPins = 40;
  static constexpr unsigned kGpioFunction = 2;  // MCU_SEL: the pad belongs to the GPIO matrix

  struct Pad {
    unsigned function;
    bool input_enable, pull_up, pull_down;
    unsigned drive;
  };

  explicit IoMux(Context context);

  // A pad's register was written (or all were reset, then for each pad).
  std::function<void(unsigned pin)> on_change;
  // Pins 28 to 31 have no pad; they read as all off.
  Pad pad(unsigned pin) const;
  // Register offset of a pin's pad; 0 (PIN_CTRL) where there is none.
  static std::uint32_t offset_of(unsigned pin);

  void write(std::uint32_t offset, std::uint32_t value) override;
  void reset(ResetKind kind) override;
};

}  // namespace espalier::devices
