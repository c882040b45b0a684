/* Functions that do not care where they lie, for tests that copy code about: uint32_t f(void). */
  .section .iram, "ax"
  .macro sample number
  .align 4
  .global sample_\number
  .global sample_\number\()_end
sample_\number:
  entry a1, 16
  movi a2, \number
  retw
  .align 4
sample_\number\()_end:
  .endm
  sample 111
  sample 222

/* uint32_t sum_to(uint32_t n): with a loop and a branch. */
  .align 4
  .global sample_sum
  .global sample_sum_end
sample_sum:
  entry a1, 16
  movi a3, 0
  loopnez a2, 1f
  add a3, a3, a2
  addi a2, a2, -1
1:
  beqz a2, 2f
  movi a3, -1
2:
  mov a2, a3
  retw
  .align 4
sample_sum_end:
