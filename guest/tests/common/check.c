#include "check.h"

static bool failed;

void check_failed(const char* file, int line, const char* what) {
  failed = true;
  ets_printf("FAIL %s:%d: %s\n", file, line, what);
}

void check_equal(const char* file, int line, const char* what, uint32_t value, uint32_t expected) {
  if (value == expected) return;
  failed = true;
  ets_printf("FAIL %s:%d: %s is 0x%x, not 0x%x\n", file, line, what, (unsigned)value, (unsigned)expected);
}

static uint32_t __attribute__((noinline)) use_windows(uint32_t depth) {
  volatile uint32_t kept = depth;
  return depth ? use_windows(depth - 1) + kept : 0;
}
void spill_windows(void) {
  use_windows(16);
}

/* --- the APP CPU --- */
static void (*volatile app_work)(void);
static volatile bool app_is_up;

void __attribute__((noreturn)) main_app(void) {
  irq_unroute_all();
  irq_restore(READ_SR("ps") & ~15u);
  app_is_up = true;
  for (;;) {
    if (!app_work) continue;
    app_work();
    app_work = 0;
  }
}

void app_cpu_lost(void) {
  app_is_up = false;
}
void app_cpu_wait_up(void) {
  CHECK(WAIT_FOR(app_is_up));
}

void app_cpu_up(void) {
  if (app_is_up) return;
  app_cpu_start();
  app_cpu_wait_up();
}

void app_cpu_again(void) {
  app_cpu_lost();
  app_cpu_up();
}

void app_run(void (*work)(void)) {
  app_cpu_up();
  app_work = work;
}
bool app_finished(void) {
  return !app_work;
}
void app_wait(void) {
  CHECK(WAIT_FOR(!app_work));
}

/* --- the PRO CPU --- */
void __attribute__((noreturn)) main_pro(void) {
  watchdogs_disable();
  clock_set_240mhz();
  time_start();
  irq_unroute_all();
  irq_restore(READ_SR("ps") & ~15u);
  for (const Test* test = tests; test->name; ++test) {
    failed = false;
    test->run();
    ets_printf("%s %s\n", failed ? "FAIL" : "PASS", test->name);
  }
  ets_printf("DONE\n");
  console_drain();
  irq_disable(~0u);
  for (;;) wait_for_interrupt();
}
