#include "pattern.h"

#include <string.h>

/* A step of a 32-bit xorshift generator (Marsaglia, "Xorshift RNGs", 13-17-5). */
static uint32_t next(uint32_t* state) {
  uint32_t x = *state;
  x ^= x << 13;
  x ^= x >> 17;
  x ^= x << 5;
  return *state = x;
}

static uint32_t start(uint32_t number, uint32_t salt) {
  const uint32_t state = number * 2654435761u + salt;
  return state != 0 ? state : 1;
}

void pattern_make(uint32_t number, uint32_t salt, uint8_t* bytes, size_t size) {
  memcpy(bytes, &number, sizeof number);
  uint32_t state = start(number, salt);
  for (size_t i = sizeof number; i < size; ++i) {
    bytes[i] = (uint8_t)next(&state);
  }
}

bool pattern_read(const uint8_t* bytes, size_t size, uint32_t salt, uint32_t* number) {
  memcpy(number, bytes, sizeof *number);
  uint32_t state = start(*number, salt);
  for (size_t i = sizeof *number; i < size; ++i) {
    if (bytes[i] != (uint8_t)next(&state)) {
      return false;
    }
  }
  return true;
}
