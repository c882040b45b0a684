/* The network: what its layers share, and the loop in which the PRO CPU runs them all. */
#ifndef ESPALIER_HTTP_SERVER_NET_H
#define ESPALIER_HTTP_SERVER_NET_H

#include <stdbool.h>
#include <stdint.h>

#include "wire.h"

/* IPv4 addresses as numbers: 10.0.2.15 is 0x0a00020f. */
#define ADDRESS_FORMAT "%u.%u.%u.%u"
#define ADDRESS_VALUES(a) \
  (unsigned)((a) >> 24), (unsigned)((a) >> 16 & 255), (unsigned)((a) >> 8 & 255), (unsigned)((a)&255)

typedef struct {
  Mac mac;
  uint32_t address, mask, gateway, dns; /* 0: none yet */
} Net;
extern Net net; /* written by the PRO CPU */

/* Milliseconds since the start, as of the loop's present turn. Times to come are told from those past by the
   sign of their difference. */
extern uint32_t now_ms;
static inline bool time_reached(uint32_t when_ms) {
  return (int32_t)(now_ms - when_ms) >= 0;
}

/* The loop looks at the layers' timers at `when_ms` at the latest. */
void net_wake_at(uint32_t when_ms);

/* Never returns. `ready` is called with a bit for each TCP connection at `port` that has something new for
   the application. */
void net_run(uint16_t port, void (*ready)(uint32_t connections)) __attribute__((noreturn));

uint32_t random_number(void);

#endif
