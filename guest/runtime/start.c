/* From start.S to the program's own functions. */
#include "start.h"

#include "rom.h"

extern uint8_t bss_start[], bss_end[], bss1_start[], bss1_end[];

void __attribute__((noreturn)) start_pro_cpu(void) {
  memset(bss_start, 0, (size_t)(bss_end - bss_start));
  memset(bss1_start, 0, (size_t)(bss1_end - bss1_start));
  main_pro();
}

void __attribute__((noreturn)) start_app_cpu(void) {
  main_app();
}
