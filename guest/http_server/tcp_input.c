/* TCP: what is received. The order of the checks is RFC 9293's, section 3.10.7.4. */
#include "checksum.h"
#include "cpu.h"
#include "rom.h"
#include "soc.h"
#include "tcp_internal.h"

static uint32_t to_flush; /* connections that may have something to send */

/* A segment that has come: what it occupies in the sequence of bytes. */
typedef struct {
  const TcpHeader* header;
  uint32_t sequence, acknowledgment, window, length; /* `length` of the data alone */
  uint8_t flags;
  const uint8_t* data;
} Segment;

static uint16_t peer_mss(const TcpHeader* tcp, unsigned header_length) {
  const uint8_t *at = (const uint8_t*)(tcp + 1), *end = (const uint8_t*)tcp + header_length;
  while (at < end && *at != 0) {
    if (*at == 1) {
      ++at;
      continue;
    }
    if (end - at < 2 || at[1] < 2 || end - at < at[1]) break;
    if (at[0] == 2 && at[1] == 4) {
      const uint16_t mss = (uint16_t)(at[2] << 8 | at[3]);
      return mss < 64 ? 64 : mss > kMss ? kMss : mss;
    }
    at += at[1];
  }
  return kDefaultMss;
}

static void open(const Packet* packet, const Segment* s, unsigned header_length) {
  Connection* c = connection_open(packet->from, swap16(s->header->from_port), swap16(s->header->to_port));
  if (!c) return; /* no slot is free: the peer will ask again */
  c->peer_mac = *packet->from_mac;
  c->mss = peer_mss(s->header, header_length);
  c->received = c->rx_origin = s->sequence + 1;
  c->tx_origin = random_number();
  c->acked = c->tx_origin - 1;
  c->window = s->window;
  c->window_sequence = s->sequence;
  c->congestion_window = kInitialSegments * c->mss;
  c->timeout_ms = kFirstTimeout;
  c->heard_ms = now_ms;
  c->timing = true;
  c->timed_sequence = c->tx_origin;
  c->timed_ms = now_ms;
  tcp_send_syn_ack(c);
}

/* Does any of it lie in the window that the peer has been told? */
static bool acceptable(const Connection* c, const Segment* s) {
  const uint32_t window = tcp_receive_window(c);
  const uint32_t length = s->length + (s->flags & TCP_SYN ? 1 : 0) + (s->flags & TCP_FIN ? 1 : 0);
  if (length == 0 && window == 0) return s->sequence == c->received;
  const uint32_t first = s->sequence - c->received, last = first + length - 1;
  return first < window || (length != 0 && window != 0 && last < window);
}

/* RFC 6298, in eighths and quarters of a millisecond. */
static void note_round_trip(Connection* c) {
  const uint32_t ms = now_ms - c->timed_ms;
  c->timing = false;
  if (c->smoothed_ms8 == 0) {
    c->smoothed_ms8 = ms * 8 + 1;
    c->deviation_ms4 = ms * 2;
  } else {
    const int32_t error = (int32_t)(ms - c->smoothed_ms8 / 8);
    const uint32_t size = (uint32_t)(error < 0 ? -error : error);
    c->smoothed_ms8 += (uint32_t)error;
    c->deviation_ms4 += size - c->deviation_ms4 / 4;
  }
  const uint32_t timeout = c->smoothed_ms8 / 8 + c->deviation_ms4;
  c->timeout_ms = timeout < kLeastTimeout     ? kLeastTimeout
                  : timeout > kLongestTimeout ? kLongestTimeout
                                              : timeout;
}

