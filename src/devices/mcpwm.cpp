#include "devices/mcpwm.h"

#include <algorithm>

namespace espalier::devices {
namespace {

using base::kNever;
using base::Ticks;

constexpr std::uint32_t MCPWM_CLK_CFG_REG = 0x00;
constexpr std::uint32_t MCPWM_TIMER0_CFG0_REG = 0x04;  // CFG0, CFG1, SYNC, STATUS of each timer in turn
constexpr std::uint32_t MCPWM_OPERATOR_TIMERSEL_REG = 0x38;
constexpr std::uint32_t MCPWM_GEN0_TSTMP_A_REG = 0x40;
constexpr std::uint32_t MCPWM_CAP_TIMER_CFG_REG = 0xe8;
constexpr std::uint32_t MCPWM_CAP_CH0_CFG_REG = 0xf0;
constexpr std::uint32_t MCPWM_CAP_CH0_REG = 0xfc;
constexpr std::uint32_t MCPWM_CAP_STATUS_REG = 0x108;
constexpr std::uint32_t MCPWM_INT_ENA_REG = 0x110;
constexpr std::uint32_t MCPWM_INT_RAW_REG = 0x114;
constexpr std::uint32_t MCPWM_INT_ST_REG = 0x118;
constexpr std::uint32_t MCPWM_INT_CLR_REG = 0x11c;

constexpr unsigned kOperatorStride = 0x38;

constexpr Reg kRegisters[] = {
    {MCPWM_CLK_CFG_REG, 0, 0xff},
    {MCPWM_TIMER0_CFG0_REG, 0xff00, 0x03ffffff, 3, 16},
    {0x08, 0, 0x1f, 3, 16},
    {0x0c, 0, 0x1fffff, 3, 16},
    {0x10, 0, 0, 3, 16},
    {0x34, 0, 0xfff},  // TIMER_SYNCI_CFG
    {MCPWM_OPERATOR_TIMERSEL_REG, 0, 0x3f},
    // The three operators: GEN_STMP_CFG, TSTMP_A, TSTMP_B, CFG0, FORCE, A, B, DT_CFG, FED, RED, CARRIER, FH
    {0x3c, 0, 0xff, 3, kOperatorStride},  // the shadow registers are taken over at once: never "full"
    {MCPWM_GEN0_TSTMP_A_REG, 0, 0xffff, 3, kOperatorStride},
    {0x44, 0, 0xffff, 3, kOperatorStride},
    {0x48, 0, 0x3ff, 3, kOperatorStride},
    {0x4c, 0x20, 0xffff, 3, kOperatorStride},
    {0x50, 0, 0xffffff, 3, kOperatorStride},
    {0x54, 0, 0xffffff, 3, kOperatorStride},
    {0x58, 0x18000, 0x3ffff, 3, kOperatorStride},
    {0x5c, 0, 0xffff, 3, kOperatorStride},
    {0x60, 0, 0xffff, 3, kOperatorStride},
    {0x64, 0, 0x3fff, 3, kOperatorStride},
    {0x68, 0, 0xffffff, 3, kOperatorStride},
    {0x6c, 0, 0x1f, 3, kOperatorStride},
    {0x70, 0, 0, 3, kOperatorStride},
    {0xe4, 0, 0x3f},  // FAULT_DETECT
    {MCPWM_CAP_TIMER_CFG_REG, 0, 0x1f},
    {0xec},  // CAP_TIMER_PHASE
    {MCPWM_CAP_CH0_CFG_REG, 0, 0xfff, 3},
    {MCPWM_CAP_CH0_REG, 0, 0, 3},
    {MCPWM_CAP_STATUS_REG, 0, 0},
    {0x10c, 0x55, 0xff},  // UPDATE_CFG
    {MCPWM_INT_ENA_REG, 0, 0, 4},
    {0x120, 0, 1},
    {0x124, 0x2107230, 0x0fffffff},
};

constexpr std::uint32_t stop_bit(unsigned timer) {
  return 1u << timer;
}
constexpr std::uint32_t zero_bit(unsigned timer) {
  return 1u << (3 + timer);
}
constexpr std::uint32_t period_bit(unsigned timer) {
  return 1u << (6 + timer);
}
constexpr unsigned kCompareA = 15, kCompareB = 18, kCapture = 27;

constexpr std::uint32_t timer_base(unsigned timer) {
  return MCPWM_TIMER0_CFG0_REG + 16 * timer;
}

// TIMERn_MOD
enum Mode : unsigned { kFrozen, kUp, kDown, kUpDown };

constexpr std::uint32_t kClockHz = 160'000'000;

}  // namespace

Mcpwm::Mcpwm(std::string_view name, Context context)
    : RegisterBlock(name, kSize, kRegisters, context),
      interrupts_({MCPWM_INT_RAW_REG, MCPWM_INT_ST_REG, MCPWM_INT_ENA_REG, MCPWM_INT_CLR_REG, 0x3fffffff}),
      alarm_(context.events, [this] {
        advance();
        arm();
      }) {}

unsigned Mcpwm::mode(unsigned timer) const {
  return field(timer_base(timer) + 4, 4, 3);
}
std::uint32_t Mcpwm::period(unsigned timer) const {
  return field(timer_base(timer), 23, 8);
}

std::uint32_t Mcpwm::cycle(unsigned timer) const {
  return mode(timer) == kUpDown ? std::max(2 * period(timer), 1u) : period(timer) + 1;
}

Ticks Mcpwm::ticks_per_count(unsigned timer) const {
  return base::ticks_per_cycle(kClockHz) * (field(MCPWM_CLK_CFG_REG, 7, 0) + 1) *
         (field(timer_base(timer), 7, 0) + 1);
}

std::uint64_t Mcpwm::counts(unsigned timer) const {
  const Counter& c = counters_[timer];
  if (!c.running || mode(timer) == kFrozen) return c.held;
  return std::min<std::uint64_t>((events().now() - c.start) / ticks_per_count(timer), c.stop);
}

std::uint32_t Mcpwm::value(unsigned timer, std::uint32_t phase) const {
  if (mode(timer) == kDown) return period(timer) - phase;
  return mode(timer) == kUpDown && phase > period(timer) ? 2 * period(timer) - phase : phase;
}

Mcpwm::Events Mcpwm::events_of(unsigned timer) const {
  Events events;
  const auto add = [&](std::uint32_t bit, std::uint32_t phase) {
    events.list[events.count++] = {bit, phase};
  };
  const std::uint32_t p = period(timer);
  const bool down = mode(timer) == kDown;
  add(zero_bit(timer), down ? p : 0);
  add(period_bit(timer), down ? 0 : p);
  for (unsigned op = 0; op < 3; ++op) {
    if (field(MCPWM_OPERATOR_TIMERSEL_REG, 2 * op + 1, 2 * op) != timer) continue;
    for (unsigned ab = 0; ab < 2; ++ab) {
      const std::uint32_t compare = get(MCPWM_GEN0_TSTMP_A_REG + kOperatorStride * op + 4 * ab);
      const std::uint32_t mark = 1u << ((ab ? kCompareB : kCompareA) + op);
      if (compare > p) continue;
      add(mark, down ? p - compare : compare);
      if (mode(timer) == kUpDown && compare > 0 && compare < p) add(mark, 2 * p - compare);
    }
  }
  return events;
}

void Mcpwm::set_phase(unsigned timer, std::uint32_t phase) {
  Counter& c = counters_[timer];
  c.held = phase % cycle(timer);
  c.start = events().now() - c.held * ticks_per_count(timer);
  c.seen = c.held;
}

void Mcpwm::advance() {
  for (unsigned timer = 0; timer < kTimers; ++timer) {
    Counter& c = counters_[timer];
    if (!c.running || mode(timer) == kFrozen) continue;
    const std::uint64_t now = counts(timer), length = cycle(timer);
    const Events list = events_of(timer);
    for (unsigned i = 0; i < list.count; ++i) {
      // How often a phase has been reached after `n` counts.
      const auto passes = [&](std::uint64_t n) {
        return n < list.list[i].phase ? 0 : (n - list.list[i].phase) / length + 1;
      };
      if (passes(now) > passes(c.seen)) interrupts_.raise(list.list[i].bit);
    }
    c.seen = now;
    if (now >= c.stop) {
      c.running = false;
      c.held = static_cast<std::uint32_t>(now % length);
      c.stop = ~0ull;
      interrupts_.raise(stop_bit(timer));
    }
  }
}

void Mcpwm::arm() {
  Ticks at = kNever;
  const std::uint32_t wanted = interrupts_.enabled() & ~interrupts_.raw();
  for (unsigned timer = 0; timer < kTimers; ++timer) {
    const Counter& c = counters_[timer];
    if (!c.running || mode(timer) == kFrozen) continue;
    std::uint64_t next = (wanted & stop_bit(timer)) ? c.stop : ~0ull;
    const Events list = events_of(timer);
    for (unsigned i = 0; i < list.count; ++i) {
      if (!(wanted & list.list[i].bit)) continue;
      const std::uint64_t length = cycle(timer), phase = list.list[i].phase;
      const std::uint64_t after = c.seen < phase ? 0 : (c.seen - phase) / length + 1;
      next = std::min(next, phase + after * length);
    }
    if (next != ~0ull) at = std::min(at, c.start + next * ticks_per_count(timer));
  }
  if (at != alarm_.deadline()) alarm_.arm(at);
}

// TIMERn_START: 0 and 1 stop at the next zero or period, 2 runs, 3 and 4 run until zero or period.
void Mcpwm::command(unsigned timer) {
  Counter& c = counters_[timer];
  const unsigned start = field(timer_base(timer) + 4, 2, 0);
  if (start >= 2 && !c.running) {
    c.running = true;
    set_phase(timer, c.held);
  }
  c.stop = ~0ull;
  if (!c.running || start == 2 || start > 4) return;
  const bool down = mode(timer) == kDown;
  const bool at_zero = start == 0 || start == 3;
  const std::uint64_t phase = at_zero != down ? 0 : period(timer), length = cycle(timer);
  const std::uint64_t now = counts(timer);
  c.stop = phase + (now < phase ? 0 : (now - phase) / length + 1) * length;
}

void Mcpwm::synchronise(unsigned timer) {
  const std::uint32_t value = std::min(field(timer_base(timer) + 8, 19, 4), period(timer));
  const bool falling = bit(timer_base(timer) + 8, 20);
  if (mode(timer) == kUpDown && falling)
    set_phase(timer, 2 * period(timer) - value);
  else
    set_phase(timer, mode(timer) == kDown ? period(timer) - value : value);
}

void Mcpwm::capture(unsigned channel, bool falling) {
  if (channel >= 3) return;
  const std::uint32_t conf = get(MCPWM_CAP_CH0_CFG_REG + 4 * channel);
  // CAP_EN, and CAP_MODE: bit 0 the falling edge, bit 1 the rising.
  if (!(conf & 1) || !(conf >> (falling ? 1 : 2) & 1)) return;
  set(MCPWM_CAP_CH0_REG + 4 * channel, static_cast<std::uint32_t>(base::cycles_in(events().now(), apb_hz_)));
  set_field(MCPWM_CAP_STATUS_REG, channel, channel, falling);
  interrupts_.raise(1u << (kCapture + channel));
}

std::uint32_t Mcpwm::peek(std::uint32_t offset) {
  advance();
  if (interrupts_.owns(offset)) return interrupts_.read(offset);
  for (unsigned timer = 0; timer < kTimers; ++timer) {
    if (offset != timer_base(timer) + 12) continue;
    const auto phase = static_cast<std::uint32_t>(counts(timer) % cycle(timer));
    const bool down = mode(timer) == kDown || (mode(timer) == kUpDown && phase >= period(timer));
    return value(timer, phase) | static_cast<std::uint32_t>(down) << 16;
  }
  return get(offset);
}

std::uint32_t Mcpwm::read(std::uint32_t offset) {
  RegisterBlock::read(offset);
  return peek(offset);
}

void Mcpwm::write(std::uint32_t offset, std::uint32_t value) {
  advance();
  if (interrupts_.owns(offset)) {
    interrupts_.write(offset, value);
    return arm();
  }
  std::array<std::uint32_t, kTimers> phases;
  for (unsigned timer = 0; timer < kTimers; ++timer)
    phases[timer] = static_cast<std::uint32_t>(counts(timer) % cycle(timer));
  const std::uint32_t before = get(offset);
  RegisterBlock::write(offset, value);
  for (unsigned timer = 0; timer < kTimers; ++timer) {
    const std::uint32_t base = timer_base(timer);
    if (offset == MCPWM_CLK_CFG_REG || offset == base || offset == base + 4) {
      set_phase(timer, phases[timer]);
      if (offset == base + 4) command(timer);
    } else if (offset == base + 8 && ((before ^ value) >> 1 & 1)) {  // SYNC_SW: each change is a trigger
      synchronise(timer);
    }
  }
  for (unsigned channel = 0; channel < 3; ++channel)
    if (offset == MCPWM_CAP_CH0_CFG_REG + 4 * channel && (value >> 12 & 1) && (value & 1)) {  // CAP_SW
      set(MCPWM_CAP_CH0_REG + 4 * channel,
          static_cast<std::uint32_t>(base::cycles_in(events().now(), apb_hz_)));
      interrupts_.raise(1u << (kCapture + channel));
    }
  arm();
}

void Mcpwm::reset(ResetKind kind) {
  RegisterBlock::reset(kind);
  counters_ = {};
  interrupts_.reset();
  arm();
}

void Mcpwm::archive(base::Archive& ar) {
  RegisterBlock::archive(ar);
  ar(interrupts_, apb_hz_, counters_);
  if (ar.is_saving()) return;
  apb_hz_ = std::max(apb_hz_, 1u);
  arm();
}

}  // namespace espalier::devices
