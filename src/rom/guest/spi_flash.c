/* The SPI flash chip, through controller SPI1; SPI0, which serves the cache, is set up to read in the same mode.
   Registers: ESP-IDF soc/esp32/register/soc/spi_reg.h. */
#include "rom.h"

#define SPI_BASE(n) (0x3ff43000u - ((uint32_t)(n) << 12)) /* SPI0 0x3FF43000, SPI1 0x3FF42000 */
#define SPI_CMD(n) (SPI_BASE(n) + 0x00)
#define SPI_ADDR(n) (SPI_BASE(n) + 0x04)
#define SPI_CTRL(n) (SPI_BASE(n) + 0x08)
#define SPI_RD_STATUS(n) (SPI_BASE(n) + 0x10)
#define SPI_CLOCK(n) (SPI_BASE(n) + 0x18)
#define SPI_USER(n) (SPI_BASE(n) + 0x1c)
#define SPI_USER1(n) (SPI_BASE(n) + 0x20)
#define SPI_USER2(n) (SPI_BASE(n) + 0x24)
#define SPI_MOSI_DLEN(n) (SPI_BASE(n) + 0x28)
#define SPI_MISO_DLEN(n) (SPI_BASE(n) + 0x2c)
#define SPI_PIN(n) (SPI_BASE(n) + 0x34)
#define SPI_CACHE_FCTRL(n) (SPI_BASE(n) + 0x50)
#define SPI_CACHE_SCTRL(n) (SPI_BASE(n) + 0x54)
#define SPI_SRAM_CMD(n) (SPI_BASE(n) + 0x58)
#define SPI_SRAM_DRD_CMD(n) (SPI_BASE(n) + 0x5c)
#define SPI_SRAM_DWR_CMD(n) (SPI_BASE(n) + 0x60)
#define SPI_W0(n) (SPI_BASE(n) + 0x80)
#define SPI_EXT2(n) (SPI_BASE(n) + 0xf8)
#define SPI_EXT3(n) (SPI_BASE(n) + 0xfc)

/* SPI_CMD */
#define SPI_FLASH_WREN BIT(30)
#define SPI_FLASH_RDSR BIT(27)
#define SPI_FLASH_WRSR BIT(26)
#define SPI_FLASH_PP BIT(25)
#define SPI_FLASH_SE BIT(24)
#define SPI_FLASH_BE BIT(23)
#define SPI_FLASH_CE BIT(22)
#define SPI_FLASH_RES BIT(20)
#define SPI_USR BIT(18)
/* SPI_CTRL */
#define SPI_FREAD_QIO BIT(24)
#define SPI_FREAD_DIO BIT(23)
#define SPI_WRSR_2B BIT(22)
#define SPI_WP BIT(21)
#define SPI_FREAD_QUAD BIT(20)
#define SPI_RESANDRES BIT(15)
#define SPI_FREAD_DUAL BIT(14)
#define SPI_FASTRD_MODE BIT(13)
#define READ_MODE_BITS (SPI_FREAD_QIO | SPI_FREAD_DIO | SPI_FREAD_QUAD | SPI_FREAD_DUAL | SPI_FASTRD_MODE)
/* SPI_USER */
#define SPI_USR_COMMAND BIT(31)
#define SPI_USR_ADDR BIT(30)
#define SPI_USR_DUMMY BIT(29)
#define SPI_USR_MISO BIT(28)
#define SPI_USR_MOSI BIT(27)
/* SPI_USER1, SPI_USER2 */
#define SPI_USR_ADDR_BITLEN_SHIFT 26
#define SPI_USR_DUMMY_CYCLELEN 0xff
#define SPI_COMMAND_8_BITS (7u << 28)

#define FLASH_STATUS_QE BIT(9) /* status register 2, bit 1 */

enum { kOk = 0, kError = 1 };

static void start(uint32_t command) {
  REG(SPI_CMD(1)) = command;
  while (REG(SPI_CMD(1))) {
  }
}
static void wait_controllers(void) {
  while (REG(SPI_EXT2(1)) & 7) {
  }
  while (REG(SPI_EXT2(0)) & 7) {
  }
}

