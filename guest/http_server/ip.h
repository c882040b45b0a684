/* IPv4 (RFC 791), without fragments, and ICMP (RFC 792). */
#ifndef ESPALIER_HTTP_SERVER_IP_H
#define ESPALIER_HTTP_SERVER_IP_H

#include <stdbool.h>
#include <stdint.h>

#include "wire.h"

enum { kIpPayloadMax = 1480 };

/* A packet that has come, checked; `header` lies in its frame. */
typedef struct {
  const Ipv4Header* header;
  const Mac* from_mac;
  uint32_t from, to;
  bool broadcast;
  const uint8_t* payload;
  unsigned length;
} Packet;

void ip_input(const EthernetHeader* ethernet, unsigned length);

/* Where the next packet's payload is to be written, at a multiple of four; then one of the two below. */
uint8_t* ip_payload(void);
/* Sends it to wherever `to` is: the MAC address is looked up, and asked for if need be. */
void ip_send(uint32_t to, uint8_t protocol, unsigned length);
/* The same where the MAC address is known, as in an answer. */
void ip_send_to_mac(const Mac* mac, uint32_t to, uint8_t protocol, unsigned length);

/* Tells the sender of a packet that nobody listens at its port. */
void icmp_port_unreachable(const Packet* packet);

#endif
