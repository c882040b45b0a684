/* UDP (RFC 768). */
#ifndef ESPALIER_HTTP_SERVER_UDP_H
#define ESPALIER_HTTP_SERVER_UDP_H

#include <stdint.h>

#include "ip.h"

typedef void (*UdpHandler)(const Packet* packet, uint16_t from_port, const uint8_t* data, unsigned length);

/* What comes to `port` goes to `handler` from now on. */
void udp_listen(uint16_t port, UdpHandler handler);
void udp_input(const Packet* packet);

/* Where the next datagram's data is to be written; then udp_send(). */
uint8_t* udp_data(void);
void udp_send(uint32_t to, uint16_t to_port, uint16_t from_port, unsigned length);

#endif
