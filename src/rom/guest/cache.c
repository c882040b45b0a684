/* The flash and PSRAM caches: their MMU tables and their switches. */
#include "rom.h"

#define DPORT_PRO_CACHE_CTRL_REG 0x3ff00040
#define DPORT_PRO_CACHE_CTRL1_REG 0x3ff00044
#define DPORT_APP_CACHE_CTRL_REG 0x3ff00058
#define DPORT_APP_CACHE_CTRL1_REG 0x3ff0005c
#define CACHE_ENABLE BIT(3)
#define CACHE_FLUSH_ENA BIT(4)
#define CACHE_FLUSH_DONE BIT(5)
#define CACHE_MASK_ALL 0x3f            /* CTRL1: closes all windows */
#define CMMU_SRAM_PAGE_MODE (7u << 6)  /* CTRL1 */
#define CMMU_FLASH_PAGE_MODE (3u << 9) /* CTRL1 */
#define MMU_TABLE(cpu) ((volatile uint32_t *)((cpu) ? 0x3ff12000u : 0x3ff10000u))
#define MMU_TABLE_WORDS 2048

#define SPI0_CACHE_FCTRL_REG 0x3ff43050
#define SPI_CACHE_REQ_EN BIT(0)
#define SPI0_EXT2_REG 0x3ff430f8 /* the controller's state; 0 is idle */

static uint32_t control(int cpu) { return cpu ? DPORT_APP_CACHE_CTRL_REG : DPORT_PRO_CACHE_CTRL_REG; }

void mmu_init(int cpu) {
  volatile uint32_t *table = MMU_TABLE((int16_t)cpu);
  for (unsigned i = 0; i < MMU_TABLE_WORDS; ++i) table[i] = 0;
}

/* Writes `count` consecutive page numbers from `page` on into table entries from `entry` on, with both caches'
   windows closed meanwhile, then sets the page size. */
static void fill(int cpu, uint32_t entry, uint32_t page, int count, uint32_t mode_mask, uint32_t mode) {
  const uint32_t pro = REG(DPORT_PRO_CACHE_CTRL1_REG), app = REG(DPORT_APP_CACHE_CTRL1_REG);
  set_bits(DPORT_APP_CACHE_CTRL1_REG, CACHE_MASK_ALL);
  set_bits(DPORT_PRO_CACHE_CTRL1_REG, CACHE_MASK_ALL);
  volatile uint32_t *table = MMU_TABLE(cpu);
  for (int i = 0; i < count; ++i) table[entry + i] = page + i;
  REG(DPORT_PRO_CACHE_CTRL1_REG) = pro;
  REG(DPORT_APP_CACHE_CTRL1_REG) = app;
  replace_bits(cpu ? DPORT_APP_CACHE_CTRL1_REG : DPORT_PRO_CACHE_CTRL1_REG, mode_mask, mode);
}

enum { kMisaligned = 1, kBadPageSize = 3, kBadAddress = 5 };

/* A window of the address space and the place of its pages in the table: an address from `first` on, less than a
   window's size above `base`. The lists are in ascending order; what lies between windows is in none. */
typedef struct {
  uint32_t first, base, entry;
} Window;

static int find_window(const Window *windows, int count, uint32_t size, uint32_t vaddr) {
  for (int i = 0; i < count && vaddr >= windows[i].first; ++i)
    if (vaddr < windows[i].base + size) return i;
  return -1;
}

static bool misaligned(uint32_t vaddr, uint32_t paddr, int page_kb) {
  return ((vaddr | paddr) & (0xffff >> (64 / page_kb - 1))) != 0;
}

/* Maps `pages` pages of `page_kb` (64, 32, 16) of flash from `paddr` on at `vaddr`. Processes 0 and 1 share 64
   entries for each of four windows; the others have three windows of their own. */