/* What a single command changes in SPI1's set-up, to be put back after it. */
typedef struct {
  uint32_t ctrl, user, user1, user2;
} Setup;
static Setup save_setup(void) {
  return (Setup){REG(SPI_CTRL(1)), REG(SPI_USER(1)), REG(SPI_USER1(1)), REG(SPI_USER2(1))};
}
static void restore_setup(const Setup *setup) {
  REG(SPI_CTRL(1)) = setup->ctrl;
  REG(SPI_USER(1)) = setup->user;
  REG(SPI_USER1(1)) = setup->user1;
  REG(SPI_USER2(1)) = setup->user2;
}

/* Sends `command` and reads `bits` bits after `dummy` clock cycles. */
static uint32_t read_command(uint8_t command, unsigned bits, unsigned dummy) {
  REG(SPI_MISO_DLEN(1)) = bits - 1;
  REG(SPI_USER(1)) = SPI_USR_COMMAND | SPI_USR_MISO | (dummy ? SPI_USR_DUMMY : 0);
  if (dummy) REG(SPI_USER1(1)) = dummy - 1;
  REG(SPI_USER2(1)) = SPI_COMMAND_8_BITS | command;
  REG(SPI_W0(1)) = 0;
  start(SPI_USR);
  return REG(SPI_W0(1));
}

int esp_rom_spiflash_read_user_cmd(uint32_t *status, uint8_t command) {
  const Setup setup = save_setup();
  REG(SPI_CTRL(1)) = 0;
  *status = read_command(command, 8, g_rom_spiflash_dummy_len_plus[1]) & 0xff;
  restore_setup(&setup);
  return kOk;
}

/* Reads the status register until no write is under way, and gives its bits of the chip's status mask. */
/* ESP-IDF's header gives this a pointer to the chip, but what it masks with is the first word there: the ROM's own calls
   point to status_mask. */
int esp_rom_spiflash_read_status(const uint32_t *mask, uint32_t *status) {
  if (g_rom_spiflash_dummy_len_plus[1] == 0) {
    uint32_t value;
    do {
      REG(SPI_RD_STATUS(1)) = 0;
      start(SPI_FLASH_RDSR);
      value = REG(SPI_RD_STATUS(1)) & *mask;
    } while (value & 1);
    *status = value;
  } else {
    do esp_rom_spiflash_read_user_cmd(status, 0x05);
    while (*status & 1);
  }
  return kOk;
}

static int wait_idle(const esp_rom_spiflash_chip_t *chip) {
  uint32_t status;
  wait_controllers();
  return esp_rom_spiflash_read_status(&chip->status_mask, &status);
}

/* Status register 2, as bits 8 to 15. */
int esp_rom_spiflash_read_statushigh(uint32_t *status) {
  wait_idle(&g_rom_flashchip);
  const int result = esp_rom_spiflash_read_user_cmd(status, 0x35);
  *status <<= 8;
  return result;
}

int esp_rom_spiflash_write_status(const esp_rom_spiflash_chip_t *chip, uint32_t status) {
  wait_idle(chip);
  REG(SPI_RD_STATUS(1)) = status;
  start(SPI_FLASH_WRSR);
  wait_idle(chip);
  return kOk;
}

int esp_rom_spiflash_enable_write(const esp_rom_spiflash_chip_t *chip) {
  uint32_t status = 0;
  wait_idle(chip);
  start(SPI_FLASH_WREN);
  while (!(status & 2)) esp_rom_spiflash_read_status(&chip->status_mask, &status);
  return kOk;
}

/* --- one command of the list that an image may carry --- */
enum {
  kCmdLast = 0x80,    /* the list ends here */
  kCmdCompare = 0x40, /* only reads: bits 0-1 bytes after bits 2-5 bytes of dummy */
};

/* Reads a register of one or two bytes (bits 0-1; bit 2: its second byte has a command of its own) and writes it (bits
   4-5: bytes) if the bits of `data_mask` are not as in `data`. With kCmdCompare it only compares; then `data_mask` is
   the result if it differs. Without any data_mask read_cmd0 is sent and nothing more.
   Returns 0 to end the list, else how far to go on in it. */
