#include "devices/watchdog_stages.h"

#include <utility>

namespace espalier::devices {

WatchdogStages::WatchdogStages(base::EventQueue& events, std::function<void(unsigned)> expired)
    : events_(events), expired_(std::move(expired)), timer_(events, [this] { expire(); }) {}

void WatchdogStages::arm() {
  if (!counter_.running()) {
    timer_.cancel();
    return;
  }
  // A hold value lowered below the present count lets the stage run out at the next cycle, not at once:
  // firmware writes the values first and feeds afterwards.
  const base::Ticks now = events_.now();
  const std::uint64_t count = counter_.count(now);
  const std::uint64_t left = hold_[stage_] > count ? hold_[stage_] - count : 1;
  timer_.arm(counter_.time_of(left, now));
}

void WatchdogStages::set_clock(std::uint32_t hz, std::uint32_t prescale) {
  counter_.set_clock(hz, prescale, events_.now());
  arm();
}

void WatchdogStages::set_running(bool running) {
  if (running == running_) return;
  running_ = running;
  stage_ = 0;
  counter_.load(0, events_.now());
  counter_.set_running(running_ && !paused_, events_.now());
  arm();
}

void WatchdogStages::set_paused(bool paused) {
  paused_ = paused;
  counter_.set_running(running_ && !paused_, events_.now());
  arm();
}

void WatchdogStages::set_hold(unsigned stage, std::uint32_t cycles) {
  hold_[stage] = cycles;
  if (stage == stage_) arm();
}

void WatchdogStages::feed() {
  stage_ = 0;
  counter_.load(0, events_.now());
  arm();
}

void WatchdogStages::expire() {
  const unsigned expired = stage_;
  stage_ = (stage_ + 1) % kStages;
  counter_.load(0, events_.now());
  arm();
  expired_(expired);
}

void WatchdogStages::archive(base::Archive& ar) {
  ar(counter_, hold_, stage_, running_, paused_);
  if (!ar.is_saving()) {
    stage_ %= kStages;
    arm();
  }
}

}  // namespace espalier::devices
