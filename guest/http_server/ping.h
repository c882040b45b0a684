/* Whether somebody is there: looks a name up (RFC 1035), and sends ICMP echo requests (RFC 792). */
#ifndef ESPALIER_HTTP_SERVER_PING_H
#define ESPALIER_HTTP_SERVER_PING_H

#include <stdbool.h>
#include <stdint.h>

#include "connection.h"
#include "ip.h"

enum { kPingNameMax = 63 };

typedef enum { kPingAnswered, kPingSilent, kPingUnknown } PingResult;

/* One for each connection. The application asks, the protocol's core answers: `answered` == `asked`. */
typedef struct {
  /* The application writes these. */
  char name[kPingNameMax + 1]; /* or an address */
  volatile uint32_t asked;     /* how many times */

  /* The protocol writes these. */
  volatile uint32_t answered;
  PingResult result;
  uint32_t address; /* unless it is unknown */
  uint32_t us;      /* how long the answer has taken */
} Ping;
extern Ping pings[kConnections];

/* The application's side. */
void ping_ask(unsigned connection, const char* name);
bool ping_answered(unsigned connection);

/* The protocol's. `ready` is called with a bit for each connection whose ping is over. */
void ping_start(void (*ready)(uint32_t connections));
/* Connections whose application may have asked. */
void ping_application(uint32_t connections);
/* An ICMP echo reply. */
void ping_reply(const Packet* packet);
/* From the loop, whenever a timer may be due. */
void ping_run(void);

#endif
