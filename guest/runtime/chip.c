#include "chip.h"

#include "rom.h"
#include "soc.h"

void watchdogs_disable(void) {
  REG(RTC_CNTL_WDTWPROTECT_REG) = WDT_KEY;
  REG(RTC_CNTL_WDTCONFIG0_REG) = 0;
  REG(RTC_CNTL_WDTWPROTECT_REG) = 0;
  REG(TIMG_WDTWPROTECT_REG(0)) = WDT_KEY;
  REG(TIMG_WDTCONFIG0_REG(0)) = 0;
  REG(TIMG_WDTWPROTECT_REG(0)) = 0;
}

/* The analogue parts' PLL registers and their values for 480 MHz from 40 MHz: ESP-IDF, hal/clk_tree_ll.h and
   soc/regi2c_bbpll.h of the ESP32. */
static void start_pll(void) {
  enum { kBlock = 0x66, kHost = 4 };
  static const uint8_t settings[][2] = {
      {0, 0x18},  /* IR_CAL_DELAY */
      {1, 0x20},  /* IR_CAL_EXT_CAP */
      {4, 0x9a},  /* OC_ENB_FCAL */
      {10, 0x00}, /* OC_ENB_VCON */
      {12, 0x00}, /* BBADC_CAL_7_0 */
      {11, 0xc3}, /* ENDIV5 */
      {9, 0x74},  /* BBADC_DSMP */
      {2, 0x00},  /* OC_LREF, OC_DIV_10_8, OC_REF_DIV */
      {3, 28},    /* OC_DIV_7_0 */
      {5, 0xc6},  /* bandwidth 3, OC_DCUR 6 */
  };
  reg_clear(RTC_CNTL_OPTIONS0_REG, RTC_CNTL_BIAS_I2C_FORCE_PD | RTC_CNTL_BB_I2C_FORCE_PD |
                                       RTC_CNTL_BBPLL_FORCE_PD | RTC_CNTL_BBPLL_I2C_FORCE_PD);
  reg_replace(RTC_CNTL_REG, 7u << RTC_CNTL_DIG_DBIAS_WAK_S, 7u << RTC_CNTL_DIG_DBIAS_WAK_S); /* 1.25 V */
  for (unsigned i = 0; i < sizeof settings / sizeof *settings; ++i)
    rom_i2c_writeReg(kBlock, kHost, settings[i][0], settings[i][1]);
  ets_delay_us(80); /* until it is locked */
}

void console_drain(void) {
  while (REG(UART_STATUS_REG) & (UART_TXFIFO_CNT | UART_ST_UTX_OUT)) {
  }
}

void clock_set_240mhz(void) {
  console_drain();
  start_pll();
  REG(DPORT_CPU_PER_CONF_REG) = 2;
  reg_replace(RTC_CNTL_CLK_CONF_REG, 3u << RTC_CNTL_SOC_CLK_SEL_S, 1u << RTC_CNTL_SOC_CLK_SEL_S);
  ets_update_cpu_frequency(kCpuMhz);
  uart_div_modify(0, (kApbHz << 4) / 115200);
}

void start_app(void); /* start.S */

void app_cpu_start(void) {
  Cache_Flush(1);
  Cache_Read_Enable(1);
  /* Out of its stall, if a panic or a debugger left it in one. */
  reg_clear(RTC_CNTL_OPTIONS0_REG, 3);
  reg_clear(RTC_CNTL_SW_CPU_STALL_REG, 0x3fu << 20);
  reg_set(DPORT_APPCPU_CTRL_B_REG, 1);
  reg_clear(DPORT_APPCPU_CTRL_C_REG, 1);
  reg_set(DPORT_APPCPU_CTRL_A_REG, 1);
  reg_clear(DPORT_APPCPU_CTRL_A_REG, 1);
  ets_set_appcpu_boot_addr((uint32_t)start_app);
}

void cross_core_raise(unsigned n) {
  REG(DPORT_CPU_INTR_FROM_CPU_REG(n)) = 1;
}
void cross_core_clear(unsigned n) {
  REG(DPORT_CPU_INTR_FROM_CPU_REG(n)) = 0;
}