uint16_t SPI_Common_Command(const esp_rom_spiflash_common_cmd_t *command) {
  const uint8_t flags = command->flags;
  const bool compare = flags & kCmdCompare;
  unsigned read_bytes = flags & 3, write_bytes = 0, dummy = 0;
  bool second_read = false;
  if (compare) {
    dummy = (flags >> 2 & 15) * 8;
    if (read_bytes == 0 || read_bytes == 3) return 1;
  } else {
    if (read_bytes == 0 || read_bytes == 3) return 1;
    const unsigned extra = flags >> 2 & 3, writes = flags >> 4 & 3;
    if (read_bytes == 2) {
      if (writes != 2 || extra != 0) return 1;
    } else {
      if (extra > 1 || writes != extra + 1) return 1;
      second_read = extra != 0;
    }
    write_bytes = writes;
  }
  uint16_t result = flags & kCmdLast ? 0 : 1;

  wait_idle(&g_rom_flashchip);
  const Setup setup = save_setup();
  REG(SPI_CTRL(1)) = 0;
  if (command->data_mask == 0) {
    REG(SPI_USER(1)) = SPI_USR_COMMAND;
    REG(SPI_USER2(1)) = SPI_COMMAND_8_BITS | command->read_cmd0;
    start(SPI_USR);
  } else {
    const unsigned plus = g_rom_spiflash_dummy_len_plus[1];
    uint32_t value = read_command(command->read_cmd0, read_bytes * 8, dummy + plus);
    value &= read_bytes == 1 ? 0xff : 0xffff;
    if (second_read) value |= (read_command(command->read_cmd1, 8, 0) & 0xff) << 8;
    if (compare) {
      if (value != command->data) result = command->data_mask;
      if (flags & kCmdLast) result = 0;
    } else if ((value ^ command->data) & command->data_mask) {
      REG(SPI_MOSI_DLEN(1)) = write_bytes * 8 - 1;
      REG(SPI_USER(1)) = SPI_USR_COMMAND | SPI_USR_MOSI;
      REG(SPI_USER2(1)) = SPI_COMMAND_8_BITS | command->write_cmd;
      REG(SPI_W0(1)) = command->data;
      start(SPI_USR);
    }
  }
  restore_setup(&setup);
  return result;
}

/* --- the read mode --- */
static void set_read_bits(uint32_t mode_bits) {
  clear_bits(SPI_CTRL(1), READ_MODE_BITS);
  clear_bits(SPI_CTRL(0), READ_MODE_BITS);
  set_bits(SPI_CTRL(1), mode_bits);
  set_bits(SPI_CTRL(0), mode_bits);
}

/* A read mode's command, address bits and dummy cycles. */
typedef struct {
  uint8_t command, address_bits, dummy;
} ReadFormat;
static ReadFormat read_format(uint32_t ctrl, bool cache) {
  if ((ctrl & (SPI_FREAD_QIO | SPI_FASTRD_MODE)) == (SPI_FREAD_QIO | SPI_FASTRD_MODE))
    return (ReadFormat){0xeb, 32, 4};
  if (!(ctrl & SPI_FASTRD_MODE)) return (ReadFormat){0x03, 24, 0};
  if (ctrl & SPI_FREAD_QUAD && cache) return (ReadFormat){0x6b, 24, 8};
  /* The cache reads 24 bits of address and the mode byte as dummy cycles; SPI1 sends it with the address. */
  if (ctrl & SPI_FREAD_DIO) return cache ? (ReadFormat){0xbb, 24, 4} : (ReadFormat){0xbb, 32, 0};
  if (ctrl & SPI_FREAD_QUAD) return (ReadFormat){0x6b, 24, 8};
  if (ctrl & SPI_FREAD_DUAL) return (ReadFormat){0x3b, 24, 8};
  return (ReadFormat){0x0b, 24, 8};
}

