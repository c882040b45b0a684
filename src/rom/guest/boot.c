/* From reset to the second-stage bootloader, on the PRO CPU; the APP CPU waits for an address to jump to. */
#include "rom.h"

#define GPIO_STRAP_REG 0x3ff44038
#define DPORT_APPCPU_CTRL_D_REG 0x3ff00038
#define DPORT_PRO_CACHE_CTRL1_REG 0x3ff00044
#define RTC_CNTL_DIG_ISO_REG 0x3ff48088
#define RTC_CNTL_DG_PAD_FORCE_HOLD BIT(15)
#define RTC_CNTL_CLR_DG_PAD_AUTOHOLD BIT(10)
#define RTC_CNTL_STORE4_REG 0x3ff480b0 /* bit 0: print nothing (ESP-IDF: RTC_DISABLE_ROM_LOG) */
#define EFUSE_BLK0_RDATA0_REG 0x3ff5a000
#define EFUSE_RD_UART_DOWNLOAD_DIS BIT(27)
#define EFUSE_BLK0_RDATA6_REG 0x3ff5a018
#define EFUSE_RD_CONSOLE_DEBUG_DISABLE BIT(2)
#define EFUSE_RD_ABS_DONE_0 BIT(4) /* secure boot, version 1 */
#define IO_MUX_SD_DATA1_REG 0x3ff49068
#define MCU_SEL (7u << 12)

#define USER_CODE_START PER_CORE(uint32_t, 0x3ffe0400)
#define STARTUP_CALLBACK PER_CORE(uint32_t, 0x3ffe0404)
typedef void (*code_t)(void);

enum { kBootloaderOffset = 0x1000 };

bool ets_secure_boot_check_start(uint8_t abstract_index, uint32_t *iv);
bool ets_use_secure_boot_v2(void);
void __attribute__((noreturn)) ets_secure_boot_verify_boot_bootloader(void);

/* --- messages that end it all --- */
static void __attribute__((noreturn)) stop(void) {
  for (;;) {
  }
}
/* The ROM names the line of its source where it gave up; the first mask's had 13 lines less before these. */
static void __attribute__((noreturn)) complain(unsigned line) {
  ets_printf("%s %u \n", "ets_main.c", rom_is_eco3() ? line : line - 13);
  stop();
}

/* --- strapping pins: MTDI, GPIO0, GPIO2, GPIO4, MTDO, GPIO5 at reset, here as bits 5, 4, 3, 2, 1, 0 --- */
static uint32_t strapping(void) { return REG(GPIO_STRAP_REG); }
static bool is_fast_flash(void) { return strapping() & BIT(4); }
static bool is_hspi_flash(void) { return (strapping() & 0x1c) == 8; }
static bool is_legacy_sdio_flash(void) { return (strapping() & 0x1f) == 0xc; }
static bool is_flash_boot(void) { return is_fast_flash() || is_hspi_flash() || is_legacy_sdio_flash(); }
static bool is_download(void) { return (strapping() & 0x18) == 0; }
static bool is_uart_boot(void) { return (strapping() & 0x1f) == 0xf; }
static bool is_sdio_v1_boot(void) { return (strapping() & 0x1f) == 0xd; }

static const char *boot_mode_name(void) {
  static const char *const downloads[] = {
      "DOWNLOAD_BOOT(UART0/UART1/SDIO_FEI_FEO_V2)", "DOWNLOAD_BOOT(UART0/UART1/SDIO_FEI_REO_V2)",
      "DOWNLOAD_BOOT(UART0/UART1/SDIO_REI_FEO_V2)", "DOWNLOAD_BOOT(UART0/UART1/SDIO_REI_REO_V2)"};
  const uint32_t mode = strapping() & 0x1f;
  if (mode & 0x10) return "SPI_FAST_FLASH_BOOT";
  if ((mode & 0x18) == 0) return downloads[mode & 3];
  switch (mode) {
    case 0xc: return "SPI_FLASH_BOOT";
    case 0xd: return "SDIO_REI_FEO_V1_BOOT";
    case 0xe: return "ATE_BOOT";
    case 0xf: return "UART_BOOT(UART0)";
  }
  return "HSPI_FLASH_BOOT";
}

