/* CRC-32 of a buffer, bit by bit and by a table. */
#include "kernel.h"

enum { kBytes = 256, kPolynomial = 0xedb88320 };

static uint8_t buffer[kBytes];
static uint32_t table[256];

static void fill_buffer(void) {
  uint32_t random = 7;
  for (uint32_t n = 0; n < kBytes; ++n) buffer[n] = (uint8_t)next_random(&random);
}

static inline uint32_t eight_bits(uint32_t crc) {
  for (unsigned bit = 0; bit < 8; ++bit) crc = crc & 1 ? crc >> 1 ^ (uint32_t)kPolynomial : crc >> 1;
  return crc;
}

uint32_t kernel_crc_bits(uint32_t iterations) {
  uint32_t crc = ~0u;
  fill_buffer();
  for (uint32_t i = 0; i < iterations; ++i)
    for (uint32_t n = 0; n < kBytes; ++n) crc = eight_bits(crc ^ buffer[n]);
  return crc;
}

uint32_t kernel_crc_table(uint32_t iterations) {
  uint32_t crc = ~0u;
  fill_buffer();
  for (uint32_t n = 0; n < 256; ++n) table[n] = eight_bits(n);
  for (uint32_t i = 0; i < iterations; ++i)
    for (uint32_t n = 0; n < kBytes; ++n) crc = table[(crc ^ buffer[n]) & 0xff] ^ crc >> 8;
  return crc;
}
