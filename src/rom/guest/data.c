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

/* --- the C library --- */
AT(__month_lengths) const int __month_lengths[2][12] = {{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31},
                                                        {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}};

/* Classes of characters, as firmware's isalpha() and its like look them up; the first entry is EOF's. */
enum { kUpper = 1, kLower = 2, kDigit = 4, kSpace = 8, kPunct = 16, kControl = 32, kHex = 64, kBlank = 128 };
#define CLASS(first, last) [(first) + 1 ...(last) + 1]
AT(_ctype_) const uint8_t _ctype_[257] = {
    CLASS(0, 8) = kControl,
    CLASS('\t', '\r') = kControl | kSpace,
    CLASS(14, 31) = kControl,
    CLASS(' ', ' ') = kSpace | kBlank,
    CLASS('!', '/') = kPunct,
    CLASS('0', '9') = kDigit,
    CLASS(':', '@') = kPunct,
    CLASS('A', 'F') = kUpper | kHex,
    CLASS('G', 'Z') = kUpper,
    CLASS('[', '`') = kPunct,
    CLASS('a', 'f') = kLower | kHex,
    CLASS('g', 'z') = kLower,
    CLASS('{', '~') = kPunct,
    CLASS(127, 127) = kControl,
};
AT(__ctype_ptr__) const uint8_t *const __ctype_ptr__ = _ctype_;
AT(__mb_cur_max) const int __mb_cur_max = 1;
extern char rom_at_ascii_wctomb[];
AT(__wctomb) const void *const __wctomb = rom_at_ascii_wctomb;

/* Numbers of set bits in a byte. */
#define BITS2(n) n, (n) + 1, (n) + 1, (n) + 2
#define BITS4(n) BITS2(n), BITS2((n) + 1), BITS2((n) + 1), BITS2((n) + 2)
#define BITS6(n) BITS4(n), BITS4((n) + 1), BITS4((n) + 1), BITS4((n) + 2)
AT(__popcount_tab) const uint8_t __popcount_tab[256] = {BITS6(0), BITS6(1), BITS6(1), BITS6(2)};

/* --- flash and SHA --- */
AT(spi_modes) const char *const spi_modes[6] = {"QIO", "QOUT", "DIO", "DOUT", "FAST_RD", "SLOW_RD"};
/* For SHA-1, -256, -384, -512: shift of the length field's size, bytes of the digest, bits of a block. */
AT(sha_blk_bits_bytes) const uint8_t sha_blk_bits_bytes[4] = {2, 2, 4, 4};
AT(sha_blk_hash_bytes) const uint8_t sha_blk_hash_bytes[4] = {20, 32, 48, 64};
AT(sha_blk_bits) const uint16_t sha_blk_bits[4] = {512, 512, 1024, 1024};

/* --- start values --- */
void rom_init_xtos(void);
void rom_init_time_zone(void);

/* The table of radio functions that phy_get_romfuncs() hands out. There is no radio: all are the same one, which does
   nothing, but for two that the PHY library of ESP-IDF v5.1.3 needs an answer of: it aborts where a frequency is channel
   0 and reports each PLL that does not say that it is calibrated. (Places: the chip's table.) */
enum { kPhyFunctions = 107, kMhz2ieee = 27, kI2cReadRegMask = 41 };
extern const void *g_phyFuns_instance[], **rom_phyFuns;
extern const char rom_at_radio[], rom_at_mhz2ieee[], rom_at_i2c_readReg_Mask[];
const void **phy_get_romfuncs(void) { return rom_phyFuns; }

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
  rom_init_time_zone();
  clear(0x3ffae080, 0x3ffae0c0); /* newlib's locks, environ, _global_impure_ptr */
  rom_phyFuns = g_phyFuns_instance;
  for (unsigned i = 0; i < kPhyFunctions; ++i) g_phyFuns_instance[i] = rom_at_radio;
  g_phyFuns_instance[kMhz2ieee] = rom_at_mhz2ieee;
  g_phyFuns_instance[kI2cReadRegMask] = rom_at_i2c_readReg_Mask;
  clear(0x3ffae290, 0x3ffae6e0); /* dummy_len_plus and what follows */
  g_rom_flashchip = (esp_rom_spiflash_chip_t){
      .device_id = 0x1540ef, /* a Winbond W25Q16 */
      .chip_size = 2 << 20, .block_size = 64 << 10, .sector_size = 4096, .page_size = 256, .status_mask = 0xffff};
}