static const char *reset_name(unsigned cause) {
  static const char *const names[] = {
      "NO_MEAN",          "POWERON_RESET",    "EXT_SYS_RESET",          "SW_RESET",        "OWDT_RESET",
      "DEEPSLEEP_RESET",  "SDIO_RESET",       "TG0WDT_SYS_RESET",       "TG1WDT_SYS_RESET", "RTCWDT_SYS_RESET",
      "INTRUSION_RESET",  "TGWDT_CPU_RESET",  "SW_CPU_RESET",           "RTCWDT_CPU_RESET", "EXT_CPU_RESET",
      "RTCWDT_BROWN_OUT_RESET", "RTCWDT_RTC_RESET"};
  return cause < sizeof names / sizeof *names ? names[cause] : "unk";
}

/* Is the console to be silent? Flash boot prints if MTDO was high at reset and nobody has asked in RTC memory to keep
   quiet; every other mode prints. */
static bool prints(void) {
  if (!is_flash_boot()) return true;
  if (REG(RTC_CNTL_STORE4_REG) & 1) return false;
  return strapping() & BIT(1) || !(is_fast_flash() || is_hspi_flash());
}

static void check_download_allowed(void) {
  if (is_flash_boot() || !(REG(EFUSE_BLK0_RDATA0_REG) & EFUSE_RD_UART_DOWNLOAD_DIS) || !rom_is_eco3()) return;
  ets_printf("Download mode is disabled. Restart with GPIO0 high.\n");
  stop();
}

static void fatal_exception(void *frame) {
  (void)frame;
  uint32_t cause, epc1, epc2, epc3, vaddr, depc;
  __asm__ volatile("rsr.exccause %0\n rsr.epc1 %1\n rsr.epc2 %2\n rsr.epc3 %3\n rsr.excvaddr %4\n rsr.depc %5"
                   : "=a"(cause), "=a"(epc1), "=a"(epc2), "=a"(epc3), "=a"(vaddr), "=a"(depc));
  extern const char *const exc_cause_table[];
  ets_printf("Fatal exception (%d): %s\n", (int)cause, exc_cause_table[cause]);
  ets_printf("epc1=0x%08x, epc2=0x%08x, epc3=0x%08x, excvaddr=0x%08x, depc=0x%08x\n", (unsigned)epc1,
             (unsigned)epc2, (unsigned)epc3, (unsigned)vaddr, (unsigned)depc);
  stop();
}

static void attach_flash(void) {
  const uint32_t from_efuse = ets_efuse_get_spiconfig();
  const bool hspi = is_hspi_flash() && !is_fast_flash();
  esp_rom_spiflash_attach(from_efuse ? from_efuse : hspi, hspi);
  USER_CODE_START = 0;
}

/* The second mask does not go on with a header that cannot be one: it looks again for ever, saying so once in a thousand
   times; a watchdog that is armed since reset ends it. */
static void wait_for_valid_header(void) {
  const volatile uint8_t *header = (const volatile uint8_t *)(0x3f400000 + kBootloaderOffset);
  for (uint32_t tries = 1;; ++tries) {
    const uint8_t magic = header[0], segments = header[1], mode = header[2], speed = header[3];
    if (magic == 0xe9 && segments <= 32 && mode < 6) {
      const uint32_t chip_id = header[12] | (uint32_t)header[13] << 8;
      if (chip_id == 0) return;
      if (tries % 1000 == 0) ets_printf("wrong chip id 0x%04x\n", (unsigned)chip_id);
    } else if (tries % 1000 == 0) {
      ets_printf("invalid header: 0x%02x%02x%02x%02x\n", speed, mode, segments, magic);
    }
    Cache_Flush_rom(0);
  }
}

