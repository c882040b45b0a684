/* TCP's table of connections. */
#include <stddef.h>

#include "cpu.h"
#include "rom.h"
#include "soc.h"
#include "tcp_internal.h"

enum { kBuckets = 64, kNone = 0xff };

Connection connections[kConnections];
static uint8_t buckets[kBuckets]; /* index + 1 of a chain's first connection; 0: empty */
static uint32_t news;             /* connections that the application has to be told of */
static void (*on_ready)(uint32_t);
static uint16_t listening;

void ring_put(Ring* ring, uint32_t position, const void* from, uint32_t length) {
  const uint32_t at = position % kRing, first = length < kRing - at ? length : kRing - at;
  memcpy(ring->data + at, from, first);
  if (first < length) memcpy(ring->data, (const uint8_t*)from + first, length - first);
}

void ring_get(const Ring* ring, uint32_t position, void* to, uint32_t length) {
  const uint32_t at = position % kRing, first = length < kRing - at ? length : kRing - at;
  memcpy(to, ring->data + at, first);
  if (first < length) memcpy((uint8_t*)to + first, ring->data, length - first);
}

static unsigned bucket_of(uint32_t peer, uint16_t peer_port) {
  return (peer ^ peer_port ^ peer_port >> 6) % kBuckets;
}

void tcp_listen(uint16_t port, void (*ready)(uint32_t)) {
  listening = port;
  on_ready = ready;
}

bool tcp_is_listening(uint16_t port) {
  return port == listening;
}

Connection* connection_find(uint32_t peer, uint16_t peer_port, uint16_t port) {
  for (unsigned i = buckets[bucket_of(peer, peer_port)]; i != 0; i = connections[i - 1].next_in_bucket) {
    Connection* c = &connections[i - 1];
    if (c->peer_port == peer_port && c->peer == peer && c->port == port) return c;
  }
  return 0;
}

void connection_end(Connection* c, bool aborted) {
  if (c->state == kClosed) return;
  uint8_t* link = &buckets[bucket_of(c->peer, c->peer_port)];
  while (*link != index_of(c) + 1) link = &connections[*link - 1].next_in_bucket;
  *link = c->next_in_bucket;
  c->state = kClosed;
  c->retransmit_ms = c->ack_ms = c->end_ms = 0;
  c->ack_now = false;
  if (aborted) c->aborted = true;
  c->rx_ended = true;
  if (!application_done(c)) tell_application(c);
}

/* A free slot; else that of the connection which has waited longest for stray segments after its end. */
static Connection* find_slot(void) {
  Connection* oldest = 0;
  for (unsigned i = 0; i < kConnections; ++i) {
    Connection* c = &connections[i];
    if (!application_done(c)) continue;
    if (c->state == kClosed) return c;
    if (c->state == kTimeWait && (!oldest || (int32_t)(oldest->end_ms - c->end_ms) > 0)) oldest = c;
  }
  if (oldest) connection_end(oldest, false);
  return oldest;
}

Connection* connection_open(uint32_t peer, uint16_t peer_port, uint16_t port) {
  Connection* c = find_slot();
  if (!c) return 0;
  const uint32_t opened = c->opened;
  memset((uint8_t*)&c->state, 0, sizeof *c - offsetof(Connection, state));
  c->rx.head = c->rx.tail = c->tx.head = c->tx.tail = 0;
  c->rx_ended = c->aborted = false;
  c->peer = peer;
  c->peer_port = peer_port;
  c->port = port;
  uint8_t* first = &buckets[bucket_of(peer, peer_port)];
  c->next_in_bucket = *first;
  *first = (uint8_t)(index_of(c) + 1);
  c->state = kSynReceived;
  memory_barrier();
  c->opened = opened + 1; /* the application may look at it from here on */
  return c;
}

void tell_application(const Connection* c) {
  news |= BIT(index_of(c));
}

void connections_tell(void) {
  if (news == 0) return;
  on_ready(news);
  news = 0;
}
