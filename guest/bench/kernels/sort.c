/* Quicksort, with insertion sort for what is short; then binary searches in the result. */
#include "kernel.h"

enum { kNumbers = 512, kShort = 8 };

static int32_t numbers[kNumbers];

static void insertion_sort(int32_t* from, int32_t* to) {
  for (int32_t* next = from + 1; next < to; ++next) {
    const int32_t value = *next;
    int32_t* hole = next;
    for (; hole > from && hole[-1] > value; --hole) *hole = hole[-1];
    *hole = value;
  }
}

static void quicksort(int32_t* from, int32_t* to) {
  while (to - from > kShort) {
    const int32_t pivot = from[(to - from) / 2];
    int32_t *low = from, *high = to - 1;
    for (;;) {
      while (*low < pivot) ++low;
      while (*high > pivot) --high;
      if (low >= high) break;
      const int32_t kept = *low;
      *low++ = *high;
      *high-- = kept;
    }
    quicksort(from, low);
    from = low;
  }
  insertion_sort(from, to);
}

static uint32_t search(int32_t wanted) {
  uint32_t low = 0, high = kNumbers;
  while (low < high) {
    const uint32_t middle = (low + high) / 2;
    if (numbers[middle] < wanted)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

uint32_t kernel_sort(uint32_t iterations) {
  uint32_t random = 1, checksum = 0;
  for (uint32_t i = 0; i < iterations; ++i) {
    for (uint32_t n = 0; n < kNumbers; ++n) numbers[n] = (int32_t)next_random(&random);
    quicksort(numbers, numbers + kNumbers);
    for (uint32_t n = 0; n < 64; ++n) checksum = mixed_in(checksum, search((int32_t)next_random(&random)));
    for (uint32_t n = 1; n < kNumbers; ++n) checksum += numbers[n - 1] > numbers[n];
  }
  return checksum;
}
