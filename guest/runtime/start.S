/* Where both cores enter the program: from the ROM, or from a bootloader, with nothing to go back to. */
#include "sizes.h"

#define PS_START 0x40023 /* WOE, UM, interrupts up to level 3 off */

  .section .iram, "ax"
  .literal_position

  .macro fresh_core stack
  movi a0, 0
  wsr.intenable a0
  wsr.cpenable a0
  wsr.lcount a0
  movi a2, vectors
  wsr.vecbase a2
  /* One window, number 0. WOE is off meanwhile: the windows of those who called us are forgotten. */
  movi a2, 0x2f
  wsr.ps a2
  rsync
  movi a2, 0
  wsr.windowbase a2
  rsync
  movi a2, 1
  wsr.windowstart a2
  rsync
  movi a0, 0 /* the end of every backtrace */
  movi a1, \stack + STACK_SIZE
  movi a2, PS_START
  wsr.ps a2
  rsync
  .endm

  .align 4
  .global _start
_start:
  fresh_core stack_pro
  call4 start_pro_cpu

  .align 4
  .global start_app
start_app:
  fresh_core stack_app
  call4 start_app_cpu

  .section .noinit.stacks, "aw", @nobits
  .align 16
stack_pro:
  .skip STACK_SIZE
stack_app:
  .skip STACK_SIZE