/* Programs controller `spi` to read in `format`, its other bits left as they are. */
static void apply_format(unsigned spi, ReadFormat format) {
  const unsigned dummy = format.dummy + g_rom_spiflash_dummy_len_plus[spi];
  clear_bits(SPI_USER(spi), SPI_USR_MOSI);
  if (dummy) {
    set_bits(SPI_USER(spi), SPI_USR_ADDR | SPI_USR_MISO | SPI_USR_DUMMY);
    replace_bits(SPI_USER1(spi), SPI_USR_DUMMY_CYCLELEN, (dummy - 1) & 0xff);
  } else {
    set_bits(SPI_USER(spi), SPI_USR_ADDR | SPI_USR_MISO);
    clear_bits(SPI_USER(spi), SPI_USR_DUMMY);
  }
  replace_bits(SPI_USER1(spi), 0x3fu << SPI_USR_ADDR_BITLEN_SHIFT,
               (uint32_t)(format.address_bits - 1) << SPI_USR_ADDR_BITLEN_SHIFT);
  if (spi == 0) replace_bits(SPI_USER2(0), 0xffff, format.command);
  else REG(SPI_USER2(1)) = SPI_COMMAND_8_BITS | format.command;
}

static const uint32_t kModeBits[] = {
    [SPIFLASH_QIO] = SPI_FREAD_QIO | SPI_FASTRD_MODE,   [SPIFLASH_QOUT] = SPI_FREAD_QUAD | SPI_FASTRD_MODE,
    [SPIFLASH_DIO] = SPI_FREAD_DIO | SPI_FASTRD_MODE,   [SPIFLASH_DOUT] = SPI_FREAD_DUAL | SPI_FASTRD_MODE,
    [SPIFLASH_FAST_READ] = SPI_FASTRD_MODE,             [SPIFLASH_SLOW_READ] = 0,
};

int esp_rom_spiflash_config_readmode(spiflash_mode_t mode) {
  wait_idle(&g_rom_flashchip);
  const uint32_t bits = (unsigned)mode < 6 ? kModeBits[mode] : 0;
  set_read_bits(bits);
  apply_format(0, read_format(bits, true));
  return kOk;
}

/* Writes both status registers. */
static int write_status_16(uint32_t status) {
  set_bits(SPI_CTRL(1), SPI_WRSR_2B);
  if (esp_rom_spiflash_enable_write(&g_rom_flashchip) != kOk) return kError;
  return esp_rom_spiflash_write_status(&g_rom_flashchip, status) == kOk ? kOk : kError;
}

/* The read mode that an image asks for. The quad modes need the chip's QE bit, which is set if it is not; for the
   others `legacy` asks to clear it. */
int SPIReadModeCnfig(spiflash_mode_t mode, bool legacy) {
  wait_controllers();
  clear_bits(SPI_CTRL(1), READ_MODE_BITS);
  clear_bits(SPI_CTRL(0), READ_MODE_BITS);
  const uint32_t bits = (unsigned)mode < 6 ? kModeBits[mode] : 0;
  const bool quad = mode <= SPIFLASH_QOUT;
  uint32_t status_high, status;
  if (quad || legacy) {
    esp_rom_spiflash_read_statushigh(&status_high);
    if (((status_high & FLASH_STATUS_QE) != 0) != quad) {
      set_bits(SPI_CTRL(1), SPI_WRSR_2B);
      esp_rom_spiflash_enable_write(&g_rom_flashchip);
      esp_rom_spiflash_read_status(&g_rom_flashchip.status_mask, &status);
      esp_rom_spiflash_write_status(&g_rom_flashchip, quad ? status | FLASH_STATUS_QE : status & 0xff);
    }
  }
  set_bits(SPI_CTRL(1), bits);
  set_bits(SPI_CTRL(0), bits);
  apply_format(0, read_format(bits, true));
  return kOk;
}

/* --- pins, clock, attaching --- */
void spi_dummy_len_fix(uint8_t spi, uint8_t divider) {
  /* Through the GPIO matrix data arrives a clock later at 40 MHz, two at 80. */
  g_rom_spiflash_dummy_len_plus[spi] = sig_matrix && divider <= 2 ? 3 - divider : 0;
}

#define IO_MUX_FUNCTION (7u << 12)
#define GPIO_SPI_SELECT_REG 0x3ff44f24 /* bit 31: the flash is on the HSPI pads */

/* Signals of SPI0/1 in the GPIO matrix (ESP-IDF, soc/gpio_sig_map.h). */
enum { kSpiClk = 0, kSpiQ = 1, kSpiD = 2, kSpiHd = 3, kSpiWp = 4, kSpiCs0 = 5 };

