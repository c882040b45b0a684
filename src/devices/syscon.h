// SYSCON, also called APB_CTRL: clock dividers, tick lengths and the digital controller of the SAR ADC
// (ESP-IDF soc/esp32/register/soc/syscon_reg.h). Base address 0x3FF66000.
#pragma once

#include <cstdint>
#include <functional>

#include "devices/register_block.h"

namespace espalier::devices {

class Syscon : public RegisterBlock {
 public:
  static constexpr std::uint32_t kSize = 0x1000;

  explicit Syscon(Context context);

  // A clock setting has changed: the chip works out its frequencies anew.
  std::function<void()> on_clock_change;

  // PRE_DIV_CNT: the CPU clock from the crystal or the 8 MHz oscillator is divided by this plus one.
  unsigned pre_div_cnt() const;
  // Length of the reference tick in cycles of the PLL's APB clock, the crystal and the 8 MHz oscillator.
  unsigned pll_tick_cycles() const;
  unsigned xtal_tick_cycles() const;
  unsigned rc_fast_tick_cycles() const;

  void write(std::uint32_t offset, std::uint32_t value) override;
  void reset(ResetKind kind) override;
};

}  // namespace espalier::devices
