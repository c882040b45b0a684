/* For every_mnemonic: the instructions of the LX6 that neither binutils' default table nor lx6.h knows, as macros
   with the ISA's mnemonics. Not of use to programs: helpers of double-precision arithmetic, the EXPSTATE port,
   debugger's instructions, read-only identity registers.
   Encodings: as the ESP32's own toolchain assembles them. */
#ifndef ESPALIER_GUEST_LX6_ONLY_H
#define ESPALIER_GUEST_LX6_ONLY_H

  .macro s32nb at, as, offset
  lx6_rrr 5, 9, (\offset) / 4, .Llx6_\as, .Llx6_\at
  .endm

  /* LSIP and its like update the base register after the access; binutils know the encodings by the names of an
     older FPU, which updates it before. */
  .macro lx6_renamed new, old
  .macro \new x, y, z
  \old \x, \y, \z
  .endm
  .endm
  lx6_renamed lsip, lsiu
  lx6_renamed ssip, ssiu
  lx6_renamed lsxp, lsxu
  lx6_renamed ssxp, ssxu

  .macro lddr32.p as
  lx6_rrr 0, 0, 7, .Llx6_\as, 14
  .endm
  .macro sddr32.p as
  lx6_rrr 0, 0, 7, .Llx6_\as, 15
  .endm

  lx6_special configid0, 176
  lx6_special configid1, 208

  .macro lx6_user name, number
  .macro rur.\name ar
  lx6_rrr 14, 3, .Llx6_\ar, (\number) >> 4, (\number) & 15
  .endm
  .macro wur.\name at
  lx6_rrr 15, 3, (\number) >> 4, (\number) & 15, .Llx6_\at
  .endm
  .endm
  lx6_user expstate, 230
  lx6_user f64r_lo, 234
  lx6_user f64r_hi, 235
  lx6_user f64s, 236

  .macro f64iter ar, as, at, low, high
  lx6_rrr (8 + (\high) * 4 + (\low)), 14, .Llx6_\ar, .Llx6_\as, .Llx6_\at
  .endm
  .macro f64rnd ar, as, at, mode
  lx6_rrr (4 + (\mode)), 14, .Llx6_\ar, .Llx6_\as, .Llx6_\at
  .endm
  .macro f64addc at, as, high, low
  lx6_rrr 15, 11, ((\high) * 2 + (\low)), .Llx6_\as, .Llx6_\at
  .endm
  .macro f64subc at, as, high, low
  lx6_rrr 15, 11, (8 + (\high) * 2 + (\low)), .Llx6_\as, .Llx6_\at
  .endm
  .macro f64sig at, as
  lx6_rrr 0, 14, 13, .Llx6_\as, .Llx6_\at
  .endm
  .macro f64cmpl ar, as, at
  lx6_rrr 14, 11, .Llx6_\ar, .Llx6_\as, .Llx6_\at
  .endm
  .macro f64sexp ar, as, at
  lx6_rrr 1, 14, .Llx6_\ar, .Llx6_\as, .Llx6_\at
  .endm
  .macro f64cmph ar, as, at, selector
  lx6_rrr \selector, 15, .Llx6_\ar, .Llx6_\as, .Llx6_\at
  .endm
  .macro f64norm ar, as, at, selector
  lx6_rrr (2 + (\selector)), 14, .Llx6_\ar, .Llx6_\as, .Llx6_\at
  .endm
  .macro rf64r at, half
  lx6_rrr 0, 11, 12, (14 + (\half)), .Llx6_\at
  .endm
  .macro wf64r as, at, half
  lx6_rrr 0, 11, (14 + (\half)), .Llx6_\as, .Llx6_\at
  .endm

  .macro read_impwire at
  lx6_rrr 0, 14, 0, 0, .Llx6_\at
  .endm
  .macro setb_expstate bit
  lx6_rrr 0, 14, 1, (\bit) >> 4, (\bit) & 15
  .endm
  .macro clrb_expstate bit
  lx6_rrr 0, 14, 1, (2 + ((\bit) >> 4)), (\bit) & 15
  .endm
  .macro wrmsk_expstate at, as
  lx6_rrr 0, 14, 2, .Llx6_\as, .Llx6_\at
  .endm

#endif
