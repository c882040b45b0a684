/* Shifts, adds, logic, multiplications and branches that are hard to foresee, all in registers. */
#include "kernel.h"

uint32_t kernel_integer(uint32_t iterations) {
  uint32_t a = 0x12345678, b = 0x9e3779b9, c = 1;
  for (uint32_t i = 0; i < iterations; ++i) {
    for (uint32_t j = 0; j < 256; ++j) {
      next_random(&a);
      b += a ^ b >> 3;
      c = (c << 7 | c >> 25) + (a & 0xff) * (b >> 20);
      if (c & 4)
        b ^= c;
      else
        c += b | j;
      if ((int32_t)b < 0) c -= a >> 8;
      c ^= (uint32_t)((int32_t)b >> 4);
    }
  }
  return mixed_in(mixed_in(a, b), c);
}
