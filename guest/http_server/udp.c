#include "udp.h"

#include "checksum.h"
#include "net.h"

enum { kListeners = 4 };

static struct {
  uint16_t port;
  UdpHandler handler;
} listeners[kListeners];
static unsigned listener_count;

void udp_listen(uint16_t port, UdpHandler handler) {
  if (listener_count == kListeners) return;
  listeners[listener_count].port = port;
  listeners[listener_count++].handler = handler;
}

void udp_input(const Packet* packet) {
  const UdpHeader* udp = (const UdpHeader*)packet->payload;
  if (packet->length < sizeof *udp) return;
  const unsigned length = swap16(udp->length);
  if (length < sizeof *udp || length > packet->length) return;
  if (udp->checksum != 0 &&
      checksum_finish(
          checksum_add(checksum_pseudo(packet->from, packet->to, PROTOCOL_UDP, length), udp, length)) != 0)
    return;
  const uint16_t port = swap16(udp->to_port);
  for (unsigned i = 0; i < listener_count; ++i)
    if (listeners[i].port == port)
      return listeners[i].handler(packet, swap16(udp->from_port), (const uint8_t*)(udp + 1),
                                  length - sizeof *udp);
  if (net.address != 0) icmp_port_unreachable(packet);
}

uint8_t* udp_data(void) {
  return ip_payload() + sizeof(UdpHeader);
}

void udp_send(uint32_t to, uint16_t to_port, uint16_t from_port, unsigned length) {
  UdpHeader* udp = (UdpHeader*)ip_payload();
  const unsigned total = sizeof *udp + length;
  *udp = (UdpHeader){swap16(from_port), swap16(to_port), swap16((uint16_t)total), 0};
  const uint16_t sum =
      checksum_finish(checksum_add(checksum_pseudo(net.address, to, PROTOCOL_UDP, total), udp, total));
  udp->checksum = sum ? sum : 0xffff; /* 0 would mean that there is none */
  ip_send(to, PROTOCOL_UDP, total);
}
