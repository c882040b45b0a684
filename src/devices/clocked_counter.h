// A counter driven by a divided clock, computed from virtual time instead of being stepped.
#pragma once

#include <cstdint>

#include "base/archive.h"
#include "base/time.h"

namespace espalier::devices {

// The hardware idea behind every timer, watchdog and time-of-day counter of the chip: a clock of `hz` hertz
// through a divider steps a 64-bit count up or down while it runs. Nothing happens per step: the count
// follows from the time of the last change. Times passed in need not be monotonic (two cores run in slices):
// a time before the last change counts as that change.
class ClockedCounter {
 public:
  // The count at time `now`, modulo 2^64.
  std::uint64_t count(base::Ticks now) const;
  // Loads a count; the next step follows a whole period after `now`.
  void load(std::uint64_t count, base::Ticks now);
  // Clock in Hz and its divider (at least 1). 0 Hz is a gated clock: the count stands still.
  void set_clock(std::uint32_t hz, std::uint32_t divider, base::Ticks now);
  void set_running(bool running, base::Ticks now);
  void set_direction(bool up, base::Ticks now);

  bool running() const { return running_ && hz_ != 0; }
  bool up() const { return up_; }
  std::uint32_t hz() const { return hz_; }
  // First time at which the count lies `steps` steps beyond the count at `now`; kNever if it does not run or
  // the time lies beyond the end of time.
  base::Ticks time_of(std::uint64_t steps, base::Ticks now) const;

  void archive(base::Archive& ar) { ar(base_count_, base_time_, hz_, divider_, running_, up_); }

 private:
  std::uint64_t steps_since_base(base::Ticks now) const;
  // Moves the base to the last step before `now`, so that a change of clock loses no part of a period.
  void rebase(base::Ticks now);

  std::uint64_t base_count_ = 0;
  base::Ticks base_time_ = 0;
  std::uint32_t hz_ = 0;
  std::uint32_t divider_ = 1;
  bool running_ = false;
  bool up_ = true;
};

}  // namespace espalier::devices
