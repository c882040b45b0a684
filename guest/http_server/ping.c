#include "ping.h"

#include "checksum.h"
#include "dns.h"
#include "net.h"
#include "rom.h"
#include "time.h"
#include "udp.h"

enum {
  kAttempts = 4, /* the first question to a neighbour may be lost while its MAC address is asked for */
  kAttemptMs = 250,
  kNamePort = 5300, /* ours, for DNS */
  kIdentifier = 0xe5b1,
  kDataLength = 32
};

typedef enum { kIdle, kResolving, kEchoing } State;

Ping pings[kConnections];

/* The protocol's own part of a ping. */
static struct {
  State state;
  uint8_t attempts;
  uint32_t taken; /* which `asked` this is */
  uint32_t due_ms;
  uint64_t sent_us[kAttempts];
} tasks[kConnections];
static unsigned busy;
static void (*on_ready)(uint32_t connections);

/* ---- The application's side ---- */

void ping_ask(unsigned connection, const char* name) {
  Ping* ping = &pings[connection];
  memcpy(ping->name, name, sizeof ping->name);
  memory_barrier();
  ping->asked = ping->asked + 1;
}

bool ping_answered(unsigned connection) {
  const bool answered = pings[connection].answered == pings[connection].asked;
  memory_barrier();
  return answered;
}

/* ---- The protocol's ---- */

/* Which ping a message belongs to, and which attempt: an answer to an earlier one is none. */
static uint16_t number_of(unsigned connection, unsigned attempt) {
  return (uint16_t)(tasks[connection].taken << 8 | connection << 2 | attempt);
}
_Static_assert(kConnections <= 64 && kAttempts <= 4, "six bits and two");

static void finish(unsigned connection, PingResult result, uint32_t us) {
  Ping* ping = &pings[connection];
  ping->result = result;
  ping->us = us;
  memory_barrier();
  ping->answered = tasks[connection].taken;
  tasks[connection].state = kIdle;
  --busy;
  on_ready(1u << connection);
}

static void send_echo(unsigned connection, uint16_t number) {
  IcmpHeader* icmp = (IcmpHeader*)ip_payload();
  uint8_t* data = (uint8_t*)(icmp + 1);
  *icmp = (IcmpHeader){.type = ICMP_ECHO, .rest = swap32((uint32_t)kIdentifier << 16 | number)};
  for (unsigned i = 0; i < kDataLength; ++i) data[i] = (uint8_t)i;
  icmp->checksum = checksum_finish(checksum_add(0, icmp, sizeof *icmp + kDataLength));
  ip_send(pings[connection].address, PROTOCOL_ICMP, sizeof *icmp + kDataLength);
}

static void attempt(unsigned connection) {
  const unsigned attempt = tasks[connection].attempts++;
  const uint16_t number = number_of(connection, attempt);
  tasks[connection].sent_us[attempt] = time_us();
  if (tasks[connection].state == kEchoing)
    send_echo(connection, number);
  else
    udp_send(net.dns, kDnsPort, kNamePort, dns_question(udp_data(), number, pings[connection].name));
  tasks[connection].due_ms = now_ms + kAttemptMs;
  net_wake_at(tasks[connection].due_ms);
}

static void start(unsigned connection, State state) {
  tasks[connection].state = state;
  tasks[connection].attempts = 0;
  attempt(connection);
}

static void start_echo(unsigned connection, uint32_t address) {
  pings[connection].address = address;
  if (address == net.address) return finish(connection, kPingAnswered, 0);
  start(connection, kEchoing);
}

void ping_application(uint32_t connections) {
  for (; connections != 0; connections &= connections - 1) {
    const unsigned connection = (unsigned)__builtin_ctz(connections);
    const uint32_t asked = pings[connection].asked;
    if (asked == tasks[connection].taken) continue;
    memory_barrier();
    tasks[connection].taken = asked;
    if (tasks[connection].state == kIdle) ++busy;
    uint32_t address;
    if (dns_parse_address(pings[connection].name, &address))
      start_echo(connection, address);
    else if (net.dns == 0 || !dns_is_name(pings[connection].name))
      finish(connection, kPingUnknown, 0);
    else
      start(connection, kResolving);
  }
}

/* The ping that a number belongs to, in that state; kConnections: none. */
static unsigned find(uint16_t number, State state) {
  const unsigned connection = number >> 2 & 63;
  if (connection >= kConnections || tasks[connection].state != state ||
      (number & 3) >= tasks[connection].attempts || number != number_of(connection, number & 3))
    return kConnections;
  return connection;
}

static void resolved(const Packet* packet, uint16_t from_port, const uint8_t* data, unsigned length) {
  uint16_t number;
  uint32_t address;
  if (packet->from != net.dns || from_port != kDnsPort || !dns_answer(data, length, &number, &address))
    return;
  const unsigned connection = find(number, kResolving);
  if (connection == kConnections) return;
  if (address == 0) return finish(connection, kPingUnknown, 0);
  start_echo(connection, address);
}

void ping_reply(const Packet* packet) {
  const uint64_t now = time_us();
  const uint32_t rest = swap32(((const IcmpHeader*)packet->payload)->rest);
  if (rest >> 16 != kIdentifier) return;
  const unsigned connection = find((uint16_t)rest, kEchoing);
  if (connection == kConnections || packet->from != pings[connection].address) return;
  finish(connection, kPingAnswered, (uint32_t)(now - tasks[connection].sent_us[rest & 3]));
}

void ping_start(void (*ready)(uint32_t connections)) {
  on_ready = ready;
  udp_listen(kNamePort, resolved);
}

void ping_run(void) {
  if (busy == 0) return;
  for (unsigned i = 0; i < kConnections; ++i) {
    if (tasks[i].state == kIdle) continue;
    if (!time_reached(tasks[i].due_ms))
      net_wake_at(tasks[i].due_ms);
    else if (tasks[i].attempts == kAttempts)
      finish(i, kPingSilent, 0);
    else
      attempt(i);
  }
}
