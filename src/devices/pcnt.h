// PCNT: the pulse counter (ESP32 TRM, chapter "Pulse Count Controller"; ESP-IDF soc/esp32/register/soc/
// pcnt_reg.h). Base address 0x3FF57000.
#pragma once

#include <array>
#include <cstdint>

#include "devices/interrupts.h"
#include "devices/register_block.h"

namespace espalier::devices {

// 8 units with a signed 16-bit counter, each with two channels of a pulse and a control input. Gpio's
// on_signal connects to input().
class Pcnt : public RegisterBlock {
 public:
  static constexpr std::uint32_t kSize = 0x1000;
  static constexpr unsigned kUnits = 8;

  explicit Pcnt(Context context);

  // An input signal of the GPIO matrix has this level now; signals that are not PCNT's are ignored.
  void input(unsigned signal, bool level);
  base::IrqLine& irq() { return interrupts_.line; }
  std::int16_t count(unsigned unit) const { return units_[unit].count; }

  std::uint32_t read(std::uint32_t offset) override;
  void write(std::uint32_t offset, std::uint32_t value) override;
  std::uint32_t peek(std::uint32_t offset) override;
  void reset(ResetKind kind) override;
  void archive(base::Archive& ar) override;

 private:
  struct Unit {
    std::int16_t count = 0;
    std::uint32_t status = 0;
    std::array<bool, 2> pulse{}, control{};
    void archive(base::Archive& ar) { ar(count, status, pulse, control); }
  };
  void edge(unsigned unit, unsigned channel, bool rising);
  void step(unsigned unit, int by);

  Interrupts interrupts_;
  std::array<Unit, kUnits> units_;
};

}  // namespace espalier::devices
