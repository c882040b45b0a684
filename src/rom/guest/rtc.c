/* RTC: reset causes, resets, the CRC that guards the deep-sleep wake stub, and the crystal's frequency. */
#include "rom.h"

#define RTC_CNTL_OPTIONS0_REG 0x3ff48000
#define RTC_CNTL_SW_SYS_RST BIT(31)
#define RTC_CNTL_SW_PROCPU_RST BIT(5)
#define RTC_CNTL_SW_APPCPU_RST BIT(4)
#define RTC_CNTL_RESET_STATE_REG 0x3ff48034
#define RTC_CNTL_STORE5_REG 0x3ff480b4 /* APB clock in 4096 Hz, twice */
#define RTC_CNTL_STORE6_REG 0x3ff480b8 /* the wake stub's address */
#define RTC_CNTL_STORE7_REG 0x3ff480bc /* the CRC of RTC fast memory */
#define RTC_MEM_CONF_REG 0x3ff48100
#define RTC_MEM_CRC_START BIT(8)
#define RTC_MEM_CRC_ADDR (0x7ffu << 9)
#define RTC_MEM_CRC_LEN (0x7ffu << 20)
#define RTC_MEM_CRC_FINISH BIT(31)
#define RTC_MEM_CRC_RES_REG 0x3ff48104
#define RTC_CNTL_TIMER_APB_BRIDGE_REG 0x3ff48018
#define TIMG0_RTCCALICFG1_REG 0x3ff5f06c

int rtc_get_reset_reason(int cpu) { return (int)(REG(RTC_CNTL_RESET_STATE_REG) >> (cpu ? 6 : 0) & 0x3f); }
uint32_t rtc_get_wakeup_cause(void) { return REG(RTC_CNTL_RESET_STATE_REG) & 0x7ff; }

/* The CRC over all of RTC fast memory, made by the RTC controller. */
uint32_t calc_rtc_memory_crc(void) {
  clear_bits(RTC_MEM_CONF_REG, RTC_MEM_CRC_ADDR);
  replace_bits(RTC_MEM_CONF_REG, RTC_MEM_CRC_LEN, RTC_MEM_CRC_LEN);
  set_bits(RTC_MEM_CONF_REG, RTC_MEM_CRC_START);
  while (!(REG(RTC_MEM_CONF_REG) & RTC_MEM_CRC_FINISH)) {
  }
  clear_bits(RTC_MEM_CONF_REG, RTC_MEM_CRC_START);
  return REG(RTC_MEM_CRC_RES_REG);
}
void set_rtc_memory_crc(void) { REG(RTC_CNTL_STORE7_REG) = calc_rtc_memory_crc(); }

/* After deep sleep: the wake stub's address in *entry if one was left and RTC memory has kept its CRC, else 0. */
void rtc_boot_control(uint32_t *entry, int reason) {
  (void)reason;
  const uint32_t stub = REG(RTC_CNTL_STORE6_REG);
  *entry = stub;
  if (!stub) return;
  if (calc_rtc_memory_crc() != REG(RTC_CNTL_STORE7_REG)) *entry = 0;
  REG(RTC_CNTL_STORE6_REG) = 0;
}

void software_reset(void) { set_bits(RTC_CNTL_OPTIONS0_REG, RTC_CNTL_SW_SYS_RST); }
void software_reset_cpu(int cpu) {
  set_bits(RTC_CNTL_OPTIONS0_REG, cpu ? RTC_CNTL_SW_APPCPU_RST : RTC_CNTL_SW_PROCPU_RST);
}

void rtc_select_apb_bridge(bool select) {
  if (select) set_bits(RTC_CNTL_TIMER_APB_BRIDGE_REG, BIT(22));
  else clear_bits(RTC_CNTL_TIMER_APB_BRIDGE_REG, BIT(22));
}

/* Crystal clocks counted during the calibration that runs at reset. */
uint32_t ets_get_xtal_scale(void) { return REG(TIMG0_RTCCALICFG1_REG) >> 7; }

/* STORE5's value, if both halves agree and say something. */
static uint32_t stored_clock(void) {
  const uint32_t value = REG(RTC_CNTL_STORE5_REG), half = value & 0xffff;
  return half == value >> 16 && half != 0 && half != 0xffff ? half << 12 : 0;
}

/* The crystal measured against the 8 MHz oscillator: counts * 15625 * (eFuse: 8 MHz clock) / 40. A chip on which
   the measurement is not there has 40 MHz, as nearly all. */
uint32_t ets_get_detected_xtal_freq(void) {
  const uint32_t stored = stored_clock();
  if (stored) return stored;
  const uint32_t measured = ets_get_xtal_scale() * 15625u * ets_efuse_get_8M_clock() / 40;
  return measured ? measured : 40000000;
}

uint32_t rom_xtal_hz(void) {
  const uint32_t stored = stored_clock();
  if (stored) return stored;
  const uint32_t hz = ets_get_detected_xtal_freq() > 30500000 ? 40000000 : 26000000;
  REG(RTC_CNTL_STORE5_REG) = (hz >> 12) << 16 | hz >> 12;
  return hz;
}
