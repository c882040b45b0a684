/* eFuse words that the ROM reads, and the two operations. */
#include "rom.h"

#define EFUSE_BLK0_RDATA3_REG 0x3ff5a00c
#define EFUSE_BLK0_RDATA4_REG 0x3ff5a010
#define EFUSE_BLK0_RDATA5_REG 0x3ff5a014
#define EFUSE_CONF_REG 0x3ff5a0fc
#define EFUSE_CMD_REG 0x3ff5a104
#define EFUSE_OP_READ 0x5aa5
#define EFUSE_OP_PROGRAM 0x5a5a
#define EFUSE_RD_CHIP_VER_REV1 BIT(15) /* RDATA3 */
#define EFUSE_RD_CHIP_VER_REV2 BIT(20) /* RDATA5 */

static void operate(uint32_t code, uint32_t command) {
  REG(EFUSE_CONF_REG) = code;
  REG(EFUSE_CMD_REG) = command;
  while (REG(EFUSE_CMD_REG)) {
  }
}
void ets_efuse_read_op(void) { operate(EFUSE_OP_READ, 1); }
void ets_efuse_program_op(void) { operate(EFUSE_OP_PROGRAM, 2); }

uint32_t ets_efuse_get_8M_clock(void) { return REG(EFUSE_BLK0_RDATA4_REG) & 0xff; }

/* Pads 30 and 31 do not exist: numbers from 30 on stand for pads 32 and up. */
static uint32_t pad(uint32_t value) { return value > 29 ? value + 2 : value; }

/* The flash pins: 0 for the usual SPI pads, or clk | q << 6 | d << 12 | cs << 18 | hd << 24. Impossible settings
   (two functions on one pad) count as none. */
uint32_t ets_efuse_get_spiconfig(void) {
  const uint32_t value = REG(EFUSE_BLK0_RDATA5_REG) & 0xfffff;
  if (value == 0 || value == 0xfffff) return 0;
  const uint32_t clk = pad(value & 31), q = pad(value >> 5 & 31), d = pad(value >> 10 & 31), cs = pad(value >> 15);
  const uint32_t hd = pad(REG(EFUSE_BLK0_RDATA3_REG) >> 4 & 31);
  if (clk == q || clk == d || clk == cs || q == d || q == cs) return 0;
  return clk | q << 6 | d << 12 | cs << 18 | hd << 24;
}

/* Both revision bits are blown on revision 3 (ESP-IDF's bootloader_common_get_chip_revision() also looks at a bit of
   the clock controller's date, which the ROM mask implies). */
bool rom_is_eco3(void) {
  return REG(EFUSE_BLK0_RDATA3_REG) & EFUSE_RD_CHIP_VER_REV1 && REG(EFUSE_BLK0_RDATA5_REG) & EFUSE_RD_CHIP_VER_REV2;
}
