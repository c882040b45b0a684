/* Debug exceptions (level 6): notes what happened in debug_seen, disarms all breakpoints, steps over a BREAK. */
  .section .iram, "ax"
  .literal_position
  .align 4
  .global debug_handler
debug_handler:
  wsr.excsave6 a2
  wsr.misc0 a3
  wsr.misc1 a4
  movi a2, debug_seen
  rsr.debugcause a3
  s32i a3, a2, 0
  rsr.epc6 a3
  s32i a3, a2, 4
  l32i a4, a2, 12 /* bytes to step over */
  add a3, a3, a4
  wsr.epc6 a3
  l32i a3, a2, 8
  addi a3, a3, 1
  s32i a3, a2, 8
  movi a3, 0
  wsr.ibreakenable a3
  wsr.dbreakc0 a3
  wsr.dbreakc1 a3
  wsr.icountlevel a3
  isync
  rsr.misc1 a4
  rsr.misc0 a3
  rsr.excsave6 a2
  rfi 6

/* uint32_t loop_with_exception(uint32_t count): a loop whose last instruction is illegal. Returns the turns taken. */
  .align 4
  .global loop_with_exception
  .global loop_exception_end
loop_with_exception:
  entry a1, 32
  movi a3, 0
  loop a2, loop_exception_end
  addi a3, a3, 1
  ill
loop_exception_end:
  mov a2, a3
  retw
