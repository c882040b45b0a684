/* A TCP connection, as the two cores share it: the PRO CPU runs the protocol, the APP CPU the application.
   Each field is written by one core only, and every change is followed by a signal to the other, so no lock
   is needed:

                          PRO CPU writes                    APP CPU writes
     bytes received       rx.head (put in)                  rx.tail (taken out)
     bytes to be sent     tx.tail (acknowledged)            tx.head (put in)
     beginning and end    opened, rx_ended, aborted         closed

   A slot is used again when the protocol has come to its end and `closed` == `opened`: the application is
   done too. */
#ifndef ESPALIER_HTTP_SERVER_CONNECTION_H
#define ESPALIER_HTTP_SERVER_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "wire.h"

enum { kConnections = 32, kRing = 2048 /* a power of two */ };

/* Positions count bytes since the connection's beginning; a byte lies at its position modulo kRing. */
typedef struct {
  volatile uint32_t head, tail;
  uint8_t data[kRing];
} Ring;

static inline uint32_t ring_used(const Ring* ring) {
  return ring->head - ring->tail;
}
static inline uint32_t ring_room(const Ring* ring) {
  return kRing - ring_used(ring);
}
/* Copies between a ring and plain memory, at a position. */
void ring_put(Ring* ring, uint32_t position, const void* from, uint32_t length);
void ring_get(const Ring* ring, uint32_t position, void* to, uint32_t length);

typedef enum {
  kClosed,
  kSynReceived,
  kEstablished,
  kCloseWait, /* the peer has ended; these two still send */
  kFinWait1,  /* we have ended, from here on */
  kFinWait2,
  kClosing,
  kLastAck,
  kTimeWait
} TcpState;

typedef struct {
  /* Shared. */
  Ring rx, tx;
  volatile uint32_t opened; /* how many connections this slot has had */
  volatile uint32_t
      closed; /* `opened`, once the application is done with it: what is in tx goes out, then FIN */
  volatile bool rx_ended; /* nothing more will come */
  volatile bool aborted;  /* nor go out */

  /* The protocol's own. */
  TcpState state;
  uint8_t next_in_bucket;
  uint8_t duplicate_acks, retries;
  bool ack_now;  /* an acknowledgment is owed at once */
  bool fin_sent; /* FIN has been sent at least once */
  bool timing;   /* the time that `timed_sequence` takes to be acknowledged is being measured */
  Mac peer_mac;
  uint32_t peer;
  uint16_t peer_port, port, mss;
  uint32_t rx_origin, tx_origin;                /* sequence numbers of the rings' position 0 */
  uint32_t received;                            /* the next sequence number expected (RFC 9293's RCV.NXT) */
  uint32_t window_edge;                         /* the end of the window told to the peer */
  uint32_t acked, next, sent_to;                /* SND.UNA, SND.NXT, and the highest one ever sent */
  uint32_t window, window_sequence, window_ack; /* SND.WND, SND.WL1, SND.WL2 */
  uint32_t congestion_window;
  uint32_t timed_sequence, timed_ms, smoothed_ms8, deviation_ms4, timeout_ms;
  uint32_t heard_ms;                      /* when the peer last said something */
  uint32_t retransmit_ms, ack_ms, end_ms; /* timers: when they are due; 0: off */
} Connection;

extern Connection connections[kConnections];

#endif