static void pad_for_flash(uint8_t gpio) {
  gpio_pad_unhold(gpio);
  gpio_pad_pullup(gpio);
}
/* The pad's function 1: SPI on the flash pads, HSPI on the JTAG ones. */
static void pad_function_1(uint8_t gpio) { replace_bits(rom_io_mux_register(gpio), IO_MUX_FUNCTION, 1u << 12); }

/* Pins of the usual pads (spi_config 0) and of HSPI (1), in the order clk, q, d, cs, hd, wp. */
static const uint8_t kPins[2][6] = {{6, 7, 8, 11, 9, 10}, {14, 12, 13, 15, 4, 2}};

/* Gives the flash chip's pads to the SPI controllers. `spi_config`: 0, 1 or the pads that the eFuses name. */
void SelectSpiFunction(uint32_t spi_config) {
  if (spi_config <= 1) {
    const uint8_t *pins = kPins[spi_config];
    for (unsigned i = 0; i < 6; ++i) pad_for_flash(pins[i]);
    gpio_pad_set_drv(pins[0], 1);
    for (unsigned i = 0; i < 4; ++i) pad_function_1(pins[i]);
    if (spi_config) set_bits(GPIO_SPI_SELECT_REG, BIT(31));
    else clear_bits(GPIO_SPI_SELECT_REG, BIT(31));
    return;
  }
  sig_matrix = 1;
  static const uint8_t signals[] = {kSpiClk, kSpiQ, kSpiD, kSpiCs0};
  for (unsigned i = 0; i < 5; ++i) {
    const uint8_t gpio = spi_config >> (6 * i) & 0x3f;
    pad_for_flash(gpio);
    if (i == 0) gpio_pad_set_drv(gpio, 1);
    if (i == 1 || i == 2) gpio_matrix_in(gpio, signals[i], false);
    if (i < 4) gpio_matrix_out(gpio, signals[i], false, false);
    gpio_pad_select_gpio(gpio);
  }
}

/* The two more data lines of the quad modes. */
void esp_rom_spiflash_select_qio_pins(uint8_t wp_gpio, uint32_t spi_config) {
  if (spi_config <= 1) {
    pad_function_1(kPins[spi_config][4]);
    pad_function_1(kPins[spi_config][5]);
    return;
  }
  pad_for_flash(wp_gpio);
  gpio_matrix_in(wp_gpio, kSpiWp, false);
  gpio_matrix_out(wp_gpio, kSpiWp, false, false);
  gpio_pad_select_gpio(wp_gpio);
  const uint8_t hd = spi_config >> 24 & 0x3f;
  gpio_matrix_in(hd, kSpiHd, false);
  gpio_matrix_out(hd, kSpiHd, false, false);
}

/* The drive strengths of an image's header: three bytes, a nibble a pin; bit 3 says that one is given. */
void SetSpiDrvs(uint8_t wp_gpio, uint32_t spi_config, const uint8_t *drives) {
  uint8_t nibbles[6];
  for (unsigned i = 0; i < 6; ++i) nibbles[i] = drives[i / 2] >> (i % 2 * 4) & 15;
  ets_printf("clk_drv:0x%02x,q_drv:0x%02x,d_drv:0x%02x,cs0_drv:0x%02x,hd_drv:0x%02x,wp_drv:0x%02x\n", nibbles[0],
             nibbles[1], nibbles[2], nibbles[3], nibbles[4], nibbles[5]);
  for (unsigned i = 0; i < 6; ++i) {
    if (!(nibbles[i] & 8)) continue;
    if (i >= 4 && wp_gpio == 0xee) continue; /* no quad pins */
    uint8_t gpio;
    if (spi_config <= 1) gpio = kPins[spi_config][i];
    else gpio = i == 5 ? wp_gpio : spi_config >> (6 * i) & 0x3f;
    gpio_pad_set_drv(gpio, nibbles[i] & 3);
  }
}

int esp_rom_spiflash_config_clk(uint8_t divider, uint8_t spi) {
  wait_idle(&g_rom_flashchip);
  REG(SPI_CLOCK(spi)) =
      divider < 2 ? BIT(31) : (uint32_t)(divider - 1) << 12 | (uint32_t)(divider / 2 - 1) << 6 | (divider - 1);
  return kOk;
}

