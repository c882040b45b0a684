/* Where the ROM ends when it finds nothing to boot and the eFuses do not forbid it. */
#include "rom.h"

void start_tb_console(void) {
  ets_printf("Falling back to built-in command interpreter.\n");
  ets_printf("OK\n>");
  for (;;) __asm__ volatile("waiti 0");
}
