/* A second-stage bootloader: the ROM loads it from 0x1000 and calls boot(); it loads the program at 0x10000,
   an image of the same format, copies what belongs in RAM, maps what belongs in flash through both cores'
   caches, and enters it. Format: ESP-IDF, esp_app_format.h. */
#include "chip.h"
#include "rom.h"
#include "soc.h"

enum {
  kProgram = 0x10000,
  kPage = 0x10000,
  kMagic = 0xe9,
  kHeader = 24,
  kMaxSegments = 16,
  kChecksumSeed = 0xef,
};
#define WINDOW 0x3f400000u /* where the bootloader looks at flash: 4 MiB from `mapped_at` on */
#define WINDOW_PAGES 64
#define DROM_LOW 0x3f400000u
#define DROM_HIGH 0x3f800000u
#define IROM_LOW 0x400d0000u
#define IROM_HIGH 0x40400000u

typedef struct {
  uint32_t address, length;
} SegmentHeader;

typedef struct {
  uint32_t flash, address, length; /* length 0: none */
} Mapping;

static void __attribute__((noreturn)) give_up(const char* why) {
  ets_printf("boot: %s\n", why);
  for (;;) {
  }
}

static void cache_map(int cpu, uint32_t vaddr, uint32_t flash, int pages) {
  if (cache_flash_mmu_set(cpu, 0, vaddr, flash, 64, pages) != 0) give_up("the cache takes no such mapping");
}

/* Flash from address 0 on, as far as the window goes. */
static void map_window(void) {
  Cache_Read_Disable(0);
  Cache_Flush(0);
  cache_map(0, WINDOW, 0, WINDOW_PAGES);
  Cache_Read_Enable(0);
}

static const uint32_t* flash_word(uint32_t address) {
  return (const uint32_t*)(WINDOW + address);
}

static void map_program(const Mapping* mapping) {
  if (mapping->length == 0) return;
  const uint32_t offset = mapping->address % kPage;
  if (mapping->flash % kPage != offset) give_up("a segment lies askew in flash");
  const int pages = (int)((offset + mapping->length + kPage - 1) / kPage);
  for (int cpu = 0; cpu < 2; ++cpu) cache_map(cpu, mapping->address - offset, mapping->flash - offset, pages);
}

/* The window gives way to the program's own mappings. */
static void map_segments(const Mapping* constants, const Mapping* code) {
  const uint32_t buses = DPORT_CACHE_MASK_IRAM0 | DPORT_CACHE_MASK_DROM0;
  Cache_Read_Disable(0);
  Cache_Flush(0);
  mmu_init(0);
  mmu_init(1);
  map_program(constants);
  map_program(code);
  reg_clear(DPORT_PRO_CACHE_CTRL1_REG, buses);
  reg_clear(DPORT_APP_CACHE_CTRL1_REG, buses);
  Cache_Read_Enable(0);
}

void boot(void) {
  watchdogs_disable();
  map_window();
  const uint8_t* header = (const uint8_t*)flash_word(kProgram);
  if (header[0] != kMagic || header[1] == 0 || header[1] > kMaxSegments) give_up("no program at 0x10000");
  const unsigned segments = header[1];
  const uint32_t entry = *flash_word(kProgram + 4);

  Mapping constants = {0, 0, 0}, code = {0, 0, 0};
  uint32_t at = kProgram + kHeader, checksum = kChecksumSeed;
  for (unsigned i = 0; i < segments; ++i) {
    const SegmentHeader segment = *(const SegmentHeader*)flash_word(at);
    at += sizeof segment;
    const uint32_t *from = flash_word(at), words = segment.length / 4;
    for (uint32_t word = 0; word < words; ++word) checksum ^= from[word];
    if (segment.address >= DROM_LOW && segment.address < DROM_HIGH)
      constants = (Mapping){at, segment.address, segment.length};
    else if (segment.address >= IROM_LOW && segment.address < IROM_HIGH)
      code = (Mapping){at, segment.address, segment.length};
    else if (segment.address != 0) /* else it is padding */
      for (uint32_t word = 0; word < words; ++word) ((volatile uint32_t*)segment.address)[word] = from[word];
    at += segment.length;
  }
  checksum ^= checksum >> 16;
  checksum = (checksum ^ checksum >> 8) & 0xff;
  if (checksum != ((const uint8_t*)flash_word(at))[15 - at % 16]) give_up("the program's checksum is wrong");

  ets_printf("boot: %u segments at 0x%x, entry %08x\n", segments, kProgram, (unsigned)entry);
  map_segments(&constants, &code);
  ((void (*)(void))entry)();
}
