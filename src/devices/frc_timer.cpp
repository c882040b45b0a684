#include "devices/frc_timer.h"

namespace espalier::devices {
namespace {

// Within each timer's 0x20 bytes.
constexpr std::uint32_t FRC_TIMER_LOAD_REG = 0x00;
constexpr std::uint32_t FRC_TIMER_COUNT_REG = 0x04;
constexpr std::uint32_t FRC_TIMER_CTRL_REG = 0x08;
constexpr std::uint32_t FRC_TIMER_INT_REG = 0x0C;
constexpr std::uint32_t FRC_TIMER_ALARM_REG = 0x10;
constexpr std::uint32_t kUnitSize = 0x20;

constexpr std::uint32_t FRC_TIMER_INT_STATUS = 1u << 8;
constexpr std::uint32_t FRC_TIMER_ENABLE = 1u << 7;
constexpr std::uint32_t FRC_TIMER_AUTOLOAD = 1u << 6;
constexpr std::uint32_t FRC_TIMER_LEVEL_INT = 1u << 0;
constexpr std::uint32_t FRC_TIMER_INT_CLR = 1u << 0;
constexpr std::uint32_t kCtrlWritable = 0xCF;

constexpr std::uint32_t divider(std::uint32_t ctrl) {
  switch (ctrl >> 1 & 7) {
    case 2:
      return 16;
    case 4:
      return 256;
    default:
      return 1;
  }
}

}  // namespace

FrcTimer::Unit::Unit(FrcTimer& o, bool counts_up)
    : owner(o),
      up(counts_up),
      mask(counts_up ? 0xffffffff : 0x7fffff),
      timer(o.events_, [this] { match(due); }) {
  counter.set_direction(up, o.events_.now());
}

void FrcTimer::Unit::configure() {
  const base::Ticks now = owner.events_.now();
  counter.set_clock(owner.apb_hz_, divider(ctrl), now);
  counter.set_running(ctrl & FRC_TIMER_ENABLE, now);
}

void FrcTimer::Unit::rearm(bool now_too) {
  if (!counter.running()) {
    due = base::kNever;
    timer.cancel();
    return;
  }
  const base::Ticks now = owner.events_.now();
  std::uint64_t steps = (up ? target() - count(now) : count(now) - target()) & mask;
  if (steps == 0 && !now_too) steps = std::uint64_t{mask} + 1;
  due = steps == 0 ? now : counter.time_of(steps, now);
  timer.arm(due);
}

void FrcTimer::Unit::settle() {
  if (!timer.armed() || due > owner.events_.now()) return;
  timer.cancel();
  match(due);
}

void FrcTimer::Unit::match(base::Ticks at) {
  owner.tracer_.trace<base::TraceEvent::frc_timer_alarm>(up);  // FRC1 counts down, FRC2 up
  if (ctrl & FRC_TIMER_AUTOLOAD) counter.load(load, at);
  if (ctrl & FRC_TIMER_LEVEL_INT) {
    pending = true;
    irq.set(true);
  } else {
    irq.set(true);
    irq.set(false);
  }
  rearm(false);
}

FrcTimer::FrcTimer(Context context, std::uint32_t apb_hz)
    : events_(context.events),
      log_(context.log),
      tracer_(context.tracer),
      apb_hz_(apb_hz),
      units_{Unit{*this, false}, Unit{*this, true}} {
  for (Unit& unit : units_) unit.configure();
}

void FrcTimer::set_apb_hz(std::uint32_t hz) {
  settle();
  apb_hz_ = hz;
  for (Unit& unit : units_) {
    unit.configure();
    unit.rearm(false);
  }
}

void FrcTimer::settle() {
  for (Unit& unit : units_) unit.settle();
}

std::uint32_t FrcTimer::peek(std::uint32_t offset) {
  const Unit& unit = units_[offset / kUnitSize];
  switch (offset % kUnitSize) {
    case FRC_TIMER_LOAD_REG:
      return unit.load;
    case FRC_TIMER_COUNT_REG:
      return unit.count(events_.now());
    case FRC_TIMER_CTRL_REG:
      return unit.ctrl | (unit.pending ? FRC_TIMER_INT_STATUS : 0);
    case FRC_TIMER_ALARM_REG:
      return unit.alarm;
    default:
      return 0;
  }
}

std::uint32_t FrcTimer::read(std::uint32_t offset) {
  settle();
  return peek(offset);
}

void FrcTimer::write(std::uint32_t offset, std::uint32_t value) {
  settle();
  Unit& unit = units_[offset / kUnitSize];
  switch (offset % kUnitSize) {
    case FRC_TIMER_LOAD_REG:
      unit.load = value & unit.mask;
      unit.counter.load(unit.load, events_.now());
      break;
    case FRC_TIMER_CTRL_REG:
      unit.ctrl = value & kCtrlWritable;
      unit.configure();
      break;
    case FRC_TIMER_INT_REG:
      if (value & FRC_TIMER_INT_CLR) {
        unit.pending = false;
        unit.irq.set(false);
      }
      return;
    case FRC_TIMER_ALARM_REG:
      if (!unit.up) return;
      unit.alarm = value;
      break;
    default:
      log_.debug(base::LogArea::kUnimp, "frc_timer: write of {:#x} to {:#04x}, where there is no register",
                 value, offset);
      return;
  }
  // esp_timer provokes its interrupt by setting the alarm to 0 and then loading 0.
  unit.rearm(true);
  unit.settle();
}

void FrcTimer::reset(ResetKind) {
  for (Unit& unit : units_) {
    unit.ctrl = unit.load = unit.alarm = 0;
    unit.pending = false;
    unit.configure();
    unit.counter.load(0, events_.now());
    unit.rearm(false);
    unit.irq.set(false);
  }
}

void FrcTimer::archive(base::Archive& ar) {
  ar.section("frc_timer");
  ar(apb_hz_);
  for (Unit& unit : units_) {
    ar(unit.counter, unit.load, unit.ctrl, unit.alarm, unit.pending, unit.due);
    if (ar.is_saving()) continue;
    unit.timer.arm(unit.due);
    unit.irq.set(unit.pending);
  }
}

}  // namespace espalier::devices
