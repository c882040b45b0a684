/* The end: records all registers and calls panic() on a stack of its own, with nothing left to trust. */
#include "frame.h"
#include "sizes.h"

#define PS_PANIC 0x40025 /* WOE, UM, interrupts up to level 5 off */

  .section .iram, "ax"
  .literal_position

/* Keeps every register but MISC1 and MISC3. */
  .macro panic kind
  wsr.misc1 a0
  movi a0, \kind
  wsr.misc3 a0
  rsr.misc1 a0
  j record
  .endm

  .align 4
  .global panic_from_frame
panic_from_frame: /* an exception without a handler, from exception_entry */
  l32i a2, a1, FRAME_A2
  l32i a3, a1, FRAME_A3
  addmi a1, a1, FRAME_SIZE
  panic KIND_EXCEPTION

  .align 4
  .global double_entry
double_entry:
  panic KIND_DOUBLE

  .macro default_handler name, kind
  .align 4
  .weak \name
\name:
  panic \kind
  .endm
  default_handler level4_handler, KIND_LEVEL4
  default_handler level5_handler, KIND_LEVEL5
  default_handler debug_handler, KIND_DEBUG
  default_handler nmi_handler, KIND_NMI

  .align 4
record:
  wsr.misc1 a0
  movi a0, panic_records
  wsr.misc2 a1
  rsr.prid a1
  bbci a1, 13, 1f
  movi a0, panic_records + PANIC_SIZE
1:wsr.misc0 a0
  rsr.misc2 a1
  rsr.misc1 a0
  /* All 64 registers in turn, from this window's a0 on. */
  .rept 16
  wsr.misc1 a0
  rsr.misc0 a0
  s32i a1, a0, 4
  s32i a2, a0, 8
  s32i a3, a0, 12
  rsr.misc1 a1
  s32i a1, a0, 0
  addi a0, a0, 16
  wsr.misc0 a0
  rotw 1
  .endr
  rsr.misc0 a2
  addmi a2, a2, -256
  .macro keep register, offset
  rsr.\register a3
  s32i a3, a2, \offset
  .endm
  keep windowbase, PANIC_WINDOWBASE
  keep windowstart, PANIC_WINDOWSTART
  keep misc3, PANIC_KIND
  keep ps, PANIC_PS
  keep exccause, PANIC_CAUSE
  keep excvaddr, PANIC_VADDR
  keep epc1, PANIC_EPC1
  keep depc, PANIC_DEPC
  keep epc4, PANIC_EPC4
  keep epc5, PANIC_EPC5
  keep epc6, PANIC_EPC6
  keep epc7, PANIC_EPC7
  keep debugcause, PANIC_DEBUGCAUSE
  keep sar, PANIC_SAR
  keep lbeg, PANIC_LBEG
  keep lend, PANIC_LEND
  keep lcount, PANIC_LCOUNT
  wsr.misc0 a2

  /* A fresh start: one window, no loop, the panic stack. */
  movi a0, 0
  wsr.windowbase a0
  rsync
  movi a0, 1
  wsr.windowstart a0
  movi a0, 0
  wsr.lcount a0
  movi a1, panic_stack + PANIC_STACK_SIZE
  movi a2, PS_PANIC
  wsr.ps a2
  rsync
  rsr.misc0 a6
  call4 panic

  .section .bss.panic_stack, "aw", @nobits
  .align 16
panic_stack:
  .skip PANIC_STACK_SIZE
