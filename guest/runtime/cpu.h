/* The LX6 core's own registers and instructions, for C. */
#ifndef ESPALIER_GUEST_CPU_H
#define ESPALIER_GUEST_CPU_H

#include <stdbool.h>
#include <stdint.h>

#define READ_SR(name)                                   \
  ({                                                    \
    uint32_t value_;                                    \
    __asm__ volatile("rsr." name " %0" : "=a"(value_)); \
    value_;                                             \
  })
#define WRITE_SR(name, value) __asm__ volatile("wsr." name " %0\n rsync" ::"a"((uint32_t)(value)) : "memory")

/* 0: PRO CPU, 1: APP CPU. */
static inline unsigned core_id(void) {
  uint32_t prid;
  __asm__("rsr.prid %0" : "=a"(prid));
  return prid >> 13 & 1;
}

static inline uint32_t ccount(void) {
  return READ_SR("ccount");
}

/* Interrupts up to level 3, all that C code serves, wait until irq_restore() of the value returned. */
static inline uint32_t irq_lock(void) {
  uint32_t ps;
  __asm__ volatile("rsil %0, 3" : "=a"(ps)::"memory");
  return ps;
}
static inline void irq_restore(uint32_t ps) {
  WRITE_SR("ps", ps);
}
/* Lets interrupts in and sleeps until one has been served. */
static inline void wait_for_interrupt(void) {
  __asm__ volatile("waiti 0" ::: "memory");
}

static inline void memory_barrier(void) {
  __asm__ volatile("memw" ::: "memory");
}

/* If *word == expected, *word = desired; in one step as seen by both cores. Returns what was there. */
static inline uint32_t compare_and_swap(volatile uint32_t* word, uint32_t expected, uint32_t desired) {
  __asm__ volatile("wsr.scompare1 %2\n s32c1i %0, %1, 0"
                   : "+a"(desired)
                   : "a"(word), "a"(expected)
                   : "memory");
  return desired;
}

/* Sets bits, returns the word before. */
static inline uint32_t atomic_or(volatile uint32_t* word, uint32_t bits) {
  uint32_t before = *word, seen;
  while ((seen = compare_and_swap(word, before, before | bits)) != before) before = seen;
  return before;
}
/* Takes the word and leaves 0. */
static inline uint32_t atomic_take(volatile uint32_t* word) {
  uint32_t before = *word, seen;
  while ((seen = compare_and_swap(word, before, 0)) != before) before = seen;
  return before;
}
static inline uint32_t atomic_add(volatile uint32_t* word, uint32_t more) {
  uint32_t before = *word, seen;
  while ((seen = compare_and_swap(word, before, before + more)) != before) before = seen;
  return before;
}

/* Between the cores, and against interrupts of the own one: holders must be brief. */
typedef struct {
  volatile uint32_t held;
} Lock;
static inline uint32_t lock_take(Lock* lock) {
  const uint32_t ps = irq_lock();
  while (compare_and_swap(&lock->held, 0, 1) != 0) {
  }
  return ps;
}
static inline void lock_release(Lock* lock, uint32_t ps) {
  memory_barrier();
  lock->held = 0;
  irq_restore(ps);
}

static inline uint16_t swap16(uint16_t x) {
  return (uint16_t)(x << 8 | x >> 8);
}
static inline uint32_t swap32(uint32_t x) {
  uint32_t result;
  __asm__("ssai 8\n srli %0, %1, 16\n src %0, %0, %1\n src %0, %0, %0\n src %0, %1, %0"
          : "=&a"(result)
          : "a"(x));
  return result;
}

#endif
