/* The vectors at 0x40000000 (offsets: core-isa.h, XCHAL_*_VECOFS). The window handlers are those of the Xtensa ISA
   Reference Manual, section "Window overflow and underflow": a frame's a0-a3 are saved below its callee's stack pointer,
   its a4-a11 below its caller's. */

  .macro vector offset, name
  .org \offset
  .global \name
\name:
  .endm

  .section .vectors, "ax"

  vector 0x000, _WindowOverflow4
  s32e a0, a5, -16
  s32e a1, a5, -12
  s32e a2, a5, -8
  s32e a3, a5, -4
  rfwo

  vector 0x040, _WindowUnderflow4
  l32e a0, a5, -16
  l32e a1, a5, -12
  l32e a2, a5, -8
  l32e a3, a5, -4
  rfwu

  vector 0x080, _WindowOverflow8
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

  vector 0x0c0, _WindowUnderflow8
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

  vector 0x100, _WindowOverflow12
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

  vector 0x140, _WindowUnderflow12
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

  /* The handler's address waits in EXCSAVEn. */
  .macro level_vector offset, name, n
  vector \offset, \name
  xsr.excsave\n a2
  jx a2
  .endm
  level_vector 0x180, _Level2Vector, 2
  level_vector 0x1c0, _Level3Vector, 3
  level_vector 0x200, _Level4Vector, 4
  level_vector 0x240, _Level5Vector, 5

  vector 0x280, _DebugExceptionVector
  j .

  vector 0x2c0, _NMIExceptionVector
  rfi 7

  vector 0x300, _KernelExceptionVector
  break 1, 0
  j .

  vector 0x340, _UserExceptionVector
  j rom_user_exception

  vector 0x3c0, _DoubleExceptionVector
  break 1, 4
  j .

  vector 0x400, _ResetVector
  j rom_reset
