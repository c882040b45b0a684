#include "irq.h"

#include <stddef.h>

#include "cpu.h"
#include "rom.h"
#include "soc.h"

enum { kInterrupts = 32, kCauses = 64, kCauseSyscall = 1, kCauseLevel1 = 4 };

typedef struct {
  InterruptHandler handler;
  void* argument;
} Entry;

/* Interrupt levels of the ESP32's cores: core-isa.h, XCHAL_INTn_LEVEL. */
static const uint8_t kLevels[kInterrupts] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 3, 1, 1, 7, 3,
                                             5, 1, 1, 2, 2, 2, 3, 3, 4, 4, 5, 3, 4, 3, 4, 5};
static const uint32_t kLevelMask[4] = {0, 0x000637ff, 0x00380000, 0x28c08800};

static Entry entries[2][kInterrupts];

void serve_interrupts(Frame* frame);
/* Read by exception_entry. */
static void system_call(Frame* frame);
ExceptionHandler exception_handlers[kCauses] = {
    [kCauseSyscall] = system_call, [kCauseLevel1] = serve_interrupts};

unsigned irq_level(unsigned interrupt) {
  return kLevels[interrupt];
}

/* Called from interrupts.S, with interrupts up to level 3 off. Each is served at its own level, so that those
   of higher ones can come in between. */
void serve_interrupts(Frame* frame) {
  /* Level 1 comes as an exception of cause 4; 2 and 3 as their own number. */
  const unsigned level = frame->cause == kCauseLevel1 ? 1 : frame->cause;
  const Entry* table = entries[core_id()];
  for (;;) {
    const uint32_t pending = READ_SR("interrupt") & READ_SR("intenable") & kLevelMask[level];
    if (pending == 0) return;
    const unsigned interrupt = (unsigned)__builtin_ctz(pending);
    WRITE_SR("intclear", 1u << interrupt); /* edge-triggered and software ones; no effect on the others */
    const uint32_t ps = READ_SR("ps");
    WRITE_SR("ps", (ps & ~15u) | level);
    table[interrupt].handler(table[interrupt].argument);
    irq_lock();
  }
}

static uint32_t __attribute__((noinline)) use_windows(uint32_t depth) {
  volatile uint32_t kept = depth;
  return depth ? use_windows(depth - 1) + kept : 0;
}

/* SYSCALL with a2 = 0 asks for all register windows to be saved to their stacks; the ROM's setjmp() and
   longjmp() do. The instruction may be a loop's last. */
static void system_call(Frame* frame) {
  frame->pc += 3;
  if (frame->pc == frame->lend && frame->lcount != 0) {
    --frame->lcount;
    frame->pc = frame->lbeg;
  }
  if (frame->a2 == 0)
    use_windows(16);
  else
    frame->a2 = (uint32_t)-1;
}

static void change_enabled(uint32_t set, uint32_t clear) {
  const uint32_t ps = irq_lock();
  WRITE_SR("intenable", (READ_SR("intenable") | set) & ~clear);
  irq_restore(ps);
}
void irq_enable(uint32_t mask) {
  change_enabled(mask, 0);
}
void irq_disable(uint32_t mask) {
  change_enabled(0, mask);
}

void irq_attach(unsigned interrupt, InterruptHandler handler, void* argument) {
  entries[core_id()][interrupt] = (Entry){handler, argument};
  irq_enable(BIT(interrupt));
}

void irq_route(unsigned source, unsigned interrupt) {
  intr_matrix_set((int)core_id(), source, interrupt);
}

void irq_unroute_all(void) {
  for (unsigned source = 0; source < SOURCE_COUNT; ++source) irq_route(source, INTERRUPT_NOT_CONNECTED);
}

void exception_attach(unsigned cause, ExceptionHandler handler) {
  exception_handlers[cause] = handler;
}
