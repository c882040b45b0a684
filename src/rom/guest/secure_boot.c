/* Secure boot, version 1: the hardware block that digests the bootloader (registers at 0x3FF04000; the ROM is what
   documents them), and whether version 2 is asked for. */
#include "rom.h"

#define DPORT_PERI_CLK_EN_REG 0x3ff0001c
#define DPORT_PERI_RST_EN_REG 0x3ff00020
#define DPORT_PERI_EN_SECUREBOOT BIT(3)
#define EFUSE_BLK0_RDATA6_REG 0x3ff5a018
#define EFUSE_RD_ABS_DONE_0 BIT(4)
#define EFUSE_RD_ABS_DONE_1 BIT(5)

#define SB_IV 0x3ff04000       /* 128 bytes */
#define SB_BLOCK 0x3ff04080    /* 128 bytes of the image */
#define SB_ABSTRACT 0x3ff04100 /* 64 bytes: the digest */
#define SB_CHECK 0x3ff04140    /* 64 bytes to compare with it */
#define SB_RESULT 0x3ff04180   /* 0: the same */
#define SB_START 0x3ff041c0
#define SB_HASH 0x3ff041c4
#define SB_OBTAIN 0x3ff041c8
#define SB_COMPARE 0x3ff041cc
#define SB_FINISH 0x3ff041d0
#define SB_BUSY 0x3ff041d4

static void wait(void) {
  while (REG(SB_BUSY) == 1) {
  }
}
static void command(uint32_t reg) {
  REG(reg) = 1;
  wait();
}
static void copy_in(uint32_t reg, const uint32_t *from, unsigned words) {
  for (unsigned i = 0; i < words; ++i) REG(reg + 4 * i) = from[i];
}
static void copy_out(uint32_t *to, uint32_t reg, unsigned words) {
  for (unsigned i = 0; i < words; ++i) to[i] = REG(reg + 4 * i);
}

void ets_secure_boot_start(void) {
  set_bits(DPORT_PERI_CLK_EN_REG, DPORT_PERI_EN_SECUREBOOT);
  clear_bits(DPORT_PERI_RST_EN_REG, DPORT_PERI_EN_SECUREBOOT);
  wait();
  command(SB_START);
}
void ets_secure_boot_finish(void) {
  command(SB_FINISH);
  set_bits(DPORT_PERI_RST_EN_REG, DPORT_PERI_EN_SECUREBOOT);
  clear_bits(DPORT_PERI_CLK_EN_REG, DPORT_PERI_EN_SECUREBOOT);
}
/* Digests 128 bytes; with NULL those that are in the block already. */
void ets_secure_boot_hash(uint32_t *data) {
  if (data) copy_in(SB_BLOCK, data, 32);
  command(SB_HASH);
}
void ets_secure_boot_obtain(void) { command(SB_OBTAIN); }
/* 0 if `abstract` is the digest. */
int ets_secure_boot_check(uint32_t *abstract) {
  copy_in(SB_CHECK, abstract, 16);
  command(SB_COMPARE);
  return (int)REG(SB_RESULT);
}
void ets_secure_boot_rd_iv(uint32_t *iv) { copy_out(iv, SB_IV, 32); }
void ets_secure_boot_rd_abstract(uint32_t *abstract) { copy_out(abstract, SB_ABSTRACT, 16); }

/* Starts a check if the eFuse of abstract 0 or 1 asks for one: `iv` is digested first. */
bool ets_secure_boot_check_start(uint8_t index, uint32_t *iv) {
  if (index > 1 || !(REG(EFUSE_BLK0_RDATA6_REG) & (index ? EFUSE_RD_ABS_DONE_1 : EFUSE_RD_ABS_DONE_0))) return false;
  ets_secure_boot_start();
  ets_secure_boot_hash(iv);
  return true;
}
int ets_secure_boot_check_finish(uint32_t *abstract) {
  ets_secure_boot_obtain();
  const int result = ets_secure_boot_check(abstract);
  ets_secure_boot_finish();
  return result;
}

bool ets_use_secure_boot_v2(void) { return REG(EFUSE_BLK0_RDATA6_REG) & EFUSE_RD_ABS_DONE_1; }
