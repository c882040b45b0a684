// A machine's virtual time, and the CPU cycles that pass in it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>

#include "base/archive.h"
#include "base/event_queue.h"
#include "base/time.h"
#include "xtensa/core.h"

namespace espalier::esp32 {

enum class ClockMode : std::uint8_t {
  kRealtime,  // virtual time is the host's monotonic clock
  kWarp,      // an instruction takes a cycle, idle time is skipped
};

// In realtime the host's clock is followed only as far as a limit, which the scheduler sets: up to the next
// timer, so that no core reads a time at which it should have been interrupted already, and never so far
// ahead of the guest's instructions that a machine which the host has not run for seconds finds its watchdogs
// expired. What has been held back is caught up with in later turns, so nothing is lost. Only a timer ends a
// turn: a core that has come so far ahead is left the rest of it, in which time stands still, for its next
// one would let time go on again, though it has hardly executed anything.
class MachineClock final : public base::TimeSource {
 public:
  // Nanoseconds of a clock that never goes back; default: CLOCK_MONOTONIC.
  using HostClock = std::function<std::uint64_t()>;
  explicit MachineClock(ClockMode mode, HostClock host = {});

  ClockMode mode() const { return mode_; }

  // In warp, the time of the core that runs just now; in realtime, the host's, up to the limit: who reads
  // that, where it is a timer's, is stopped before its next instruction. Never goes back, and stands still
  // within an instruction.
  base::Ticks now() override;

  // `core` begins to run, in warp at `start`, where now() follows its instructions until end_run().
  void begin_run(xtensa::Core& core, base::Ticks start);
  // The time that the core reached; in warp now() stays there.
  base::Ticks end_run();
  // Warp: time goes on to `time` with nothing running. Never backwards.
  void advance_to(base::Ticks time);
  // Realtime: how far now() may follow the host, until the next call, and when a timer is due.
  void set_limit(base::Ticks limit, base::Ticks timer = base::kNever) {
    limit_ = std::min(limit, timer);
    stops_ = timer <= limit;
  }
  void lower_limit(base::Ticks timer) {
    if (timer <= limit_) set_limit(timer, timer);
  }
  // Realtime: whether the limit held the time back when now() was last asked.
  bool held_back() const { return held_back_; }

  // Realtime: time stands still from hold() to release(), as if the host's clock had stopped; a second hold()
  // changes nothing. In warp it does anyway when nothing runs.
  void hold();
  void release();

  // Realtime: from now on virtual time runs so many millionths faster than the host's clock, -900,000 at
  // least.
  void set_skew(double ppm);
  // So much virtual time as host time (ns).
  std::uint64_t host_span(base::Ticks ticks) const;

  // The CPU clock, 80 MHz..240 MHz or the crystal's 40 MHz and its divisions; must divide 480 MHz.
  void set_cpu_frequency(std::uint32_t hz);
  std::uint32_t cpu_frequency() const { return hz_; }
  base::Ticks ticks_per_cycle() const { return ticks_per_cycle_; }

  // Cycles of the CPU clock since power-on, through all changes of its frequency.
  std::uint64_t cycles();
  // The first time at which cycles() reaches `cycles`.
  base::Ticks time_of_cycle(std::uint64_t cycles) const;

  void archive(base::Archive& ar);

 private:
  std::uint64_t plain_host_ns() const;
  std::uint64_t host_ns() const;  // with the skew

  ClockMode mode_;
  HostClock host_clock_;
  // The host's clock with its skew was skewed_from_ns_ when it was skewed_since_ns_.
  double pace_ = 1;
  std::uint64_t skewed_since_ns_ = 0;
  std::uint64_t skewed_from_ns_ = 0;
  std::optional<std::uint64_t> held_ns_;  // the host's time when it was held
  std::uint64_t host_origin_ns_ = 0;
  base::Ticks time_ = 0;  // last time given; in warp while a core runs, its time at `instructions_`
  base::Ticks limit_ = base::kNever;
  bool stops_ = false;  // that is when a timer is due
  bool held_back_ = false;
  xtensa::Core* running_ = nullptr;
  std::uint64_t instructions_ = 0;
  static constexpr std::uint64_t kNotAsked = ~std::uint64_t{0};
  std::uint64_t asked_at_ = kNotAsked;  // realtime: the running core's instructions when time_ was given
  std::uint32_t hz_ = 40'000'000;
  base::Ticks ticks_per_cycle_ = 12;
  base::Ticks cycle_origin_ = 0;  // when cycles() was cycle_base_
  std::uint64_t cycle_base_ = 0;
};

}  // namespace espalier::esp32
