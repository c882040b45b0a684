#include "devices/ledc.h"

#include <algorithm>

namespace espalier::devices {
namespace {

using base::kNever;
using base::Ticks;

// Registers of a channel, 0x14 apart, high-speed channels first.
constexpr std::uint32_t kChannelStride = 0x14;
constexpr std::uint32_t CONF0 = 0x00, DUTY = 0x08, CONF1 = 0x0c, DUTY_R = 0x10;
constexpr std::uint32_t kChannelsEnd = 0x140;
// Registers of a timer, 8 apart.
constexpr std::uint32_t kTimersBegin = 0x140, kTimersEnd = 0x180;
constexpr std::uint32_t LEDC_INT_RAW_REG = 0x180;
constexpr std::uint32_t LEDC_INT_ST_REG = 0x184;
constexpr std::uint32_t LEDC_INT_ENA_REG = 0x188;
constexpr std::uint32_t LEDC_INT_CLR_REG = 0x18c;
constexpr std::uint32_t LEDC_CONF_REG = 0x190;
constexpr std::uint32_t LEDC_DATE_REG = 0x1fc;

constexpr Reg kRegisters[] = {
    {CONF0, 0, 0x8000000f},
    {CONF0 + kChannelStride, 0, 0xf, 7, kChannelStride},
    {0xa0, 0, 0xf, 8, kChannelStride},  // PARA_UP clears itself
    {0x04, 0, 0x000fffff, 16, kChannelStride},
    {DUTY, 0, 0x01ffffff, 16, kChannelStride},
    {CONF1, 0x40000000, 0xffffffff, 16, kChannelStride},
    {DUTY_R, 0, 0, 16, kChannelStride},
    {kTimersBegin, 0x01000000, 0x03ffffff, 8, 8},
    {kTimersBegin + 4, 0, 0, 8, 8},
    {LEDC_INT_RAW_REG, 0, 0},
    {LEDC_INT_ST_REG, 0, 0},
    {LEDC_INT_ENA_REG, 0, 0},
    {LEDC_INT_CLR_REG, 0, 0},
    {LEDC_CONF_REG, 0, 1},
    {LEDC_DATE_REG, 0x16031700},
};

// CONF0 and CONF1 of a channel; CONF of a timer.
constexpr unsigned SIG_OUT_EN = 2, IDLE_LV = 3, DUTY_INC = 30, DUTY_START = 31;
constexpr unsigned TIMER_PAUSE = 23, TIMER_RST = 24, TICK_SEL = 25;
constexpr unsigned kDutyChangeEnd = 8;  // first of the channels' interrupt bits; the timers' begin at 0

constexpr std::uint32_t channel_base(unsigned channel) {
  return channel * kChannelStride;
}
constexpr std::uint32_t timer_base(unsigned timer) {
  return kTimersBegin + 8 * timer;
}
constexpr std::uint32_t kRefTickHz = 1'000'000;

}  // namespace

Ledc::Ledc(Context context)
    : RegisterBlock("ledc", kSize, kRegisters, context),
      interrupts_({LEDC_INT_RAW_REG, LEDC_INT_ST_REG, LEDC_INT_ENA_REG, LEDC_INT_CLR_REG, 0x00ffffff}),
      alarm_(context.events, [this] {
        catch_up();
        arm();
      }) {}

unsigned Ledc::timer_of(unsigned channel) const {
  return field(channel_base(channel) + CONF0, 1, 0) + (channel < 8 ? 0 : 4);
}

std::uint32_t Ledc::clock_hz(unsigned timer) const {
  if (!bit(timer_base(timer), TICK_SEL)) return kRefTickHz;
  return timer < 4 || bit(LEDC_CONF_REG, 0) ? apb_hz_ : rc_fast_hz_;
}

// In 1/256 of the clock's cycles.
std::uint32_t Ledc::divider(unsigned timer) const {
  return field(timer_base(timer), 22, 5);
}

std::uint32_t Ledc::period_counts(unsigned timer) const {
  return 1u << std::min(field(timer_base(timer), 4, 0), 20u);
}

bool Ledc::runs(unsigned timer) const {
  const std::uint32_t conf = get(timer_base(timer));
  return !(conf >> TIMER_PAUSE & 1) && !(conf >> TIMER_RST & 1) && divider(timer) != 0;
}

std::uint64_t Ledc::counts(unsigned timer) const {
  if (!runs(timer)) return counters_[timer].held;
  const Ticks passed = events().now() - counters_[timer].start;
  return static_cast<std::uint64_t>(static_cast<unsigned __int128>(passed) * clock_hz(timer) * 256 /
                                    (static_cast<unsigned __int128>(base::kTicksPerSecond) * divider(timer)));
}

Ticks Ledc::time_of(unsigned timer, std::uint64_t n) const {
  const auto per = static_cast<unsigned __int128>(clock_hz(timer)) * 256;
  const auto ticks = static_cast<unsigned __int128>(n) * base::kTicksPerSecond * divider(timer);
  return counters_[timer].start + static_cast<Ticks>((ticks + per - 1) / per);
}

std::uint32_t Ledc::duty_now(unsigned channel) const {
  const Fade& fade = fades_[channel];
  if (fade.end == kNever) return fade.from;
  return duty_after(channel, (events().now() - fade.start) / std::max(fade.step, Ticks{1}));
}

std::uint32_t Ledc::duty_after(unsigned channel, std::uint64_t steps) const {
  const std::uint32_t conf1 = channel_base(channel) + CONF1;
  const Fade& fade = fades_[channel];
  const auto change =
      static_cast<std::uint32_t>(std::min<std::uint64_t>(steps, fade.steps) * field(conf1, 9, 0) << 4);
  return (bit(conf1, DUTY_INC) ? fade.from + change : fade.from - change) & 0x01ffffff;
}

Ledc::Pwm Ledc::pwm(unsigned channel) const {
  const unsigned timer = timer_of(channel);
  const std::uint32_t conf0 = get(channel_base(channel) + CONF0);
  if (!(conf0 >> SIG_OUT_EN & 1)) return conf0 >> IDLE_LV & 1 ? Pwm{1, 1, 0} : Pwm{};
  Pwm p;
  p.period = period_counts(timer);
  p.duty = std::min(duty_now(channel) >> 4, p.period);
  if (runs(timer))
    p.hz = static_cast<std::uint32_t>(std::uint64_t{clock_hz(timer)} * 256 / divider(timer) / p.period);
  return p;
}

void Ledc::tell(unsigned channel) {
  if (!on_change) return;
  const Pwm p = pwm(channel);
  if (p == told_[channel]) return;
  told_[channel] = p;
  on_change(channel, p);
}

void Ledc::start_fade(unsigned channel) {
  const std::uint32_t conf1 = channel_base(channel) + CONF1;
  const unsigned timer = timer_of(channel);
  Fade& fade = fades_[channel];
  fade.from = get(channel_base(channel) + DUTY);
  fade.start = events().now();
  fade.steps = field(conf1, 29, 20);
  fade.step = 0;
  if (runs(timer)) {
    const std::uint64_t periods = std::max(field(conf1, 19, 10), 1u);
    fade.step = time_of(timer, periods * period_counts(timer)) - counters_[timer].start;
  }
  fade.end = fade.start + fade.step * std::max(fade.steps, 1u);
}

void Ledc::catch_up() {
  const Ticks now = events().now();
  for (unsigned channel = 0; channel < kChannels; ++channel) {
    Fade& fade = fades_[channel];
    if (fade.end > now) continue;
    fade.from = duty_after(channel, fade.steps);
    fade.end = kNever;
    const std::uint32_t conf1 = channel_base(channel) + CONF1;
    set(conf1, get(conf1) & ~(1u << DUTY_START));
    interrupts_.raise(1u << (kDutyChangeEnd + channel));
    tell(channel);
  }
  for (unsigned timer = 0; timer < kTimers; ++timer) {
    const std::uint64_t wraps = counts(timer) / period_counts(timer);
    if (wraps > counters_[timer].wraps_seen) interrupts_.raise(1u << timer);
    counters_[timer].wraps_seen = wraps;
  }
}

void Ledc::arm() {
  Ticks at = kNever;
  for (const Fade& fade : fades_) at = std::min(at, fade.end);
  const std::uint32_t wanted = interrupts_.enabled() & ~interrupts_.raw();
  for (unsigned timer = 0; timer < kTimers; ++timer)
    if ((wanted >> timer & 1) && runs(timer))
      at = std::min(at, time_of(timer, (counters_[timer].wraps_seen + 1) * period_counts(timer)));
  if (at != alarm_.deadline()) alarm_.arm(at);
}

void Ledc::timer_written(unsigned timer, std::uint32_t before) {
  // Continue from the count that the old settings had reached.
  const std::uint32_t after = get(timer_base(timer));
  set(timer_base(timer), before);
  const auto count = static_cast<std::uint32_t>(counts(timer) & (period_counts(timer) - 1));
  set(timer_base(timer), after);
  Counter& counter = counters_[timer];
  counter.held = after >> TIMER_RST & 1 ? 0 : count & (period_counts(timer) - 1);
  counter.wraps_seen = 0;
  counter.start = 0;
  if (runs(timer)) counter.start = events().now() - time_of(timer, counter.held);
  for (unsigned channel = 0; channel < kChannels; ++channel)
    if (timer_of(channel) == timer) tell(channel);
}

void Ledc::rebase_all() {
  for (unsigned timer = 0; timer < kTimers; ++timer) timer_written(timer, get(timer_base(timer)));
}

void Ledc::set_apb_hz(std::uint32_t hz) {
  if (hz == 0 || hz == apb_hz_) return;
  catch_up();
  apb_hz_ = hz;
  rebase_all();
  arm();
}

void Ledc::set_rc_fast_hz(std::uint32_t hz) {
  if (hz == 0 || hz == rc_fast_hz_) return;
  catch_up();
  rc_fast_hz_ = hz;
  rebase_all();
  arm();
}

std::uint32_t Ledc::peek(std::uint32_t offset) {
  catch_up();
  if (interrupts_.owns(offset)) return interrupts_.read(offset);
  if (offset < kChannelsEnd && offset % kChannelStride == DUTY_R) return duty_now(offset / kChannelStride);
  if (offset >= kTimersBegin && offset < kTimersEnd && offset % 8 == 4) {
    const unsigned timer = (offset - kTimersBegin) / 8;
    return static_cast<std::uint32_t>(counts(timer) & (period_counts(timer) - 1));
  }
  return get(offset);
}

std::uint32_t Ledc::read(std::uint32_t offset) {
  RegisterBlock::read(offset);
  return peek(offset);
}

void Ledc::write(std::uint32_t offset, std::uint32_t value) {
  catch_up();
  if (interrupts_.owns(offset)) {
    interrupts_.write(offset, value);
    return arm();
  }
  const std::uint32_t before = get(offset);
  RegisterBlock::write(offset, value);
  if (offset < kChannelsEnd) {
    const unsigned channel = offset / kChannelStride;
    if (offset % kChannelStride == CONF1 && (value >> DUTY_START & 1)) start_fade(channel);
    if (offset % kChannelStride == CONF0) tell(channel);
    catch_up();
  } else if (offset < kTimersEnd && offset % 8 == 0 && get(offset) != before) {
    timer_written((offset - kTimersBegin) / 8, before);
  } else if (offset == LEDC_CONF_REG) {
    rebase_all();
  }
  arm();
}

void Ledc::reset(ResetKind kind) {
  RegisterBlock::reset(kind);
  fades_ = {};
  counters_ = {};
  interrupts_.reset();
  for (unsigned channel = 0; channel < kChannels; ++channel) tell(channel);
  arm();
}

void Ledc::archive(base::Archive& ar) {
  RegisterBlock::archive(ar);
  ar(interrupts_, apb_hz_, rc_fast_hz_, fades_, counters_);
  if (ar.is_saving()) return;
  apb_hz_ = std::max(apb_hz_, 1u);
  rc_fast_hz_ = std::max(rc_fast_hz_, 1u);
  arm();
}

}  // namespace espalier::devices
