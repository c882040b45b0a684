#include "esp32/machine_clock.h"

#include <time.h>

#include <algorithm>
#include <cassert>
#include <utility>

namespace espalier::esp32 {

using base::Ticks;

MachineClock::MachineClock(ClockMode mode, HostClock host)
    : mode_(mode), host_clock_(std::move(host)), host_origin_ns_(host_ns()) {}

std::uint64_t MachineClock::host_ns() const {
  if (held_ns_) return *held_ns_;
  const std::uint64_t plain = plain_host_ns();
  if (skewed_since_ns_ == 0) return plain;
  return skewed_from_ns_ + static_cast<std::uint64_t>(static_cast<double>(plain - skewed_since_ns_) * pace_);
}

void MachineClock::set_skew(double ppm) {
  // Held, it goes on from there when it is released.
  skewed_from_ns_ = host_ns();
  skewed_since_ns_ = plain_host_ns();
  pace_ = 1 + ppm / 1e6;
}

std::uint64_t MachineClock::host_span(Ticks ticks) const {
  const std::uint64_t ns = base::ns_from_ticks(ticks);
  return pace_ == 1 ? ns : static_cast<std::uint64_t>(static_cast<double>(ns) / pace_);
}

std::uint64_t MachineClock::plain_host_ns() const {
  if (host_clock_) return host_clock_();
  timespec ts;
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return static_cast<std::uint64_t>(ts.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(ts.tv_nsec);
}

Ticks MachineClock::now() {
  if (mode_ == ClockMode::kWarp)
    return running_ ? time_ + (running_->instructions() - instructions_) * ticks_per_cycle_ : time_;
  // A device asks several times for each access of its registers.
  if (running_ && std::exchange(asked_at_, running_->instructions()) == running_->instructions())
    return time_;
  Ticks time = base::ticks_from_ns(host_ns() - host_origin_ns_);
  held_back_ = time > limit_;
  if (time >= limit_) {
    time = limit_;
    if (running_ && stops_) running_->request_stop();
  }
  return time_ = std::max(time_, time);
}

void MachineClock::begin_run(xtensa::Core& core, Ticks start) {
  running_ = &core;
  asked_at_ = kNotAsked;
  if (mode_ == ClockMode::kRealtime) return;
  instructions_ = core.instructions();
  time_ = start;
}

Ticks MachineClock::end_run() {
  if (mode_ == ClockMode::kRealtime) {
    running_ = nullptr;
    return time_;
  }
  time_ = now();
  running_ = nullptr;
  return time_;
}

void MachineClock::advance_to(Ticks time) {
  assert(!running_);
  time_ = std::max(time_, time);
}

void MachineClock::hold() {
  if (!held_ns_) held_ns_ = host_ns();
}

void MachineClock::release() {
  if (!held_ns_) return;
  const std::uint64_t since = *std::exchange(held_ns_, std::nullopt);
  host_origin_ns_ += host_ns() - since;
}

void MachineClock::set_cpu_frequency(std::uint32_t hz) {
  if (hz == hz_ || hz == 0) return;
  const Ticks time = now();
  cycle_base_ = cycles();
  cycle_origin_ = time;
  if (running_ && mode_ == ClockMode::kWarp) {
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
  // It stands still until the machine runs: who loads the rest of it compares that with this time.
  time_ = limit_ = time;
  host_origin_ns_ = host_ns() - base::ns_from_ticks(time);
}

}  // namespace espalier::esp32
