/* uint32_t checksum_add(uint32_t sum, const void *data, uint32_t length): 32 bits at a time, the carry going round to
   the other end, which comes to the same as 16 at a time. */
  .section .iram, "ax"
  .align 4
  .global checksum_add
  .type checksum_add, @function

  .macro add_word offset
  l32i a5, a3, \offset
  add a2, a2, a5
  bgeu a2, a5, 1f
  addi a2, a2, 1
1:
  .endm

  .macro add_small
  add a2, a2, a5
  bgeu a2, a5, 1f
  addi a2, a2, 1
1:
  .endm

checksum_add:
  entry a1, 16
  blti a4, 2, .Llast
  bbci a3, 1, .Laligned
  l16ui a5, a3, 0
  addi a3, a3, 2
  addi a4, a4, -2
  add_small
.Laligned:
  srli a6, a4, 4
  loopnez a6, .Lgroups
  add_word 0
  add_word 4
  add_word 8
  add_word 12
  addi a3, a3, 16
.Lgroups:
  extui a6, a4, 2, 2
  loopnez a6, .Lwords
  add_word 0
  addi a3, a3, 4
.Lwords:
  bbci a4, 1, .Lhalf
  l16ui a5, a3, 0
  addi a3, a3, 2
  add_small
.Lhalf:
  bbci a4, 0, .Ldone
.Llast:
  beqz a4, .Ldone
  l8ui a5, a3, 0
  add_small
.Ldone:
  retw
  .size checksum_add, . - checksum_add