static void boot_from_flash(void) {
  const uint32_t efuse = REG(EFUSE_BLK0_RDATA6_REG);
  bool failed;
  if (is_fast_flash() || is_hspi_flash()) {
    mmu_init(0);
    cache_flash_mmu_set_rom(0, 0, 0x3f400000, 0, 64, 64);
    clear_bits(DPORT_PRO_CACHE_CTRL1_REG, BIT(4)); /* opens the window at 0x3F400000 */
    Cache_Read_Init_rom(0);
    const bool eco3 = rom_is_eco3();
    if (eco3) wait_for_valid_header();
    if (eco3 && ets_use_secure_boot_v2()) {
      rom_configure_flash((const uint8_t *)(0x3f400000 + kBootloaderOffset), kSecureBoot);
      ets_printf("secure boot v2 enabled\n");
      ets_secure_boot_verify_boot_bootloader();
    }
    const bool secure_boot = efuse & EFUSE_RD_ABS_DONE_0;
    if (secure_boot) ets_secure_boot_check_start(0, (uint32_t *)0x3f400000);
    failed = ets_unpack_flash_code(kBootloaderOffset, &USER_CODE_START, false, secure_boot, true) != 0;
    if (failed && efuse & EFUSE_RD_CONSOLE_DEBUG_DISABLE) complain(384);
  } else {
    if (efuse & EFUSE_RD_CONSOLE_DEBUG_DISABLE) complain(397);
    failed = ets_unpack_flash_code_legacy(kBootloaderOffset, &USER_CODE_START, false, true) != 0;
  }
  if (failed) start_tb_console();
}

/* A flashing tool has its way; then what it has loaded runs. */
static void download(void) {
  Uart_Init(1, rom_xtal_hz());
  ets_printf("waiting for download\n");
  uart_tx_flush(0);
  rom_download(false, &USER_CODE_START);
}

static void boot_pro_cpu(void) {
  set_bits(DPORT_PRO_CACHE_CTRL1_REG, BIT(1) | BIT(2));
  const unsigned cause = (unsigned)rtc_get_reset_reason(0);
  clear_bits(RTC_CNTL_DIG_ISO_REG, RTC_CNTL_DG_PAD_FORCE_HOLD);
  set_bits(RTC_CNTL_DIG_ISO_REG, RTC_CNTL_CLR_DG_PAD_AUTOHOLD);
  uartAttach();
  Uart_Init(0, rom_xtal_hz());
  if (prints()) ets_install_uart_printf();
  check_download_allowed();
  if ((strapping() & 0x1f) == 0xe) complain(246); /* ATE: the chip's tester takes over */

  ets_printf("ets %s %s\n", rom_is_eco3() ? "Jul 29 2019" : "Jun  8 2016", rom_is_eco3() ? "12:21:46" : "00:22:57");
  ets_printf("\nrst:0x%x (%s),boot:0x%x (%s)\n", cause, reset_name(cause), (unsigned)strapping(), boot_mode_name());

  const bool core_reset = cause >= 11 && cause <= 13; /* one CPU only: download mode is not entered again */
  if (!core_reset) {
    if (cause == 5) {
      rtc_boot_control(&USER_CODE_START, (int)cause);
      if (USER_CODE_START) ((code_t)USER_CODE_START)();
      USER_CODE_START = 0;
    } else if (cause == 0 || cause == 2 || cause == 14 || cause > 16) {
      complain(404);
    }
    if (is_flash_boot()) {
      attach_flash();
    } else if (is_uart_boot()) {
      rom_download(true, &USER_CODE_START);
      if (!USER_CODE_START) boot_from_flash(); /* the tool has said to run what it has flashed */
    } else if (is_sdio_v1_boot()) {
      ets_printf("waiting for sdio host\n");
      clear_bits(IO_MUX_SD_DATA1_REG, MCU_SEL);
      for (;;) __asm__ volatile("waiti 0");
    } else if (is_download()) {
      download();
    }
  } else {
    attach_flash();
  }
  if (is_flash_boot()) boot_from_flash();
}

/* Called with the core's stack set up; the vectors are the ROM's. */
void rom_main(void) {
  if (core_number() == 0) {
    boot_pro_cpu();
  } else {
    uint32_t start;
    do start = REG(DPORT_APPCPU_CTRL_D_REG);
    while (!start);
    USER_CODE_START = start;
  }
  static const uint8_t fatal[] = {9, 0, 2, 3, 28, 29, 8};
  for (unsigned i = 0; i < sizeof fatal; ++i) _xtos_set_exception_handler(fatal[i], fatal_exception);
  if (USER_CODE_START) ((code_t)USER_CODE_START)();
  ets_printf("user code done\n");
  if (STARTUP_CALLBACK) ((code_t)STARTUP_CALLBACK)();
}
