/* A tick a hundredth of a second, kept as an RTOS does it: the compare register goes on by a period each
   time, and a late handler makes up for what it missed. */
#include "chip.h"
#include "cpu.h"
#include "irq.h"
#include "machine.h"
#include "time.h"

enum { kPeriod = kCpuMhz * 10000 };

static volatile uint32_t ticks;
static uint32_t due;

static void on_compare(void* argument) {
  (void)argument;
  do {
    ++ticks;
    due += kPeriod;
    WRITE_SR("ccompare0", due);
  } while ((int32_t)(ccount() - due) >= 0);
}

void ticks_start(void) {
  time_start();
  due = ccount() + kPeriod;
  WRITE_SR("ccompare0", due);
  irq_attach(kInterruptTimer0, on_compare, 0);
}

uint32_t ticks_now(void) {
  return ticks;
}
