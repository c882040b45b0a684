#include "devices/rtc_cntl.h"

#include <algorithm>

#include "devices/rtc_cntl_registers.h"

namespace espalier::devices {

using namespace rtc_cntl_reg;

namespace {

enum StageAction : std::uint32_t { kOff, kInterrupt, kResetCpu, kResetSystem, kResetRtc };

constexpr std::uint64_t kTimeMask = (std::uint64_t{1} << 48) - 1;

// The "150 kHz" oscillator slows down with its trim capacitor. At 255, which every second-stage bootloader
// sets, it runs at 150 kHz. At 0, its reset value, boards with an empty flash show the ROM being reset by
// this clock's watchdog (128,000 cycles) every 0.4 s: 320 kHz. In between a straight line.
constexpr std::uint32_t kRcSlowUntrimmedHz = 320'000, kRcSlowTrimmedHz = 150'000, kFullTrim = 255;

constexpr Reg kTable[] = {
    {RTC_CNTL_OPTIONS0_REG, 0x1C492000, 0x7FFFFFCF},
    {RTC_CNTL_SLP_TIMER0_REG, 0, ~0u},
    {RTC_CNTL_SLP_TIMER1_REG, 0, 0x1FFFF},
    {RTC_CNTL_TIME_UPDATE_REG, 0, 0, 3},
    {RTC_CNTL_STATE0_REG, 0x00300000, 0xE1F00000},
    {0x1C, 0x28140403, ~0u},         // TIMER1
    {0x20, 0x01080000, 0xFFFF8000},  // TIMER2
    {0x24, 0x14160A08, ~0u},         // TIMER3
    {0x28, 0x10200A08, ~0u},         // TIMER4
    {RTC_CNTL_TIMER5_REG, 0x12148001, ~0u},
    {0x30, 0x00800000, 0xDF800000},  // ANA_CONF
    {RTC_CNTL_RESET_STATE_REG, 0x3000, 0x3000},
    {RTC_CNTL_WAKEUP_STATE_REG, 0x6000, 0x7FF800},
    {RTC_CNTL_STORE0_REG, 0, ~0u, 4},
    {0x5C, 0, 0xC0000000},  // EXT_XTL_CONF
    {RTC_CNTL_EXT_WAKEUP_CONF_REG, 0, 0xC0000000},
    {RTC_CNTL_SLP_REJECT_CONF_REG, 0, 0x0F000000},
    {0x68, 0, 0xE0000000},  // CPU_PERIOD_CONF
    {0x6C, 0, 0xFFC00000},  // SDIO_ACT_CONF
    {RTC_CNTL_CLK_CONF_REG, 0x2210, 0xFFFFFFF0},
    {0x74, 0x02A00000, 0xFEE00000},  // SDIO_CONF
    {0x78, 0, 0xFF000000},           // BIAS_CONF
    {RTC_CNTL_REG, 0xA9002400, 0xFFFFFF80},
    {0x80, 0x00012925, 0x1FFFFF},  // PWC
    {RTC_CNTL_DIG_PWC_REG, 0x00155550, 0xFF1FFFF8},
    {0x88, 0xAAAA5000, 0xFFFFF980},  // DIG_ISO
    {RTC_CNTL_WDTCONFIG0_REG, 0x4C80, 0xFFFFFF80},
    {RTC_CNTL_WDTCONFIG1_REG, 128'000, ~0u},
    {RTC_CNTL_WDTCONFIG1_REG + 4, 80'000, ~0u},
    {RTC_CNTL_WDTCONFIG1_REG + 8, 0xFFF, ~0u, 2},
    {RTC_CNTL_WDTFEED_REG, 0, 0},
    {RTC_CNTL_WDTWPROTECT_REG, WatchdogStages::kWriteKey, ~0u},
    {0xA8, 0, 0xE0000000},  // TEST_MUX
    {RTC_CNTL_SW_CPU_STALL_REG, 0, 0xFFF00000},
    {RTC_CNTL_STORE4_REG, 0, ~0u, 4},
    {0xC0, 0, 0, 2},     // LOW_POWER_ST, DIAG1
    {0xC8, 0, 0x3FFFF},  // HOLD_FORCE
    {RTC_CNTL_EXT_WAKEUP1_REG, 0, 0x3FFFF},
    {RTC_CNTL_EXT_WAKEUP1_STATUS_REG, 0, 0},
    {RTC_CNTL_BROWN_OUT_REG, 0x13FF0000, 0x7FFFC000},
    {RTC_MEM_CONF, 0, 0x7FFFFFFF},
    {RTC_MEM_CRC_RES, 0, 0},
    {RTC_CNTL_DATE_REG, 0x1604280, 0x0FFFFFFF},
};

// CRC-32 as in IEEE 802.3. The chip's own polynomial is not documented; firmware only ever compares results
// of this register with each other, before and after deep sleep.
std::uint32_t crc32(std::span<const std::uint8_t> bytes) {
  std::uint32_t crc = ~0u;
  for (std::uint8_t byte : bytes) {
    crc ^= byte;
    for (int i = 0; i < 8; ++i) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
  }
  return ~crc;
}

}  // namespace

RtcCntl::RtcCntl(Context context, const Config& config)
    : RegisterBlock("rtc_cntl", kSize, kTable, context, Domain::kRtc),
      config_(config),
      interrupts_(
          {RTC_CNTL_INT_RAW_REG, RTC_CNTL_INT_ST_REG, RTC_CNTL_INT_ENA_REG, RTC_CNTL_INT_CLR_REG, 0x1FF}),
      latch_timer_(context.events, [this] { time_latched(); }),
      alarm_timer_(context.events, [this] { interrupts_.raise(kIntMainTimer); }),
      wake_timer_(context.events, [this] { wake_due(); }),
      watchdog_(context.events, [this](unsigned stage) { watchdog_expired(stage); }) {
  counter_.set_running(true, events().now());
  refresh();
}

bool RtcCntl::starts_in_rom(unsigned cpu) const {
  return bit(RTC_CNTL_RESET_STATE_REG, cpu ? 12 : 13);
}

SocClock RtcCntl::soc_clock() const {
  return static_cast<SocClock>(field(RTC_CNTL_CLK_CONF_REG, 28, 27));
}

std::uint32_t RtcCntl::rc_fast_cpu_hz() const {
  return config_.oscillators.rc_fast_hz / (field(RTC_CNTL_CLK_CONF_REG, 14, 12) + 1);
}

std::uint32_t RtcCntl::slow_clock_hz() const {
  switch (field(RTC_CNTL_CLK_CONF_REG, 31, 30)) {
    case 1:
      return config_.oscillators.xtal32k_hz;
    case 2:
      return config_.oscillators.rc_fast_hz / 256;
    default:
      break;
  }
  const std::uint32_t trim = field(RTC_CNTL_REG, 21, 14);
  return kRcSlowUntrimmedHz - (kRcSlowUntrimmedHz - kRcSlowTrimmedHz) * trim / kFullTrim;
}

std::uint32_t RtcCntl::calibration_hz(TimerGroup::CalibrationClock clock) const {
  switch (clock) {
    case TimerGroup::CalibrationClock::kRtcSlow:
      return slow_clock_hz();
    case TimerGroup::CalibrationClock::kXtal32k:
      return config_.oscillators.xtal32k_hz;
    case TimerGroup::CalibrationClock::kRcFastDiv256:
      // Both enables are active low.
      if (get(RTC_CNTL_CLK_CONF_REG) & (RTC_CNTL_ENB_CK8M | RTC_CNTL_ENB_CK8M_DIV)) return 0;
      return config_.oscillators.rc_fast_hz / 256;
  }
  return 0;
}

std::uint64_t RtcCntl::rtc_time() const {
  return counter_.count(events().now()) & kTimeMask;
}

void RtcCntl::update_slow_clock() {
  counter_.set_clock(slow_clock_hz(), 1, events().now());
  if (latch_timer_.armed()) request_time();
  watchdog_.set_clock(slow_clock_hz(), 1);
  if (alarm_timer_.armed()) update_alarm();
}

void RtcCntl::update_stall() {
  const std::uint32_t c0 = get(RTC_CNTL_OPTIONS0_REG) & kSwStallC0;
  const std::uint32_t c1 = get(RTC_CNTL_SW_CPU_STALL_REG);
  const std::uint32_t key[kCpus] = {(c1 >> 26) << 2 | c0 >> 2, (c1 >> 20 & 0x3F) << 2 | (c0 & 3)};
  for (unsigned cpu = 0; cpu < kCpus; ++cpu) {
    const bool stall = key[cpu] == kStallKey;
    if (stall == stalled_[cpu]) continue;
    stalled_[cpu] = stall;
    if (on_stall) on_stall(cpu, stall);
  }
}

void RtcCntl::update_watchdog() {
  const std::uint32_t config0 = get(RTC_CNTL_WDTCONFIG0_REG);
  for (unsigned stage = 0; stage < WatchdogStages::kStages; ++stage)
    watchdog_.set_hold(stage, get(RTC_CNTL_WDTCONFIG1_REG + 4 * stage));
  watchdog_.set_running(config0 & RTC_CNTL_WDT_EN ||
                        (config_.flash_boot && config0 & RTC_CNTL_WDT_FLASHBOOT_MOD_EN));
  watchdog_.set_paused(asleep() && config0 & RTC_CNTL_WDT_PAUSE_IN_SLP);
}

// The main timer's alarm; schedule_wake() looks at the same value for itself.
void RtcCntl::update_alarm() {
  if (!(get(RTC_CNTL_SLP_TIMER1_REG) & RTC_CNTL_MAIN_TIMER_ALARM_EN)) return alarm_timer_.cancel();
  alarm_timer_.arm(alarm_time());
}

base::Ticks RtcCntl::alarm_time() const {
  const std::uint64_t target =
      get(RTC_CNTL_SLP_TIMER0_REG) | std::uint64_t{field(RTC_CNTL_SLP_TIMER1_REG, 15, 0)} << 32;
  const std::uint64_t now = rtc_time();
  return now >= target ? events().now() : counter_.time_of(target - now, events().now());
}

void RtcCntl::update_brown_out() {
  const std::uint32_t value = get(RTC_CNTL_BROWN_OUT_REG);
  if (!brown_out_ || !(value & RTC_CNTL_BROWN_OUT_ENA)) return;
  interrupts_.raise(kIntBrownOut);
  if (value & RTC_CNTL_BROWN_OUT_RST_ENA && on_reset) on_reset(ResetScope::kSystem, ResetCause::kBrownOut);
}

void RtcCntl::refresh() {
  update_slow_clock();
  update_stall();
  update_watchdog();
}

void RtcCntl::set_flash_boot(bool flash_boot) {
  config_.flash_boot = flash_boot;
  update_watchdog();
}

void RtcCntl::set_brown_out(bool low) {
  if (low == brown_out_) return;
  brown_out_ = low;
  update_brown_out();
}

bool RtcCntl::detects_brown_out() const {
  return get(RTC_CNTL_BROWN_OUT_REG) & RTC_CNTL_BROWN_OUT_ENA;
}

void RtcCntl::settle() {
  if (latch_timer_.armed() && latch_due_ <= events().now()) {
    latch_timer_.cancel();
    time_latched();
  }
  if (alarm_timer_.armed() && alarm_timer_.deadline() <= events().now()) {
    alarm_timer_.cancel();
    interrupts_.raise(kIntMainTimer);
  }
}

std::uint32_t RtcCntl::peek(std::uint32_t offset) {
  if (interrupts_.owns(offset)) return interrupts_.read(offset);
  switch (offset) {
    case RTC_CNTL_TIME_UPDATE_REG:
      return time_valid_ ? RTC_CNTL_TIME_VALID : 0;
    case RTC_CNTL_TIME0_REG:
      return static_cast<std::uint32_t>(latched_time_);
    case RTC_CNTL_TIME1_REG:
      return static_cast<std::uint32_t>(latched_time_ >> 32);
    case RTC_CNTL_RESET_STATE_REG:
      return get(offset) | static_cast<std::uint32_t>(reset_cause_[1]) << 6 |
             static_cast<std::uint32_t>(reset_cause_[0]);
    case RTC_CNTL_BROWN_OUT_REG:
      return get(offset) | (brown_out_ ? RTC_CNTL_BROWN_OUT_DET : 0);
    case RTC_MEM_CONF:
      return get(offset) | (get(offset) & RTC_MEM_CRC_START ? RTC_MEM_CRC_FINISH : 0);
    default:
      return get(offset);
  }
}

std::uint32_t RtcCntl::read(std::uint32_t offset) {
  settle();
  // The block's own read is for its report of unknown registers.
  if (!interrupts_.owns(offset)) RegisterBlock::read(offset);
  return peek(offset);
}

void RtcCntl::write_options0(std::uint32_t value) {
  RegisterBlock::write(RTC_CNTL_OPTIONS0_REG, value);
  update_stall();
  if (!on_reset) return;
  if (value & RTC_CNTL_SW_SYS_RST) return on_reset(ResetScope::kCore, ResetCause::kSoftwareCore);
  if (value & RTC_CNTL_SW_APPCPU_RST) on_reset(ResetScope::kAppCpu, ResetCause::kSoftwareCpu);
  if (value & RTC_CNTL_SW_PROCPU_RST) on_reset(ResetScope::kProCpu, ResetCause::kSoftwareCpu);
}

void RtcCntl::write_clock(std::uint32_t offset, std::uint32_t value) {
  const SocClock soc_before = soc_clock();
  const std::uint32_t fast_before = rc_fast_cpu_hz();
  RegisterBlock::write(offset, value);
  update_slow_clock();
  if ((soc_clock() != soc_before || rc_fast_cpu_hz() != fast_before) && on_cpu_clock_change)
    on_cpu_clock_change();
}

void RtcCntl::write_rtc_mem_conf(std::uint32_t value) {
  const std::uint32_t before = get(RTC_MEM_CONF);
  RegisterBlock::write(RTC_MEM_CONF, value);
  if (!(value & ~before & RTC_MEM_CRC_START)) return;
  const std::span<const std::uint8_t> memory =
      rtc_fast_memory ? rtc_fast_memory() : std::span<const std::uint8_t>();
  const std::size_t from = std::min(std::size_t{field(RTC_MEM_CONF, 19, 9)} * 4, memory.size());
  const std::size_t length = (std::size_t{field(RTC_MEM_CONF, 30, 20)} + 1) * 4;
  set(RTC_MEM_CRC_RES, crc32(memory.subspan(from, std::min(length, memory.size() - from))));
}

// The count is taken over at the slow clock's next edge.
void RtcCntl::request_time() {
  time_valid_ = false;
  latch_due_ = counter_.time_of(1, events().now());
  latch_timer_.arm(latch_due_);
}

void RtcCntl::time_latched() {
  latched_time_ = counter_.count(latch_due_) & kTimeMask;
  latch_due_ = base::kNever;
  time_valid_ = true;
  interrupts_.raise(kIntTimeValid);
}

void RtcCntl::watchdog_expired(unsigned stage) {
  const std::uint32_t config0 = get(RTC_CNTL_WDTCONFIG0_REG);
  std::uint32_t action = field(RTC_CNTL_WDTCONFIG0_REG, 30 - 3 * stage, 28 - 3 * stage);
  // While only flash boot protection keeps it running, stage 0 resets the RTC too unless firmware has chosen
  // an action.
  if (stage == 0 && action == kOff && !(config0 & RTC_CNTL_WDT_EN)) action = kResetRtc;
  tracer().trace<base::TraceEvent::watchdog_stage>(name(), stage, action);
  if (action == kInterrupt) return interrupts_.raise(kIntWdt);
  if (!on_reset) return;
  switch (action) {
    case kResetCpu:
      if (config0 & RTC_CNTL_WDT_APPCPU_RESET_EN) on_reset(ResetScope::kAppCpu, ResetCause::kRtcWatchdogCpu);
      if (config0 & RTC_CNTL_WDT_PROCPU_RESET_EN) on_reset(ResetScope::kProCpu, ResetCause::kRtcWatchdogCpu);
      return;
    case kResetSystem:
      return on_reset(ResetScope::kCore, ResetCause::kRtcWatchdogCore);
    case kResetRtc:
      return on_reset(ResetScope::kSystem, ResetCause::kRtcWatchdogRtc);
    default:
      return;
  }
}

void RtcCntl::write(std::uint32_t offset, std::uint32_t value) {
  settle();
  if (interrupts_.owns(offset)) return interrupts_.write(offset, value);
  if (offset >= RTC_CNTL_WDTCONFIG0_REG && offset <= RTC_CNTL_WDTFEED_REG) {
    if (get(RTC_CNTL_WDTWPROTECT_REG) != WatchdogStages::kWriteKey) return;
    if (offset == RTC_CNTL_WDTFEED_REG) return value & RTC_CNTL_WDT_FEED ? watchdog_.feed() : void();
    RegisterBlock::write(offset, value);
    return update_watchdog();
  }
  switch (offset) {
    case RTC_CNTL_OPTIONS0_REG:
      return write_options0(value);
    case RTC_CNTL_CLK_CONF_REG:
    case RTC_CNTL_REG:
      return write_clock(offset, value);
    case RTC_MEM_CONF:
      return write_rtc_mem_conf(value);
    case RTC_CNTL_TIME_UPDATE_REG:
      if (value & RTC_CNTL_TIME_UPDATE) request_time();
      return;
    case RTC_CNTL_EXT_WAKEUP1_REG:
      if (value & RTC_CNTL_EXT_WAKEUP1_STATUS_CLR) set(RTC_CNTL_EXT_WAKEUP1_STATUS_REG, 0);
      return RegisterBlock::write(offset, value);
    default:
      break;
  }
  RegisterBlock::write(offset, value);
  switch (offset) {
    case RTC_CNTL_SLP_TIMER0_REG:
    case RTC_CNTL_SLP_TIMER1_REG:
      return update_alarm();
    case RTC_CNTL_SW_CPU_STALL_REG:
      return update_stall();
    case RTC_CNTL_BROWN_OUT_REG:
      return update_brown_out();
    case RTC_CNTL_STATE0_REG:
      if (value & RTC_CNTL_SLEEP_EN) sleep();
      return;
    default:
      return;
  }
}

void RtcCntl::reset(ResetKind kind) {
  // A sleep ends with any reset, and so does a software stall: a watchdog's reset does bring back a chip
  // whose panicking core had stalled the other one.
  sleep_ = Sleep::kAwake;
  wake_pending_ = 0;
  wake_timer_.cancel();
  const SocClock soc_before = soc_clock();
  const std::uint32_t fast_before = rc_fast_cpu_hz();
  RegisterBlock::reset(kind);
  set(RTC_CNTL_OPTIONS0_REG, get(RTC_CNTL_OPTIONS0_REG) & ~kSwStallC0);
  set(RTC_CNTL_SW_CPU_STALL_REG, 0);
  if (kind == ResetKind::kSystem) {
    interrupts_.reset();
    counter_.load(0, events().now());
    latch_timer_.cancel();
    latch_due_ = base::kNever;
    latched_time_ = 0;
    time_valid_ = false;
    watchdog_.set_running(false);
    reset_cause_.fill(ResetCause::kPowerOn);
  }
  refresh();
  if ((soc_clock() != soc_before || rc_fast_cpu_hz() != fast_before) && on_cpu_clock_change)
    on_cpu_clock_change();
}

void RtcCntl::archive(base::Archive& ar) {
  RegisterBlock::archive(ar);
  bool alarm_armed = alarm_timer_.armed();
  ar(interrupts_, counter_, latch_due_, alarm_armed, watchdog_, latched_time_, time_valid_, reset_cause_,
     stalled_, sleep_, earliest_wake_, wake_lines_, wake_pending_, rtc_pads_, rtc_pads_driven_, ext0_high_,
     ext0_driven_, brown_out_, config_.flash_boot);
  if (ar.is_saving()) return;
  latch_timer_.arm(latch_due_);
  alarm_timer_.cancel();
  if (alarm_armed) update_alarm();
  wake_timer_.cancel();
  if (asleep()) schedule_wake();
}

}  // namespace espalier::devices
