/* The kernels of `make bench` on the host, with the conversation of guest/bench/main.c: what there is cycles
   is nanoseconds of processor time here. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "kernels/kernel.h"

/* What the chip's cores do beside each other, one after the other: the processor's time is the same. */
static uint32_t kernel_compute_two_cores(uint32_t iterations) {
  const uint32_t own = kernel_integer(iterations);
  return mixed_in(own, kernel_integer(iterations));
}

#define ROW(name) {#name, kernel_##name},
static const Kernel kernels[] = {SHARED_KERNELS(ROW) ROW(compute_two_cores){0, 0}};

static uint64_t processor_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  puts("ready");
  char line[64], name[64];
  while (fgets(line, sizeof line, stdin)) {
    uint32_t rounds = 0;
    if (sscanf(line, "%63s %" SCNu32, name, &rounds) < 1) continue;
    const int list = strcmp(name, "list") == 0;
    const Kernel* kernel = kernels;
    for (; kernel->name && (list || strcmp(name, kernel->name) != 0); ++kernel)
      if (list) printf("kernel %s\n", kernel->name);
    if (list) {
      puts("listed");
    } else if (!kernel->name) {
      printf("no such kernel: %s\n", name);
    } else {
      printf("start %s\n", name);
      const uint64_t begun = processor_ns();
      const uint32_t checksum = kernel->run(rounds);
      printf("bench %s %" PRIu32 " %" PRIx32 " %" PRIx64 "\n", name, rounds, checksum,
             processor_ns() - begun);
    }
  }
  return 0;
}
