/* What the kernels of `make bench` have in common. A kernel does `iterations` rounds of its work, each
   depending on the round before, so that none can be left out, and returns a checksum of what came out. The
   same sources are compiled for the chip (guest/bench) and for the host (bench/native); for the same number
   of rounds both must return the same. A round takes the chip some 10 to 1,000 microseconds. */
#ifndef ESPALIER_GUEST_BENCH_KERNEL_H
#define ESPALIER_GUEST_BENCH_KERNEL_H

#include <stdint.h>

typedef uint32_t KernelFunction(uint32_t iterations);
typedef struct {
  const char* name;
  KernelFunction* run;
} Kernel;

/* The kernels in kernels/, and those whose guest half is written in assembler (assembler/; the host's is C):
   X(name), the function being kernel_NAME. */
#define SHARED_KERNELS(X) \
  X(integer)              \
  X(sort)                 \
  X(crc_bits)             \
  X(crc_table)            \
  X(matrix)               \
  X(string)               \
  X(memory)               \
  X(rom_memory)           \
  X(rom_string)           \
  X(calls)                \
  X(deep_calls)           \
  X(indirect_calls)       \
  X(bytecode)             \
  X(division)             \
  X(mix)                  \
  X(fp_fir)               \
  X(fp_mandelbrot)        \
  X(hardware_loop)        \
  X(mac16)

#define DECLARE_KERNEL(name) KernelFunction kernel_##name;
SHARED_KERNELS(DECLARE_KERNEL)

/* A sequence of numbers that look random: xorshift, never 0. */
static inline uint32_t next_random(uint32_t* state) {
  uint32_t x = *state;
  x ^= x << 13;
  x ^= x >> 17;
  x ^= x << 5;
  return *state = x;
}

static inline uint32_t mixed_in(uint32_t checksum, uint32_t value) {
  return (checksum << 5 | checksum >> 27) + (value ^ 0x9e3779b9u);
}

#endif
