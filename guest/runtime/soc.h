/* Registers of the ESP32 that guest programs use. Names and addresses: ESP32 Technical Reference Manual;
   ESP-IDF, components/soc/esp32/register/soc/. */
#ifndef ESPALIER_GUEST_SOC_H
#define ESPALIER_GUEST_SOC_H

#ifdef __ASSEMBLER__
#define BIT(n) (1 << (n))
#else
#define BIT(n) (1u << (n))
#endif

#ifndef __ASSEMBLER__
#include <stdint.h>
#define REG(address) (*(volatile uint32_t*)(address))
static inline void reg_set(uint32_t address, uint32_t bits) {
  REG(address) |= bits;
}
static inline void reg_clear(uint32_t address, uint32_t bits) {
  REG(address) &= ~bits;
}
/* Replaces the bits in `mask` by those of `value`. */
static inline void reg_replace(uint32_t address, uint32_t mask, uint32_t value) {
  REG(address) = (REG(address) & ~mask) | value;
}
#endif

/* DPORT */
#define DPORT_APPCPU_CTRL_A_REG 0x3ff0002c /* bit 0: APP CPU in reset */
#define DPORT_APPCPU_CTRL_B_REG 0x3ff00030 /* bit 0: its clock */
#define DPORT_APPCPU_CTRL_C_REG 0x3ff00034 /* bit 0: stalled */
#define DPORT_APPCPU_CTRL_D_REG 0x3ff00038 /* where its ROM jumps to */
#define DPORT_CPU_PER_CONF_REG 0x3ff0003c  /* CPUPERIOD_SEL: 0, 1, 2: 80, 160, 240 MHz */
#define DPORT_PRO_CACHE_CTRL_REG 0x3ff00040
#define DPORT_PRO_CACHE_CTRL1_REG 0x3ff00044
#define DPORT_APP_CACHE_CTRL_REG 0x3ff00058
#define DPORT_APP_CACHE_CTRL1_REG 0x3ff0005c
#define DPORT_CACHE_MASK_IRAM0 BIT(0) /* CTRL1: a set bit closes the window */
#define DPORT_CACHE_MASK_IRAM1 BIT(1)
#define DPORT_CACHE_MASK_IROM0 BIT(2)
#define DPORT_CACHE_MASK_DRAM1 BIT(3)
#define DPORT_CACHE_MASK_DROM0 BIT(4)
#define DPORT_PERIP_CLK_EN_REG 0x3ff000c0
#define DPORT_PERIP_RST_EN_REG 0x3ff000c4
#define DPORT_WIFI_CLK_EN_REG 0x3ff000cc
#define DPORT_CORE_RST_EN_REG 0x3ff000d0
#define DPORT_EMAC_RST BIT(7)
#define DPORT_WIFI_CLK_EMAC_EN BIT(14)
#define DPORT_CPU_INTR_FROM_CPU_REG(n)                                 \
  (0x3ff000dc + 4 * (n)) /* bit 0: the interrupt line of source 24 + n \
                          */
#define DPORT_PRO_INTR_STATUS_REG(n) (0x3ff000ec + 4 * (n))
#define DPORT_APP_INTR_STATUS_REG(n) (0x3ff000f8 + 4 * (n))
#define DPORT_PRO_INTR_MAP_REG(source) (0x3ff00104 + 4 * (source))
#define DPORT_APP_INTR_MAP_REG(source) (0x3ff00218 + 4 * (source))
#define DPORT_PRO_FLASH_MMU_TABLE 0x3ff10000
#define DPORT_APP_FLASH_MMU_TABLE 0x3ff12000

