/* From the instruction that raises an interrupt to its handler in C and back: on the same core, and across.
 */
#include "chip.h"
#include "cpu.h"
#include "irq.h"
#include "machine.h"
#include "soc.h"

enum { kEach = 16, kInterruptPing = 2, kPing = 2, kPong = 3 /* cross-core interrupts */ };

static volatile uint32_t served;

static void on_software(void* argument) {
  (void)argument;
  ++served;
}

uint32_t kernel_interrupts(uint32_t iterations) {
  served = 0;
  irq_attach(kInterruptSoftware1, on_software, 0);
  for (uint32_t i = 1; i <= iterations * kEach; ++i) {
    WRITE_SR("intset", BIT(kInterruptSoftware1));
    while (served != i) {
    }
  }
  irq_disable(BIT(kInterruptSoftware1));
  return served;
}

static volatile uint32_t pings, pongs;

static void on_ping(void* argument) {
  (void)argument;
  cross_core_clear(kPing);
  ++pings;
  cross_core_raise(kPong);
}
static void on_pong(void* argument) {
  (void)argument;
  cross_core_clear(kPong);
  ++pongs;
}

static uint32_t serve_pings(uint32_t count) {
  irq_attach(kInterruptPing, on_ping, 0);
  irq_route(SOURCE_FROM_CPU(kPing), kInterruptPing);
  irq_lock();
  while (pings < count) {
    wait_for_interrupt();
    irq_lock();
  }
  irq_restore(READ_SR("ps") & ~15u);
  irq_disable(BIT(kInterruptPing));
  return pings;
}

/* Both cores sleep until the other one wakes them. */
uint32_t kernel_cross_interrupts(uint32_t iterations) {
  pings = pongs = 0;
  irq_attach(kInterruptPing, on_pong, 0);
  irq_route(SOURCE_FROM_CPU(kPong), kInterruptPing);
  app_start(serve_pings, iterations * kEach);
  for (uint32_t i = 0; i < iterations * kEach; ++i) {
    cross_core_raise(kPing);
    irq_lock();
    while (pongs == i) {
      wait_for_interrupt();
      irq_lock();
    }
    irq_restore(READ_SR("ps") & ~15u);
  }
  app_result();
  irq_disable(BIT(kInterruptPing));
  return pongs;
}
