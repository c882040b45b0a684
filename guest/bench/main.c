/* The kernels of `make bench` on the chip. The console takes lines "NAME ROUNDS" and answers "start NAME"
   when the kernel begins and "bench NAME ROUNDS CHECKSUM CYCLES" when it has ended. Checksum and cycles
   (CCOUNT's, so modulo 2^32) are hexadecimal. "list" names the kernels; "ticks" answers "ticks TICKS US":
   both since it was first asked. */
#include "chip.h"
#include "cpu.h"
#include "irq.h"
#include "kernels/kernel.h"
#include "machine/machine.h"
#include "rom.h"
#include "start.h"
#include "time.h"
#include "uart.h"

enum { kInterruptUart = 1, kLine = 64 };

#define ROW(name) {#name, kernel_##name},
static const Kernel kernels[] = {SHARED_KERNELS(ROW) MACHINE_KERNELS(ROW){0, 0}};

static char line[kLine];
static volatile unsigned length;
static volatile bool complete;

static void on_byte(uint8_t byte) {
  if (complete) return;
  if (byte == '\n' || byte == '\r') {
    line[length] = 0;
    complete = length > 0;
  } else if (length < kLine - 1) {
    line[length++] = (char)byte;
  }
}

static void read_line(void) {
  length = 0;
  complete = false;
  irq_lock();
  while (!complete) {
    wait_for_interrupt();
    irq_lock();
  }
  irq_restore(READ_SR("ps") & ~15u);
}

static void run(const Kernel* kernel, uint32_t rounds) {
  ets_printf("start %s\n", kernel->name);
  uart_flush();
  const uint32_t begun = ccount();
  const uint32_t checksum = kernel->run(rounds);
  const uint32_t cycles = ccount() - begun;
  ets_printf("bench %s %u %x %x\n", kernel->name, (unsigned)rounds, (unsigned)checksum, (unsigned)cycles);
  uart_flush();
}

static void print_ticks(void) {
  static bool started;
  if (!started) ticks_start();
  started = true;
  ets_printf("ticks %u %u\n", (unsigned)ticks_now(), (unsigned)time_us());
}

static void obey(char* command) {
  char* number = command;
  while (*number && *number != ' ') ++number;
  if (*number) *number++ = 0;
  uint32_t rounds = 0;
  for (; *number >= '0' && *number <= '9'; ++number) rounds = rounds * 10 + (uint32_t)(*number - '0');
  if (strcmp(command, "ticks") == 0) {
    print_ticks();
    return;
  }
  const bool list = strcmp(command, "list") == 0;
  for (const Kernel* kernel = kernels; kernel->name; ++kernel) {
    if (list) {
      ets_printf("kernel %s\n", kernel->name);
    } else if (strcmp(command, kernel->name) == 0) {
      run(kernel, rounds);
      return;
    }
  }
  ets_printf(list ? "listed\n" : "no such kernel: %s\n", command);
}

void __attribute__((noreturn)) main_pro(void) {
  watchdogs_disable();
  clock_set_240mhz();
  irq_unroute_all();
  WRITE_SR("cpenable", 1);
  app_cpu_up();
  uart_start(kInterruptUart, on_byte);
  irq_restore(READ_SR("ps") & ~15u);
  ets_printf("ready\n");
  for (;;) {
    read_line();
    obey(line);
  }
}
