/* Calls through a table of functions, in an order that is hard to foresee, and one of objects with methods.
 */
#include "kernel.h"

#define NOT_INLINED __attribute__((noinline, noclone))

typedef uint32_t Operation(uint32_t a, uint32_t b);

static NOT_INLINED uint32_t add(uint32_t a, uint32_t b) {
  return a + b;
}
static NOT_INLINED uint32_t subtract(uint32_t a, uint32_t b) {
  return a - b;
}
static NOT_INLINED uint32_t exclusive_or(uint32_t a, uint32_t b) {
  return a ^ b;
}
static NOT_INLINED uint32_t multiply(uint32_t a, uint32_t b) {
  return a * (b | 1);
}
static NOT_INLINED uint32_t rotate(uint32_t a, uint32_t b) {
  return (a << 11 | a >> 21) + b;
}
static NOT_INLINED uint32_t average(uint32_t a, uint32_t b) {
  return (a & b) + ((a ^ b) >> 1);
}
static NOT_INLINED uint32_t larger(uint32_t a, uint32_t b) {
  return a > b ? a : b + 1;
}
static NOT_INLINED uint32_t invert(uint32_t a, uint32_t b) {
  return ~a - b;
}

static Operation* const operations[8] = {add,    subtract, exclusive_or, multiply,
                                         rotate, average,  larger,       invert};

typedef struct {
  Operation* step;
  uint32_t state;
} Object;
static Object objects[16];

uint32_t kernel_indirect_calls(uint32_t iterations) {
  uint32_t random = 13, checksum = 0;
  for (unsigned n = 0; n < 16; ++n) objects[n] = (Object){operations[n % 8], n};
  for (uint32_t i = 0; i < iterations; ++i) {
    for (unsigned n = 0; n < 32; ++n) {
      const uint32_t which = next_random(&random);
      checksum = operations[which >> 7 & 7](checksum, which);
    }
    for (unsigned n = 0; n < 16; ++n) objects[n].state = objects[n].step(objects[n].state, checksum);
    checksum = mixed_in(checksum, objects[i % 16].state);
  }
  return checksum;
}
