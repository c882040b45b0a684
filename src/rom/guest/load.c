/* Loading an image of the format that esptool makes (a second-stage bootloader, as a rule) from flash to RAM: header of
   8 bytes, extended header of 16, segments of 8 bytes header and their data, padded so that a checksum is the last byte
   of a block of 16. Format: ESP-IDF, esp_app_format.h, esp_image_format.h. */
#include "rom.h"

#define GPIO_STRAP_REG 0x3ff44038
#define DPORT_PRO_CACHE_CTRL1_REG 0x3ff00044
#define DPORT_APP_CACHE_CTRL1_REG 0x3ff0005c
#define DPORT_PRO_FLASH_MMU_TABLE 0x3ff10000
#define CACHE_MASK_ALL 0x3f
#define WINDOW 0x3f400000u /* flash on the data bus */
#define WINDOW_PAGES 64

enum { kMagic = 0xe9, kBlock = 16, kChecksumSeed = 0xef, kNoWpPin = 0xee };

extern const char *const spi_modes[];

/* Reads the image in blocks of 16 bytes, in order: through the cache, or (legacy) with SPI1. */
typedef struct {
  uint32_t position;    /* in flash, of the block after `block` */
  const uint8_t *block; /* the present one */
  bool secure_boot;     /* all that is read is fed to the secure boot block */
  bool legacy;
  uint32_t buffer[16]; /* legacy: 64 bytes of flash */
} Reader;

void ets_secure_boot_hash(uint32_t *data);
int ets_secure_boot_check_finish(uint32_t *abstract);

static void map_window(uint32_t flash_address) {
  Cache_Read_Disable_rom(0);
  Cache_Flush_rom(0);
  cache_flash_mmu_set_rom(0, 0, WINDOW, flash_address & 0xffff0000, 64, WINDOW_PAGES);
  Cache_Read_Enable_rom(0);
}

/* The ROM prints the line of its own source that asked; the first mask's source had 12 lines more before these. */
static unsigned source_line(unsigned line) { return rom_is_eco3() ? line : line + 12; }

/* Goes to the next block. Each 64 KiB the window is moved on; `line` is printed then. */
static bool next_block(Reader *reader, unsigned line) {
  if (reader->legacy) {
    const uint32_t offset = reader->position & 63;
    if (offset == 0 || reader->block == NULL) {
      if (esp_rom_spiflash_read(reader->position & ~63u, reader->buffer, sizeof reader->buffer) != 0) {
        ets_printf("flash read err, %d\n", (int)line);
        return false;
      }
    }
    reader->block = (const uint8_t *)reader->buffer + offset;
  } else {
    if (reader->block != NULL && (reader->position & 0xffff) == 0) {
      map_window(reader->position);
      ets_printf("%d mmu set %08x, pos %08x\n", (int)source_line(line), (unsigned)(reader->position & 0xffff0000),
                 (unsigned)reader->position);
    }
    reader->block = (const uint8_t *)(WINDOW + (reader->position & 0xffff));
    if (reader->secure_boot && (reader->position & 127) == 0)
      ets_secure_boot_hash((uint32_t *)((uint32_t)reader->block & ~127u));
  }
  reader->position += kBlock;
  return true;
}

