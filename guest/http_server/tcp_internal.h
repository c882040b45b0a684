/* Between the files that TCP consists of: tcp_input.c, tcp_output.c, tcp_timer.c and tcp_connection.c. */
#ifndef ESPALIER_HTTP_SERVER_TCP_INTERNAL_H
#define ESPALIER_HTTP_SERVER_TCP_INTERNAL_H

#include "net.h"
#include "tcp.h"

/* Milliseconds */
enum {
  kFirstTimeout = 1000,
  kLeastTimeout = 200,
  kLongestTimeout = 60000,
  kAckDelay = 40,       /* an answer is likely to carry the acknowledgment before that */
  kTimeWaitTime = 4000, /* twice the longest life of a segment that we reckon with */
  kFinWait2Time = 20000,
  kIdleTime = 60000 /* a peer that says nothing for so long is let go */
};
enum { kMostRetries = 8, kMss = 1460, kDefaultMss = 536, kInitialSegments = 10 };

static inline int32_t sequence_difference(uint32_t a, uint32_t b) {
  return (int32_t)(a - b);
}
static inline unsigned index_of(const Connection* c) {
  return (unsigned)(c - connections);
}

/* tcp_connection.c */
Connection* connection_find(uint32_t peer, uint16_t peer_port, uint16_t port);
/* A free slot, entered for this peer; null if all are in use. */
Connection* connection_open(uint32_t peer, uint16_t peer_port, uint16_t port);
/* The protocol is over. `aborted`: before its time. */
void connection_end(Connection* c, bool aborted);
/* The application has something new to look at; it hears of it with connections_tell(). */
void tell_application(const Connection* c);
void connections_tell(void);
bool tcp_is_listening(uint16_t port);
static inline bool application_done(const Connection* c) {
  return c->closed == c->opened;
}

/* tcp_output.c */
/* Sends what there is to send and may be sent, with an acknowledgment if one is owed. */
void tcp_output(Connection* c);
void tcp_send_syn_ack(Connection* c);
/* One segment from the oldest byte that is not acknowledged. */
void tcp_retransmit(Connection* c);
/* Answers a segment that belongs to no connection. */
void tcp_refuse(const Packet* packet, const TcpHeader* tcp, uint32_t length);
/* The window to be told to the peer now. */
uint32_t tcp_receive_window(const Connection* c);

/* tcp_timer.c */
void timer_set(uint32_t* timer, uint32_t in_ms);

#endif
