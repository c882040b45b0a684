#include "ip.h"

#include "arp.h"
#include "checksum.h"
#include "eth.h"
#include "net.h"
#include "ping.h"
#include "rom.h"
#include "tcp.h"
#include "udp.h"

enum {
  kTimeToLive = 64,
  kVersionAndLength = 0x45,
  kFrameHeaders = sizeof(EthernetHeader) + sizeof(Ipv4Header)
};
#define BROADCAST 0xffffffffu

static const Mac kBroadcastMac = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

static void icmp_input(const Packet* packet) {
  const IcmpHeader* icmp = (const IcmpHeader*)packet->payload;
  if (packet->length < sizeof *icmp || checksum_finish(checksum_add(0, icmp, packet->length)) != 0) return;
  if (icmp->type == ICMP_ECHO_REPLY) return ping_reply(packet);
  if (icmp->type != ICMP_ECHO || packet->broadcast) return;
  IcmpHeader* reply = (IcmpHeader*)ip_payload();
  memcpy(reply, icmp, packet->length);
  reply->type = ICMP_ECHO_REPLY;
  reply->checksum = 0;
  reply->checksum = checksum_finish(checksum_add(0, reply, packet->length));
  ip_send_to_mac(packet->from_mac, packet->from, PROTOCOL_ICMP, packet->length);
}

void icmp_port_unreachable(const Packet* packet) {
  if (packet->broadcast) return;
  const unsigned header = (unsigned)(packet->payload - (const uint8_t*)packet->header);
  const unsigned quoted = header + (packet->length < 8 ? packet->length : 8);
  IcmpHeader* icmp = (IcmpHeader*)ip_payload();
  *icmp = (IcmpHeader){.type = ICMP_UNREACHABLE, .code = ICMP_CODE_PORT};
  memcpy(icmp + 1, packet->header, quoted);
  icmp->checksum = checksum_finish(checksum_add(0, icmp, sizeof *icmp + quoted));
  ip_send_to_mac(packet->from_mac, packet->from, PROTOCOL_ICMP, sizeof *icmp + quoted);
}

void ip_input(const EthernetHeader* ethernet, unsigned length) {
  const Ipv4Header* header = (const Ipv4Header*)(ethernet + 1);
  if (length < kFrameHeaders || header->version_and_length >> 4 != 4) return;
  const unsigned header_length = (header->version_and_length & 15) * 4u, total = swap16(header->length);
  if (header_length < sizeof *header || total < header_length || sizeof *ethernet + total > length) return;
  if (checksum_finish(checksum_add(0, header, header_length)) != 0) return;
  if (header->fragment & swap16(FRAGMENT_MORE_OR_OFFSET)) return;
  const Packet packet = {
      .header = header,
      .from_mac = &ethernet->from,
      .from = swap32(header->from),
      .to = swap32(header->to),
      .broadcast = header->to == BROADCAST || swap32(header->to) == (net.address | ~net.mask),
      .payload = (const uint8_t*)header + header_length,
      .length = total - header_length,
  };
  /* Before we have an address, DHCP's answers may come to the one we are to have. */
  if (!packet.broadcast && packet.to != net.address && net.address != 0) return;
  switch (header->protocol) {
    case PROTOCOL_TCP:
      return tcp_input(&packet);
    case PROTOCOL_UDP:
      return udp_input(&packet);
    case PROTOCOL_ICMP:
      return icmp_input(&packet);
  }
}

uint8_t* ip_payload(void) {
  return eth_frame() + kFrameHeaders;
}

static void fill_headers(uint8_t* frame, const Mac* mac, uint32_t to, uint8_t protocol, unsigned length) {
  static uint16_t id;
  EthernetHeader* ethernet = (EthernetHeader*)frame;
  Ipv4Header* ip = (Ipv4Header*)(ethernet + 1);
  ethernet->to = *mac;
  ethernet->from = net.mac;
  ethernet->type = swap16(TYPE_IPV4);
  *ip = (Ipv4Header){.version_and_length = kVersionAndLength,
                     .length = swap16((uint16_t)(sizeof *ip + length)),
                     .id = swap16(++id),
                     .fragment = swap16(FRAGMENT_DONT),
                     .time_to_live = kTimeToLive,
                     .protocol = protocol,
                     .from = swap32(net.address),
                     .to = swap32(to)};
  ip->checksum = checksum_finish(checksum_add(0, ip, sizeof *ip));
}

void ip_send_to_mac(const Mac* mac, uint32_t to, uint8_t protocol, unsigned length) {
  fill_headers(eth_frame(), mac, to, protocol, length);
  eth_send(kFrameHeaders + length);
}

void ip_send(uint32_t to, uint8_t protocol, unsigned length) {
  if (to == BROADCAST) return ip_send_to_mac(&kBroadcastMac, to, protocol, length);
  const bool here = ((to ^ net.address) & net.mask) == 0;
  const uint32_t next_hop = here ? to : net.gateway;
  if (next_hop == 0) return;
  fill_headers(eth_frame(), &kBroadcastMac, to, protocol, length);
  arp_send(next_hop, kFrameHeaders + length);
}

uint32_t checksum_pseudo(uint32_t from, uint32_t to, uint8_t protocol, uint32_t length) {
  const uint32_t fields[3] = {swap32(from), swap32(to), swap32((uint32_t)protocol << 16 | length)};
  return checksum_add(0, fields, sizeof fields);
}