/* Something that we sent is acknowledged for the first time. */
static void advance(Connection* c, uint32_t acknowledgment) {
  if (c->timing && sequence_difference(acknowledgment, c->timed_sequence) >= 0) note_round_trip(c);
  c->acked = acknowledgment;
  if (sequence_difference(c->next, acknowledgment) < 0) c->next = acknowledgment;
  c->duplicate_acks = c->retries = 0;
  if (c->congestion_window < kRing * 4u) c->congestion_window += c->mss;
  const uint32_t all = c->tx_origin + c->tx.head;
  const bool had_room = ring_room(&c->tx) >= kRing / 2;
  c->tx.tail = (sequence_difference(acknowledgment, all) > 0 ? all : acknowledgment) - c->tx_origin;
  /* The application waits for room only when there is little. */
  if (!had_room && !application_done(c)) tell_application(c);
  c->retransmit_ms = 0;
  if (c->acked != c->sent_to) timer_set(&c->retransmit_ms, c->timeout_ms);
  if (!c->fin_sent || c->acked != all + 1) return;
  switch (c->state) { /* our FIN is acknowledged */
    case kFinWait1:
      c->state = kFinWait2;
      timer_set(&c->end_ms, kFinWait2Time);
      break;
    case kClosing:
      c->state = kTimeWait;
      timer_set(&c->end_ms, kTimeWaitTime);
      break;
    case kLastAck:
      connection_end(c, false);
      break;
    default:
      break;
  }
}

/* False if the segment is of no more use. */
static bool take_acknowledgment(Connection* c, const Packet* packet, const Segment* s) {
  if (c->state == kSynReceived) {
    if (s->acknowledgment != c->tx_origin) {
      tcp_refuse(packet, s->header, s->length);
      return false;
    }
    c->state = kEstablished;
  }
  if (sequence_difference(s->acknowledgment, c->sent_to) > 0) {
    c->ack_now = true;
    return false;
  }
  const int32_t news = sequence_difference(s->acknowledgment, c->acked);
  if (news > 0) {
    advance(c, s->acknowledgment);
    if (c->state == kClosed) return false;
  } else if (news == 0 && s->length == 0 && c->acked != c->sent_to && s->window == c->window &&
             !(s->flags & TCP_FIN) && ++c->duplicate_acks == 3) {
    c->timing = false;
    tcp_retransmit(c);
  }
  if (news >= 0 &&
      (sequence_difference(s->sequence, c->window_sequence) > 0 ||
       (s->sequence == c->window_sequence && sequence_difference(s->acknowledgment, c->window_ack) >= 0))) {
    if (c->window == 0) { /* its answers to probes are a sign of life */
      c->retries = 0;
      if (s->window != 0) c->next = c->acked; /* the probe's byte may have been refused */
    }
    c->window = s->window;
    c->window_sequence = s->sequence;
    c->window_ack = s->acknowledgment;
  }
  return true;
}

static void take_data(Connection* c, Segment* s) {
  const uint32_t old = c->received - s->sequence; /* bytes that are there already */
  if ((int32_t)old < 0) {
    c->ack_now = true; /* something before it is missing: the peer has to send it again */
    s->flags &= (uint8_t)~TCP_FIN;
    return;
  }
  if (s->length <= old) {
    if (s->length != 0) c->ack_now = true;
    return;
  }
  const uint8_t* data = s->data + old;
  uint32_t length = s->length - old;
  const uint32_t window = tcp_receive_window(c);
  if (length > window) {
    length = window;
    s->flags &= (uint8_t)~TCP_FIN;
    c->ack_now = true;
  }
  c->received += length;
  if (application_done(c)) { /* nobody wants it */
    c->ack_now = true;
    return;
  }
  ring_put(&c->rx, c->rx.head, data, length);
  memory_barrier();
  c->rx.head += length;
  tell_application(c);
  /* Much data: the peer may be waiting. Little: the application's answer will say it. */
  if (ring_used(&c->rx) >= kRing / 2)
    c->ack_now = true;
  else if (c->ack_ms == 0)
    timer_set(&c->ack_ms, kAckDelay);
}

