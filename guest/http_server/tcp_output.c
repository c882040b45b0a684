/* TCP: what is sent. */
#include "checksum.h"
#include "cpu.h"
#include "tcp_internal.h"

/* The segment that is being written: the header, and behind it options or data. */
static TcpHeader* segment(void) {
  return (TcpHeader*)ip_payload();
}

static void finish(TcpHeader* tcp, const Mac* mac, uint32_t to, unsigned length) {
  tcp->checksum = 0;
  tcp->urgent = 0;
  tcp->checksum =
      checksum_finish(checksum_add(checksum_pseudo(net.address, to, PROTOCOL_TCP, length), tcp, length));
  ip_send_to_mac(mac, to, PROTOCOL_TCP, length);
}

/* The end of the window never moves back: the ring's reader only ever makes room. */
uint32_t tcp_receive_window(const Connection* c) {
  /* Where the peer has ended, or the application takes nothing any more, it does not matter. */
  if (application_done(c)) return kRing;
  return c->rx_origin + c->rx.tail + kRing - c->received;
}

/* Sends `length` bytes of the ring from `sequence` on. */
static void send(Connection* c, uint32_t sequence, uint32_t length, uint8_t flags) {
  TcpHeader* tcp = segment();
  const uint32_t window = tcp_receive_window(c);
  tcp->from_port = swap16(c->port);
  tcp->to_port = swap16(c->peer_port);
  tcp->sequence = swap32(sequence);
  tcp->acknowledgment = swap32(c->received);
  tcp->offset = sizeof *tcp / 4 << 4;
  tcp->flags = flags | TCP_ACK;
  tcp->window = swap16((uint16_t)window);
  if (length != 0) ring_get(&c->tx, sequence - c->tx_origin, tcp + 1, length);
  finish(tcp, &c->peer_mac, c->peer, sizeof *tcp + length);
  c->window_edge = c->received + window;
  c->ack_now = false;
  c->ack_ms = 0;
}

void tcp_send_syn_ack(Connection* c) {
  TcpHeader* tcp = segment();
  uint8_t* options = (uint8_t*)(tcp + 1);
  tcp->from_port = swap16(c->port);
  tcp->to_port = swap16(c->peer_port);
  tcp->sequence = swap32(c->tx_origin - 1);
  tcp->acknowledgment = swap32(c->received);
  tcp->offset = (sizeof *tcp + 4) / 4 << 4;
  tcp->flags = TCP_SYN | TCP_ACK;
  tcp->window = swap16(kRing);
  options[0] = 2; /* longest segment */
  options[1] = 4;
  options[2] = kMss >> 8;
  options[3] = kMss & 0xff;
  finish(tcp, &c->peer_mac, c->peer, sizeof *tcp + 4);
  c->next = c->sent_to = c->tx_origin;
  c->window_edge = c->received + kRing;
  c->ack_now = false;
  timer_set(&c->retransmit_ms, c->timeout_ms);
}

void tcp_refuse(const Packet* packet, const TcpHeader* received, uint32_t length) {
  TcpHeader* tcp = segment();
  *tcp = (TcpHeader){
      .from_port = received->to_port, .to_port = received->from_port, .offset = sizeof *tcp / 4 << 4};
  if (received->flags & TCP_ACK) {
    tcp->sequence = received->acknowledgment;
    tcp->flags = TCP_RST;
  } else {
    tcp->acknowledgment = swap32(swap32(received->sequence) + length);
    tcp->flags = TCP_RST | TCP_ACK;
  }
  finish(tcp, packet->from_mac, packet->from, sizeof *tcp);
}

static void note_sent(Connection* c, uint32_t end) {
  if (sequence_difference(end, c->sent_to) > 0) {
    if (!c->timing) {
      c->timing = true;
      c->timed_sequence = end;
      c->timed_ms = now_ms;
    }
    c->sent_to = end;
  }
  c->next = end;
  if (c->retransmit_ms == 0) timer_set(&c->retransmit_ms, c->timeout_ms);
}

/* All of our data is in the ring and FIN is to follow it. */
static bool fin_wanted(const Connection* c) {
  return application_done(c);
}

static void enter_fin_state(Connection* c) {
  if (c->fin_sent) return;
  c->fin_sent = true;
  c->state = c->state == kCloseWait ? kLastAck : kFinWait1;
}

static bool may_send_data(const Connection* c) {
  return c->state == kEstablished || c->state == kCloseWait || c->state == kFinWait1 ||
         c->state == kClosing || c->state == kLastAck;
}

/* A window that is too small for anything useful is waited for (RFC 9293, 3.8.6.2.1), unless nothing is under
   way that could open it. */
void tcp_output(Connection* c) {
  while (may_send_data(c)) {
    const uint32_t end = c->tx_origin + c->tx.head;
    const uint32_t in_flight = c->next - c->acked;
    const uint32_t limit = c->window < c->congestion_window ? c->window : c->congestion_window;
    const uint32_t room = limit > in_flight ? limit - in_flight : 0;
    if (sequence_difference(end, c->next) < 0) break; /* FIN is out */
    uint32_t length = end - c->next;
    bool last = true;
    if (length > c->mss) {
      length = c->mss;
      last = false;
    }
    if (length > room) {
      if (room < c->mss && in_flight != 0) break;
      length = room;
      last = false;
    }
    const bool fin = last && fin_wanted(c);
    if (length == 0 && !fin) {
      if (!last && in_flight == 0 && c->retransmit_ms == 0)
        timer_set(&c->retransmit_ms, c->timeout_ms); /* the window is shut: it will be probed */
      break;
    }
    send(c, c->next, length, (uint8_t)((fin ? TCP_FIN : 0) | (last && length ? TCP_PSH : 0)));
    note_sent(c, c->next + length + fin);
    if (fin) {
      enter_fin_state(c);
      break;
    }
  }
  if (c->ack_now) send(c, c->next, 0, 0);
}

void tcp_retransmit(Connection* c) {
  if (c->state == kSynReceived) return tcp_send_syn_ack(c);
  const uint32_t end = c->tx_origin + c->tx.head;
  uint32_t length = sequence_difference(end, c->acked) > 0 ? end - c->acked : 0;
  const bool fin = c->fin_sent && length <= c->mss;
  if (length > c->mss) length = c->mss;
  if (c->window == 0 && length > 1) length = 1; /* a probe: is the window still shut? */
  send(c, c->acked, length, (uint8_t)((fin ? TCP_FIN : 0) | TCP_PSH));
  const uint32_t sent = c->acked + length + (fin ? 1 : 0);
  if (sequence_difference(sent, c->next) > 0) c->next = sent;
  if (sequence_difference(sent, c->sent_to) > 0) c->sent_to = sent;
}
