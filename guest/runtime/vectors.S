/* The vectors; VECBASE points here. Offsets: ESP-IDF, xtensa/config/core-isa.h, XCHAL_*_VECOFS.

   Window handlers: Xtensa ISA Reference Manual, "Windowed Register Option". A frame's a0 to a3 are saved below its
   callee's stack pointer, the rest of its registers below its caller's. */

  .macro vector offset, name
  .org \offset
  .global \name
\name:
  .endm

  .section .vectors, "ax"
  .global vectors
vectors:

  vector 0x000, window_overflow4
  s32e a0, a5, -16
  s32e a1, a5, -12
  s32e a2, a5, -8
  s32e a3, a5, -4
  rfwo

  vector 0x040, window_underflow4
  l32e a0, a5, -16
  l32e a1, a5, -12
  l32e a2, a5, -8
  l32e a3, a5, -4
  rfwu

  vector 0x080, window_overflow8
  s32e a0, a9, -16
  l32e a0, a1, -12
  s32e a1, a9, -12
  s32e a2, a9, -8
  s32e a3, a9, -4
  s32e a4, a0, -32
  s32e a5, a0, -28
  s32e a6, a0, -24
  s32e a7, a0, -20
  rfwo

  vector 0x0c0, window_underflow8
  l32e a0, a9, -16
  l32e a1, a9, -12
  l32e a2, a9, -8
  l32e a7, a1, -12
  l32e a3, a9, -4
  l32e a4, a7, -32
  l32e a5, a7, -28
  l32e a6, a7, -24
  l32e a7, a7, -20
  rfwu

  vector 0x100, window_overflow12
  s32e a0, a13, -16
  l32e a0, a1, -12
  s32e a1, a13, -12
  s32e a2, a13, -8
  s32e a3, a13, -4
  s32e a4, a0, -48
  s32e a5, a0, -44
  s32e a6, a0, -40
  s32e a7, a0, -36
  s32e a8, a0, -32
  s32e a9, a0, -28
  s32e a10, a0, -24
  s32e a11, a0, -20
  rfwo

  vector 0x140, window_underflow12
  l32e a0, a13, -16
  l32e a1, a13, -12
  l32e a2, a13, -8
  l32e a11, a1, -12
  l32e a3, a13, -4
  l32e a4, a11, -48
  l32e a5, a11, -44
  l32e a6, a11, -40
  l32e a7, a11, -36
  l32e a8, a11, -32
  l32e a9, a11, -28
  l32e a10, a11, -24
  l32e a11, a11, -20
  rfwu

  vector 0x180, level2_vector
  j level2_entry

  vector 0x1c0, level3_vector
  j level3_entry

  /* Levels 4 and up can come in the middle of a window handler, so C cannot serve them. A program may define
     level4_handler, level5_handler, debug_handler and nmi_handler, in assembler; else they panic. */
  vector 0x200, level4_vector
  j level4_handler

  vector 0x240, level5_vector
  j level5_handler

  vector 0x280, debug_vector
  j debug_handler

  vector 0x2c0, nmi_vector
  j nmi_handler

  vector 0x300, kernel_vector /* PS.UM was 0 */
  j exception_entry

  vector 0x340, user_vector
  j exception_entry

  vector 0x3c0, double_vector
  j double_entry
  .org 0x400
