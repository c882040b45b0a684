#include "esp32/machine_clock.h"

#include <time.h>

#include <algorithm>
#include <cassert>

namespace espalier::esp32 {

using base::Ticks;

MachineClock::MachineClock(ClockMode mode) : mode_(mode), host_origin_ns_(host_ns()) {}

std::uint64_t MachineClock::host_ns() const {
  timespec ts;
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return static_cast<std::uint64_t>(ts.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(ts.tv_nsec);
}

Ticks MachineClock::now() {
  if (mode_ == ClockMode::kRealtime) return base::ticks_from_ns(host_ns() - host_origin_ns_);
  return running_ ? time_ + (running_->instructions() - instructions_) * ticks_per_cycle_ : time_;
}

void MachineClock::begin_run(const xtensa::Core& core, Ticks start) {
  running_ = &core;
  instructions_ = core.instructions();
  time_ = start;
}

Ticks MachineClock::end_run() {
  const Ticks reached = now();
  running_ = nullptr;
  if (mode_ == ClockMode::kWarp) time_ = reached;
  return reached;
}

void MachineClock::advance_to(Ticks time) {
  assert(!running_);
  time_ = std::max(time_, time);
}

void MachineClock::set_cpu_frequency(std::uint32_t hz) {
  if (hz == hz_ || hz == 0) return;
  const Ticks time = now();
  cycle_base_ = cycles();
  cycle_origin_ = time;
  if (running_) {
    time_ = time;
    instructions_ = running_->instructions();
  }
  hz_ = hz;
  ticks_per_cycle_ = base::ticks_per_cycle(hz);
}

std::uint64_t MachineClock::cycles() {
  // The other core of a pair may look from a little before the last change of frequency.
  const auto since = static_cast<std::int64_t>(now() - cycle_origin_);
  const auto per = static_cast<std::int64_t>(ticks_per_cycle_);
  return cycle_base_ + static_cast<std::uint64_t>(since >= 0 ? since / per : -((-since + per - 1) / per));
}

Ticks MachineClock::time_of_cycle(std::uint64_t cycles) const {
  return cycle_origin_ + (cycles - cycle_base_) * ticks_per_cycle_;
}

void MachineClock::archive(base::Archive& ar) {
  Ticks time = now();
  ar.section("clock");
  ar(time, hz_, ticks_per_cycle_, cycle_origin_, cycle_base_);
  if (ar.is_saving()) return;
  time_ = time;
  host_origin_ns_ = host_ns() - base::ns_from_ticks(time);
}

}  // namespace espalier::esp32
