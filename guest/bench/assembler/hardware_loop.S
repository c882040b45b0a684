/* The zero-overhead loop, and MAC16. The host's half: bench/native/hardware_loop.c. */
  .section .iram, "ax"
  .literal_position

/* uint32_t loop_blend(uint32_t *to, const uint32_t *from, uint32_t count): to[n] += from[n] ^ previous sum >> 3; returns
   the last sum. */
  .align 4
  .global loop_blend
loop_blend:
  entry a1, 32
  movi a5, 0
  loopnez a4, 1f
  l32i a6, a3, 0
  l32i a7, a2, 0
  srli a8, a5, 3
  xor a6, a6, a8
  add a5, a6, a7
  s32i a5, a2, 0
  addi a3, a3, 4
  addi a2, a2, 4
1:
  mov a2, a5
  retw

/* uint32_t loop_count(uint32_t seed, uint32_t count): a body of three instructions. */
  .align 4
  .global loop_count
loop_count:
  entry a1, 32
  loopgtz a3, 1f
  addx2 a2, a2, a2
  addi a2, a2, 7
  xor a2, a2, a3
1:
  retw

/* int32_t mac16_dot(const int16_t *a, const int16_t *b, uint32_t count): the low word of the sum of a[n] * b[n]. Both
   aligned to 4, `count` a multiple of 4 and not 0; a word beyond the end is read. */
  .align 4
  .global mac16_dot
mac16_dot:
  entry a1, 32
  movi a5, 0
  wsr.acclo a5
  wsr.acchi a5
  addi a2, a2, -4 /* LDINC adds first */
  addi a3, a3, -4
  ldinc m0, a2
  ldinc m2, a3
  srli a4, a4, 2
  loop a4, 1f
  mula.dd.ll.ldinc m1, a2, m0, m2
  mula.dd.hh.ldinc m3, a3, m0, m2
  mula.dd.ll.ldinc m0, a2, m1, m3
  mula.dd.hh.ldinc m2, a3, m1, m3
1:
  rsr.acclo a2
  retw
