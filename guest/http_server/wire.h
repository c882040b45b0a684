/* The protocols' headers as they are on the wire (RFC 894, 826, 791, 792, 768, 9293): fields of several bytes
   have the most significant one first; swap16() and swap32() (cpu.h) turn them. A frame begins at an address
   two more than a multiple of four when it is sent, and at a multiple of four when it has been received:
   32-bit fields are reached in halves. */
#ifndef ESPALIER_HTTP_SERVER_WIRE_H
#define ESPALIER_HTTP_SERVER_WIRE_H

#include <stdint.h>

#include "cpu.h"

#define WIRE __attribute__((packed, aligned(2)))

typedef struct {
  uint8_t byte[6];
} WIRE Mac;

typedef struct {
  Mac to, from;
  uint16_t type;
} WIRE EthernetHeader;
#define TYPE_IPV4 0x0800
#define TYPE_ARP 0x0806

typedef struct {
  uint16_t hardware, protocol;
  uint8_t hardware_length, protocol_length;
  uint16_t operation;
  Mac sender_mac;
  uint32_t sender;
  Mac target_mac;
  uint32_t target;
} WIRE ArpPacket;
#define ARP_ETHERNET 1
#define ARP_REQUEST 1
#define ARP_REPLY 2

typedef struct {
  uint8_t version_and_length, service;
  uint16_t length, id, fragment;
  uint8_t time_to_live, protocol;
  uint16_t checksum;
  uint32_t from, to;
} WIRE Ipv4Header;
#define FRAGMENT_DONT 0x4000
#define FRAGMENT_MORE_OR_OFFSET 0x3fff
#define PROTOCOL_ICMP 1
#define PROTOCOL_TCP 6
#define PROTOCOL_UDP 17

typedef struct {
  uint8_t type, code;
  uint16_t checksum;
  uint32_t rest;
} WIRE IcmpHeader;
#define ICMP_ECHO_REPLY 0
#define ICMP_UNREACHABLE 3
#define ICMP_CODE_PORT 3
#define ICMP_ECHO 8

typedef struct {
  uint16_t from_port, to_port, length, checksum;
} WIRE UdpHeader;

typedef struct {
  uint16_t from_port, to_port;
  uint32_t sequence, acknowledgment;
  uint8_t offset; /* of the data, in words, in the upper four bits */
  uint8_t flags;
  uint16_t window, checksum, urgent;
} WIRE TcpHeader;
#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_PSH 0x08
#define TCP_ACK 0x10

_Static_assert(sizeof(EthernetHeader) == 14 && sizeof(ArpPacket) == 28 && sizeof(Ipv4Header) == 20 &&
                   sizeof(IcmpHeader) == 8 && sizeof(UdpHeader) == 8 && sizeof(TcpHeader) == 20,
               "as on the wire");

#endif
