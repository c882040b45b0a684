/* What only the chip has: interrupts, contexts to switch between, a second core. */
#ifndef ESPALIER_GUEST_BENCH_MACHINE_H
#define ESPALIER_GUEST_BENCH_MACHINE_H

#include "../kernels/kernel.h"

#define MACHINE_KERNELS(X) \
  X(critical_sections)     \
  X(atomics)               \
  X(atomics_two_cores)     \
  X(lock_two_cores)        \
  X(compute_two_cores)     \
  X(interrupts)            \
  X(cross_interrupts)      \
  X(task_switches)
MACHINE_KERNELS(DECLARE_KERNEL)

/* The APP CPU sleeps, but for the work that it is given. */
void app_cpu_up(void);
void app_start(uint32_t (*work)(uint32_t), uint32_t argument);
uint32_t app_result(void); /* waits for it */

/* Ticks of 10 ms by CCOMPARE0, from now on; meanwhile kernels are disturbed. Timer 0 of group 0 counts beside
 * them. */
void ticks_start(void);
uint32_t ticks_now(void);

#endif
