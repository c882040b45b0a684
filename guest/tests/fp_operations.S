/* The FP coprocessor's instructions as functions on bit patterns: float f(float a, float b, float c). */
#include "lx6.h"

  .section .iram, "ax"
  .literal_position

  .macro operation name, code:vararg
  .align 4
  .global fp_\name
fp_\name:
  entry a1, 32
  wfr f1, a2
  wfr f2, a3
  wfr f0, a4
  \code
  rfr a2, f0
  retw
  .endm

  operation add, add.s f0, f1, f2
  operation sub, sub.s f0, f1, f2
  operation mul, mul.s f0, f1, f2
  operation madd, madd.s f0, f1, f2
  operation msub, msub.s f0, f1, f2
  operation neg, neg.s f0, f1
  operation abs, abs.s f0, f1
  operation mov, mov.s f0, f1

/* To and from integers; a2 and the result in address registers. */
  .macro to_integer name, instruction, scale
  .align 4
  .global fp_\name
fp_\name:
  entry a1, 32
  wfr f1, a2
  \instruction a2, f1, \scale
  retw
  .endm
  to_integer round, round.s, 0
  to_integer trunc, trunc.s, 0
  to_integer floor, floor.s, 0
  to_integer ceil, ceil.s, 0
  to_integer utrunc, utrunc.s, 0
  to_integer trunc_scaled, trunc.s, 4
  to_integer utrunc_scaled, utrunc.s, 15

  .macro from_integer name, instruction, scale
  .align 4
  .global fp_\name
fp_\name:
  entry a1, 32
  \instruction f0, a2, \scale
  rfr a2, f0
  retw
  .endm
  from_integer float, float.s, 0
  from_integer ufloat, ufloat.s, 0
  from_integer float_scaled, float.s, 4
  from_integer ufloat_scaled, ufloat.s, 15

/* Comparisons, 1 or 0. */
  .macro comparison name
  .align 4
  .global fp_\name
fp_\name:
  entry a1, 32
  wfr f1, a2
  wfr f2, a3
  \name\().s b3, f1, f2
  movi a2, 0
  movi a3, 1
  movt a2, a3, b3
  retw
  .endm
  comparison un
  comparison oeq
  comparison ueq
  comparison olt
  comparison ult
  comparison ole
  comparison ule

/* float fp_choose(float a, float b, uint32_t x): the conditional moves; a if all of them do as they should. */
  .align 4
  .global fp_choose
fp_choose:
  entry a1, 32
  wfr f1, a2
  wfr f2, a3
  wfr f0, a3
  movi a5, 0
  movi a6, 1
  movi a7, -1
  moveqz.s f0, f1, a5
  moveqz.s f0, f2, a6
  movnez.s f0, f2, a5
  movltz.s f0, f2, a6
  movltz.s f0, f1, a7
  movgez.s f0, f2, a7
  movgez.s f0, f1, a5
  oeq.s b1, f1, f1
  movt.s f0, f1, b1
  movf.s f0, f2, b1
  rfr a2, f0
  retw

/* uint32_t fp_memory(float *p): copies p[0] to p[3] to p[4] to p[7] by all kinds of loads and stores. The updating ones
   (LSIP, LSXP, SSIP, SSXP; Debian's assembler knows their encodings by older names) add to the address afterwards.
   Returns 0 if the address came out as it should. */
  .align 4
  .global fp_memory
fp_memory:
  entry a1, 32
  mov a3, a2
  movi a4, -4
  lsiu f1, a3, 8  /* p[0]; to p + 2 */
  lsi f2, a3, 4   /* p[3] */
  lsx f3, a3, a4  /* p[1] */
  lsxu f4, a3, a4 /* p[2]; to p + 1 */
  addi a3, a3, 12
  ssiu f1, a3, 8  /* p[4]; to p + 6 */
  ssi f2, a3, 4   /* p[7] */
  ssx f3, a3, a4  /* p[5] */
  ssxu f4, a3, a4 /* p[6]; to p + 5 */
  addi a3, a3, -20
  sub a2, a3, a2
  retw

