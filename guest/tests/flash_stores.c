/* Three ways in which firmware keeps data in flash, for the test that cuts its power: pages of entries with
   states (as NVS), a pair of logs (as littlefs's metadata) and pages that are written once and deleted (as
   SPIFFS). A number goes up for ever and is kept in all three, one after the other. Whatever has happened
   to the flash, at power-on the first has to be at most one ahead of the last, and none may be lost. Prints
   "kept N" then, or a line that begins with FAIL. The CPU runs at 5 MHz, an eighth of the crystal's: waiting for
   the flash costs fewer instructions. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chip.h"
#include "rom.h"
#include "soc.h"
#include "start.h"

enum {
  kSector = 4096,
  kPage = 256,
  kEntriesAt = 0x80000, /* the stores' places */
  kLogsAt = 0x90000,
  kObjectsAt = 0xa0000,
};
#define ERASED 0xffffffffu
#define SYSCON_SYSCLK_CONF_REG 0x3ff66000u /* how often the crystal's clock is divided for the CPU, less one */

static void expect_ok(int result, const char* what, uint32_t address) {
  if (result != 0) ets_printf("FAIL %s at %x\n", what, (unsigned)address);
}
static void read(uint32_t address, void* to, uint32_t length) {
  expect_ok(esp_rom_spiflash_read(address, to, (int32_t)length), "read", address);
}
static void program(uint32_t address, const void* from, uint32_t length) {
  expect_ok(esp_rom_spiflash_write(address, from, (int32_t)length), "program", address);
}
static void erase(uint32_t address) {
  expect_ok(esp_rom_spiflash_erase_sector(address / kSector), "erase", address);
}

static uint32_t crc_of(const void* data, uint32_t length) {
  const uint8_t* bytes = data;
  uint32_t crc = ~0u;
  for (uint32_t i = 0; i < length; ++i) {
    crc ^= bytes[i];
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
  }
  return ~crc;
}

static uint32_t words[kSector / 4]; /* a sector as it is read */

static bool blank(uint32_t address, uint32_t length) {
  static uint32_t piece[kPage / 4];
  for (uint32_t at = 0; at < length; at += kPage) {
    const uint32_t n = length - at < kPage ? length - at : kPage;
    read(address + at, piece, n);
    for (uint32_t i = 0; i < n / 4; ++i)
      if (piece[i] != ERASED) return false;
  }
  return true;
}

/* --- Pages of entries with states ---
   A page (sector) is a header and 32-byte entries. A number that has been written again is struck out in
   its state word. A full page is left for a blank one, then erased. */
enum { kEntryPages = 3, kEntrySize = 32, kEntries = kSector / kEntrySize };
#define ENTRY_VALID 0x0000fffeu /* of the state word: written; later 0: struck out */
typedef struct {
  uint32_t state, value, sequence, crc, filler[4];
} Entry;

static struct {
  uint32_t page, entry, sequence; /* where the last one is; entry 0: there is none */
} entries;

static uint32_t entry_address(uint32_t page, uint32_t entry) {
  return kEntriesAt + page * kSector + entry * kEntrySize;
}

/* The number with the highest sequence; struck out or not, since that may have been all that was done. */
static uint32_t entries_recover(void) {
  uint32_t value = 0;
  entries.page = entries.entry = entries.sequence = 0;
  for (uint32_t page = 0; page < kEntryPages; ++page) {
    read(entry_address(page, 0), words, kSector);
    for (uint32_t i = 1; i < kEntries; ++i) {
      const Entry* entry = (const Entry*)words + i;
      if (entry->crc != crc_of(&entry->value, 8) || entry->sequence == ERASED) continue;
      if (entry->sequence < entries.sequence) continue;
      entries.sequence = entry->sequence;
      entries.page = page;
      entries.entry = i;
      value = entry->value;
    }
  }
  /* Only the page that is in use may hold anything else than nothing. */
  for (uint32_t page = 0; page < kEntryPages; ++page)
    if (page != entries.page && !blank(entry_address(page, 0), kSector)) erase(entry_address(page, 0));
  return value;
}

static void entries_put(uint32_t value) {
  uint32_t page = entries.page, entry = entries.entry + 1;
  while (entry < kEntries && !blank(entry_address(page, entry), kEntrySize)) ++entry;
  const bool full = entry == kEntries;
  if (full) {
    page = (page + 1) % kEntryPages;
    entry = 1;
  }
  Entry next = {ERASED, value, entries.sequence + 1, 0, {ERASED, ERASED, ERASED, ERASED}};
  next.crc = crc_of(&next.value, 8);
  program(entry_address(page, entry), &next, sizeof next);
  const uint32_t valid = ENTRY_VALID, struck = 0;
  program(entry_address(page, entry), &valid, 4);
  if (full)
    erase(entry_address(entries.page, 0));
  else if (entries.entry != 0)
    program(entry_address(entries.page, entries.entry), &struck, 4);
  entries.page = page;
  entries.entry = entry;
  ++entries.sequence;
}

/* --- A pair of logs ---
   Commits are added to one of two sectors until it is full; then the other one is erased and begins with a
   higher revision. The last commit whose checksum is right counts. */
enum { kCommitSize = 16, kCommits = kSector / kCommitSize };
typedef struct {
  uint32_t revision, value, count, crc;
} Commit;

static struct {
  uint32_t log, commit, revision; /* where the next one goes */
} logs;

