// MCPWM: the motor control PWM units (ESP32 TRM, chapter "Motor Control PWM"; ESP-IDF soc/esp32/register/soc/
// mcpwm_reg.h).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "devices/interrupts.h"
#include "devices/register_block.h"

namespace espalier::devices {

// MCPWM0 at 0x3FF5E000, MCPWM1 at 0x3FF6C000. The three timers count in virtual time (from 160 MHz through
// both prescalers), start and stop as told, and raise the events at zero, at the period and at the operators'
// compare values; the capture channels take the time of an edge. Pulses on pins are not produced, faults do
// not occur.
class Mcpwm : public RegisterBlock {
 public:
  static constexpr std::uint32_t kSize = 0x1000;
  static constexpr unsigned kTimers = 3;

  Mcpwm(std::string_view name, Context context);

  base::IrqLine& irq() { return interrupts_.line; }
  void set_apb_hz(std::uint32_t hz) { apb_hz_ = hz ? hz : apb_hz_; }
  // An edge at the input of a capture channel, 0 to 2.
  void capture(unsigned channel, bool falling);

  std::uint32_t read(std::uint32_t offset) override;
  void write(std::uint32_t offset, std::uint32_t value) override;
  std::uint32_t peek(std::uint32_t offset) override;
  void reset(ResetKind kind) override;
  void archive(base::Archive& ar) override;

 private:
  struct Counter {
    bool running = false;
    base::Ticks start = 0;       // when the phase was 0
    std::uint32_t held = 0;      // phase while it does not run
    std::uint64_t seen = 0;      // counts up to which events have been raised
    std::uint64_t stop = ~0ull;  // count at which it stops
    void archive(base::Archive& ar) { ar(running, start, held, seen, stop); }
  };
  // Something that happens once a cycle, at a phase.
  struct Event {
    std::uint32_t bit, phase;
  };
  // At most: zero, period, and of each of three operators two values passed twice.
  struct Events {
    std::array<Event, 14> list;
    unsigned count = 0;
  };

  unsigned mode(unsigned timer) const;
  std::uint32_t period(unsigned timer) const;
  std::uint32_t cycle(unsigned timer) const;
  base::Ticks ticks_per_count(unsigned timer) const;
  std::uint64_t counts(unsigned timer) const;
  std::uint32_t value(unsigned timer, std::uint32_t phase) const;
  Events events_of(unsigned timer) const;
  void command(unsigned timer);
  void synchronise(unsigned timer);
  void set_phase(unsigned timer, std::uint32_t phase);
  void advance();
  void arm();

  Interrupts interrupts_;
  base::Timer alarm_;
  std::uint32_t apb_hz_ = 80'000'000;
  std::array<Counter, kTimers> counters_;
};

}  // namespace espalier::devices
