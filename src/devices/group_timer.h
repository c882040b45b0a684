// One of the 64-bit timers in a timer group: T0, T1 or LACT.
#pragma once

#include <cstdint>
#include <functional>

#include "base/archive.h"
#include "base/event_queue.h"
#include "devices/clocked_counter.h"

namespace espalier::devices {

// A prescaler of 2 to 65,536, a 64-bit counter up or down, an alarm with automatic reload.
// Source: ESP32 TRM, chapter "64-bit Timers"; ESP-IDF hal/esp32/include/hal/timer_ll.h. That an alarm value
// which the counter has passed already fires at once is what ESP-IDF's gptimer tests expect of the chip.
class GroupTimer {
 public:
  // Its registers in the order of their addresses.
  enum Register : std::uint8_t {
    kConfig,
    kLo,
    kHi,
    kUpdate,
    kAlarmLo,
    kAlarmHi,
    kLoadLo,
    kLoadHi,
    kLoad,
    kRegisters
  };

  // `alarm` is called for each alarm with the kinds of interrupt that the configuration asks for.
  // `config_reset` and `config_writable` describe the configuration register, which LACT has some more bits
  // in.
  GroupTimer(base::EventQueue& events, std::uint32_t config_reset, std::uint32_t config_writable,
             std::function<void(bool level, bool edge)> alarm);

  std::uint32_t read(Register reg) const;
  void write(Register reg, std::uint32_t value);
  // Fires an alarm that is due; what a core reads or writes must not depend on when the event queue runs.
  void settle();
  void set_apb_hz(std::uint32_t hz);
  void reset();
  void archive(base::Archive& ar);

 private:
  void configure(std::uint32_t value);
  void rearm();
  void fire(base::Ticks at);

  base::EventQueue& events_;
  std::uint32_t config_reset_;
  std::uint32_t config_writable_;
  std::function<void(bool, bool)> alarm_raised_;
  base::Timer timer_;
  base::Ticks due_ = base::kNever;
  ClockedCounter counter_;
  std::uint32_t apb_hz_ = 0;
  std::uint32_t config_;
  std::uint64_t latched_ = 0;
  std::uint64_t alarm_ = 0;
  std::uint64_t load_ = 0;
};

}  // namespace espalier::devices
