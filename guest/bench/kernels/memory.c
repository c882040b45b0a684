/* Blocks of memory moved, filled, compared and added up in C loops, by bytes, halves and words, of lengths
   that are known when it runs. (Compiled so that no loop becomes a call of a library.) */
#include "kernel.h"

#define NOT_INLINED __attribute__((noinline, noclone))

enum { kWords = 256 };

static uint32_t from[kWords], to[kWords];

static NOT_INLINED void copy_words(uint32_t* target, const uint32_t* source, unsigned count) {
  for (; count; --count) *target++ = *source++;
}
static NOT_INLINED void copy_bytes(uint8_t* target, const uint8_t* source, unsigned count) {
  for (; count; --count) *target++ = *source++;
}
static NOT_INLINED void add_halves(uint16_t* target, const uint16_t* source, unsigned count) {
  for (; count; --count, ++target) *target = (uint16_t)(*target + *source++);
}
static NOT_INLINED void fill_words(uint32_t* target, uint32_t value, unsigned count) {
  for (; count; --count) *target++ = value;
}
static NOT_INLINED unsigned same_words(const uint32_t* a, const uint32_t* b, unsigned count) {
  unsigned n = 0;
  while (n < count && a[n] == b[n]) ++n;
  return n;
}
static NOT_INLINED uint32_t sum_of_bytes(const uint8_t* bytes, unsigned count) {
  uint32_t sum = 0;
  for (; count; --count) sum += *bytes++;
  return sum;
}

uint32_t kernel_memory(uint32_t iterations) {
  uint32_t random = 9, checksum = 0;
  for (uint32_t n = 0; n < kWords; ++n) from[n] = next_random(&random);
  for (uint32_t i = 0; i < iterations; ++i) {
    copy_words(to, from, kWords);
    checksum = mixed_in(checksum, same_words(to, from, kWords - i % 3));
    copy_bytes((uint8_t*)to + 4, (const uint8_t*)from + i % 5, kWords + i % 7);
    add_halves((uint16_t*)to + kWords, (const uint16_t*)from, kWords - i % 7);
    fill_words(to + 3 * kWords / 4, i, kWords / 4);
    checksum = mixed_in(checksum, sum_of_bytes((const uint8_t*)to, 2 * kWords + i % 9));
    from[i % kWords] ^= checksum;
  }
  return checksum;
}
