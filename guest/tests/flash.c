/* Flash: read, erased and programmed by commands, and seen through the caches of both cores. */
#include "check.h"
#include "code_samples.h"

enum { kArea = 0x80000, kSector = 0x1000, kBlock = 0x10000, kPage = 0x10000, kCodeArea = 0xc0000 };
#define WINDOW 0x3f410000u /* a page of the data window */
#define CODE_WINDOW 0x400d0000u

static uint32_t buffer[kSector / 4], copy[kSector / 4];

static uint32_t pattern(uint32_t i) {
  return i * 0x9e3779b9u ^ 0x87654321;
}
static void fill(uint32_t salt) {
  for (uint32_t i = 0; i < kSector / 4; ++i) buffer[i] = pattern(i + salt);
}
static bool all(const uint32_t* words, uint32_t value, uint32_t count) {
  for (uint32_t i = 0; i < count; ++i)
    if (words[i] != value) return false;
  return true;
}
static void erase(uint32_t address) {
  CHECK_EQ(esp_rom_spiflash_erase_sector(address / kSector), 0);
}
static void program(uint32_t address, const void* from, uint32_t length) {
  CHECK_EQ(esp_rom_spiflash_write(address, from, (int32_t)length), 0);
}
static void read(uint32_t address, void* to, uint32_t length) {
  CHECK_EQ(esp_rom_spiflash_read(address, to, (int32_t)length), 0);
}

/* --- Commands --- */
#define SPI1_CMD_REG 0x3ff42000
#define SPI1_USER_REG 0x3ff4201c
#define SPI1_MISO_DLEN_REG 0x3ff4202c
#define SPI1_W0_REG 0x3ff42080
#define SPI_FLASH_RDID BIT(28)
static void test_the_chip_says_who_it_is(void) {
  REG(SPI1_W0_REG) = 0;
  REG(SPI1_CMD_REG) = SPI_FLASH_RDID;
  CHECK(WAIT_FOR(REG(SPI1_CMD_REG) == 0));
  const uint32_t id = REG(SPI1_W0_REG) & 0xffffff;
  CHECK(id != 0 && id != 0xffffff);
  CHECK(id >> 16 >= 20 && id >> 16 <= 24); /* 1 to 16 MiB, as a power of two */
}

static void test_unlock(void) {
  CHECK_EQ(SPIUnlock(), 0);
}

static void test_erase(void) {
  for (uint32_t sector = 0; sector < 3; ++sector) erase(kArea + sector * kSector);
  fill(0);
  for (uint32_t sector = 0; sector < 3; ++sector) program(kArea + sector * kSector, buffer, kSector);
  erase(kArea + kSector);
  read(kArea + kSector, copy, kSector);
  CHECK(all(copy, 0xffffffff, kSector / 4));
  for (uint32_t sector = 0; sector < 3; sector += 2) { /* its neighbours are as they were */
    read(kArea + sector * kSector, copy, kSector);
    CHECK_EQ(memcmp(copy, buffer, kSector), 0);
  }
}

static void test_programming_only_clears_bits(void) {
  erase(kArea);
  const uint32_t first = 0xff00f0f0, second = 0x0ff0ffff;
  program(kArea + 8, &first, 4);
  read(kArea + 8, copy, 4);
  CHECK_EQ(copy[0], first);
  program(kArea + 8, &second, 4);
  read(kArea + 8, copy, 4);
  CHECK_EQ(copy[0], first & second);
  read(kArea, copy, 16);
  CHECK_EQ(copy[0], 0xffffffff);
  CHECK_EQ(copy[3], 0xffffffff);
}