static uint32_t word_at(const uint8_t *p) {
  return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* The flash clock's divider of an image header's speed nibble: 40, 26, 20 MHz, else (0xf) 80 MHz. */
static uint8_t clock_divider(uint8_t speed) { return speed < 3 ? speed + 2 : 1; }

static void set_clock(uint8_t divider) {
  esp_rom_spiflash_config_clk(divider, 0);
  esp_rom_spiflash_config_clk(divider, 1);
  spi_dummy_len_fix(0, divider);
  spi_dummy_len_fix(1, divider);
}
static const char *mode_name(uint8_t mode) { return spi_modes[mode < 5 ? mode : 5]; }

static bool boots_from_hspi(void) {
  const uint32_t strap = REG(GPIO_STRAP_REG);
  return !(strap & BIT(4)) && (strap & 0x1c) == 8;
}

/* Sets the flash controllers up as the header (its first 16 bytes) asks. */
void rom_configure_flash(const uint8_t *header, FlashSetup caller) {
  const uint32_t from_efuse = ets_efuse_get_spiconfig();
  const uint32_t spi_config = from_efuse ? from_efuse : boots_from_hspi();
  const uint8_t wp = header[8], mode = header[2];
  ets_printf(caller == kLegacyBoot ? "configsip: 0x%08x, SPIWP:0x%02x\n" : "configsip: %u, SPIWP:0x%02x\n",
             (unsigned)spi_config, wp);
  if (from_efuse ? wp <= 33 : wp != kNoWpPin) esp_rom_spiflash_select_qio_pins(wp, spi_config);
  SetSpiDrvs(wp, spi_config, header + 9);
  const uint8_t divider = clock_divider(header[3] & 15);
  set_clock(divider);
  if (caller == kSecureBoot) ets_printf("mode:%d, clock div:%d\n", mode < 5 ? mode : 5, divider);
  else ets_printf("mode:%s, clock div:%d\n", mode_name(mode), divider);
  SPIReadModeCnfig(mode, boots_from_hspi() && caller != kSecureBoot);
}

/* A list of flash commands in the place of the first segment's header: bit 31 of its first word is set, then bits 16-23
   are the number of commands, 8-11 the speed and 0-7 the read mode to use after them. */
static bool run_commands(Reader *reader, uint32_t head, uint32_t length, bool configure) {
  if ((length - 8) & 15) {
    ets_printf("cmd len %d\n", (int)length);
    return false;
  }
  uint16_t left = head >> 16 & 0xff, skip = 0;
  const uint32_t blocks = length >> 4 & 0xffff;
  for (uint32_t i = 0; i <= blocks; ++i) {
    if (!next_block(reader, i < blocks ? 1046 : 1069)) return false;
    for (unsigned half = 0; half < (i < blocks ? 2 : 1); ++half) {
      if (left == 0) continue;
      --left;
      if (skip == 0) {
        esp_rom_spiflash_common_cmd_t command;
        memcpy(&command, reader->block + 8 * half, sizeof command);
        skip = SPI_Common_Command(&command);
        if (skip == 0) {
          left = 0;
          continue;
        }
      }
      --skip;
    }
  }
  if (configure) {
    const uint8_t divider = clock_divider(head >> 8 & 15);
    set_clock(divider);
    ets_printf("mode:%s, clock div:%d\n", mode_name(head & 0xff), divider);
    esp_rom_spiflash_config_readmode((spiflash_mode_t)(head & 0xff));
  }
  return true;
}

/* Copies `count` bytes, in words where both sides allow it: instruction RAM takes nothing else. Returns their
   exclusive or. */
static uint8_t copy(uint32_t to, const uint8_t *from, uint32_t count) {
  uint32_t sum = 0, i = 0;
  if (((to | (uint32_t)from | count) & 3) == 0) {
    for (; i < count; i += 4) {
      const uint32_t word = *(const uint32_t *)(from + i);
      *(uint32_t *)(to + i) = word;
      sum ^= word;
    }
    sum ^= sum >> 16;
    return (uint8_t)(sum ^ sum >> 8);
  }
  for (; i < count; ++i) sum ^= *(uint8_t *)(to + i) = from[i];
  return (uint8_t)sum;
}

/* All segments; the first one's header (address, length) has been read and its data starts with the next block. */
static bool load_segments(Reader *reader, unsigned segments, uint32_t address, uint32_t length) {
  if (!next_block(reader, 1103)) return false;
  uint8_t checksum = kChecksumSeed;
  uint32_t used = 0; /* bytes of the present block that belong to earlier things */
  for (;; --segments) {
    ets_printf("load:0x%08x,len:%d\n", (unsigned)address, (int)length);
    uint32_t tail = length; /* what lies in the last block */
    if (length >= kBlock - used) {
      uint32_t part = kBlock - used;
      checksum ^= copy(address, reader->block + used, part);
      address += part;
      tail = length - part;
      used = 0;
      for (; tail >= kBlock; tail -= kBlock, address += kBlock) {
        if (!next_block(reader, 1150)) return false;
        checksum ^= copy(address, reader->block, kBlock);
      }
      if (!next_block(reader, 1163)) return false;
    }
    checksum ^= copy(address, reader->block + used, tail);
    if (segments == 1) break;

    const uint32_t end = used + tail, room = kBlock - end;
    uint8_t header[8];
    if (room >= sizeof header) {
      memcpy(header, reader->block + end, sizeof header);
      used = end + sizeof header;
    } else {
      ets_printf("ho %d tail %d room %d\n", (int)used, (int)tail, (int)room);
      memcpy(header, reader->block + end, room);
      if (!next_block(reader, 1213)) return false;
      used = sizeof header - room;
      memcpy(header + room, reader->block, used);
    }
    address = word_at(header);
    length = word_at(header + 4);
  }
  const uint8_t stored = reader->block[kBlock - 1];
  if (checksum == stored) return true;
  ets_printf("csum err:0x%02x!=0x%02x\n", checksum, stored);
  return false;
}

/* Everything but the window. */
static bool load(Reader *reader, uint32_t *entry, bool configure) {
  if (!next_block(reader, 618)) return false;
  uint8_t header[kBlock];
  memcpy(header, reader->block, sizeof header);
  if (header[0] != kMagic) {
    ets_printf("flash read err, %d\n", (int)(reader->legacy ? 631 : source_line(988)));
    return false;
  }
  if (configure) rom_configure_flash(header, reader->legacy ? kLegacyBoot : kFlashBoot);
  if (!next_block(reader, 1030)) return false;
  uint32_t first = word_at(reader->block + 8), length = word_at(reader->block + 12);
  if (first & BIT(31)) {
    if (!run_commands(reader, first, length, configure)) return false;
    first = word_at(reader->block + 8);
    length = word_at(reader->block + 12);
  }
  if (!load_segments(reader, header[1], first, length)) return false;
  *entry = word_at(header + 4);
  return true;
}

int ets_unpack_flash_code(uint32_t offset, uint32_t *entry, bool jump, bool secure_boot, bool configure) {
  Reader reader = {.position = offset, .secure_boot = secure_boot};
  const uint32_t window_page = REG(DPORT_PRO_FLASH_MMU_TABLE);
  map_window(offset);
  if (!load(&reader, entry, configure)) return 1;
  if (secure_boot) {
    /* The digest to compare with lies in flash behind the 128 bytes of the initialisation vector. */
    map_window(0);
    if (ets_secure_boot_check_finish((uint32_t *)(WINDOW + 128)) != 0) {
      ets_printf("Secure boot check fail\n");
      uart_tx_flush(0);
      return 1;
    }
  }

  /* The window's first page as it was before. */
  Cache_Read_Disable_rom(0);
  Cache_Flush_rom(0);
  const uint32_t pro = REG(DPORT_PRO_CACHE_CTRL1_REG), app = REG(DPORT_APP_CACHE_CTRL1_REG);
  REG(DPORT_APP_CACHE_CTRL1_REG) = app | CACHE_MASK_ALL;
  REG(DPORT_PRO_CACHE_CTRL1_REG) = pro | CACHE_MASK_ALL;
  REG(DPORT_PRO_FLASH_MMU_TABLE) = window_page;
  REG(DPORT_PRO_CACHE_CTRL1_REG) = pro;
  REG(DPORT_APP_CACHE_CTRL1_REG) = app;
  Cache_Read_Enable_rom(0);
  ets_printf("entry 0x%08x\n", (unsigned)*entry);
  if (jump) ((void (*)(void))*entry)();
  return 0;
}

int ets_unpack_flash_code_legacy(uint32_t offset, uint32_t *entry, bool jump, bool configure) {
  Reader reader = {.position = offset, .legacy = true};
  if (!load(&reader, entry, configure)) return 1;
  ets_printf("entry 0x%08x\n", (unsigned)*entry);
  if (jump) ((void (*)(void))*entry)();
  return 0;
}
