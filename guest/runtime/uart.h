/* The console: UART0, with a buffer and interrupts. */
#ifndef ESPALIER_GUEST_UART_H
#define ESPALIER_GUEST_UART_H

#include <stdbool.h>
#include <stdint.h>

/* Takes the console over from the ROM: what ets_printf() prints goes through uart_put() from now on. UART0's
   interrupt is served by the calling core as CPU interrupt `interrupt` (level 1). `received` is called for
   each byte that comes in, from the interrupt; it may be null. */
void uart_start(unsigned interrupt, void (*received)(uint8_t byte));
/* Queues a byte (a line feed as carriage return and line feed); waits only if the buffer is full. From any
   core, interrupt handlers too. */
void uart_put(char c);
/* Waits until all has been sent. */
void uart_flush(void);

#endif
