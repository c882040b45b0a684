#include "mailbox.h"

#include "chip.h"
#include "cpu.h"
#include "irq.h"
#include "soc.h"

static struct {
  volatile uint32_t bits;
  void (*arrived)(void);
} mailboxes[kMailboxes];

static void on_interrupt(void* argument) {
  const unsigned mailbox = (unsigned)argument;
  cross_core_clear(mailbox);
  mailboxes[mailbox].arrived();
}

void mailbox_start(Mailbox mailbox, unsigned interrupt, void (*arrived)(void)) {
  mailboxes[mailbox].arrived = arrived;
  irq_attach(interrupt, on_interrupt, (void*)mailbox);
  irq_route(SOURCE_FROM_CPU(mailbox), interrupt);
}

/* If there were bits before, their interrupt is still on its way, or served already and about to take these
 * too. */
void mailbox_put(Mailbox mailbox, uint32_t bits) {
  memory_barrier();
  if (atomic_or(&mailboxes[mailbox].bits, bits) == 0) cross_core_raise(mailbox);
}

uint32_t mailbox_take(Mailbox mailbox) {
  return atomic_take(&mailboxes[mailbox].bits);
}
