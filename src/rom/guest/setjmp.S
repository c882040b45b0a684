/* setjmp() and longjmp() for the windowed ABI. A jmp_buf is 17 words: the caller's a0-a3, its a4-a11 as far as its own
   caller's CALL8 or CALL12 left them to it, the a0-a3 of its caller, and setjmp's return address (with the size of the
   call in its top bits). The layout is firmware's too, which may bring a longjmp() of its own.

   With all windows in memory (SYSCALL 0) a frame's a0-a3 lie below its callee's stack pointer, its a4 and up below its
   caller's frame's own save area. */
  .text
  .literal_position

  /* Moves four words. */
  .macro move4 to, to_offset, from, from_offset, t1, t2
  l32i \t1, \from, \from_offset
  l32i \t2, \from, \from_offset + 4
  s32i \t1, \to, \to_offset
  s32i \t2, \to, \to_offset + 4
  l32i \t1, \from, \from_offset + 8
  l32i \t2, \from, \from_offset + 12
  s32i \t1, \to, \to_offset + 8
  s32i \t2, \to, \to_offset + 12
  .endm

  .align 4
  .global setjmp
  .type setjmp, @function
setjmp:
  entry a1, 16
  mov a4, a2
  movi a2, 0
  syscall
  mov a2, a4
  addi a5, a1, -16
  move4 a2, 0, a5, 0, a3, a4
  /* a1 is the caller's stack pointer less 16: its caller's a0-a3 are at a1, the latter's stack pointer at a1 + 4. */
  extui a3, a0, 30, 2
  blti a3, 2, 2f
  l32i a7, a1, 4
  addi a7, a7, -16
  slli a3, a3, 4
  addi a5, a7, 16
  sub a5, a5, a3
  addi a6, a2, 16
1:move4 a6, 0, a5, 0, a3, a4
  addi a5, a5, 16
  addi a6, a6, 16
  blt a5, a7, 1b
2:move4 a2, 48, a1, 0, a3, a4
  s32i a0, a2, 64
  movi a2, 0
  retw
  .size setjmp, . - setjmp

  .align 4
  .global longjmp
  .type longjmp, @function
longjmp:
  entry a1, 16
  /* Every window but this one is forgotten: RETW will fetch the caller's from where setjmp's callee had it. */
  rsr.windowbase a5
  movi a4, 1
  ssl a5
  sll a4, a4
  wsr.windowstart a4
  rsync
  l32i a0, a2, 64
  addi a7, a1, -16
  move4 a7, 0, a2, 0, a4, a5
  extui a7, a0, 30, 2
  blti a7, 2, 2f
  l32i a8, a2, 52
  slli a4, a7, 4
  sub a6, a8, a4
  addi a8, a8, -16
  addi a5, a2, 16
1:move4 a6, 0, a5, 0, a4, a7
  addi a5, a5, 16
  addi a6, a6, 16
  blt a6, a8, 1b
2:l32i a7, a2, 4
  addi a7, a7, -16
  move4 a7, 0, a2, 48, a4, a5
  movi a2, 1
  movnez a2, a3, a3
  retw
  .size longjmp, . - longjmp
