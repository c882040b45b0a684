/* The ROM's data: tables at the addresses that linker scripts give them (rom.ld places each section), and the start
   values of the RAM that the ROM keeps. */
#include "rom.h"

#define AT(name) __attribute__((section(".drom." #name), used))

/* --- XTOS --- */
/* Levels of the 32 interrupts (core-isa.h, XCHAL_INTn_LEVEL). */
AT(Xthal_intlevel) const uint8_t Xthal_intlevel[32] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 3, 1, 1, 7, 3,
                                                       5, 1, 1, 2, 2, 2, 3, 3, 4, 4, 5, 3, 4, 3, 4, 5};
/* Names of EXCCAUSE, 0 to 39. */
AT(exc_cause_table) const char *const exc_cause_table[40] = {
    "IllegalInstruction", "Syscall", "InstructionFetchError", "LoadStoreError", "Level1Interrupt", "Alloca",
    "IntegerDivideByZero", "PCValueError", "Privileged", "LoadStoreAlignment", "Reserved", "Reserved",
    "InstrPIFDataError", "LoadStorePIFDataError", "InstrPIFAddrError", "LoadStorePIFAddrError", "InstTLBMiss",
    "InstTLBMultiHit", "InstFetchPrivilege", "Reserved", "InstFetchProhibited", "Reserved", "Reserved", "Reserved",
    "LoadStoreTLBMiss", "LoadStoreTLBMultiHit", "LoadStorePrivilege", "Reserved", "LoadProhibited",
    "StoreProhibited", "Reserved", "Reserved", "Coprocessor0Disabled", "Coprocessor1Disabled",
    "Coprocessor2Disabled", "Coprocessor3Disabled", "Coprocessor4Disabled", "Coprocessor5Disabled",
    "Coprocessor6Disabled", "Coprocessor7Disabled"};

/* --- start values --- */
void rom_init_xtos(void);

static void clear(uint32_t from, uint32_t to) {
  for (; from < to; from += 4) REG(from) = 0;
}

/* Called at every reset of a core, before anything else in C. What both cores use is the PRO CPU's to initialise. */
void rom_init_data(void) {
  const uint32_t own = core_number() * APP_DISTANCE;
  clear(0x3ffe0010 + own, 0x3ffe01e0 + own);
  clear(0x3ffe01f0 + own, 0x3ffe0440 + own);
  PER_CORE(uint32_t, 0x3ffe01e0) = 13; /* g_ticks_per_us */
  rom_init_xtos();
  if (core_number()) return;

  clear(0x3ffae010, 0x3ffae030); /* printf's channels, the system call tables */
  clear(0x3ffae080, 0x3ffae0c0); /* newlib's locks, environ, _global_impure_ptr */
  clear(0x3ffae290, 0x3ffae6e0); /* dummy_len_plus and what follows */
  g_rom_flashchip = (esp_rom_spiflash_chip_t){
      .device_id = 0x1540ef, /* a Winbond W25Q16 */
      .chip_size = 2 << 20, .block_size = 64 << 10, .sector_size = 4096, .page_size = 256, .status_mask = 0xffff};
}
