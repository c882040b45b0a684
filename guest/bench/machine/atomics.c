/* S32C1I on one core and between two, spin locks, and sections with interrupts off. */
#include "cpu.h"
#include "machine.h"

enum { kEach = 64 };

static volatile uint32_t counter;

uint32_t kernel_critical_sections(uint32_t iterations) {
  counter = 0;
  for (uint32_t i = 0; i < iterations * kEach; ++i) {
    const uint32_t ps = irq_lock();
    counter = counter + core_id() + 1;
    irq_restore(ps);
  }
  return counter;
}

static uint32_t add_up(uint32_t iterations) {
  uint32_t seen = 0;
  for (uint32_t i = 0; i < iterations * kEach; ++i) seen |= atomic_add(&counter, 1);
  return seen;
}

uint32_t kernel_atomics(uint32_t iterations) {
  counter = 0;
  add_up(iterations);
  return counter;
}

uint32_t kernel_atomics_two_cores(uint32_t iterations) {
  counter = 0;
  app_start(add_up, iterations);
  add_up(iterations);
  app_result();
  return counter;
}

static Lock lock;
static volatile uint32_t under_lock[4];

static uint32_t add_locked(uint32_t iterations) {
  for (uint32_t i = 0; i < iterations * kEach; ++i) {
    const uint32_t ps = lock_take(&lock);
    for (unsigned n = 0; n < 4; ++n) ++under_lock[n];
    lock_release(&lock, ps);
  }
  return 0;
}

uint32_t kernel_lock_two_cores(uint32_t iterations) {
  for (unsigned n = 0; n < 4; ++n) under_lock[n] = 0;
  app_start(add_locked, iterations);
  add_locked(iterations);
  app_result();
  return under_lock[0] | under_lock[1] | under_lock[2] | under_lock[3];
}