/* Sources of the interrupt matrix */
#define SOURCE_TG0_T0_LEVEL 14
#define SOURCE_TG0_T1_LEVEL 15
#define SOURCE_TG0_WDT_LEVEL 16
#define SOURCE_TG1_T0_LEVEL 18
#define SOURCE_TG1_WDT_LEVEL 20
#define SOURCE_GPIO 22
#define SOURCE_FROM_CPU(n) (24 + (n))
#define SOURCE_UART0 34
#define SOURCE_ETH_MAC 38
#define SOURCE_RTC_CORE 46
#define SOURCE_TIMER1 56 /* FRC1 */
#define SOURCE_TIMER2 57 /* FRC2 */
#define SOURCE_TG0_T0_EDGE 58
#define SOURCE_TG1_T0_EDGE 62
#define SOURCE_COUNT 69
#define INTERRUPT_NOT_CONNECTED 6 /* an internal interrupt's number: a source routed there goes nowhere */

/* UART0 */
#define UART_FIFO_REG 0x3ff40000
#define UART_INT_RAW_REG 0x3ff40004
#define UART_INT_ST_REG 0x3ff40008
#define UART_INT_ENA_REG 0x3ff4000c
#define UART_INT_CLR_REG 0x3ff40010
#define UART_CLKDIV_REG 0x3ff40014
#define UART_STATUS_REG 0x3ff4001c
#define UART_TXFIFO_CNT (0xffu << 16)
#define UART_ST_UTX_OUT (15u << 24) /* 0: the transmitter is idle */
#define UART_CONF0_REG 0x3ff40020
#define UART_CONF1_REG 0x3ff40024
#define UART_RXFIFO_FULL_INT BIT(0)
#define UART_TXFIFO_EMPTY_INT BIT(1)
#define UART_RXFIFO_TOUT_INT BIT(8)
#define UART_TX_DONE_INT BIT(14)

/* FRC timers */
#define FRC_TIMER_LOAD_REG(n) (0x3ff47000 + 0x20 * (n))
#define FRC_TIMER_COUNT_REG(n) (0x3ff47004 + 0x20 * (n))
#define FRC_TIMER_CTRL_REG(n) (0x3ff47008 + 0x20 * (n))
#define FRC_TIMER_INT_REG(n) (0x3ff4700c + 0x20 * (n))
#define FRC2_ALARM_REG 0x3ff47030

/* RTC_CNTL */
#define RTC_CNTL_OPTIONS0_REG 0x3ff48000
#define RTC_CNTL_SW_SYS_RST BIT(31)
#define RTC_CNTL_SW_PROCPU_RST BIT(5)
#define RTC_CNTL_SW_APPCPU_RST BIT(4)
#define RTC_CNTL_BIAS_I2C_FORCE_PD BIT(18)
#define RTC_CNTL_BBPLL_FORCE_PD BIT(10)
#define RTC_CNTL_BBPLL_I2C_FORCE_PD BIT(8)
#define RTC_CNTL_BB_I2C_FORCE_PD BIT(6)
#define RTC_CNTL_SLP_TIMER0_REG 0x3ff48004
#define RTC_CNTL_SLP_TIMER1_REG 0x3ff48008
#define RTC_CNTL_MAIN_TIMER_ALARM_EN BIT(16)
#define RTC_CNTL_TIME_UPDATE_REG 0x3ff4800c
#define RTC_CNTL_TIME_UPDATE BIT(31)
#define RTC_CNTL_TIME_VALID BIT(30)
#define RTC_CNTL_TIME0_REG 0x3ff48010
#define RTC_CNTL_TIME1_REG 0x3ff48014
#define RTC_CNTL_STATE0_REG 0x3ff48018
#define RTC_CNTL_SLEEP_EN BIT(31)
#define RTC_CNTL_RESET_STATE_REG 0x3ff48034
#define RTC_CNTL_WAKEUP_STATE_REG 0x3ff48038
#define RTC_CNTL_WAKEUP_ENA_S 11
#define RTC_CNTL_TIMER_WAKEUP BIT(3)
#define RTC_CNTL_INT_RAW_REG 0x3ff48040
#define RTC_CNTL_INT_CLR_REG 0x3ff48048
#define RTC_CNTL_STORE_REG(n) ((n) < 4 ? 0x3ff4804c + 4 * (n) : 0x3ff480b0 + 4 * ((n)-4))
#define RTC_CNTL_CLK_CONF_REG 0x3ff48070
#define RTC_CNTL_SOC_CLK_SEL_S 27 /* 0: crystal, 1: PLL */
#define RTC_CNTL_REG 0x3ff4807c
#define RTC_CNTL_DIG_DBIAS_WAK_S 11
#define RTC_CNTL_SCK_DCAP_S 14 /* the slow clock's trim */
#define RTC_CNTL_DIG_PWC_REG 0x3ff48084
#define RTC_CNTL_DG_WRAP_PD_EN BIT(31)
#define RTC_CNTL_WDTCONFIG0_REG 0x3ff4808c
#define RTC_CNTL_WDTCONFIG1_REG 0x3ff48090
#define RTC_CNTL_WDTFEED_REG 0x3ff480a0
#define RTC_CNTL_WDTWPROTECT_REG 0x3ff480a4
#define RTC_CNTL_SW_CPU_STALL_REG 0x3ff480ac

