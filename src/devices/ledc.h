// LEDC: the LED PWM controller (ESP32 TRM, chapter "LED PWM Controller"; ESP-IDF soc/esp32/register/soc/
// ledc_reg.h). Base address 0x3FF59000.
#pragma once

#include <array>
#include <cstdint>
#include <functional>

#include "devices/interrupts.h"
#include "devices/register_block.h"

namespace espalier::devices {

// 16 channels (0 to 7 high speed, 8 to 15 low speed) on 8 timers. Timers count in virtual time; a duty change
// or a fade takes the PWM periods it is configured for, then clears DUTY_START and raises DUTY_CHNG_END. A
// change on a timer that does not run takes effect at once. Pulses themselves are not produced: on_change
// tells duty and period.
class Ledc : public RegisterBlock {
 public:
  static constexpr std::uint32_t kSize = 0x1000;
  static constexpr unsigned kChannels = 16;
  static constexpr unsigned kTimers = 8;  // 0 to 3 high speed, 4 to 7 low speed

  explicit Ledc(Context context);

  // A channel's output: high for `duty` of `period` counts (both 0 while it is off), `hz` times a second.
  struct Pwm {
    std::uint32_t duty = 0, period = 0, hz = 0;
    bool operator==(const Pwm&) const = default;
  };
  std::function<void(unsigned channel, const Pwm& pwm)> on_change;
  Pwm pwm(unsigned channel) const;

  base::IrqLine& irq() { return interrupts_.line; }
  void set_apb_hz(std::uint32_t hz);
  void set_rc_fast_hz(std::uint32_t hz);

  std::uint32_t read(std::uint32_t offset) override;
  void write(std::uint32_t offset, std::uint32_t value) override;
  std::uint32_t peek(std::uint32_t offset) override;
  void reset(ResetKind kind) override;
  void archive(base::Archive& ar) override;

 private:
  struct Fade {
    std::uint32_t from = 0;  // the duty it began with or, once over, ended with
    base::Ticks start = 0;
    base::Ticks step = 0;     // time between two changes of the duty
    std::uint32_t steps = 0;  // how many there are
    base::Ticks end = base::kNever;
    void archive(base::Archive& ar) { ar(from, start, step, steps, end); }
  };
  struct Counter {
    base::Ticks start = 0;   // when the count was 0
    std::uint32_t held = 0;  // the count while it does not run
    std::uint64_t wraps_seen = 0;
    void archive(base::Archive& ar) { ar(start, held, wraps_seen); }
  };

  unsigned timer_of(unsigned channel) const;
  bool runs(unsigned timer) const;
  std::uint32_t period_counts(unsigned timer) const;
  // Counts since the timer's start, and when a number of them has passed.
  std::uint64_t counts(unsigned timer) const;
  base::Ticks time_of(unsigned timer, std::uint64_t counts) const;
  std::uint32_t clock_hz(unsigned timer) const;
  std::uint32_t divider(unsigned timer) const;
  std::uint32_t duty_now(unsigned channel) const;
  std::uint32_t duty_after(unsigned channel, std::uint64_t steps) const;
  void start_fade(unsigned channel);
  void catch_up();
  void arm();
  void timer_written(unsigned timer, std::uint32_t before);
  void rebase_all();
  void tell(unsigned channel);

  Interrupts interrupts_;
  base::Timer alarm_;
  std::uint32_t apb_hz_ = 80'000'000;
  std::uint32_t rc_fast_hz_ = 8'000'000;
  std::array<Fade, kChannels> fades_;
  std::array<Counter, kTimers> counters_;
  std::array<Pwm, kChannels> told_;
};

}  // namespace espalier::devices