static uint32_t commit_address(uint32_t log, uint32_t commit) {
  return kLogsAt + log * kSector + commit * kCommitSize;
}

static bool commit_is_good(const Commit* commit) {
  return commit->revision != ERASED && commit->crc == crc_of(commit, 12);
}

static uint32_t logs_recover(void) {
  uint32_t value = 0;
  logs.log = 1; /* the next one begins log 0 */
  logs.commit = kCommits;
  logs.revision = 0;
  for (uint32_t log = 0; log < 2; ++log) {
    read(commit_address(log, 0), words, kSector);
    const Commit* commits = (const Commit*)words;
    if (!commit_is_good(&commits[0]) || commits[0].revision < logs.revision) continue;
    uint32_t n = 1;
    while (n < kCommits && commit_is_good(&commits[n]) && commits[n].revision == commits[0].revision) ++n;
    logs.log = log;
    logs.revision = commits[0].revision;
    value = commits[n - 1].value;
    /* What comes behind the last good one has been begun, or is blank. */
    logs.commit = n;
    for (uint32_t i = n * kCommitSize / 4; i < kSector / 4; ++i)
      if (words[i] != ERASED) logs.commit = kCommits;
  }
  return value;
}

static void logs_put(uint32_t value) {
  if (logs.commit == kCommits) {
    logs.log = 1 - logs.log;
    logs.commit = 0;
    ++logs.revision;
    erase(commit_address(logs.log, 0));
  }
  Commit commit = {logs.revision, value, logs.commit, 0};
  commit.crc = crc_of(&commit, 12);
  program(commit_address(logs.log, logs.commit), &commit, sizeof commit);
  ++logs.commit;
}

/* --- Pages that are written once and deleted ---
   An object's new content goes to a blank page of 256 bytes, which is then marked as complete, and the old
   page as deleted. A sector of which all pages are deleted, or worth nothing, is erased when there is no
   blank page left. */
enum { kObjectSectors = 3, kObjectPages = kObjectSectors * kSector / kPage };
typedef struct {
  uint32_t flags; /* bit 0: written; bit 1: complete; bit 2: deleted; a zero bit says so */
  uint32_t version, value, crc;
  uint8_t content[kPage - 16];
} Object;
enum { kWritten = 1, kComplete = 2, kDeleted = 4 };

static struct {
  uint32_t page, version; /* of the object; page kObjectPages: there is none */
} objects;

static uint32_t object_address(uint32_t page) {
  return kObjectsAt + page * kPage;
}

static bool object_is_good(const Object* object) {
  if ((object->flags & kComplete) || object->crc != crc_of(&object->version, 8)) return false;
  for (uint32_t i = 0; i < sizeof object->content; ++i)
    if (object->content[i] != (uint8_t)object->value) return false;
  return true;
}

static uint32_t objects_recover(void) {
  uint32_t value = 0;
  objects.page = kObjectPages;
  objects.version = 0;
  for (uint32_t page = 0; page < kObjectPages; ++page) {
    read(object_address(page), words, kPage);
    const Object* object = (const Object*)words;
    if (!object_is_good(object) || object->version < objects.version) continue;
    objects.page = page;
    objects.version = object->version;
    value = object->value;
  }
  return value;
}

static uint32_t blank_object_page(void) {
  for (uint32_t i = 1; i <= kObjectPages; ++i) {
    const uint32_t page = (objects.page + i) % kObjectPages;
    if (blank(object_address(page), kPage)) return page;
  }
  return kObjectPages;
}

static void objects_put(uint32_t value) {
  static Object next;
  uint32_t page = blank_object_page();
  if (page == kObjectPages) {
    const uint32_t per_sector = kSector / kPage;
    for (uint32_t sector = 0; sector < kObjectSectors; ++sector)
      if (objects.page == kObjectPages || objects.page / per_sector != sector)
        erase(object_address(sector * per_sector));
    page = blank_object_page();
  }
  next.flags = ~(uint32_t)kWritten;
  next.version = objects.version + 1;
  next.value = value;
  next.crc = crc_of(&next.version, 8);
  memset(next.content, (int)(uint8_t)value, sizeof next.content);
  program(object_address(page), &next, sizeof next);
  const uint32_t complete = ~(uint32_t)(kWritten | kComplete);
  const uint32_t deleted = ~(uint32_t)(kWritten | kComplete | kDeleted);
  program(object_address(page), &complete, 4);
  if (objects.page != kObjectPages) program(object_address(objects.page), &deleted, 4);
  objects.page = page;
  ++objects.version;
}

void __attribute__((noreturn)) main_app(void) {
  for (;;) continue;
}

void __attribute__((noreturn)) main_pro(void) {
  enum { kMhz = 5 };
  watchdogs_disable();
  REG(SYSCON_SYSCLK_CONF_REG) = 40 / kMhz - 1;
  ets_update_cpu_frequency(kMhz);
  SPIUnlock();
  const uint32_t first = entries_recover(), second = logs_recover(), third = objects_recover();
  if (first < second || second < third || first > third + 1)
    ets_printf("FAIL kept %u, %u, %u\n", (unsigned)first, (unsigned)second, (unsigned)third);
  ets_printf("kept %u\n", (unsigned)third);
  /* The numbers go on from the first: what has been begun is completed. */
  if (second < first) logs_put(first);
  if (third < first) objects_put(first);
  for (uint32_t value = first + 1;; ++value) {
    entries_put(value);
    logs_put(value);
    objects_put(value);
  }
}