int esp_rom_spiflash_attach(uint32_t spi_config, bool legacy) {
  SelectSpiFunction(spi_config);
  clear_bits(SPI_PIN(0), BIT(0)); /* CS0 */
  set_bits(SPI_PIN(0), BIT(1));
  spi_dummy_len_fix(0, 4);
  spi_dummy_len_fix(1, 4);
  REG(SPI_CLOCK(1)) = 0x3043; /* APB clock / 4 */
  REG(SPI_CLOCK(0)) = 0x3043;
  REG(SPI_CTRL(1)) = SPI_WP | SPI_RESANDRES;
  REG(SPI_CTRL(0)) = SPI_WP;
  replace_bits(SPI_MISO_DLEN(0), 0xffffff, 0xff);
  replace_bits(SPI_MOSI_DLEN(0), 0xffffff, 0xff);
  replace_bits(SPI_USER2(0), 0xf0000000, SPI_COMMAND_8_BITS);
  apply_format(0, read_format(0, true));
  REG(SPI_EXT3(0)) = 3;
  set_bits(SPI_CACHE_FCTRL(0), BIT(2));
  REG(SPI_CMD(1)) = SPI_FLASH_RES;
  REG(SPI_EXT3(1)) = 3;
  while (REG(SPI_CMD(1))) {
  }
  return SPIReadModeCnfig(SPIFLASH_SLOW_READ, legacy);
}

/* --- block protection --- */
int SPIUnlock(void) {
  uint32_t status;
  if (esp_rom_spiflash_read_statushigh(&status) != kOk) return kError;
  return write_status_16(status);
}
int esp_rom_spiflash_lock(void) {
  uint32_t status;
  if (esp_rom_spiflash_read_statushigh(&status) != kOk) return kError;
  return write_status_16(status | 0x1c);
}

/* --- erasing and writing: 24 bits of address, no dummy cycles --- */
static void prepare_write(void) {
  clear_bits(SPI_USER(1), SPI_USR_DUMMY);
  replace_bits(SPI_USER1(1), 0x3fu << SPI_USR_ADDR_BITLEN_SHIFT, 23u << SPI_USR_ADDR_BITLEN_SHIFT);
}

static int erase(uint32_t address, uint32_t command) {
  if (esp_rom_spiflash_enable_write(&g_rom_flashchip) != kOk) return kError;
  wait_idle(&g_rom_flashchip);
  if (command != SPI_FLASH_CE) REG(SPI_ADDR(1)) = address & 0xffffff;
  start(command);
  wait_idle(&g_rom_flashchip);
  return kOk;
}
int esp_rom_spiflash_erase_chip(void) { return erase(0, SPI_FLASH_CE); }
int esp_rom_spiflash_erase_block(uint32_t block) {
  prepare_write();
  if (block >= g_rom_flashchip.chip_size / g_rom_flashchip.block_size) return kError;
  return erase(block * g_rom_flashchip.block_size, SPI_FLASH_BE);
}
int esp_rom_spiflash_erase_sector(uint32_t sector) {
  prepare_write();
  if (sector >= g_rom_flashchip.chip_size / g_rom_flashchip.sector_size) return kError;
  const uint32_t address = sector * g_rom_flashchip.sector_size;
  if (address & 0xfff) return kError;
  return erase(address, SPI_FLASH_SE);
}

int esp_rom_spiflash_erase_area(uint32_t start_address, uint32_t length) {
  SPIReadModeCnfig(SPIFLASH_SLOW_READ, true);
  const uint32_t sector_size = g_rom_flashchip.sector_size;
  if (start_address + length > g_rom_flashchip.chip_size || start_address % sector_size) return kError;
  if (SPIUnlock() != kOk) return kError;
  /* Sectors up to the next block, which is a whole block of them if the start is at one; blocks while more than one is
     left; sectors. */
  const uint32_t per_block = g_rom_flashchip.block_size / sector_size;
  uint32_t sector = start_address / sector_size, count = (length + sector_size - 1) / sector_size;
  uint32_t singly = per_block - sector % per_block;
  while (count) {
    if (singly == 0 && count <= per_block) singly = count;
    const uint32_t step = singly ? 1 : per_block;
    const int result = singly ? esp_rom_spiflash_erase_sector(sector) : esp_rom_spiflash_erase_block(sector / per_block);
    if (result != kOk) return kError;
    if (singly) --singly;
    sector += step;
    count -= step;
  }
  return kOk;
}

