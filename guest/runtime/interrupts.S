/* From the vectors to C and back. */
#include "frame.h"

/* WOE, CALLINC 1, UM, and interrupts up to level 3 (EXCMLEVEL) off. */
#define PS_HANDLER 0x50023
#define CAUSE_ALLOCA 5

  .section .iram, "ax"
  .literal_position

/* Exceptions and level-1 interrupts (EXCCAUSE 4): exception_handlers[EXCCAUSE](frame), in C. None: panic.

   While PS.EXCM is set only a0 to a3 may be touched, as a4 and up can still hold an older frame's registers, and
   nothing in the way of a window exception would save them; a4 and a5 are copied as they are, and mean something only
   if they are this frame's. */
  .align 4
  .global exception_entry
exception_entry:
  addmi a1, a1, -FRAME_SIZE
  s32i a2, a1, FRAME_A2
  s32i a3, a1, FRAME_A3
  rsr.exccause a2
  beqi a2, CAUSE_ALLOCA, alloca
  movi a3, exception_handlers
  addx4 a3, a2, a3
  l32i a3, a3, 0
  bnez a3, 1f
  j panic_from_frame
1:
  s32i a3, a1, FRAME_HANDLER
  s32i a2, a1, FRAME_CAUSE
  rsr.excvaddr a2
  s32i a2, a1, FRAME_VADDR
  rsr.epc1 a2
  s32i a2, a1, FRAME_PC
  s32i a4, a1, FRAME_A4
  s32i a5, a1, FRAME_A5
  movi a2, PS_HANDLER
  xsr.ps a2
  s32i a2, a1, FRAME_PS
  addmi a1, a1, FRAME_SIZE /* window overflows below want the real stack pointer */
  rsync
  movi a4, return_from_exception /* what the ENTRY below sees as its return address: bits 31..30 say CALL4 */
  j exception_window

/* Runs in a window four registers on from the interrupted one: a2 to a11 here are that one's a6 to a15 and stay as they
   are, a0 and a1 its a4 and a5. Only a12 and up are new, and CALL12 keeps the rest. */
  .macro call_handler
  entry a1, FRAME_SIZE
  rsr.sar a12
  s32i a12, a1, FRAME_SAR
  rsr.lbeg a12
  s32i a12, a1, FRAME_LBEG
  rsr.lend a12
  s32i a12, a1, FRAME_LEND
  rsr.lcount a12
  s32i a12, a1, FRAME_LCOUNT
  movi a12, 0
  wsr.lcount a12 /* a handler's own code may lie at LEND */
  rsr.acclo a12
  s32i a12, a1, FRAME_ACCLO
  rsr.acchi a12
  s32i a12, a1, FRAME_ACCHI
  rsr.br a12
  s32i a12, a1, FRAME_BR
  rsr.scompare1 a12
  s32i a12, a1, FRAME_SCOMPARE1
  l32i a12, a1, FRAME_HANDLER
  mov a14, a1
  callx12 a12
  rsil a12, 3
  l32i a12, a1, FRAME_SAR
  wsr.sar a12
  l32i a12, a1, FRAME_LBEG
  wsr.lbeg a12
  l32i a12, a1, FRAME_LEND
  wsr.lend a12
  l32i a12, a1, FRAME_LCOUNT
  wsr.lcount a12
  l32i a12, a1, FRAME_ACCLO
  wsr.acclo a12
  l32i a12, a1, FRAME_ACCHI
  wsr.acchi a12
  l32i a12, a1, FRAME_BR
  wsr.br a12
  l32i a12, a1, FRAME_SCOMPARE1
  wsr.scompare1 a12
  retw
  .endm

  .align 4
exception_window:
  call_handler

  .align 4
return_from_exception: /* a5 was the handler window's a1: the frame */
  l32i a2, a5, FRAME_PS
  l32i a3, a5, FRAME_PC
  wsr.ps a2 /* sets EXCM */
  rsync
  wsr.epc1 a3
  l32i a2, a5, FRAME_A2
  l32i a3, a5, FRAME_A3
  l32i a4, a5, FRAME_A4
  l32i a5, a5, FRAME_A5
  rfe

/* MOVSP found its caller's registers saved in memory, below the stack pointer it is to move: they have to come back
   first. Going back a window each time, the size of the call that made it (bits 31..30 of its return address) tells
   which underflow handler to use; that one returns to the MOVSP, in the window that PS.OWB names. */
  .align 4
alloca:
  s32i a0, a1, FRAME_A4
  rsr.windowbase a2
  rsr.ps a3
  extui a0, a3, 8, 4
  xor a0, a0, a2
  slli a0, a0, 8
  xor a3, a3, a0
  wsr.ps a3
  rsync
  l32i a0, a1, FRAME_A4
  l32i a2, a1, FRAME_A2
  l32i a3, a1, FRAME_A3
  addmi a1, a1, FRAME_SIZE
  rotw -1
  bbci a4, 31, 1f
  rotw -1
  bbci a8, 30, 2f
  rotw -1
  j window_underflow12
1:j window_underflow4
2:j window_underflow8

/* Levels 2 and 3: level_handler(frame). */
  .macro level n
  .align 4
  .global level\n\()_entry
level\n\()_entry:
  addmi a1, a1, -FRAME_SIZE
  s32i a2, a1, FRAME_A2
  s32i a3, a1, FRAME_A3
  s32i a4, a1, FRAME_A4
  s32i a5, a1, FRAME_A5
  movi a2, serve_interrupts
  s32i a2, a1, FRAME_HANDLER
  movi a2, \n
  s32i a2, a1, FRAME_CAUSE
  rsr.epc\n a2
  s32i a2, a1, FRAME_PC
  rsr.eps\n a2
  s32i a2, a1, FRAME_PS
  movi a2, PS_HANDLER
  wsr.ps a2
  addmi a1, a1, FRAME_SIZE
  rsync
  movi a4, return_from_level\n
  j level\n\()_window
  .align 4
level\n\()_window:
  call_handler
  .align 4
return_from_level\n:
  l32i a2, a5, FRAME_PS
  wsr.eps\n a2
  l32i a2, a5, FRAME_PC
  wsr.epc\n a2
  l32i a2, a5, FRAME_A2
  l32i a3, a5, FRAME_A3
  l32i a4, a5, FRAME_A4
  l32i a5, a5, FRAME_A5
  rfi \n
  .endm
  level 2
  level 3