/* Across the chip's pages of 256 bytes, from and to addresses in the middle of them. */
static void test_odd_places_and_lengths(void) {
  fill(77);
  static const struct {
    uint16_t at, length;
  } pieces[] = {{4, 4}, {0xfc, 8}, {0x1f0, 0x24}, {0x33c, 0x2c8}, {0x7f4, 0x400}};
  for (unsigned i = 0; i < sizeof pieces / sizeof *pieces; ++i) {
    erase(kArea);
    program(kArea + pieces[i].at, buffer, pieces[i].length);
    read(kArea + pieces[i].at, copy, pieces[i].length);
    CHECK_EQ(memcmp(copy, buffer, pieces[i].length), 0);
    read(kArea + pieces[i].at - 4, copy, 4);
    CHECK_EQ(copy[0], 0xffffffff);
    read(kArea + pieces[i].at + pieces[i].length, copy, 4);
    CHECK_EQ(copy[0], 0xffffffff);
  }
}

static void test_erase_a_block(void) {
  fill(5);
  for (uint32_t at = 0; at < kBlock; at += kSector) program(kArea + at, buffer, 64);
  erase(kArea + kBlock);
  program(kArea + kBlock, buffer, 64);
  CHECK_EQ(esp_rom_spiflash_erase_block(kArea / kBlock), 0);
  for (uint32_t at = 0; at < kBlock; at += kSector) {
    read(kArea + at, copy, 64);
    CHECK(all(copy, 0xffffffff, 16));
  }
  read(kArea + kBlock, copy, 64);
  CHECK_EQ(memcmp(copy, buffer, 64), 0);
}

/* --- Through the cache --- */
static void cache_off(void) {
  Cache_Read_Disable(0);
}
static void cache_on(void) {
  Cache_Flush(0);
  Cache_Read_Enable(0);
}
static void map(uint32_t vaddr, uint32_t flash, int pages) {
  cache_off();
  CHECK_EQ(cache_flash_mmu_set(0, 0, vaddr, flash, 64, pages), 0);
  cache_on();
}
static void open_windows(int cpu) {
  reg_clear(cpu ? DPORT_APP_CACHE_CTRL1_REG : DPORT_PRO_CACHE_CTRL1_REG,
            DPORT_CACHE_MASK_DROM0 | DPORT_CACHE_MASK_IRAM0 | DPORT_CACHE_MASK_IROM0);
}

static void test_window_shows_flash(void) {
  fill(1234);
  erase(kArea);
  program(kArea, buffer, kSector);
  open_windows(0);
  map(WINDOW, kArea, 1);
  CHECK_EQ(memcmp((const void*)WINDOW, buffer, kSector), 0);
  CHECK_EQ(*(const volatile uint8_t*)(WINDOW + 5), (buffer[1] >> 8) & 0xff);
  CHECK_EQ(*(const volatile uint16_t*)(WINDOW + 6), buffer[1] >> 16);
  CHECK_EQ(*(const volatile uint32_t*)(WINDOW + kSector), 0xffffffff);
}

static void test_window_follows_what_is_written(void) {
  const volatile uint32_t* window = (const volatile uint32_t*)WINDOW;
  map(WINDOW, kArea, 1);
  for (uint32_t turn = 0; turn < 4; ++turn) {
    fill(turn);
    cache_off();
    erase(kArea);
    program(kArea, buffer, 256);
    cache_on();
    CHECK_EQ(window[0], buffer[0]);
    CHECK_EQ(window[63], buffer[63]);
    CHECK_EQ(window[64], 0xffffffff);
  }
}

static void test_stores_to_the_window_do_nothing(void) {
  volatile uint32_t* window = (volatile uint32_t*)WINDOW;
  const uint32_t before = window[0];
  window[0] = ~before;
  CHECK_EQ(window[0], before);
  read(kArea, copy, 4);
  CHECK_EQ(copy[0], before);
}