/* uint32_t fp_constant(uint32_t n): CONST.S 0 to 3. */
  .align 4
  .global fp_constant
fp_constant:
  entry a1, 32
  const.s f0, 0
  beqi a2, 0, 1f
  const.s f0, 1
  beqi a2, 1, 1f
  const.s f0, 2
  beqi a2, 2, 1f
  const.s f0, 3
1:rfr a2, f0
  retw

/* float fp_divide(float a, float b): Newton's iterations with the coprocessor's steps, as toolchains emit them. */
  .align 4
  .global fp_divide
fp_divide:
  entry a1, 32
  wfr f1, a2
  wfr f2, a3
  nexp01.s f3, f2 /* -b, scaled to about 1 */
  nexp01.s f4, f1
  neg.s f4, f4 /* a, scaled */
  div0.s f5, f2
  mov.s f6, f2
  mkdadj.s f6, f1
  const.s f7, 1
  maddn.s f7, f3, f5
  mov.s f8, f5
  maddn.s f8, f7, f5 /* 1/b, better */
  const.s f7, 1
  maddn.s f7, f3, f8
  maddn.s f8, f7, f8 /* and better */
  const.s f0, 0
  maddn.s f0, f4, f5 /* a/b */
  mov.s f9, f4
  maddn.s f9, f3, f0
  maddn.s f0, f9, f8
  const.s f7, 1
  maddn.s f7, f3, f8
  maddn.s f8, f7, f8
  mov.s f9, f4
  maddn.s f9, f3, f0 /* what remains */
  addexpm.s f0, f6
  addexp.s f8, f6
  divn.s f0, f9, f8
  rfr a2, f0
  retw

/* float fp_square_root(float a) */
  .align 4
  .global fp_square_root
fp_square_root:
  entry a1, 32
  wfr f1, a2
  const.s f2, 3 /* 1/2 */
  nexp01.s f3, f1 /* -a, scaled */
  mov.s f4, f3
  addexp.s f4, f2 /* -a/2 */
  mov.s f5, f1
  mksadj.s f5, f1
  sqrt0.s f6, f1
  const.s f7, 0
  maddn.s f7, f6, f6
  mov.s f8, f2
  maddn.s f8, f7, f4
  maddn.s f6, f8, f6 /* 1/sqrt(a), better */
  neg.s f9, f3
  const.s f0, 0
  maddn.s f0, f9, f6 /* sqrt(a) */
  const.s f10, 0
  maddn.s f10, f2, f6
  const.s f7, 0
  maddn.s f7, f6, f4
  mov.s f8, f2
  maddn.s f8, f7, f6 /* the error */
  neg.s f11, f10
  mov.s f12, f3
  maddn.s f12, f0, f0
  maddn.s f0, f12, f11
  maddn.s f10, f8, f10
  mov.s f12, f3
  maddn.s f12, f0, f0
  neg.s f10, f10
  addexpm.s f0, f5
  addexp.s f10, f5
  divn.s f0, f12, f10
  rfr a2, f0
  retw

/* The seeds of the other two. */
  .align 4
  .global fp_reciprocal_seed
fp_reciprocal_seed:
  entry a1, 32
  wfr f1, a2
  recip0.s f0, f1
  rfr a2, f0
  retw
  .align 4
  .global fp_root_reciprocal_seed
fp_root_reciprocal_seed:
  entry a1, 32
  wfr f1, a2
  rsqrt0.s f0, f1
  rfr a2, f0
  retw

/* FCR (rounding mode in bits 0 and 1) and FSR (flags in bits 7 to 11). */
  .align 4
  .global fp_set_fcr
fp_set_fcr:
  entry a1, 16
  wur.fcr a2
  retw
  .align 4
  .global fp_take_fsr
fp_take_fsr:
  entry a1, 16
  rur.fsr a2
  movi a3, 0
  wur.fsr a3
  retw
