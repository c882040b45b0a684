#include "devices/group_timer.h"

#include <utility>

namespace espalier::devices {
namespace {

constexpr std::uint32_t TIMG_TX_EN = 1u << 31;
constexpr std::uint32_t TIMG_TX_INCREASE = 1u << 30;
constexpr std::uint32_t TIMG_TX_AUTORELOAD = 1u << 29;
constexpr std::uint32_t TIMG_TX_EDGE_INT_EN = 1u << 12;
constexpr std::uint32_t TIMG_TX_LEVEL_INT_EN = 1u << 11;
constexpr std::uint32_t TIMG_TX_ALARM_EN = 1u << 10;

// TIMG_TX_DIVIDER: 0 stands for 65,536, and 1 divides by 2 like 2.
constexpr std::uint32_t divider(std::uint32_t config) {
  const std::uint32_t value = config >> 13 & 0xffff;
  if (value == 0) return 65536;
  return value == 1 ? 2 : value;
}

constexpr std::uint64_t with_low(std::uint64_t whole, std::uint32_t low) {
  return (whole & ~0xffffffffull) | low;
}
constexpr std::uint64_t with_high(std::uint64_t whole, std::uint32_t high) {
  return (whole & 0xffffffffull) | std::uint64_t{high} << 32;
}

}  // namespace

GroupTimer::GroupTimer(base::EventQueue& events, std::uint32_t config_reset, std::uint32_t config_writable,
                       std::function<void(bool, bool)> alarm)
    : events_(events),
      config_reset_(config_reset),
      config_writable_(config_writable),
      alarm_raised_(std::move(alarm)),
      timer_(events, [this] { fire(due_); }),
      config_(config_reset) {}

std::uint32_t GroupTimer::read(Register reg) const {
  switch (reg) {
    case kConfig:
      return config_;
    case kLo:
      return static_cast<std::uint32_t>(latched_);
    case kHi:
      return static_cast<std::uint32_t>(latched_ >> 32);
    case kAlarmLo:
      return static_cast<std::uint32_t>(alarm_);
    case kAlarmHi:
      return static_cast<std::uint32_t>(alarm_ >> 32);
    case kLoadLo:
      return static_cast<std::uint32_t>(load_);
    case kLoadHi:
      return static_cast<std::uint32_t>(load_ >> 32);
    default:
      return 0;  // UPDATE and LOAD; ESP-IDF 5 waits for UPDATE to read 0
  }
}

void GroupTimer::write(Register reg, std::uint32_t value) {
  switch (reg) {
    case kConfig:
      configure((config_ & ~config_writable_) | (value & config_writable_));
      break;
    case kUpdate:
      latched_ = counter_.count(events_.now());
      return;
    case kAlarmLo:
      alarm_ = with_low(alarm_, value);
      break;
    case kAlarmHi:
      alarm_ = with_high(alarm_, value);
      break;
    case kLoadLo:
      load_ = with_low(load_, value);
      return;
    case kLoadHi:
      load_ = with_high(load_, value);
      return;
    case kLoad:
      counter_.load(load_, events_.now());
      break;
    default:
      return;
  }
  rearm();
  settle();
}

void GroupTimer::configure(std::uint32_t value) {
  const base::Ticks now = events_.now();
  config_ = value;
  counter_.set_clock(apb_hz_, divider(config_), now);
  counter_.set_direction(config_ & TIMG_TX_INCREASE, now);
  counter_.set_running(config_ & TIMG_TX_EN, now);
}

void GroupTimer::rearm() {
  if (!(config_ & TIMG_TX_ALARM_EN) || !counter_.running()) {
    due_ = base::kNever;
    timer_.cancel();
    return;
  }
  const base::Ticks now = events_.now();
  const std::uint64_t count = counter_.count(now);
  const bool passed = counter_.up() ? count >= alarm_ : count <= alarm_;
  due_ = passed ? now : counter_.time_of(counter_.up() ? alarm_ - count : count - alarm_, now);
  timer_.arm(due_);
}

void GroupTimer::settle() {
  if (!timer_.armed() || due_ > events_.now()) return;
  timer_.cancel();
  fire(due_);
}

void GroupTimer::fire(base::Ticks at) {
  due_ = base::kNever;
  config_ &= ~TIMG_TX_ALARM_EN;  // the hardware disarms itself
  // Reloading at the alarm's own time, not at the time when it is noticed, keeps periods exact.
  if (config_ & TIMG_TX_AUTORELOAD) counter_.load(load_, at);
  alarm_raised_(config_ & TIMG_TX_LEVEL_INT_EN, config_ & TIMG_TX_EDGE_INT_EN);
}

void GroupTimer::set_apb_hz(std::uint32_t hz) {
  settle();
  apb_hz_ = hz;
  counter_.set_clock(hz, divider(config_), events_.now());
  rearm();
}

void GroupTimer::reset() {
  alarm_ = load_ = latched_ = 0;
  configure(config_reset_);
  counter_.load(0, events_.now());
  rearm();
}

void GroupTimer::archive(base::Archive& ar) {
  ar(counter_, apb_hz_, config_, latched_, alarm_, load_);
  if (!ar.is_saving()) rearm();
}

}  // namespace espalier::devices
