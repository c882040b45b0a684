/* For assembler sources (.S): the LX6's instructions and special registers that binutils' default instruction table
   lacks, as macros with the ISA's mnemonics. Registers are written as usual (f3, a5).
   Encodings: Xtensa ISA Reference Manual (RER, WER, RSR, WSR, XSR) and, for the floating-point helpers, the FP1OP
   and FP0 groups (op0 = 0, op1 = 10) as ESP32 compilers emit them. */
#ifndef ESPALIER_GUEST_LX6_H
#define ESPALIER_GUEST_LX6_H

/* Register names to their numbers. */
  .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
  .set .Llx6_f\n, \n
  .set .Llx6_a\n, \n
  .endr

  .macro lx6_rrr op2, op1, r, s, t
  .byte (\t) << 4, (\r) << 4 | (\s), (\op2) << 4 | (\op1)
  .endm

  /* FP1OP: op2 = 15, the operation in the t field. */
  .macro lx6_fp1op name, operation
  .macro \name fr, fs
  lx6_rrr 15, 10, .Llx6_\fr, .Llx6_\fs, \operation
  .endm
  .endm
  lx6_fp1op div0.s, 7
  lx6_fp1op recip0.s, 8
  lx6_fp1op sqrt0.s, 9
  lx6_fp1op rsqrt0.s, 10
  lx6_fp1op nexp01.s, 11
  lx6_fp1op mksadj.s, 12
  lx6_fp1op mkdadj.s, 13
  lx6_fp1op addexp.s, 14
  lx6_fp1op addexpm.s, 15

  .macro const.s fr, index
  lx6_rrr 15, 10, .Llx6_\fr, \index, 3
  .endm
  .macro maddn.s fr, fs, ft
  lx6_rrr 6, 10, .Llx6_\fr, .Llx6_\fs, .Llx6_\ft
  .endm
  .macro divn.s fr, fs, ft
  lx6_rrr 7, 10, .Llx6_\fr, .Llx6_\fs, .Llx6_\ft
  .endm

  .macro rer at, as
  lx6_rrr 4, 0, 6, .Llx6_\as, .Llx6_\at
  .endm
  .macro wer at, as
  lx6_rrr 4, 0, 7, .Llx6_\as, .Llx6_\at
  .endm

  .macro lx6_special name, number
  .macro rsr.\name at
  lx6_rrr 0, 3, (\number) >> 4, (\number) & 15, .Llx6_\at
  .endm
  .macro wsr.\name at
  lx6_rrr 1, 3, (\number) >> 4, (\number) & 15, .Llx6_\at
  .endm
  .macro xsr.\name at
  lx6_rrr 6, 1, (\number) >> 4, (\number) & 15, .Llx6_\at
  .endm
  .endm
  lx6_special memctl, 97
  lx6_special atomctl, 99

#endif
