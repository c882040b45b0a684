/* Commands typed at the console. */
#ifndef ESPALIER_HTTP_SERVER_CONSOLE_H
#define ESPALIER_HTTP_SERVER_CONSOLE_H

#include <stdint.h>

/* From UART0's interrupt. */
void console_byte(uint8_t byte);

#endif
