/* The same done by the library: the mask ROM's functions on the chip, libc's on the host. */
#include <stddef.h>
#include <stdint.h>

#include "kernel.h"

void* memcpy(void* to, const void* from, size_t length);
void* memmove(void* to, const void* from, size_t length);
void* memset(void* to, int c, size_t length);
int memcmp(const void* a, const void* b, size_t length);
size_t strlen(const char* s);
int strcmp(const char* a, const char* b);

enum { kBytes = 4096 };

static uint8_t first[kBytes + 8], second[kBytes + 8];

/* Blocks of 4 bytes to 4 KiB, half of them aligned. */
uint32_t kernel_rom_memory(uint32_t iterations) {
  uint32_t random = 11, checksum = 0;
  for (uint32_t n = 0; n < kBytes; ++n) first[n] = (uint8_t)next_random(&random);
  memset(second, 0, sizeof second);
  for (uint32_t i = 0; i < iterations; ++i) {
    for (uint32_t length = 4; length <= kBytes; length *= 2) {
      const uint32_t off = i & 1 ? i >> 1 & 3 : 0;
      memcpy(second + off, first, length);
      second[i % length] ^= (uint8_t)i;
      checksum += (uint32_t)(memcmp(second, first, length) != 0);
      memmove(second + 2, second, length);
      memset(second + length / 2, (int)(i & 0xff), length / 4);
      checksum = mixed_in(checksum, second[i % length]);
    }
  }
  return checksum;
}

uint32_t kernel_rom_string(uint32_t iterations) {
  uint32_t checksum = 0;
  for (uint32_t n = 0; n < kBytes; ++n) first[n] = second[n] = (uint8_t)('a' + n % 26);
  for (uint32_t i = 0; i < iterations; ++i) {
    for (uint32_t length = 8; length <= 1024; length *= 2) {
      const uint32_t end = length - i % 8;
      first[end] = second[end] = 0;
      checksum = mixed_in(checksum, (uint32_t)strlen((const char*)first + i % 4));
      second[end / 2] ^= i & 1;
      checksum += (uint32_t)(strcmp((const char*)first, (const char*)second) == 0);
      second[end / 2] ^= i & 1;
      first[end] = second[end] = 'x';
    }
  }
  return checksum;
}
