/* code_samples.S */
#ifndef ESPALIER_GUEST_CODE_SAMPLES_H
#define ESPALIER_GUEST_CODE_SAMPLES_H

#include <stdint.h>

typedef struct {
  const uint32_t *begin, *end;
} Sample;
extern const uint32_t sample_111[], sample_111_end[], sample_222[], sample_222_end[], sample_sum[],
    sample_sum_end[];
#define SAMPLE(name) ((Sample){sample_##name, sample_##name##_end})

static inline uint32_t call_sample(uint32_t address) {
  return ((uint32_t(*)(void))address)();
}
static inline uint32_t call_sum(uint32_t address, uint32_t n) {
  return ((uint32_t(*)(uint32_t))address)(n);
}

#endif
