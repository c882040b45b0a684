/* Runs at 0x400C0000 after deep sleep, called by the ROM: leaves a mark in RTC slow memory and resets the chip. */
#include "wake_stub.h"
#include "soc.h"

  .section .iram, "ax"
  .align 4
  .global wake_stub
  .global wake_stub_end
wake_stub:
  entry a1, 32
  /* Without literals, which the linker would put elsewhere. */
  movi a2, (WAKE_STUB_MARK >> 16) + 1
  slli a2, a2, 16
  addi a2, a2, (WAKE_STUB_MARK & 0xffff) - 0x10000
  movi a3, 5
  slli a3, a3, 28
  s32i a2, a3, 8
  movi a2, (RTC_CNTL_OPTIONS0_REG >> 20)
  slli a2, a2, 4
  addi a2, a2, 4
  slli a2, a2, 16
  addmi a2, a2, 0x7f00
  addmi a2, a2, 0x100
  movi a3, 1
  slli a3, a3, 31
  s32i a3, a2, 0 /* RTC_CNTL_OPTIONS0_REG = RTC_CNTL_SW_SYS_RST */
  j .
  .align 4
wake_stub_end:
