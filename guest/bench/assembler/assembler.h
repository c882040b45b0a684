/* The kernels' halves that are assembler on the chip and C on the host. */
#ifndef ESPALIER_GUEST_BENCH_ASSEMBLER_H
#define ESPALIER_GUEST_BENCH_ASSEMBLER_H

#include <stdint.h>

/* The sum of a[n] * b[n], as bits; `count`: a multiple of 4. */
uint32_t fp_dot(const float* a, const float* b, uint32_t count);
/* Steps until z*z + c leaves the circle of radius 2, with c = (x + iy) / 256; `most` if it has not by then.
 */
uint32_t fp_escape(int32_t x, int32_t y, uint32_t most);

/* Running sums: to[n] += from[n] ^ (the sum before >> 3). The last one. */
uint32_t loop_blend(uint32_t* to, const uint32_t* from, uint32_t count);
/* `count` times seed = (seed * 3 + 7) ^ count. */
uint32_t loop_count(uint32_t seed, uint32_t count);
/* The low word of the sum of a[n] * b[n]. Aligned to 4; `count` a multiple of 4, not 0; may read two more. */
uint32_t mac16_dot(const int16_t* a, const int16_t* b, uint32_t count);

#endif
