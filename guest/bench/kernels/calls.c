/* Calls: shallow ones, which the register windows hold, and recursion that they do not. */
#include "kernel.h"

#define NOT_INLINED __attribute__((noinline, noclone))

static NOT_INLINED uint32_t leaf(uint32_t a, uint32_t b) {
  return (a ^ b) + (b >> 2);
}
static NOT_INLINED uint32_t middle(uint32_t a, uint32_t b, uint32_t c) {
  return leaf(a, b) ^ leaf(b, c);
}
static NOT_INLINED uint32_t outer(uint32_t a, uint32_t b) {
  const uint32_t c = middle(a, b, a + b);
  return c + leaf(a, c);
}

uint32_t kernel_calls(uint32_t iterations) {
  uint32_t checksum = 1;
  for (uint32_t i = 0; i < iterations; ++i)
    for (uint32_t n = 0; n < 64; ++n) checksum = outer(checksum, n);
  return checksum;
}

/* Goes down `depth` levels and does something with what comes back. */
static NOT_INLINED uint32_t down(uint32_t depth, uint32_t value) {
  if (depth == 0) return value;
  const uint32_t below = down(depth - 1, value * 3 + depth);
  return (below ^ value) + (below >> 3);
}
/* Takeuchi's function: calls of calls. */
static NOT_INLINED int32_t tak(int32_t x, int32_t y, int32_t z) {
  if (y >= x) return z;
  return tak(tak(x - 1, y, z), tak(y - 1, z, x), tak(z - 1, x, y));
}

uint32_t kernel_deep_calls(uint32_t iterations) {
  uint32_t checksum = 1;
  for (uint32_t i = 0; i < iterations; ++i) {
    checksum = down(50, checksum);
    checksum = mixed_in(checksum, (uint32_t)tak(9 + (int32_t)(i & 1), 6, 3));
  }
  return checksum;
}