static void take_fin(Connection* c) {
  ++c->received;
  c->ack_now = true;
  c->rx_ended = true;
  if (!application_done(c)) tell_application(c);
  switch (c->state) {
    case kEstablished:
      c->state = kCloseWait;
      break;
    case kFinWait1:
      c->state = kClosing;
      break;
    case kFinWait2:
      c->state = kTimeWait;
      timer_set(&c->end_ms, kTimeWaitTime);
      break;
    default:
      break;
  }
}

static void receive(Connection* c, const Packet* packet, Segment* s) {
  if (!acceptable(c, s)) {
    if (!(s->flags & TCP_RST)) c->ack_now = true;
    if (c->state == kTimeWait) timer_set(&c->end_ms, kTimeWaitTime);
    return;
  }
  if (s->flags & TCP_RST) {
    if (s->sequence == c->received)
      connection_end(c, true);
    else
      c->ack_now = true; /* RFC 5961 */
    return;
  }
  if (s->flags & TCP_SYN) {
    c->ack_now = true;
    return;
  }
  if (!(s->flags & TCP_ACK) || !take_acknowledgment(c, packet, s)) return;
  const bool receiving = c->state == kEstablished || c->state == kFinWait1 || c->state == kFinWait2;
  if (!receiving) return;
  if (s->length != 0) take_data(c, s);
  if (s->flags & TCP_FIN && s->sequence + s->length == c->received) take_fin(c);
}

/* A new connection from the same port may take the place of one that only waits for strays. */
static bool may_reopen(const Connection* c, const Segment* s) {
  return c->state == kTimeWait && (s->flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN &&
         sequence_difference(s->sequence, c->received) > 0;
}

void tcp_input(const Packet* packet) {
  const TcpHeader* tcp = (const TcpHeader*)packet->payload;
  if (packet->broadcast || packet->length < sizeof *tcp || net.address == 0) return;
  const unsigned header_length = tcp->offset >> 4 << 2;
  if (header_length < sizeof *tcp || header_length > packet->length) return;
  const uint32_t pseudo = checksum_pseudo(packet->from, packet->to, PROTOCOL_TCP, packet->length);
  if (checksum_finish(checksum_add(pseudo, tcp, packet->length)) != 0) return;
  Segment s = {.header = tcp,
               .sequence = swap32(tcp->sequence),
               .acknowledgment = swap32(tcp->acknowledgment),
               .window = swap16(tcp->window),
               .length = packet->length - header_length,
               .flags = tcp->flags,
               .data = packet->payload + header_length};
  Connection* c = connection_find(packet->from, swap16(tcp->from_port), swap16(tcp->to_port));
  if (c && may_reopen(c, &s)) {
    connection_end(c, false);
    c = 0;
  }
  if (!c) {
    if ((s.flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN && tcp_is_listening(swap16(tcp->to_port)))
      open(packet, &s, header_length);
    else if (!(s.flags & TCP_RST))
      tcp_refuse(packet, tcp, s.length + (s.flags & TCP_SYN ? 1 : 0) + (s.flags & TCP_FIN ? 1 : 0));
    return;
  }
  c->heard_ms = now_ms;
  receive(c, packet, &s);
  if (c->state != kClosed) to_flush |= BIT(index_of(c));
}

void tcp_flush(void) {
  while (to_flush != 0) {
    const unsigned i = (unsigned)__builtin_ctz(to_flush);
    to_flush &= to_flush - 1;
    if (connections[i].state == kSynReceived) {
      if (connections[i].ack_now) tcp_send_syn_ack(&connections[i]); /* its SYN has come again */
    } else if (connections[i].state != kClosed) {
      tcp_output(&connections[i]);
    }
  }
  connections_tell();
}

void tcp_application(uint32_t which) {
  for (; which != 0; which &= which - 1) {
    Connection* c = &connections[__builtin_ctz(which)];
    if (c->state == kClosed || c->state == kSynReceived) continue;
    /* Room that the peer does not know of yet, and enough of it to be worth a segment. */
    if (!c->rx_ended && c->received + tcp_receive_window(c) - c->window_edge >= kRing / 2) c->ack_now = true;
    tcp_output(c);
  }
}
