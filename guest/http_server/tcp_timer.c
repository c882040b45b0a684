/* TCP: what happens when nothing happens. */
#include "tcp_internal.h"

void timer_set(uint32_t* timer, uint32_t in_ms) {
  *timer = now_ms + in_ms;
  if (*timer == 0) *timer = 1;
  net_wake_at(*timer);
}

static bool due(uint32_t* timer) {
  if (*timer == 0) return false;
  if (!time_reached(*timer)) {
    net_wake_at(*timer);
    return false;
  }
  *timer = 0;
  return true;
}

/* No answer in time: everything from the first byte in question is sent again, little at first. */
static void on_retransmit(Connection* c) {
  const unsigned most = c->state == kSynReceived ? 3 : kMostRetries;
  if (++c->retries > most) {
    connection_end(c, true);
    return;
  }
  c->timing = false; /* an answer could be to either (Karn) */
  c->timeout_ms = c->timeout_ms * 2 > kLongestTimeout ? kLongestTimeout : c->timeout_ms * 2;
  c->congestion_window = c->mss;
  c->duplicate_acks = 0;
  if (c->state != kSynReceived) c->next = c->acked;
  tcp_retransmit(c);
  timer_set(&c->retransmit_ms, c->timeout_ms);
}

void tcp_run(void) {
  for (unsigned i = 0; i < kConnections; ++i) {
    Connection* c = &connections[i];
    if (c->state == kClosed) continue;
    if (due(&c->end_ms)) {
      connection_end(c, false);
      continue;
    }
    if (due(&c->retransmit_ms)) on_retransmit(c);
    if (c->state != kClosed && due(&c->ack_ms)) {
      c->ack_now = true;
      tcp_output(c);
    }
    if (c->state == kEstablished && !c->rx_ended) {
      /* The application learns that nothing more will come, and closes. */
      if (time_reached(c->heard_ms + kIdleTime)) {
        c->rx_ended = true;
        tell_application(c);
      } else {
        net_wake_at(c->heard_ms + kIdleTime);
      }
    }
  }
  connections_tell();
}
