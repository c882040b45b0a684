/* Floating point, zero-overhead loops and MAC16, which the compiler used here does not emit: what drives the
   functions of assembler/. */
#include "../assembler/assembler.h"
#include "kernel.h"

enum { kTaps = 64, kSamples = 128, kWords = 64 };

/* A filter over whole numbers small enough for every sum to be exact, whether or not the product is rounded
   before it is added. */
uint32_t kernel_fp_fir(uint32_t iterations) {
  static float taps[kTaps], samples[kSamples];
  uint32_t random = 19, checksum = 0;
  for (unsigned n = 0; n < kTaps; ++n) taps[n] = (float)((int32_t)(next_random(&random) & 0xff) - 128);
  for (unsigned n = 0; n < kSamples; ++n) samples[n] = (float)((int32_t)(next_random(&random) & 0xff) - 128);
  for (uint32_t i = 0; i < iterations; ++i) {
    for (unsigned n = 0; n < kSamples - kTaps; n += 4)
      checksum = mixed_in(checksum, fp_dot(samples + n, taps, kTaps));
    samples[i % kSamples] = (float)((int32_t)(checksum & 0xff) - 128);
  }
  return checksum;
}

uint32_t kernel_fp_mandelbrot(uint32_t iterations) {
  uint32_t checksum = 0;
  for (uint32_t i = 0; i < iterations; ++i)
    for (int32_t n = 0; n < 16; ++n)
      checksum =
          mixed_in(checksum, fp_escape((int32_t)(checksum & 0xff) - 320 + n, (int32_t)(i & 0xff), 100));
  return checksum;
}

uint32_t kernel_hardware_loop(uint32_t iterations) {
  static uint32_t to[kWords], from[kWords];
  uint32_t random = 23, checksum = 0;
  for (unsigned n = 0; n < kWords; ++n) {
    from[n] = next_random(&random);
    to[n] = n;
  }
  for (uint32_t i = 0; i < iterations; ++i) {
    checksum = mixed_in(checksum, loop_blend(to, from, kWords - i % 4));
    checksum = loop_count(checksum, 100);
    for (unsigned n = 0; n < 16; ++n) checksum = loop_count(checksum, n & 3);
  }
  return checksum;
}

uint32_t kernel_mac16(uint32_t iterations) {
  static int16_t taps[kTaps + 2] __attribute__((aligned(4))),
      samples[kSamples + 2] __attribute__((aligned(4)));
  uint32_t random = 29, checksum = 0;
  for (unsigned n = 0; n < kTaps; ++n) taps[n] = (int16_t)next_random(&random);
  for (unsigned n = 0; n < kSamples; ++n) samples[n] = (int16_t)next_random(&random);
  for (uint32_t i = 0; i < iterations; ++i) {
    for (unsigned n = 0; n < kSamples - kTaps; n += 4)
      checksum = mixed_in(checksum, mac16_dot(samples + n, taps, kTaps));
    samples[i % kSamples] = (int16_t)checksum;
  }
  return checksum;
}
