/* From the reset vector to C. */
#include "lx6.h"

#define DPORT_APPCPU_CTRL_D_REG 0x3ff00038
#define PS_WOE_UM 0x40020

  .text
  .literal_position
  .align 4
  .global rom_reset
  .type rom_reset, @function
rom_reset:
  movi a0, 0
  wsr.intenable a0
  rsr.prid a2
  extui a2, a2, 13, 1 /* 0 PRO, 1 APP */
  beqz a2, 1f
  /* An APP CPU whose start address has bit 31 set goes there at once. */
  movi a3, DPORT_APPCPU_CTRL_D_REG
  l32i a3, a3, 0
  bgez a3, 1f
  slli a3, a3, 1
  srli a3, a3, 1
  jx a3

1:movi a3, 0x40000000
  wsr.vecbase a3
  movi a3, 0x15 /* S32C1I: read-conditional-write at the memory, whatever the cache attribute */
  wsr.atomctl a3
  rsil a4, 1

  /* The attributes of the eight 512 MiB regions: the lowest may not be accessed, the next two bypass the cache, the
     others too but for the cached ones of the internal memories (nibbles, region 0 lowest). */
  movi a3, 0x2222211f
  movi a4, 0
  movi a5, 0x20000000
2:extui a6, a3, 0, 4
  witlb a6, a4
  isync
  wdtlb a6, a4
  dsync
  srli a3, a3, 4
  add a4, a4, a5
  bnez a4, 2b
  rsr.memctl a3
  movi a4, 1
  or a3, a3, a4
  wsr.memctl a3

  movi a3, 1
  wsr.windowstart a3
  wsr.windowbase a0
  rsync
  movi a0, 0
  rsr.prid a2
  extui a2, a2, 13, 1
  movi a3, rom_level2
  wsr.excsave2 a3
  movi a3, rom_level3
  wsr.excsave3 a3
  movi a3, rom_level4
  wsr.excsave4 a3
  movi a3, rom_level5
  wsr.excsave5 a3
  movi a1, __stack
  beqz a2, 3f
  movi a1, __stack_app
3:movi a3, PS_WOE_UM
  wsr.ps a3
  rsync
  call4 rom_init_data
  call4 rom_main
  break 1, 15
  j .
  .size rom_reset, . - rom_reset
