// FRC1 and FRC2, the legacy timers at 0x3FF47000; esp_timer of ESP-IDF 3 and 4.0 runs on FRC2.
#pragma once

#include <array>
#include <cstdint>

#include "base/irq.h"
#include "devices/clocked_counter.h"
#include "devices/device.h"

namespace espalier::devices {

// FRC1 counts down 23 bits and interrupts at zero; FRC2 counts up 32 bits and interrupts when its count
// equals the alarm value. Both are clocked by the APB divided by 1, 16 or 256. Source: ESP-IDF
// soc/esp32/include/soc/frc_timer_reg.h (registers), esp_timer_impl_frc_legacy.c (FRC2 as used); the TRM does
// not describe them. FRC1's direction is that of the ESP8266, from which both were taken over.
class FrcTimer final : public Device {
 public:
  static constexpr std::uint32_t kSize = 0x40;

  FrcTimer(Context context, std::uint32_t apb_hz);

  // 0: FRC1 (source 56 of the interrupt matrix), 1: FRC2 (source 57).
  base::IrqLine& irq(unsigned timer) { return units_[timer].irq; }
  void set_apb_hz(std::uint32_t hz);

  std::string_view name() const override { return "frc_timer"; }
  std::uint32_t read(std::uint32_t offset) override;
  void write(std::uint32_t offset, std::uint32_t value) override;
  std::uint32_t peek(std::uint32_t offset) override;
  void reset(ResetKind kind) override;
  void archive(base::Archive& ar) override;

 private:
  struct Unit {
    Unit(FrcTimer& owner, bool counts_up);

    std::uint32_t count(base::Ticks now) const {
      return static_cast<std::uint32_t>(counter.count(now)) & mask;
    }
    // The count at which it interrupts.
    std::uint32_t target() const { return up ? alarm : 0; }
    void configure();
    // Arms for the next match; a match at this very moment counts where `now_too`.
    void rearm(bool now_too);
    void settle();
    void match(base::Ticks at);

    FrcTimer& owner;
    const bool up;
    const std::uint32_t mask;
    base::Timer timer;
    base::Ticks due = base::kNever;
    ClockedCounter counter;
    std::uint32_t load = 0;
    std::uint32_t ctrl = 0;
    std::uint32_t alarm = 0;
    bool pending = false;  // FRC_TIMER_INT_STATUS
    base::IrqLine irq;
  };
  void settle();

  base::EventQueue& events_;
  base::Logger& log_;
  base::Tracer& tracer_;
  std::uint32_t apb_hz_;
  std::array<Unit, 2> units_;
};

}  // namespace espalier::devices