/* Programs up to `length` bytes (a multiple of 4) within one page, 32 at a time. */
static int program_page(uint32_t address, const uint32_t *from, int32_t length) {
  const uint32_t page_size = g_rom_flashchip.page_size;
  if (length & 3 || address % page_size + (uint32_t)length > page_size) return kError;
  wait_idle(&g_rom_flashchip);
  while (length > 0) {
    const int32_t part = length < 32 ? length : 32;
    REG(SPI_ADDR(1)) = (address & 0xffffff) | (uint32_t)part << 24;
    for (int32_t i = 0; i < part / 4; ++i) REG(SPI_W0(1) + 4 * i) = *from++;
    if (esp_rom_spiflash_enable_write(&g_rom_flashchip) != kOk) return kError;
    start(SPI_FLASH_PP);
    wait_idle(&g_rom_flashchip);
    address += (uint32_t)part;
    length -= part;
  }
  return kOk;
}

int esp_rom_spiflash_write(uint32_t address, const uint32_t *from, int32_t length) {
  prepare_write();
  if (address + (uint32_t)length > g_rom_flashchip.chip_size) return kError;
  const uint32_t page_size = g_rom_flashchip.page_size;
  do {
    const int32_t room = (int32_t)(page_size - address % page_size);
    const int32_t part = length < room ? length : room;
    if (program_page(address, from, part) != kOk) return kError;
    address += (uint32_t)part;
    from += part / 4;
    length -= part;
  } while (length > 0);
  return kOk;
}

int esp_rom_spiflash_read(uint32_t address, uint32_t *to, int32_t length) {
  apply_format(1, read_format(REG(SPI_CTRL(1)), false));
  if (address + (uint32_t)length > g_rom_flashchip.chip_size) return kError;
  wait_idle(&g_rom_flashchip);
  while (length > 0) {
    const int32_t part = length < 64 ? length : 64;
    REG(SPI_MISO_DLEN(1)) = 64 * 8 - 1;
    REG(SPI_ADDR(1)) = address << 8;
    start(SPI_USR);
    for (int32_t i = 0; i < (part + 3) / 4; ++i) *to++ = REG(SPI_W0(1) + 4 * i);
    address += (uint32_t)part;
    length -= part;
  }
  return kOk;
}

int esp_rom_spiflash_config_param(uint32_t device_id, uint32_t chip_size, uint32_t block_size, uint32_t sector_size,
                                  uint32_t page_size, uint32_t status_mask) {
  g_rom_flashchip =
      (esp_rom_spiflash_chip_t){device_id, chip_size, block_size, sector_size, page_size, status_mask};
  return kOk;
}

/* --- flash encryption: 32 bytes at a time through the encryption block --- */
#define DPORT_SLAVE_SPI_CONFIG_REG 0x3ff000c8
#define DPORT_SLAVE_SPI_MASK_PRO BIT(0)
#define DPORT_SPI_ENCRYPT_ENABLE BIT(8)
#define FLASH_ENCRYPT_BUFFER_REG(i) (0x3ff5b000u + 4 * (i))
#define FLASH_ENCRYPT_START_REG 0x3ff5b020
#define FLASH_ENCRYPT_ADDRESS_REG 0x3ff5b024
#define FLASH_ENCRYPT_DONE_REG 0x3ff5b028