/* Timer groups */
#define TIMG_BASE(group) (0x3ff5f000 + 0x1000 * (group))
#define TIMG_TxCONFIG_REG(group, n) (TIMG_BASE(group) + 0x24 * (n))
#define TIMG_TxLO_REG(group, n) (TIMG_BASE(group) + 0x04 + 0x24 * (n))
#define TIMG_TxHI_REG(group, n) (TIMG_BASE(group) + 0x08 + 0x24 * (n))
#define TIMG_TxUPDATE_REG(group, n) (TIMG_BASE(group) + 0x0c + 0x24 * (n))
#define TIMG_TxALARMLO_REG(group, n) (TIMG_BASE(group) + 0x10 + 0x24 * (n))
#define TIMG_TxALARMHI_REG(group, n) (TIMG_BASE(group) + 0x14 + 0x24 * (n))
#define TIMG_TxLOADLO_REG(group, n) (TIMG_BASE(group) + 0x18 + 0x24 * (n))
#define TIMG_TxLOADHI_REG(group, n) (TIMG_BASE(group) + 0x1c + 0x24 * (n))
#define TIMG_TxLOAD_REG(group, n) (TIMG_BASE(group) + 0x20 + 0x24 * (n))
#define TIMG_Tx_EN BIT(31)
#define TIMG_Tx_INCREASE BIT(30)
#define TIMG_Tx_AUTORELOAD BIT(29)
#define TIMG_Tx_DIVIDER_S 13
#define TIMG_Tx_EDGE_INT_EN BIT(12)
#define TIMG_Tx_LEVEL_INT_EN BIT(11)
#define TIMG_Tx_ALARM_EN BIT(10)
#define TIMG_WDTCONFIG0_REG(group) (TIMG_BASE(group) + 0x48)
#define TIMG_WDTCONFIG1_REG(group) (TIMG_BASE(group) + 0x4c)
#define TIMG_WDTCONFIG2_REG(group) (TIMG_BASE(group) + 0x50)
#define TIMG_WDTCONFIG3_REG(group) (TIMG_BASE(group) + 0x54)
#define TIMG_WDTFEED_REG(group) (TIMG_BASE(group) + 0x60)
#define TIMG_WDTWPROTECT_REG(group) (TIMG_BASE(group) + 0x64)
#define TIMG_INT_ENA_REG(group) (TIMG_BASE(group) + 0x98)
#define TIMG_INT_RAW_REG(group) (TIMG_BASE(group) + 0x9c)
#define TIMG_INT_ST_REG(group) (TIMG_BASE(group) + 0xa0)
#define TIMG_INT_CLR_REG(group) (TIMG_BASE(group) + 0xa4)
#define WDT_KEY 0x50d83aa1 /* opens a watchdog's registers for writing */

/* eFuse */
#define EFUSE_BLK0_RDATA1_REG 0x3ff5a004 /* MAC address, low word */
#define EFUSE_BLK0_RDATA2_REG 0x3ff5a008 /* bits 0-15: its high half; 16-23: its CRC */

/* Random numbers */
#define WDEV_RND_REG 0x3ff75144

#endif