static void test_pages_can_be_mapped_anew(void) {
  for (uint32_t page = 0; page < 3; ++page) {
    const uint32_t mark = 0xabc00000 + page;
    erase(kArea + page * kPage);
    program(kArea + page * kPage + 16, &mark, 4);
  }
  const volatile uint32_t* window = (const volatile uint32_t*)(WINDOW + 16);
  for (uint32_t page = 0; page < 3; ++page) {
    map(WINDOW, kArea + page * kPage, 1);
    CHECK_EQ(window[0], 0xabc00000 + page);
  }
  /* Several at once, and one page in two places. */
  map(WINDOW, kArea, 3);
  map(WINDOW + 3 * kPage, kArea + kPage, 1);
  for (uint32_t page = 0; page < 3; ++page) CHECK_EQ(window[page * kPage / 4], 0xabc00000 + page);
  CHECK_EQ(window[3 * kPage / 4], 0xabc00001);
  /* By the table's entries: entry n is page n of the window from 0x3F400000 on. */
  cache_off();
  REG(DPORT_PRO_FLASH_MMU_TABLE + 4 * 1) = kArea / kPage + 2;
  cache_on();
  CHECK_EQ(window[0], 0xabc00002);
  CHECK(cache_flash_mmu_set(0, 0, WINDOW + 4, kArea, 64, 1) != 0);
}

/* --- Code in flash --- */
static void put_in_flash(uint32_t address, Sample sample) {
  cache_off();
  erase(address);
  program(address, sample.begin, (uint32_t)((sample.end - sample.begin) * 4));
  cache_on();
}
static void test_code_runs_from_flash(void) {
  put_in_flash(kCodeArea, SAMPLE(111));
  map(CODE_WINDOW, kCodeArea, 1);
  CHECK_EQ(call_sample(CODE_WINDOW), 111);
  put_in_flash(kCodeArea, SAMPLE(222)); /* written over what has just run */
  CHECK_EQ(call_sample(CODE_WINDOW), 222);
  put_in_flash(kCodeArea, SAMPLE(sum));
  CHECK_EQ(call_sum(CODE_WINDOW, 1000), 500500);
  CHECK_EQ(call_sum(CODE_WINDOW, 0), 0);
}

static void test_code_changes_with_its_mapping(void) {
  put_in_flash(kCodeArea, SAMPLE(111));
  put_in_flash(kCodeArea + kPage, SAMPLE(222));
  for (unsigned turn = 0; turn < 4; ++turn) {
    map(CODE_WINDOW, turn % 2 ? kCodeArea + kPage : kCodeArea, 1);
    CHECK_EQ(call_sample(CODE_WINDOW), turn % 2 ? 222 : 111);
  }
}

/* --- The APP CPU has a cache and a table of its own --- */
static volatile uint32_t app_word, app_result;
static void app_look(void) {
  app_word = *(const volatile uint32_t*)(WINDOW + 16);
  app_result = call_sample(CODE_WINDOW);
}
static void test_each_core_has_its_own_mapping(void) {
  map(WINDOW, kArea + kPage, 1);
  map(CODE_WINDOW, kCodeArea, 1);
  app_cpu_up();
  open_windows(1);
  Cache_Read_Disable(1);
  CHECK_EQ(cache_flash_mmu_set(1, 0, WINDOW, kArea + 2 * kPage, 64, 1), 0);
  CHECK_EQ(cache_flash_mmu_set(1, 0, CODE_WINDOW, kCodeArea + kPage, 64, 1), 0);
  Cache_Flush(1);
  Cache_Read_Enable(1);
  app_run(app_look);
  app_wait();
  CHECK_EQ(app_word, 0xabc00002);
  CHECK_EQ(app_result, 222);
  CHECK_EQ(*(const volatile uint32_t*)(WINDOW + 16), 0xabc00001);
  CHECK_EQ(call_sample(CODE_WINDOW), 111);
}

const Test tests[] = {TEST(the_chip_says_who_it_is),
                      TEST(unlock),
                      TEST(erase),
                      TEST(programming_only_clears_bits),
                      TEST(odd_places_and_lengths),
                      TEST(erase_a_block),
                      TEST(window_shows_flash),
                      TEST(window_follows_what_is_written),
                      TEST(stores_to_the_window_do_nothing),
                      TEST(pages_can_be_mapped_anew),
                      TEST(code_runs_from_flash),
                      TEST(code_changes_with_its_mapping),
                      TEST(each_core_has_its_own_mapping),
                      {0, 0}};
