// Why a core was reset, and how devices ask the chip for a reset.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

namespace espalier::devices {

// The values that RTC_CNTL_RESET_STATE_REG reports for each core (ESP32 TRM, table "PRO_CPU and APP_CPU Reset
// Reason Values"; ESP-IDF esp32/rom/rtc.h).
enum class ResetCause : std::uint8_t {
  kNone = 0,
  kPowerOn = 1,
  kSoftwareCore = 3,
  kDeepSleep = 5,
  kSdio = 6,
  kTimerGroup0Core = 7,
  kTimerGroup1Core = 8,
  kRtcWatchdogCore = 9,
  kIntrusion = 10,
  kTimerGroupCpu = 11,
  kSoftwareCpu = 12,
  kRtcWatchdogCpu = 13,
  kByProCpu = 14,  // APP_CPU only: DPORT_APPCPU_CTRL_A_REG
  kBrownOut = 15,
  kRtcWatchdogRtc = 16,
};

// The name by which Espressif's ROM prints the cause ("rst:0x1 (POWERON_RESET)").
constexpr std::string_view reset_cause_name(ResetCause cause) {
  switch (cause) {
    case ResetCause::kNone:
      return "NO_MEAN";
    case ResetCause::kPowerOn:
      return "POWERON_RESET";
    case ResetCause::kSoftwareCore:
      return "SW_RESET";
    case ResetCause::kDeepSleep:
      return "DEEPSLEEP_RESET";
    case ResetCause::kSdio:
      return "SDIO_RESET";
    case ResetCause::kTimerGroup0Core:
      return "TG0WDT_SYS_RESET";
    case ResetCause::kTimerGroup1Core:
      return "TG1WDT_SYS_RESET";
    case ResetCause::kRtcWatchdogCore:
      return "RTCWDT_SYS_RESET";
    case ResetCause::kIntrusion:
      return "INTRUSION_RESET";
    case ResetCause::kTimerGroupCpu:
      return "TGWDT_CPU_RESET";
    case ResetCause::kSoftwareCpu:
      return "SW_CPU_RESET";
    case ResetCause::kRtcWatchdogCpu:
      return "RTCWDT_CPU_RESET";
    case ResetCause::kByProCpu:
      return "EXT_CPU_RESET";
    case ResetCause::kBrownOut:
      return "RTCWDT_BROWN_OUT_RESET";
    case ResetCause::kRtcWatchdogRtc:
      return "RTCWDT_RTC_RESET";
  }
  return "NO_MEAN";
}

// What a reset takes with it.
enum class ResetScope : std::uint8_t {
  kProCpu,  // one core's registers
  kAppCpu,
  kCore,    // both cores and all digital peripherals: ResetKind::kCore
  kSystem,  // the RTC domain too: ResetKind::kSystem
};

// Asks the chip for a reset. Called in the middle of a register write or a timer's callback: the chip carries
// it out once the running instruction is done.
using ResetRequest = std::function<void(ResetScope, ResetCause)>;

}  // namespace espalier::devices
