/* Recursion through calls of each size. uint32_t recurseN(uint32_t depth): each level fills the registers that the call
   below must leave alone, and afterwards looks at them. Returns the number of levels; far more if one was wrong. */
  .section .iram, "ax"

  /* `keeps`: the last register that a call of this size keeps. */
  .macro fill first, last
  .set register, \first
  .rept \last - \first + 1
  put %register
  .set register, register + 1
  .endr
  .endm

  .altmacro
  .macro put number
  addi a\number, a2, \number
  .endm
  .macro look number
  addi a\number, a\number, 0 - \number
  beq a\number, a2, 1f
  movi a2, 0x1000
  retw
1:
  .endm
  .macro look_all first, last
  .set register, \first
  .rept \last - \first + 1
  look %register
  .set register, register + 1
  .endr
  .endm

  .macro recursive name, size, keeps, argument, next
  .align 4
  .global \name
\name:
  entry a1, 48
  beqz a2, .Lend_\name
  fill 3, \keeps
  addi \argument, a2, -1
  call\size \next
  look_all 3, \keeps
  addi a2, \argument, 1
.Lend_\name:
  retw
  .endm

  recursive recurse4, 4, 3, a6, recurse4
  recursive recurse8, 8, 7, a10, recurse8
  recursive recurse12, 12, 11, a14, recurse12
  /* Sizes in turn. */
  recursive recurse_mixed, 4, 3, a6, mixed8
  recursive mixed8, 8, 7, a10, mixed12
  recursive mixed12, 12, 11, a14, mixed8_again
  recursive mixed8_again, 8, 7, a10, recurse_mixed
  .noaltmacro

/* uint32_t movsp_after_callN(void): makes room on the stack (MOVSP) in a function entered by CALLn whose caller's
   registers have been saved to memory. Returns 0 if the caller's registers came through, and the callee's. */
  .macro movsp_after size, first, second, result
  .align 4
  .global movsp_after_call\size
movsp_after_call\size:
  entry a1, 64
  movi a2, 0x222
  movi a3, 0x333
  call\size moves_stack_\size
  addmi a2, a2, -0x200
  addi a2, a2, -0x22
  addmi a3, a3, -0x300
  addi a3, a3, -0x33
  or a2, a2, a3
  or a2, a2, \result
  retw

  .align 4
moves_stack_\size:
  entry a1, 64
  movi a5, 0x555
  movi a6, 0x666
  mov a7, a1
  call8 spill_windows
  addmi a4, a1, -256
  movsp a1, a4
  /* It works as a stack again. */
  call8 spill_windows
  addmi a4, a1, 256
  movsp a1, a4
  xor a2, a7, a1
  addmi a5, a5, -0x500
  addi a5, a5, -0x55
  addmi a6, a6, -0x600
  addi a6, a6, -0x66
  or a2, a2, a5
  or a2, a2, a6
  retw
  .endm
  movsp_after 4, a2, a3, a6
  movsp_after 8, a2, a3, a10
  movsp_after 12, a2, a3, a14

/* void read_windows(uint32_t *windowbase, uint32_t *windowstart) */
  .align 4
  .global read_windows
read_windows:
  entry a1, 32
  rsr.windowbase a4
  s32i a4, a2, 0
  rsr.windowstart a4
  s32i a4, a3, 0
  retw

/* uint32_t rotate(void): moves a number on from window to window with ROTW, under PS.EXCM, then goes once round.
   Returns 0 if all is well. */
  .align 4
  .global rotate
rotate:
  entry a1, 32
  call8 spill_windows
  rsil a7, 5
  movi a6, 0x40035 /* WOE, UM, EXCM, level 5 */
  wsr.ps a6
  rsync
  /* Registers beyond our own sixteen are free now: a4 and up of the next window. */
  movi a8, 0x88
  rotw 2
  mov a8, a0  /* a0 was a8 */
  rotw 1
  addi a8, a4, 1 /* a4 was a8 */
  rotw 2
  wsr.misc0 a0 /* a0 was a8 again */
  rotw -5
  rsr.misc0 a9
  addi a9, a9, -0x89
  rsr.windowbase a3
  rotw 7
  rotw 7
  rotw 2
  rsr.windowbase a6
  xor a2, a3, a6
  or a2, a2, a9
  wsr.ps a7
  rsync
  retw
