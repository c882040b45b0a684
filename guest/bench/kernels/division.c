/* Quotients and remainders, signed and not, by the LX6's own instructions: what ESP32 compilers emit, and the
   compiler used here does not. */
#include "kernel.h"

#ifdef __XTENSA__
#define DIVIDE(instruction, type)                                         \
  ({                                                                      \
    type result_;                                                         \
    __asm__(#instruction " %0, %1, %2" : "=a"(result_) : "a"(a), "a"(b)); \
    result_;                                                              \
  })
static inline int32_t quotient(int32_t a, int32_t b) {
  return DIVIDE(quos, int32_t);
}
static inline int32_t remainder_of(int32_t a, int32_t b) {
  return DIVIDE(rems, int32_t);
}
static inline uint32_t quotient_u(uint32_t a, uint32_t b) {
  return DIVIDE(quou, uint32_t);
}
static inline uint32_t remainder_u(uint32_t a, uint32_t b) {
  return DIVIDE(remu, uint32_t);
}
#else
static inline int32_t quotient(int32_t a, int32_t b) {
  return a / b;
}
static inline int32_t remainder_of(int32_t a, int32_t b) {
  return a % b;
}
static inline uint32_t quotient_u(uint32_t a, uint32_t b) {
  return a / b;
}
static inline uint32_t remainder_u(uint32_t a, uint32_t b) {
  return a % b;
}
#endif

uint32_t kernel_division(uint32_t iterations) {
  uint32_t random = 17, checksum = 1;
  for (uint32_t i = 0; i < iterations; ++i) {
    for (unsigned n = 0; n < 32; ++n) {
      const uint32_t a = next_random(&random);
      const uint32_t b = (checksum & 0xffff) + 1;
      checksum += quotient_u(a, b);
      checksum ^= remainder_u(a, b);
      checksum += (uint32_t)quotient((int32_t)a, (int32_t)b);
      checksum ^= (uint32_t)remainder_of((int32_t)a, -(int32_t)b);
    }
  }
  return checksum;
}
