/* Exceptions and interrupts, dispatched by tables in RAM: the contract of Tensilica's XTOS run-time, as programs that
   keep the ROM's vectors know it. A handler gets the address of this frame, which lies 256 bytes below the interrupted
   code's stack pointer (names and offsets: xtensa/xtruntime-frames.h, UserFrame). */
#define FRAME_PC 0
#define FRAME_PS 4
#define FRAME_SAR 8
#define FRAME_A2 16
#define FRAME_A3 20
#define FRAME_A4 24
#define FRAME_A5 28
#define FRAME_CAUSE 32
#define FRAME_LCOUNT 36
#define FRAME_LBEG 40
#define FRAME_LEND 44
#define FRAME_ACCLO 48
#define FRAME_ACCHI 52
#define FRAME_SIZE 256

#define EXC_HANDLERS 0x3ffe0448 /* _xtos_exc_handler_table; the APP CPU's is APP_DISTANCE further */
#define APP_DISTANCE 0x3f10
/* PS: WOE, UM, CALLINC 1 (the ENTRY below makes a window four registers on), interrupts up to EXCMLEVEL off. */
#define PS_HANDLER 0x50023

  .text
  .literal_position

/* Only a2 and a3 may be used before EXCM is clear: a4 and up may belong to an older frame, which the first use of a4
   under window checking saves. */
  .align 4
  .global rom_user_exception
rom_user_exception:
  addmi a1, a1, -FRAME_SIZE
  s32i a2, a1, FRAME_A2
  s32i a3, a1, FRAME_A3
  rsr.prid a3
  extui a3, a3, 13, 1
  movi a2, APP_DISTANCE
  mull a3, a3, a2
  movi a2, EXC_HANDLERS
  add a3, a3, a2
  rsr.exccause a2
  addx4 a3, a2, a3
  l32i a3, a3, 0
  jx a3

/* Entries of the table are entered as the jump above leaves things: the frame made, a2 and a3 saved, a2 the cause. */

  .align 4
  .global _xtos_unhandled_exception
_xtos_unhandled_exception:
  l32i a2, a1, FRAME_A2
  l32i a3, a1, FRAME_A3
  addmi a1, a1, FRAME_SIZE
  break 1, 1
  rfe

/* MOVSP found that its caller's window is not in the registers: brings it back by the underflow handler that a call of
   the caller's size needs, which then starts MOVSP again. The windows below the present one are free. */
  .align 4
  .global rom_alloca
rom_alloca:
  l32i a2, a1, FRAME_A2
  l32i a3, a1, FRAME_A3
  addmi a1, a1, FRAME_SIZE
  wsr.excsave1 a0
  rsr.windowbase a0
  rotw -1
  /* a4 was a0. PS.OWB becomes the window to return to. */
  rsr.ps a2
  extui a3, a2, 8, 4
  xor a3, a3, a4
  slli a3, a3, 8
  xor a2, a2, a3
  wsr.ps a2
  rsr.excsave1 a4
  rsync
  bbsi a4, 31, 1f
  j _WindowUnderflow4
1:rotw -1
  bbsi a8, 30, 2f
  j _WindowUnderflow8
2:rotw -1
  j _WindowUnderflow12

/* Saves what a C function may change, calls `dispatch`(frame) in a new window and returns to the address in the
   interrupted window's a4, where a5 is then the frame. */
  .macro call_dispatcher dispatch
  entry a1, FRAME_SIZE
  rsr.sar a12
  s32i a12, a1, FRAME_SAR
  rsr.lcount a12
  s32i a12, a1, FRAME_LCOUNT
  rsr.lbeg a12
  s32i a12, a1, FRAME_LBEG
  rsr.lend a12
  s32i a12, a1, FRAME_LEND
  rsr.acclo a12
  s32i a12, a1, FRAME_ACCLO
  rsr.acchi a12
  s32i a12, a1, FRAME_ACCHI
  movi a12, 0
  wsr.lcount a12
  mov a14, a1
  call12 \dispatch
  rsil a12, 3
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
  l32i a12, a1, FRAME_SAR
  wsr.sar a12
  retw
  .endm

  .align 4
  .global _xtos_c_wrapper_handler
_xtos_c_wrapper_handler:
  s32i a4, a1, FRAME_A4
  s32i a5, a1, FRAME_A5
  s32i a2, a1, FRAME_CAUSE
  rsr.epc1 a3
  s32i a3, a1, FRAME_PC
  movi a3, PS_HANDLER
  xsr.ps a3
  s32i a3, a1, FRAME_PS
  addmi a1, a1, FRAME_SIZE
  rsync
  movi a4, return_from_exception
  j exception_window
  .align 4
exception_window:
  call_dispatcher rom_dispatch_exception
  .align 4
return_from_exception: /* its address has 01 in the top bits: RETW goes back four registers */
  l32i a2, a5, FRAME_PS
  l32i a3, a5, FRAME_PC
  wsr.ps a2 /* EXCM is set in it */
  rsync
  wsr.epc1 a3
  l32i a2, a5, FRAME_A2
  l32i a3, a5, FRAME_A3
  l32i a4, a5, FRAME_A4
  l32i a5, a5, FRAME_A5
  rfe

/* Levels 2 and 3: C handlers, as on level 1. */
  .macro medium_level n, ps
  .align 4
  .global rom_level\n
rom_level\n:
  xsr.excsave\n a2
  addmi a1, a1, -FRAME_SIZE
  s32i a2, a1, FRAME_A2
  s32i a3, a1, FRAME_A3
  s32i a4, a1, FRAME_A4
  s32i a5, a1, FRAME_A5
  rsr.epc\n a3
  s32i a3, a1, FRAME_PC
  rsr.eps\n a3
  s32i a3, a1, FRAME_PS
  movi a3, \n
  s32i a3, a1, FRAME_CAUSE
  movi a3, \ps
  wsr.ps a3
  addmi a1, a1, FRAME_SIZE
  rsync
  movi a4, return_from_level\n
  j level\n\()_window
  .align 4
level\n\()_window:
  call_dispatcher rom_dispatch_level
  .align 4
return_from_level\n:
  l32i a2, a5, FRAME_PS
  wsr.eps\n a2
  l32i a3, a5, FRAME_PC
  wsr.epc\n a3
  l32i a2, a5, FRAME_A2
  l32i a3, a5, FRAME_A3
  l32i a4, a5, FRAME_A4
  l32i a5, a5, FRAME_A5
  rfi \n
  .endm
  medium_level 2, 0x50023
  medium_level 3, 0x50023

/* Levels 4 and 5 interrupt even window handlers, so C cannot serve them: a program puts the address of a handler of its
   own in _Pri_4_HandlerAddress or _Pri_5_HandlerAddress. It is entered with a2 saved in EXCSAVEn, and puts
   rom_leveln's address back there before its RFI. */
  .macro high_level n, pointer
  .align 4
  .global rom_level\n
rom_level\n:
  xsr.excsave\n a2
  wsr.excsave\n a2
  rsr.prid a2
  bbsi a2, 13, 1f
  movi a2, \pointer
  j 2f
1:movi a2, \pointer + APP_DISTANCE
2:l32i a2, a2, 0
  jx a2
  .align 4
  .global rom_unhandled_level\n
rom_unhandled_level\n:
  movi a2, rom_level\n
  xsr.excsave\n a2
  break 1, 15
  j .
  .endm
  high_level 4, _Pri_4_HandlerAddress
  high_level 5, _Pri_5_HandlerAddress
