// The four-stage timer inside the ESP32's watchdogs: the main ones of the timer groups and the RTC's.
#pragma once

#include <array>
#include <cstdint>
#include <functional>

#include "base/archive.h"
#include "base/event_queue.h"
#include "devices/clocked_counter.h"

namespace espalier::devices {

// Counts cycles of a prescaled clock. When the count reaches the present stage's hold value the stage
// expires: its owner acts, and the next stage begins, stage 0 again after stage 3. Feeding returns to the
// start of stage 0. Source: ESP32 TRM, chapter "Watchdog Timers".
class WatchdogStages {
 public:
  static constexpr unsigned kStages = 4;
  static constexpr std::uint32_t kWriteKey = 0x50D83AA1;  // in WDTWPROTECT: the registers can be written

  // `expired` is told which stage has run out; it may change the configuration.
  WatchdogStages(base::EventQueue& events, std::function<void(unsigned stage)> expired);

  void set_clock(std::uint32_t hz, std::uint32_t prescale);
  // Starting begins at stage 0; stopping forgets the count.
  void set_running(bool running);
  bool running() const { return running_; }
  // Holds the count without losing it (sleep).
  void set_paused(bool paused);
  void set_hold(unsigned stage, std::uint32_t cycles);
  void feed();
  unsigned stage() const { return stage_; }

  void archive(base::Archive& ar);

 private:
  void arm();
  void expire();

  base::EventQueue& events_;
  std::function<void(unsigned)> expired_;
  base::Timer timer_;
  ClockedCounter counter_;
  std::array<std::uint32_t, kStages> hold_{};
  unsigned stage_ = 0;
  bool running_ = false;
  bool paused_ = false;
};

}  // namespace espalier::devices
