/* From start.S to the program's own functions. */
#include "start.h"

#include "chip.h"
#include "rom.h"

extern uint8_t bss_start[], bss_end[], bss1_start[], bss1_end[];

void __attribute__((noreturn)) start_pro_cpu(void) {
  memset(bss_start, 0, (size_t)(bss_end - bss_start));
  memset(bss1_start, 0, (size_t)(bss1_end - bss1_start));
  main_pro();
}

void __attribute__((noreturn)) start_app_cpu(void) {
  ets_update_cpu_frequency(kCpuMhz); /* the ROM keeps it for each core; ets_delay_us() goes by it */
  main_app();
}
