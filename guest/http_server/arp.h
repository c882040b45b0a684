/* Which MAC address an IPv4 address of this network has (RFC 826). */
#ifndef ESPALIER_HTTP_SERVER_ARP_H
#define ESPALIER_HTTP_SERVER_ARP_H

#include <stdint.h>

#include "wire.h"

void arp_input(const uint8_t* packet, unsigned length);
/* Sends the frame that has been written to eth_frame(), once the MAC address of `next_hop` is known: now, or
   when the answer comes to the question that goes out instead (the latest such frame is kept). */
void arp_send(uint32_t next_hop, unsigned length);
/* Tells everybody of our own address. */
void arp_announce(void);

#endif