void esp_rom_spiflash_write_encrypted_enable(void) {
  set_bits(DPORT_SLAVE_SPI_CONFIG_REG, DPORT_SPI_ENCRYPT_ENABLE | DPORT_SLAVE_SPI_MASK_PRO);
}
void esp_rom_spiflash_write_encrypted_disable(void) {
  clear_bits(DPORT_SLAVE_SPI_CONFIG_REG, DPORT_SPI_ENCRYPT_ENABLE | DPORT_SLAVE_SPI_MASK_PRO);
}
int esp_rom_spiflash_prepare_encrypted_data(uint32_t address, const uint32_t *data) {
  if (address & 31) return kError;
  REG(FLASH_ENCRYPT_ADDRESS_REG) = address;
  for (unsigned i = 0; i < 8; ++i) REG(FLASH_ENCRYPT_BUFFER_REG(i)) = data[i];
  REG(FLASH_ENCRYPT_START_REG) = 1;
  while (!(REG(FLASH_ENCRYPT_DONE_REG) & 1)) {
  }
  return kOk;
}
int esp_rom_spiflash_write_encrypted(uint32_t address, const uint32_t *data, uint32_t length) {
  if ((address | length) & 31) return kError;
  int result = kOk;
  esp_rom_spiflash_write_encrypted_enable();
  for (uint32_t done = 0; done < length && result == kOk; done += 32) {
    result = esp_rom_spiflash_prepare_encrypted_data(address + done, data + done / 4);
    /* The controller takes the data from the encryption block; `data` only says how much there is. */
    if (result == kOk) result = esp_rom_spiflash_write(address + done, data, 32);
  }
  esp_rom_spiflash_write_encrypted_disable();
  return result;
}

/* --- PSRAM behind SPI0 --- */
#define SPI_USR_SRAM_DIO BIT(1)
#define SPI_USR_SRAM_QIO BIT(2)
#define SPI_USR_RD_SRAM_DUMMY BIT(4)
#define SPI_CACHE_SRAM_USR_RCMD BIT(5)
#define SPI_CACHE_SRAM_USR_WCMD BIT(28)
#define SPI_SRAM_DUMMY_CYCLELEN (0xffu << 14)
#define SPI_SRAM_RSTIO BIT(4)
#define SPI_SRAM_QIO BIT(1)
#define SPI_SRAM_DIO BIT(0)

/* Lets the cache use a PSRAM chip on `lines` data lines (1, 2 or 4): commands 3 and 2. */
void spi_cache_sram_init(int lines) {
  set_bits(SPI_PIN(0), BIT(0));
  clear_bits(SPI_PIN(0), BIT(1));
  set_bits(SPI_SRAM_CMD(0), SPI_SRAM_RSTIO);
  while (REG(SPI_SRAM_CMD(0)) & SPI_SRAM_RSTIO) {
  }
  const uint32_t plus = g_rom_spiflash_dummy_len_plus[2];
  const uint32_t sctrl = SPI_CACHE_SCTRL(0);
  const uint32_t custom = SPI_CACHE_SRAM_USR_RCMD | SPI_CACHE_SRAM_USR_WCMD;
  if (lines == 4 || lines == 2) {
    const uint32_t enter = lines == 4 ? SPI_SRAM_QIO : SPI_SRAM_DIO;
    set_bits(SPI_SRAM_CMD(0), enter);
    while (REG(SPI_SRAM_CMD(0)) & enter) {
    }
    clear_bits(sctrl, lines == 4 ? SPI_USR_SRAM_DIO : SPI_USR_SRAM_QIO);
    set_bits(sctrl, (lines == 4 ? SPI_USR_SRAM_QIO : SPI_USR_SRAM_DIO) | SPI_USR_RD_SRAM_DUMMY | custom);
    replace_bits(sctrl, SPI_SRAM_DUMMY_CYCLELEN, (plus + (lines == 4 ? 1 : 3)) << 14);
  } else {
    if (plus) {
      set_bits(sctrl, SPI_USR_RD_SRAM_DUMMY);
      replace_bits(sctrl, SPI_SRAM_DUMMY_CYCLELEN, (plus - 1) << 14);
    } else {
      clear_bits(sctrl, SPI_USR_RD_SRAM_DUMMY);
    }
    clear_bits(sctrl, SPI_USR_SRAM_DIO | SPI_USR_SRAM_QIO);
    clear_bits(sctrl, custom);
  }
  replace_bits(SPI_SRAM_DRD_CMD(0), 0xf000ffff, SPI_COMMAND_8_BITS | 0x03);
  replace_bits(SPI_SRAM_DWR_CMD(0), 0xf000ffff, SPI_COMMAND_8_BITS | 0x02);
  clear_bits(SPI_PIN(0), BIT(0) | BIT(1));
}
