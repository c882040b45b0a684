/* Products of matrices of 32-bit integers, whose size is known when it runs. */
#include "kernel.h"

enum { kMost = 20 };

static int32_t left[kMost * kMost], right[kMost * kMost], product[kMost * kMost];

static __attribute__((noinline, noclone)) void multiply(int32_t* to, const int32_t* a, const int32_t* b,
                                                        unsigned rows, unsigned inner, unsigned columns) {
  for (unsigned row = 0; row < rows; ++row)
    for (unsigned column = 0; column < columns; ++column) {
      int32_t sum = 0;
      for (unsigned n = 0; n < inner; ++n) sum += a[row * inner + n] * b[n * columns + column];
      to[row * columns + column] = sum;
    }
}

uint32_t kernel_matrix(uint32_t iterations) {
  uint32_t random = 3, checksum = 0;
  for (unsigned n = 0; n < kMost * kMost; ++n) {
    left[n] = (int32_t)(next_random(&random) & 0x7ff) - 0x400;
    right[n] = (int32_t)(next_random(&random) & 0x7ff) - 0x400;
  }
  for (uint32_t i = 0; i < iterations; ++i) {
    multiply(product, left, right, kMost, kMost - (i & 1), kMost - (i & 1));
    checksum = mixed_in(checksum, (uint32_t)product[(i * 7) % (kMost * (kMost - 1))]);
    left[i % (kMost * kMost)] = (int32_t)(checksum & 0x7ff) - 0x400;
  }
  return checksum;
}
