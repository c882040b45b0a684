/* What an interrupt or an exception saves: a frame below the interrupted code's stack pointer for those that
   a C function handles (interrupts of levels 1 to 3, exceptions with a handler), all of the core's registers
   for a panic. */
#ifndef ESPALIER_GUEST_FRAME_H
#define ESPALIER_GUEST_FRAME_H

#define FRAME_PC 0
#define FRAME_PS 4
#define FRAME_CAUSE 8 /* EXCCAUSE, or the interrupt's level for 2 and 3 */
#define FRAME_VADDR 12
#define FRAME_A2 16
#define FRAME_A3 20
#define FRAME_A4 24
#define FRAME_A5 28
#define FRAME_SAR 32
#define FRAME_LBEG 36
#define FRAME_LEND 40
#define FRAME_LCOUNT 44
#define FRAME_ACCLO 48
#define FRAME_ACCHI 52
#define FRAME_BR 56
#define FRAME_SCOMPARE1 60
#define FRAME_HANDLER 64
#define FRAME_SIZE 256 /* ADDMI's least; the uppermost 16 bytes belong to the interrupted code */

#define PANIC_AR 0 /* the 64 physical registers, the window's a0 first */
#define PANIC_WINDOWBASE 256
#define PANIC_WINDOWSTART 260
#define PANIC_KIND 264
#define PANIC_PS 268
#define PANIC_CAUSE 272
#define PANIC_VADDR 276
#define PANIC_EPC1 280
#define PANIC_DEPC 284
#define PANIC_EPC4 288
#define PANIC_EPC5 292
#define PANIC_EPC6 296
#define PANIC_EPC7 300
#define PANIC_DEBUGCAUSE 304
#define PANIC_SAR 308
#define PANIC_LBEG 312
#define PANIC_LEND 316
#define PANIC_LCOUNT 320
#define PANIC_SIZE 324

/* PANIC_KIND */
#define KIND_EXCEPTION 0
#define KIND_DOUBLE 1
#define KIND_LEVEL4 2
#define KIND_LEVEL5 3
#define KIND_DEBUG 4
#define KIND_NMI 5

#ifndef __ASSEMBLER__
#include <stdint.h>

typedef struct {
  uint32_t pc, ps, cause, vaddr, a2, a3, a4, a5, sar, lbeg, lend, lcount, acclo, acchi, br, scompare1,
      handler;
} Frame;

typedef struct {
  uint32_t ar[64], windowbase, windowstart, kind, ps, cause, vaddr, epc1, depc, epc4, epc5, epc6, epc7,
      debugcause;
  uint32_t sar, lbeg, lend, lcount;
} PanicRecord;
_Static_assert(sizeof(PanicRecord) == PANIC_SIZE, "panic.S stores by these offsets");
#endif

#endif
