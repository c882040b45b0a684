/* Work for the APP CPU, which otherwise sleeps. */
#include "chip.h"
#include "cpu.h"
#include "irq.h"
#include "machine.h"
#include "soc.h"
#include "start.h"

enum { kInterruptWork = 0, kSourceWork = 1 /* cross-core interrupt 1 */ };

static uint32_t (*volatile app_work)(uint32_t);
static volatile uint32_t app_argument, app_value;
static volatile bool app_is_up;

static void on_work(void* argument) {
  (void)argument;
  cross_core_clear(kSourceWork);
}

void __attribute__((noreturn)) main_app(void) {
  irq_unroute_all();
  irq_attach(kInterruptWork, on_work, 0);
  irq_route(SOURCE_FROM_CPU(kSourceWork), kInterruptWork);
  app_is_up = true;
  for (;;) {
    irq_lock();
    while (!app_work) {
      wait_for_interrupt();
      irq_lock();
    }
    irq_restore(READ_SR("ps") & ~15u);
    app_value = app_work(app_argument);
    memory_barrier();
    app_work = 0;
  }
}

void app_cpu_up(void) {
  app_cpu_start();
  while (!app_is_up) {
  }
}

void app_start(uint32_t (*work)(uint32_t), uint32_t argument) {
  app_argument = argument;
  app_work = work;
  memory_barrier();
  cross_core_raise(kSourceWork);
}

uint32_t app_result(void) {
  while (app_work) {
  }
  return app_value;
}

/* Each core has enough to do: they share nothing. */
uint32_t kernel_compute_two_cores(uint32_t iterations) {
  app_start(kernel_integer, iterations);
  const uint32_t own = kernel_integer(iterations);
  return mixed_in(own, app_result());
}
