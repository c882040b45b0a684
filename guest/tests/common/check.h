/* What the test programs are written with. A program is a list of tests; each prints "PASS name", or a line
   that begins with FAIL for each check that did not hold. The last line is DONE. */
#ifndef ESPALIER_GUEST_CHECK_H
#define ESPALIER_GUEST_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chip.h"
#include "cpu.h"
#include "irq.h"
#include "panic.h"
#include "rom.h"
#include "soc.h"
#include "start.h"
#include "time.h"

typedef struct {
  const char* name;
  void (*run)(void);
} Test;
#define TEST(name) \
  { #name, test_##name }

/* Defined by each program. Runs on the PRO CPU at 240 MHz, interrupts on. The list ends with {0, 0}. */
extern const Test tests[];

void check_failed(const char* file, int line, const char* what);
void check_equal(const char* file, int line, const char* what, uint32_t value, uint32_t expected);
#define CHECK(condition)                                            \
  do {                                                              \
    if (!(condition)) check_failed(__FILE__, __LINE__, #condition); \
  } while (0)
#define CHECK_EQ(value, expected) \
  check_equal(__FILE__, __LINE__, #value, (uint32_t)(value), (uint32_t)(expected))
/* |value - expected| <= tolerance */
#define CHECK_NEAR(value, expected, tolerance)                                          \
  do {                                                                                  \
    const int32_t off_by_ = (int32_t)((uint32_t)(value) - (uint32_t)(expected));        \
    if (off_by_ > (int32_t)(tolerance) || off_by_ < -(int32_t)(tolerance))              \
      check_equal(__FILE__, __LINE__, #value, (uint32_t)(value), (uint32_t)(expected)); \
  } while (0)

/* Waits for `condition`, a second at most; false if it did not come true. */
#define WAIT_FOR(condition)                                        \
  ({                                                               \
    const uint64_t begun_ = time_us();                             \
    while (!(condition) && time_us() - begun_ < 1000000) continue; \
    (bool)(condition);                                             \
  })

/* Uses so many register windows that those of all callers have to be saved to their stacks. */
void spill_windows(void);

/* The APP CPU, once it is up, runs what it is given and waits. */
void app_cpu_up(void);
void app_run(void (*work)(void)); /* starts it */
bool app_finished(void);
void app_wait(void); /* until it has finished */

/* The APP CPU is about to be reset by something else; then until it is up again. */
void app_cpu_lost(void);
void app_cpu_wait_up(void);
void app_cpu_again(void); /* resets it and starts it anew */

#endif
