/* Interrupts and exceptions for C. */
#ifndef ESPALIER_GUEST_IRQ_H
#define ESPALIER_GUEST_IRQ_H

#include <stdbool.h>
#include <stdint.h>

#include "frame.h"

typedef void (*InterruptHandler)(void* argument);
typedef void (*ExceptionHandler)(Frame* frame);

/* `handler` serves CPU interrupt `interrupt` (0..31, of level 1 to 3) of the calling core from now on, at its
   level; the interrupt is enabled. */
void irq_attach(unsigned interrupt, InterruptHandler handler, void* argument);
void irq_enable(uint32_t mask);
void irq_disable(uint32_t mask);
/* Leads a source of the interrupt matrix (soc.h) to an interrupt of the calling core. */
void irq_route(unsigned source, unsigned interrupt);
/* All sources of the calling core to nowhere. */
void irq_unroute_all(void);
/* The level of a CPU interrupt. */
unsigned irq_level(unsigned interrupt);

/* `handler` is called for exceptions with this EXCCAUSE, on both cores, with interrupts of level 1 to 3 off;
   it may change the frame. None: they panic. */
void exception_attach(unsigned cause, ExceptionHandler handler);

/* The CPU interrupts that programs here use; level and kind are fixed in the core (core-isa.h, XCHAL_INTn_*).
 */
enum {
  kInterruptTimer0 = 6,    /* level 1, CCOMPARE0 */
  kInterruptSoftware1 = 7, /* level 1 */
  kInterruptNmi = 14,      /* level 7 */
  kInterruptTimer1 = 15,   /* level 3, CCOMPARE1 */
  kInterruptTimer2 = 16,   /* level 5, CCOMPARE2 */
  kInterruptSoftware3 = 29 /* level 3 */
};

#endif
