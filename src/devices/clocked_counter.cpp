#include "devices/clocked_counter.h"

namespace espalier::devices {
namespace {

using Wide = unsigned __int128;

}  // namespace

std::uint64_t ClockedCounter::steps_since_base(base::Ticks now) const {
  if (!running() || now <= base_time_) return 0;
  const base::Ticks elapsed = now - base_time_;
  // All clocks derived from the PLL and a 40 MHz crystal divide the tick rate: one 64-bit division.
  if (base::kTicksPerSecond % hz_ == 0) return elapsed / (base::kTicksPerSecond / hz_ * divider_);
  return static_cast<std::uint64_t>(Wide{elapsed} * hz_ / (Wide{base::kTicksPerSecond} * divider_));
}

std::uint64_t ClockedCounter::count(base::Ticks now) const {
  const std::uint64_t steps = steps_since_base(now);
  return up_ ? base_count_ + steps : base_count_ - steps;
}

void ClockedCounter::load(std::uint64_t count, base::Ticks now) {
  base_count_ = count;
  base_time_ = now;
}

void ClockedCounter::rebase(base::Ticks now) {
  if (!running()) {
    base_time_ = now;
    return;
  }
  const std::uint64_t steps = steps_since_base(now);
  base_count_ = up_ ? base_count_ + steps : base_count_ - steps;
  base_time_ += static_cast<base::Ticks>((Wide{steps} * divider_ * base::kTicksPerSecond + hz_ - 1) / hz_);
}

void ClockedCounter::set_clock(std::uint32_t hz, std::uint32_t divider, base::Ticks now) {
  if (hz == hz_ && divider == divider_) return;
  rebase(now);
  hz_ = hz;
  divider_ = divider ? divider : 1;
}

void ClockedCounter::set_running(bool running, base::Ticks now) {
  if (running == running_) return;
  rebase(now);
  base_time_ = now;  // a stopped prescaler starts afresh
  running_ = running;
}

void ClockedCounter::set_direction(bool up, base::Ticks now) {
  if (up == up_) return;
  rebase(now);
  up_ = up;
}

base::Ticks ClockedCounter::time_of(std::uint64_t steps, base::Ticks now) const {
  if (!running()) return base::kNever;
  const Wide total = Wide{steps_since_base(now)} + steps;
  if (total >> 64) return base::kNever;
  // total < 2^64, divider and tick rate together < 2^46: no overflow of 128 bits.
  const Wide time = base_time_ + (total * divider_ * base::kTicksPerSecond + hz_ - 1) / hz_;
  return time >= base::kNever ? base::kNever : static_cast<base::Ticks>(time);
}

}  // namespace espalier::devices
