/* What guest/bench/assembler/ does, in C for the host. */
#include "assembler/assembler.h"

#include <string.h>

uint32_t fp_dot(const float* a, const float* b, uint32_t count) {
  float even = 0, odd = 0;
  for (uint32_t n = 0; n < count; n += 2) {
    even += a[n] * b[n];
    odd += a[n + 1] * b[n + 1];
  }
  even += odd;
  uint32_t bits;
  memcpy(&bits, &even, sizeof bits);
  return bits;
}

uint32_t fp_escape(int32_t x, int32_t y, uint32_t most) {
  const float cx = (float)x / 256, cy = (float)y / 256;
  float zx = cx, zy = cy;
  uint32_t left = most;
  while (left) {
    const float xx = zx * zx, yy = zy * zy;
    if (xx + yy > 4) break;
    zy = zx * zy;
    zx = xx - yy;
    zy += zy;
    zx += cx;
    zy += cy;
    --left;
  }
  return most - left;
}

uint32_t loop_blend(uint32_t* to, const uint32_t* from, uint32_t count) {
  uint32_t sum = 0;
  for (uint32_t n = 0; n < count; ++n) to[n] = sum = (from[n] ^ sum >> 3) + to[n];
  return sum;
}

uint32_t loop_count(uint32_t seed, uint32_t count) {
  for (uint32_t n = 0; n < count; ++n) seed = (seed * 3 + 7) ^ count;
  return seed;
}

uint32_t mac16_dot(const int16_t* a, const int16_t* b, uint32_t count) {
  uint32_t sum = 0;
  for (uint32_t n = 0; n < count; ++n) sum += (uint32_t)(a[n] * b[n]);
  return sum;
}
