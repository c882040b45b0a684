/* Interrupts that C cannot serve: levels 4, 5 and the NMI. Each counts in high_level_counts[level], takes back the
   cross-core interrupt (all four) and the level-5 timer, and clears edge-triggered lines. */
#include "soc.h"

  .section .iram, "ax"
  .literal_position

  .macro serve level, name
  .align 4
  .global \name
\name:
  wsr.excsave\level a2
  wsr.misc\@ a3
  movi a2, high_level_counts + 4 * \level
  l32i a3, a2, 0
  addi a3, a3, 1
  s32i a3, a2, 0
  movi a3, 0
  movi a2, DPORT_CPU_INTR_FROM_CPU_REG(0)
  s32i a3, a2, 0
  s32i a3, a2, 4
  s32i a3, a2, 8
  s32i a3, a2, 12
  memw
  rsr.ccount a2
  addi a2, a2, -1
  wsr.ccompare2 a2
  movi a2, BIT(28) | BIT(30)
  wsr.intclear a2
  esync
  rsr.misc\@ a3
  rsr.excsave\level a2
  rfi \level
  .endm
  serve 4, level4_handler
  serve 5, level5_handler
  serve 7, nmi_handler
