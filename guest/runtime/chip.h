/* The chip around the cores: clocks, watchdogs, the other core. */
#ifndef ESPALIER_GUEST_CHIP_H
#define ESPALIER_GUEST_CHIP_H

#include <stdint.h>

/* The watchdogs that are armed from reset on, so that a boot that hangs is tried again. */
void watchdogs_disable(void);

/* From the crystal's 40 MHz to the PLL: CPU 240 MHz, APB 80 MHz. UART0 stays at 115200 baud. */
void clock_set_240mhz(void);
enum { kCpuMhz = 240, kApbHz = 80000000 };

/* Returns when UART0 has sent everything. (The ROM's uart_tx_wait_idle() clears TX_DONE, waits for the FIFO
   to be empty and then for TX_DONE to read as clear: if it is late by a byte's time it never returns.) */
void console_drain(void);

/* Starts the APP CPU: its ROM jumps to start.S, which calls start_app_cpu(). */
void app_cpu_start(void);

/* Raises, and in the handler takes back, one of the four cross-core interrupts (sources SOURCE_FROM_CPU(n)).
 */
void cross_core_raise(unsigned n);
void cross_core_clear(unsigned n);

#endif
