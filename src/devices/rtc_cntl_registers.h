// RTC_CNTL's register offsets and bits, for the parts of the RtcCntl device.
// Source: ESP32 TRM, chapter "Low-Power Management (RTC_CNTL)"; ESP-IDF
// soc/esp32/register/soc/rtc_cntl_reg.h.
#pragma once

#include <cstdint>

namespace espalier::devices::rtc_cntl_reg {

inline constexpr std::uint32_t RTC_CNTL_OPTIONS0_REG = 0x00;
inline constexpr std::uint32_t RTC_CNTL_SLP_TIMER0_REG = 0x04;
inline constexpr std::uint32_t RTC_CNTL_SLP_TIMER1_REG = 0x08;
inline constexpr std::uint32_t RTC_CNTL_TIME_UPDATE_REG = 0x0C;
inline constexpr std::uint32_t RTC_CNTL_TIME0_REG = 0x10;
inline constexpr std::uint32_t RTC_CNTL_TIME1_REG = 0x14;
inline constexpr std::uint32_t RTC_CNTL_STATE0_REG = 0x18;
inline constexpr std::uint32_t RTC_CNTL_TIMER5_REG = 0x2C;
inline constexpr std::uint32_t RTC_CNTL_RESET_STATE_REG = 0x34;
inline constexpr std::uint32_t RTC_CNTL_WAKEUP_STATE_REG = 0x38;
inline constexpr std::uint32_t RTC_CNTL_INT_ENA_REG = 0x3C;
inline constexpr std::uint32_t RTC_CNTL_INT_RAW_REG = 0x40;
inline constexpr std::uint32_t RTC_CNTL_INT_ST_REG = 0x44;
inline constexpr std::uint32_t RTC_CNTL_INT_CLR_REG = 0x48;
inline constexpr std::uint32_t RTC_CNTL_STORE0_REG = 0x4C;
inline constexpr std::uint32_t RTC_CNTL_EXT_WAKEUP_CONF_REG = 0x60;
inline constexpr std::uint32_t RTC_CNTL_SLP_REJECT_CONF_REG = 0x64;
inline constexpr std::uint32_t RTC_CNTL_CLK_CONF_REG = 0x70;
inline constexpr std::uint32_t RTC_CNTL_REG = 0x7C;
inline constexpr std::uint32_t RTC_CNTL_DIG_PWC_REG = 0x84;
inline constexpr std::uint32_t RTC_CNTL_WDTCONFIG0_REG = 0x8C;
inline constexpr std::uint32_t RTC_CNTL_WDTCONFIG1_REG = 0x90;
inline constexpr std::uint32_t RTC_CNTL_WDTFEED_REG = 0xA0;
inline constexpr std::uint32_t RTC_CNTL_WDTWPROTECT_REG = 0xA4;
inline constexpr std::uint32_t RTC_CNTL_SW_CPU_STALL_REG = 0xAC;
inline constexpr std::uint32_t RTC_CNTL_STORE4_REG = 0xB0;
inline constexpr std::uint32_t RTC_CNTL_EXT_WAKEUP1_REG = 0xCC;
inline constexpr std::uint32_t RTC_CNTL_EXT_WAKEUP1_STATUS_REG = 0xD0;
inline constexpr std::uint32_t RTC_CNTL_BROWN_OUT_REG = 0xD4;
inline constexpr std::uint32_t RTC_MEM_CONF = 0x100;
inline constexpr std::uint32_t RTC_MEM_CRC_RES = 0x104;
inline constexpr std::uint32_t RTC_CNTL_DATE_REG = 0x13C;

inline constexpr std::uint32_t RTC_CNTL_SW_SYS_RST = 1u << 31;
inline constexpr std::uint32_t RTC_CNTL_SW_PROCPU_RST = 1u << 5;
inline constexpr std::uint32_t RTC_CNTL_SW_APPCPU_RST = 1u << 4;
inline constexpr std::uint32_t kSwStallC0 = 0xF;  // RTC_CNTL_SW_STALL_{PRO,APP}CPU_C0
inline constexpr std::uint32_t kStallKey = 0x86;  // C1 << 2 | C0 of a stalled core
inline constexpr std::uint32_t RTC_CNTL_MAIN_TIMER_ALARM_EN = 1u << 16;
inline constexpr std::uint32_t RTC_CNTL_TIME_UPDATE = 1u << 31;
inline constexpr std::uint32_t RTC_CNTL_TIME_VALID = 1u << 30;
inline constexpr std::uint32_t RTC_CNTL_SLEEP_EN = 1u << 31;
inline constexpr std::uint32_t RTC_CNTL_DG_WRAP_PD_EN = 1u << 31;
inline constexpr std::uint32_t RTC_CNTL_EXT_WAKEUP1_LV = 1u << 31;
inline constexpr std::uint32_t RTC_CNTL_EXT_WAKEUP0_LV = 1u << 30;
inline constexpr std::uint32_t RTC_CNTL_EXT_WAKEUP1_STATUS_CLR = 1u << 18;
inline constexpr std::uint32_t RTC_CNTL_DEEP_SLP_REJECT_EN = 1u << 27;
inline constexpr std::uint32_t RTC_CNTL_LIGHT_SLP_REJECT_EN = 1u << 26;
inline constexpr std::uint32_t RTC_CNTL_SDIO_REJECT_EN = 1u << 25;
inline constexpr std::uint32_t RTC_CNTL_GPIO_REJECT_EN = 1u << 24;
inline constexpr std::uint32_t RTC_CNTL_ENB_CK8M_DIV = 1u << 7;
inline constexpr std::uint32_t RTC_CNTL_ENB_CK8M = 1u << 6;
inline constexpr std::uint32_t RTC_CNTL_WDT_EN = 1u << 31;
inline constexpr std::uint32_t RTC_CNTL_WDT_FLASHBOOT_MOD_EN = 1u << 10;
inline constexpr std::uint32_t RTC_CNTL_WDT_PROCPU_RESET_EN = 1u << 9;
inline constexpr std::uint32_t RTC_CNTL_WDT_APPCPU_RESET_EN = 1u << 8;
inline constexpr std::uint32_t RTC_CNTL_WDT_PAUSE_IN_SLP = 1u << 7;
inline constexpr std::uint32_t RTC_CNTL_WDT_FEED = 1u << 31;
inline constexpr std::uint32_t RTC_CNTL_BROWN_OUT_DET = 1u << 31;
inline constexpr std::uint32_t RTC_CNTL_BROWN_OUT_ENA = 1u << 30;
inline constexpr std::uint32_t RTC_CNTL_BROWN_OUT_RST_ENA = 1u << 26;
inline constexpr std::uint32_t RTC_MEM_CRC_FINISH = 1u << 31;
inline constexpr std::uint32_t RTC_MEM_CRC_START = 1u << 8;

inline constexpr std::uint32_t kIntSlpWakeup = 1u << 0, kIntSlpReject = 1u << 1, kIntWdt = 1u << 3,
                               kIntTimeValid = 1u << 4, kIntBrownOut = 1u << 7, kIntMainTimer = 1u << 8;

}  // namespace espalier::devices::rtc_cntl_reg