unsigned cache_flash_mmu_set_rom(int cpu, int pid, uint32_t vaddr, uint32_t paddr, int page_kb, int pages) {
  if (misaligned(vaddr, paddr, page_kb)) return kMisaligned;
  if (page_kb != 64 && page_kb != 32 && page_kb != 16) return kBadPageSize;
  const uint32_t mode = page_kb == 64 ? 0 : page_kb == 32 ? 1 : 2;
  const uint32_t window_size = (uint32_t)page_kb << 16;
  uint32_t entry, reach = 0x3fffff >> mode;
  if (pid < 2) {
    static const Window shared[] = {
        {0x3f400000, 0x3f400000, 0}, {0x400d0000, 0x40000000, 64}, {0x40400000, 0x40400000, 128},
        {0x40800000, 0x40800000, 192}};
    const int i = find_window(shared, 4, window_size, vaddr);
    if (i < 0) return kBadAddress;
    entry = shared[i].entry;
  } else if (vaddr >= 0x3f400000 && vaddr < 0x3f400000 + window_size / 4) {
    reach = 0xfffff >> mode;
    entry = 0x400 + (uint32_t)pid * 16;
  } else {
    static const Window own[] = {{0x40400000, 0x40400000, 128}, {0x40800000, 0x40800000, 256}};
    const int i = find_window(own, 2, window_size, vaddr);
    if (i < 0) return kBadAddress;
    entry = own[i].entry * (uint32_t)pid;
  }
  entry += (vaddr & reach) >> (16 - mode);
  fill(cpu, entry, paddr >> (16 - mode), pages, CMMU_FLASH_PAGE_MODE, mode << 9);
  return 0;
}

/* The same for PSRAM and its window at 0x3F800000; pages of 32, 16, 8, 4 or 2 KiB. */
unsigned cache_sram_mmu_set_rom(int cpu, int pid, uint32_t vaddr, uint32_t paddr, int page_kb, int pages) {
  if (misaligned(vaddr, paddr, page_kb)) return kMisaligned;
  uint32_t mode = 0;
  while (mode < 5 && page_kb != 32 >> mode) ++mode;
  if (mode == 5) return kBadPageSize;
  if (vaddr < 0x3f800000 || vaddr >= 0x3f800000 + ((uint32_t)page_kb << 16)) return kBadAddress;
  const uint32_t entry =
      (pid < 2 ? 0x480 : 0x400 + (uint32_t)pid * 128) + ((vaddr & (0x3fffff >> mode)) >> (15 - mode));
  fill(cpu, entry, paddr >> (15 - mode), pages, CMMU_SRAM_PAGE_MODE, mode << 6);
  return 0;
}

void Cache_Flush_rom(int cpu) {
  const uint32_t reg = control(cpu);
  clear_bits(reg, CACHE_FLUSH_ENA);
  set_bits(reg, CACHE_FLUSH_ENA);
  while (!(REG(reg) & CACHE_FLUSH_DONE)) {
  }
  clear_bits(reg, CACHE_FLUSH_ENA);
}

void Cache_Read_Enable_rom(int cpu) {
  set_bits(SPI0_CACHE_FCTRL_REG, SPI_CACHE_REQ_EN);
  set_bits(control(cpu), CACHE_ENABLE);
}

void Cache_Read_Init_rom(int cpu) {
  clear_bits(control(cpu), CACHE_ENABLE);
  clear_bits(SPI0_CACHE_FCTRL_REG, SPI_CACHE_REQ_EN);
  Cache_Flush_rom(cpu);
  Cache_Read_Enable_rom(cpu);
}

/* SPI0 stops serving the cache once neither core uses it. */
void Cache_Read_Disable_rom(int cpu) {
  clear_bits(control(cpu), CACHE_ENABLE);
  if (REG(control(!cpu)) & CACHE_ENABLE) return;
  while (REG(SPI0_EXT2_REG)) {
  }
  clear_bits(SPI0_CACHE_FCTRL_REG, SPI_CACHE_REQ_EN);
}
