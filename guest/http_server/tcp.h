/* TCP (RFC 9293), the passive side, for one port. */
#ifndef ESPALIER_HTTP_SERVER_TCP_H
#define ESPALIER_HTTP_SERVER_TCP_H

#include <stdint.h>

#include "connection.h"
#include "ip.h"

/* Accepts connections at `port`. `ready` is called, in the loop, with a bit for each connection that has
   something new for the application. */
void tcp_listen(uint16_t port, void (*ready)(uint32_t connections));
void tcp_input(const Packet* packet);
/* After some input: sends what it has called for, and tells the application. */
void tcp_flush(void);
/* The application has taken, put in or closed something. */
void tcp_application(uint32_t connections);
/* From the loop, whenever a timer may be due. */
void tcp_run(void);

#endif
