/* What Debian's compiler, built for a core without a divider, calls for division: one instruction each here.
   Windowed ABI. A divisor of zero takes the IntegerDivideByZero exception, as on the chip. */

  .macro divide name, instruction
  .section .text.\name, "ax"
  .align 4
  .global \name
  .type \name, @function
\name:
  entry a1, 16
  \instruction a2, a2, a3
  retw
  .size \name, . - \name
  .endm

  divide __divsi3, quos
  divide __udivsi3, quou
  divide __modsi3, rems
  divide __umodsi3, remu
