/* The demo: a web server. The PRO CPU runs the network, the APP CPU the application. */
#include "chip.h"
#include "console.h"
#include "cpu.h"
#include "http.h"
#include "interrupts.h"
#include "irq.h"
#include "mailbox.h"
#include "net.h"
#include "rom.h"
#include "start.h"
#include "time.h"
#include "uart.h"

enum { kHttpPort = 80 };

static void tell_application(uint32_t connections) {
  mailbox_put(kToApplication, connections);
}

void main_pro(void) {
  watchdogs_disable();
  clock_set_240mhz();
  time_start();
  irq_unroute_all();
  uart_start(kInterruptUart, console_byte);
  irq_restore(READ_SR("ps") & ~15u);
  ets_printf("espalier demo: a web server on both cores at %u MHz\n", (unsigned)ets_get_cpu_frequency());
  app_cpu_start();
  net_run(kHttpPort, tell_application);
}

static void on_mailbox(void) {}

void main_app(void) {
  irq_unroute_all();
  mailbox_start(kToApplication, kInterruptMailbox, on_mailbox);
  for (;;) {
    irq_lock();
    uint32_t ready = mailbox_take(kToApplication);
    if (ready == 0) wait_for_interrupt();
    irq_restore(READ_SR("ps") & ~15u);
    uint32_t changed = 0;
    for (; ready != 0; ready &= ready - 1) {
      const unsigned connection = (unsigned)__builtin_ctz(ready);
      if (http_serve(connection)) changed |= 1u << connection;
    }
    if (changed != 0) mailbox_put(kToNetwork, changed);
  }
}
