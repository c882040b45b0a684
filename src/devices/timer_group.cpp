#include "devices/timer_group.h"

#include <algorithm>

namespace espalier::devices {
namespace {

constexpr std::uint32_t TIMG_T0CONFIG_REG = 0x00;
constexpr std::uint32_t TIMG_T1CONFIG_REG = 0x24;
constexpr std::uint32_t TIMG_T1LOAD_REG = 0x44;
constexpr std::uint32_t TIMG_WDTCONFIG0_REG = 0x48;
constexpr std::uint32_t TIMG_WDTCONFIG1_REG = 0x4C;
constexpr std::uint32_t TIMG_WDTCONFIG2_REG = 0x50;
constexpr std::uint32_t TIMG_WDTFEED_REG = 0x60;
constexpr std::uint32_t TIMG_WDTWPROTECT_REG = 0x64;
constexpr std::uint32_t TIMG_RTCCALICFG_REG = 0x68;
constexpr std::uint32_t TIMG_RTCCALICFG1_REG = 0x6C;
constexpr std::uint32_t TIMG_LACTCONFIG_REG = 0x70;
constexpr std::uint32_t TIMG_LACTRTC_REG = 0x74;
constexpr std::uint32_t TIMG_LACTLOAD_REG = 0x94;
constexpr std::uint32_t TIMG_INT_ENA_TIMERS_REG = 0x98;
constexpr std::uint32_t TIMG_INT_RAW_TIMERS_REG = 0x9C;
constexpr std::uint32_t TIMG_INT_ST_TIMERS_REG = 0xA0;
constexpr std::uint32_t TIMG_INT_CLR_TIMERS_REG = 0xA4;
constexpr std::uint32_t TIMG_NTIMERS_DATE_REG = 0xF8;
constexpr std::uint32_t TIMGCLK_REG = 0xFC;

constexpr std::uint32_t TIMG_WDT_EN = 1u << 31;
constexpr std::uint32_t TIMG_WDT_EDGE_INT_EN = 1u << 22;
constexpr std::uint32_t TIMG_WDT_LEVEL_INT_EN = 1u << 21;
constexpr std::uint32_t TIMG_WDT_FLASHBOOT_MOD_EN = 1u << 14;
constexpr std::uint32_t TIMG_RTC_CALI_START = 1u << 31;
constexpr std::uint32_t TIMG_RTC_CALI_RDY = 1u << 15;
constexpr std::uint32_t TIMG_RTC_CALI_START_CYCLING = 1u << 12;
constexpr std::uint32_t kCalibrationValueMax = (1u << 25) - 1;  // TIMG_RTC_CALI_VALUE, bits 31 to 7

enum StageAction : std::uint32_t { kOff, kInterrupt, kResetCpu, kResetSystem };

constexpr Reg kTable[] = {
    {TIMG_WDTCONFIG0_REG, 0x0004C000, 0xFFFFC000},
    {TIMG_WDTCONFIG1_REG, 0x00010000, 0xFFFF0000},
    {TIMG_WDTCONFIG2_REG, 26'000'000, ~0u},
    {TIMG_WDTCONFIG2_REG + 4, 0x07FFFFFF, ~0u},
    {TIMG_WDTCONFIG2_REG + 8, 0x000FFFFF, ~0u, 2},
    {TIMG_WDTFEED_REG, 0, 0},
    {TIMG_WDTWPROTECT_REG, WatchdogStages::kWriteKey, ~0u},
    {TIMG_RTCCALICFG_REG, 0x00013000, 0xFFFF7000},
    {TIMG_RTCCALICFG1_REG, 0, 0},
    {TIMG_LACTRTC_REG, 0, 0xFFFFFFC0},
    {TIMG_NTIMERS_DATE_REG, 0x1604290, 0x0FFFFFFF},
    {TIMGCLK_REG, 0, 0x80000000},
};

constexpr std::uint32_t kTimerConfigReset = 0x60002000, kTimerConfigWritable = 0xFFFFFC00;
constexpr std::uint32_t kLactConfigReset = 0x60002300, kLactConfigWritable = 0xFFFFFF80;

}  // namespace

TimerGroup::TimerGroup(Context context, const Config& config)
    : RegisterBlock(config.index ? "timg1" : "timg0", kSize, kTable, context),
      config_(config),
      t0_(context.events, kTimerConfigReset, kTimerConfigWritable,
          [this](bool level, bool edge) { alarm(kT0, level, edge); }),
      t1_(context.events, kTimerConfigReset, kTimerConfigWritable,
          [this](bool level, bool edge) { alarm(kT1, level, edge); }),
      lact_(context.events, kLactConfigReset, kLactConfigWritable,
            [this](bool level, bool edge) { alarm(kLact, level, edge); }),
      watchdog_(context.events, [this](unsigned stage) { watchdog_expired(stage); }) {
  set_apb_hz(config.xtal_hz);
  reset(ResetKind::kSystem);
}

void TimerGroup::set_apb_hz(std::uint32_t hz) {
  for (GroupTimer* timer : {&t0_, &t1_, &lact_}) timer->set_apb_hz(hz);
  apb_hz_ = hz;
  update_watchdog();
}

void TimerGroup::set_flash_boot(bool flash_boot) {
  flash_boot_ = flash_boot;
  update_watchdog();
}

TimerGroup::TimerRegister TimerGroup::timer_register(std::uint32_t offset) {
  const auto index = [offset](std::uint32_t base) {
    return static_cast<GroupTimer::Register>((offset - base) / 4);
  };
  if (offset < TIMG_T1CONFIG_REG) return {&t0_, index(TIMG_T0CONFIG_REG)};
  if (offset <= TIMG_T1LOAD_REG) return {&t1_, index(TIMG_T1CONFIG_REG)};
  if (offset == TIMG_LACTCONFIG_REG) return {&lact_, GroupTimer::kConfig};
  // LACT has its LACTRTC register where the others have LO.
  if (offset > TIMG_LACTRTC_REG && offset <= TIMG_LACTLOAD_REG) return {&lact_, index(TIMG_LACTRTC_REG)};
  return {nullptr, GroupTimer::kConfig};
}

bool TimerGroup::calibrated() const {
  return events().now() >= calibrated_at_;
}

std::uint32_t TimerGroup::value(std::uint32_t offset) {
  if (const TimerRegister at = timer_register(offset); at.timer) return at.timer->read(at.reg);
  switch (offset) {
    case TIMG_RTCCALICFG_REG:
      return get(offset) | (calibrated() ? TIMG_RTC_CALI_RDY : 0);
    case TIMG_RTCCALICFG1_REG:
      return calibrated() ? calibration_value_ << 7 : 0;
    case TIMG_INT_ENA_TIMERS_REG:
      return enabled_;
    case TIMG_INT_RAW_TIMERS_REG:
      return raw_;
    case TIMG_INT_ST_TIMERS_REG:
      return raw_ & enabled_;
    case TIMG_INT_CLR_TIMERS_REG:
      return 0;
    default:
      return get(offset);
  }
}

std::uint32_t TimerGroup::peek(std::uint32_t offset) {
  return value(offset);
}

std::uint32_t TimerGroup::read(std::uint32_t offset) {
  for (GroupTimer* timer : {&t0_, &t1_, &lact_}) timer->settle();
  if (offset > TIMG_INT_CLR_TIMERS_REG) return RegisterBlock::read(offset);
  return value(offset);
}

void TimerGroup::write(std::uint32_t offset, std::uint32_t value) {
  for (GroupTimer* timer : {&t0_, &t1_, &lact_}) timer->settle();
  if (const TimerRegister at = timer_register(offset); at.timer) return at.timer->write(at.reg, value);
  if (offset >= TIMG_WDTCONFIG0_REG && offset <= TIMG_WDTFEED_REG) {
    if (get(TIMG_WDTWPROTECT_REG) != WatchdogStages::kWriteKey) return;
    RegisterBlock::write(offset, value);
    if (offset == TIMG_WDTFEED_REG) return watchdog_.feed();
    return update_watchdog();
  }
  switch (offset) {
    case TIMG_RTCCALICFG_REG:
      return write_calibration(value);
    case TIMG_INT_ENA_TIMERS_REG:
      enabled_ = value & 0xF;
      return update_interrupts();
    case TIMG_INT_CLR_TIMERS_REG:
      raw_ &= ~value;
      return update_interrupts();
    case TIMG_INT_RAW_TIMERS_REG:
    case TIMG_INT_ST_TIMERS_REG:
      return;
    default:
      return RegisterBlock::write(offset, value);
  }
}

bool TimerGroup::flash_boot_protection() const {
  return config_.index == 0 && flash_boot_ && get(TIMG_WDTCONFIG0_REG) & TIMG_WDT_FLASHBOOT_MOD_EN;
}

void TimerGroup::update_watchdog() {
  watchdog_.set_clock(apb_hz_, std::max(1u, field(TIMG_WDTCONFIG1_REG, 31, 16)));
  for (unsigned stage = 0; stage < WatchdogStages::kStages; ++stage)
    watchdog_.set_hold(stage, get(TIMG_WDTCONFIG2_REG + 4 * stage));
  watchdog_.set_running(get(TIMG_WDTCONFIG0_REG) & TIMG_WDT_EN || flash_boot_protection());
}

void TimerGroup::watchdog_expired(unsigned stage) {
  if (!watchdog_acts_) return;
  const std::uint32_t config0 = get(TIMG_WDTCONFIG0_REG);
  std::uint32_t action = field(TIMG_WDTCONFIG0_REG, 30 - 2 * stage, 29 - 2 * stage);
  // While only flash boot protection keeps it running, stage 0 is a system reset unless firmware has chosen
  // an action.
  if (stage == 0 && action == kOff && !(config0 & TIMG_WDT_EN)) action = kResetSystem;
  tracer().trace<base::TraceEvent::watchdog_stage>(name(), stage, action);
  switch (action) {
    case kInterrupt:
      return raise(kWdt, config0 & TIMG_WDT_LEVEL_INT_EN, config0 & TIMG_WDT_EDGE_INT_EN);
    case kResetCpu:
      if (on_reset)
        on_reset(config_.index ? ResetScope::kAppCpu : ResetScope::kProCpu, ResetCause::kTimerGroupCpu);
      return;
    case kResetSystem:
      if (on_reset)
        on_reset(ResetScope::kCore,
                 config_.index ? ResetCause::kTimerGroup1Core : ResetCause::kTimerGroup0Core);
      return;
    default:
      return;
  }
}

void TimerGroup::write_calibration(std::uint32_t value) {
  const std::uint32_t before = get(TIMG_RTCCALICFG_REG);
  RegisterBlock::write(TIMG_RTCCALICFG_REG, value);
  constexpr std::uint32_t kStart = TIMG_RTC_CALI_START | TIMG_RTC_CALI_START_CYCLING;
  if (value & ~before & kStart) start_calibration();
}

// Counts crystal cycles during TIMG_RTC_CALI_MAX cycles of the chosen clock, from its next edge on. In
// cycling mode the measurement repeats; the clocks being steady, its later results are those of the first.
//
// It takes a quarter of that time here. ESP-IDF's bootloader waits by ets_delay_us() at a time when that
// believes in a CPU of 26 MHz, and is saved by what each call and register access costs on the chip; where
// they cost less it gives up and reports "Bogus XTAL frequency: 0 MHz".
void TimerGroup::start_calibration() {
  const auto clock = static_cast<CalibrationClock>(field(TIMG_RTCCALICFG_REG, 14, 13));
  const std::uint32_t cycles = field(TIMG_RTCCALICFG_REG, 30, 16);
  const std::uint32_t hz = slow_clock_hz ? slow_clock_hz(clock) : 0;
  calibrated_at_ = base::kNever;
  if (hz == 0) return;
  calibrated_at_ = base::ticks_for(base::cycles_in(events().now(), hz) + 1 + cycles / 4, hz);
  calibration_value_ = static_cast<std::uint32_t>(
      std::min<std::uint64_t>(std::uint64_t{cycles} * config_.xtal_hz / hz, kCalibrationValueMax));
}

void TimerGroup::alarm(Interrupt interrupt, bool level, bool edge) {
  const std::string_view timer = interrupt == kT0 ? "t0" : interrupt == kT1 ? "t1" : "lact";
  tracer().trace<base::TraceEvent::timer_alarm>(name(), timer);
  raise(interrupt, level, edge);
}

void TimerGroup::raise(Interrupt interrupt, bool level, bool edge) {
  if (level) {
    raw_ |= 1u << interrupt;
    update_interrupts();
  }
  if (edge && (enabled_ >> interrupt & 1 || interrupt == kWdt)) {
    edge_irq_[interrupt].set(true);
    edge_irq_[interrupt].set(false);
  }
}

void TimerGroup::update_interrupts() {
  // The watchdog's interrupt heeds no enable bit: ESP-IDF 3's task watchdog never sets it and yet is called.
  const std::uint32_t high = raw_ & (enabled_ | 1u << kWdt);
  for (unsigned i = 0; i < kInterrupts; ++i) level_irq_[i].set(high >> i & 1);
}

void TimerGroup::reset(ResetKind kind) {
  RegisterBlock::reset(kind);
  for (GroupTimer* timer : {&t0_, &t1_, &lact_}) timer->reset();
  watchdog_.set_running(false);
  update_watchdog();
  // The measurement that reset starts is over when the CPUs come out of it: the ROM looks within
  // microseconds, and without a value takes the crystal for one of 26 MHz.
  start_calibration();
  if (calibrated_at_ != base::kNever) calibrated_at_ = events().now();
  raw_ = enabled_ = 0;
  update_interrupts();
}

void TimerGroup::archive(base::Archive& ar) {
  RegisterBlock::archive(ar);
  ar(t0_, t1_, lact_, watchdog_, apb_hz_, flash_boot_, calibrated_at_, calibration_value_, raw_, enabled_);
  if (!ar.is_saving()) update_interrupts();
}

}  // namespace espalier::devices
