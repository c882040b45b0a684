#include "arp.h"

#include <stdbool.h>

#include "eth.h"
#include "net.h"
#include "rom.h"

enum { kEntries = 8, kLifetimeMs = 5 * 60 * 1000, kAskAgainMs = 1000 };

static struct {
  uint32_t address; /* 0: free */
  Mac mac;
  uint32_t learned_ms;
} entries[kEntries];

static struct {
  uint32_t next_hop; /* 0: nothing is kept */
  unsigned length;
  uint8_t frame[kFrameMax];
} kept;

static uint32_t asked_for, asked_ms;

static const Mac kBroadcast = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
static const Mac kNobody;

static void send(uint16_t operation, const Mac* to, const Mac* target_mac, uint32_t target) {
  uint8_t* frame = eth_frame();
  EthernetHeader* ethernet = (EthernetHeader*)frame;
  *ethernet = (EthernetHeader){*to, net.mac, swap16(TYPE_ARP)};
  *(ArpPacket*)(ethernet + 1) = (ArpPacket){.hardware = swap16(ARP_ETHERNET),
                                            .protocol = swap16(TYPE_IPV4),
                                            .hardware_length = sizeof(Mac),
                                            .protocol_length = 4,
                                            .operation = swap16(operation),
                                            .sender_mac = net.mac,
                                            .sender = swap32(net.address),
                                            .target_mac = *target_mac,
                                            .target = swap32(target)};
  eth_send(sizeof(EthernetHeader) + sizeof(ArpPacket));
}

void arp_announce(void) {
  send(ARP_REQUEST, &kBroadcast, &kNobody, net.address);
}

static void send_kept(const Mac* mac) {
  uint8_t* frame = eth_frame();
  memcpy(frame, kept.frame, kept.length);
  ((EthernetHeader*)frame)->to = *mac;
  eth_send(kept.length);
  kept.next_hop = 0;
}

/* An entry that is there is renewed; a new one takes the place of the oldest, if it is wanted. */
static void learn(uint32_t address, const Mac* mac, bool wanted) {
  unsigned place = 0;
  for (unsigned i = 0; i < kEntries; ++i) {
    if (entries[i].address == address) {
      place = i;
      wanted = true;
      break;
    }
    if (entries[place].address != 0 &&
        (entries[i].address == 0 || (int32_t)(entries[place].learned_ms - entries[i].learned_ms) > 0))
      place = i;
  }
  if (!wanted) return;
  entries[place].address = address;
  entries[place].mac = *mac;
  entries[place].learned_ms = now_ms;
  if (kept.next_hop == address) send_kept(mac);
}

void arp_input(const uint8_t* packet, unsigned length) {
  const ArpPacket* arp = (const ArpPacket*)packet;
  if (length < sizeof *arp || arp->hardware != swap16(ARP_ETHERNET) || arp->protocol != swap16(TYPE_IPV4) ||
      arp->hardware_length != sizeof(Mac) || arp->protocol_length != 4 || net.address == 0)
    return;
  const uint32_t sender = swap32(arp->sender);
  const bool for_us = swap32(arp->target) == net.address;
  if (sender != 0 && sender != net.address) learn(sender, &arp->sender_mac, for_us);
  if (for_us && arp->operation == swap16(ARP_REQUEST))
    send(ARP_REPLY, &arp->sender_mac, &arp->sender_mac, sender);
}

static const Mac* find(uint32_t address) {
  for (unsigned i = 0; i < kEntries; ++i)
    if (entries[i].address == address && now_ms - entries[i].learned_ms < kLifetimeMs) return &entries[i].mac;
  return 0;
}

void arp_send(uint32_t next_hop, unsigned length) {
  uint8_t* frame = eth_frame();
  const Mac* mac = find(next_hop);
  if (mac) {
    ((EthernetHeader*)frame)->to = *mac;
    eth_send(length);
    return;
  }
  kept.next_hop = next_hop;
  kept.length = length;
  memcpy(kept.frame, frame, length);
  if (asked_for == next_hop && now_ms - asked_ms < kAskAgainMs) return;
  asked_for = next_hop;
  asked_ms = now_ms;
  send(ARP_REQUEST, &kBroadcast, &kNobody, next_hop);
}
