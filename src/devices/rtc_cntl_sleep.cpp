// RtcCntl: light and deep sleep, and what ends them.
#include <algorithm>

#include "devices/rtc_cntl.h"
#include "devices/rtc_cntl_registers.h"

namespace espalier::devices {

using namespace rtc_cntl_reg;

namespace {

constexpr std::uint32_t bit_of(RtcCntl::WakeSource source) {
  return 1u << static_cast<unsigned>(source);
}

}  // namespace

bool RtcCntl::ext1_active() const {
  const std::uint32_t selected = get(RTC_CNTL_EXT_WAKEUP1_REG);
  if (selected == 0 || !rtc_pads_driven_) return false;
  return get(RTC_CNTL_EXT_WAKEUP_CONF_REG) & RTC_CNTL_EXT_WAKEUP1_LV
             ? (rtc_pads_ & selected) != 0   // any high
             : (rtc_pads_ & selected) == 0;  // all low
}

std::uint32_t RtcCntl::active_wake_sources() const {
  const bool ext0_level = get(RTC_CNTL_EXT_WAKEUP_CONF_REG) & RTC_CNTL_EXT_WAKEUP0_LV;
  std::uint32_t active = wake_lines_;
  if (ext0_driven_ && ext0_high_ == ext0_level) active |= bit_of(WakeSource::kExt0);
  if (ext1_active()) active |= bit_of(WakeSource::kExt1);
  return active;
}

std::uint32_t RtcCntl::wake_cause() const {
  return field(RTC_CNTL_WAKEUP_STATE_REG, 10, 0);
}

bool RtcCntl::sleep_rejected() const {
  const std::uint32_t conf = get(RTC_CNTL_SLP_REJECT_CONF_REG);
  const bool deep = get(RTC_CNTL_DIG_PWC_REG) & RTC_CNTL_DG_WRAP_PD_EN;
  if (!(conf & (deep ? RTC_CNTL_DEEP_SLP_REJECT_EN : RTC_CNTL_LIGHT_SLP_REJECT_EN))) return false;
  const std::uint32_t active = active_wake_sources() & field(RTC_CNTL_WAKEUP_STATE_REG, 21, 11);
  constexpr std::uint32_t kPads =
      bit_of(WakeSource::kExt0) | bit_of(WakeSource::kExt1) | bit_of(WakeSource::kGpio);
  return (conf & RTC_CNTL_GPIO_REJECT_EN && active & kPads) ||
         (conf & RTC_CNTL_SDIO_REJECT_EN && active & bit_of(WakeSource::kSdio));
}

void RtcCntl::sleep() {
  // SLEEP_EN does not stay set, so that firmware's later changes to this register start no second sleep.
  set(RTC_CNTL_STATE0_REG, get(RTC_CNTL_STATE0_REG) & ~RTC_CNTL_SLEEP_EN);
  if (asleep()) return;
  if (sleep_rejected()) return interrupts_.raise(kIntSlpReject);
  const bool deep = get(RTC_CNTL_DIG_PWC_REG) & RTC_CNTL_DG_WRAP_PD_EN;
  sleep_ = deep ? Sleep::kDeep : Sleep::kLight;
  tracer().trace<base::TraceEvent::rtc_cntl_sleep>(deep, field(RTC_CNTL_WAKEUP_STATE_REG, 21, 11));
  wake_pending_ = active_wake_sources();
  earliest_wake_ = counter_.time_of(field(RTC_CNTL_TIMER5_REG, 15, 8), events().now());
  update_watchdog();
  schedule_wake();
  const auto& begun = deep ? on_deep_sleep : on_light_sleep;
  if (begun) begun();
}

void RtcCntl::schedule_wake() {
  const std::uint32_t enabled = field(RTC_CNTL_WAKEUP_STATE_REG, 21, 11);
  base::Ticks at = base::kNever;
  if (wake_pending_ & enabled) at = events().now();
  if (enabled & bit_of(WakeSource::kTimer)) at = std::min(at, alarm_time());
  wake_timer_.arm(at == base::kNever ? at : std::max(at, earliest_wake_));
}

void RtcCntl::wake_due() {
  const std::uint32_t enabled = field(RTC_CNTL_WAKEUP_STATE_REG, 21, 11);
  std::uint32_t cause = wake_pending_ & enabled;
  if (enabled & bit_of(WakeSource::kTimer) && alarm_time() <= events().now())
    cause |= bit_of(WakeSource::kTimer);
  set_field(RTC_CNTL_WAKEUP_STATE_REG, 10, 0, cause);
  if (cause & bit_of(WakeSource::kExt1)) {
    const std::uint32_t selected = get(RTC_CNTL_EXT_WAKEUP1_REG);
    const bool high = get(RTC_CNTL_EXT_WAKEUP_CONF_REG) & RTC_CNTL_EXT_WAKEUP1_LV;
    set(RTC_CNTL_EXT_WAKEUP1_STATUS_REG, (high ? rtc_pads_ : ~rtc_pads_) & selected);
  }
  const Sleep was = sleep_;
  tracer().trace<base::TraceEvent::rtc_cntl_wake>(was == Sleep::kDeep, cause);
  sleep_ = Sleep::kAwake;
  wake_pending_ = 0;
  update_watchdog();
  interrupts_.raise(kIntSlpWakeup);
  if (was == Sleep::kDeep) {
    if (on_reset) on_reset(ResetScope::kCore, ResetCause::kDeepSleep);
  } else if (on_wake) {
    on_wake();
  }
}

void RtcCntl::set_wake_source(WakeSource source, bool active) {
  wake_lines_ = active ? wake_lines_ | bit_of(source) : wake_lines_ & ~bit_of(source);
  pads_changed();
}

void RtcCntl::set_ext0_pad(bool high) {
  ext0_driven_ = true;
  ext0_high_ = high;
  pads_changed();
}

void RtcCntl::set_rtc_pads(std::uint32_t levels) {
  rtc_pads_driven_ = true;
  rtc_pads_ = levels;
  pads_changed();
}

void RtcCntl::pads_changed() {
  if (!asleep()) return;
  wake_pending_ |= active_wake_sources();
  schedule_wake();
}

}  // namespace espalier::devices
