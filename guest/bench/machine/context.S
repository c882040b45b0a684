/* Switching contexts as an RTOS does when a task yields: the windows of all callers go to the task's stack, then the
   stack pointers change places. */

  .section .iram, "ax"
  .literal_position

#define CONTEXT_A0 0
#define CONTEXT_PS 4

/* void context_switch(void **save, void *other): returns when somebody switches back to what is stored in *save. */
  .align 4
  .global context_switch
context_switch:
  entry a1, 32
  rsil a4, 3
  s32i a0, a1, CONTEXT_A0
  s32i a4, a1, CONTEXT_PS
  s32i a1, a2, 0
  mov a5, a3
  /* Touching a12 of a window makes those in its way go to memory. With interrupts off, as the windows in between have
     no stack pointer. */
  mov a12, a12
  rotw 3
  mov a12, a12
  rotw 3
  mov a12, a12
  rotw 3
  mov a12, a12
  rotw 3
  mov a12, a12
  rotw 4
  mov a1, a5
  l32i a0, a1, CONTEXT_A0
  l32i a4, a1, CONTEXT_PS
  wsr.ps a4
  rsync
  retw

/* void *context_make(void *stack_end, void (*begin)(void)): for context_switch(), which then returns to `begin`. Nothing
   may return from there. */
  .align 4
  .global context_make
context_make:
  entry a1, 32
  addi a2, a2, -64
  movi a4, context_begin
  movi a5, 0x3fffffff
  and a4, a4, a5
  movi a5, 0x40000000 /* as if by CALL4: its caller's a0 to a3 lie below this stack pointer */
  or a4, a4, a5
  s32i a4, a2, CONTEXT_A0
  movi a4, 0x40020 /* WOE, UM */
  s32i a4, a2, CONTEXT_PS
  addi a4, a2, -16
  movi a5, 0
  s32i a5, a4, 0  /* a0 */
  addi a5, a2, 32
  s32i a5, a4, 4  /* a1 */
  s32i a3, a4, 8  /* a2: whom to call */
  retw

  .align 4
context_begin:
  mov a6, a2
  callx4 a6
  ill
