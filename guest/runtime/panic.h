/* What cannot be helped: the registers and a backtrace on the console, then a restart of the chip. An
   exception or interrupt that nobody handles ends there by itself. */
#ifndef ESPALIER_GUEST_PANIC_H
#define ESPALIER_GUEST_PANIC_H

void abort_because(const char* reason) __attribute__((noreturn));
/* Resets the chip (RTC_CNTL_SW_SYS_RST) once the console is empty. */
void restart(void) __attribute__((noreturn));

#define STRINGIFY(x) #x
#define LINE_OF(x) STRINGIFY(x)
#define ASSERT(condition)                                                            \
  do {                                                                               \
    if (!(condition)) abort_because(__FILE__ ":" LINE_OF(__LINE__) ": " #condition); \
  } while (0)

#endif
