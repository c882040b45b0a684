/* Floating point, which the compiler used here cannot emit. The host's half: bench/native/fp.c. */
#include "lx6.h"

  .section .iram, "ax"
  .literal_position

/* float fp_dot(const float *a, const float *b, uint32_t count): the sum of a[n] * b[n], by MADD.S. `count`: a multiple
   of 4. Two sums, added at the end. Returns the float's bits. */
  .align 4
  .global fp_dot
fp_dot:
  entry a1, 32
  const.s f0, 0
  const.s f1, 0
  srli a4, a4, 2
  loop a4, 1f
  lsi f2, a2, 0
  lsi f3, a3, 0
  lsi f4, a2, 4
  lsi f5, a3, 4
  madd.s f0, f2, f3
  madd.s f1, f4, f5
  lsi f2, a2, 8
  lsi f3, a3, 8
  lsi f4, a2, 12
  lsi f5, a3, 12
  addi a2, a2, 16
  addi a3, a3, 16
  madd.s f0, f2, f3
  madd.s f1, f4, f5
1:
  add.s f0, f0, f1
  rfr a2, f0
  retw

/* uint32_t fp_escape(int32_t x, int32_t y, uint32_t most): steps until z*z + c leaves the circle of radius 2, with
   c = (x + iy) / 256; `most` if it has not by then. */
  .align 4
  .global fp_escape
fp_escape:
  entry a1, 32
  float.s f0, a2, 8 /* c, scaled by 2^-8 */
  float.s f1, a3, 8
  mov.s f2, f0 /* z */
  mov.s f3, f1
  const.s f6, 1
  add.s f6, f6, f6
  add.s f6, f6, f6 /* 4.0 */
  mov a2, a4
  beqz a4, 2f
1:
  mul.s f4, f2, f2
  mul.s f5, f3, f3
  add.s f7, f4, f5
  olt.s b0, f6, f7
  bt b0, 2f
  mul.s f3, f2, f3
  sub.s f2, f4, f5
  add.s f3, f3, f3
  add.s f2, f2, f0
  add.s f3, f3, f1
  addi a4, a4, -1
  bnez a4, 1b
2:
  sub a2, a2, a4
  retw
