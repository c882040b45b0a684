#include "dhcp.h"

#include <stdbool.h>

#include "arp.h"
#include "net.h"
#include "rom.h"
#include "udp.h"

enum { kServerPort = 67, kClientPort = 68, kRequest = 1, kReply = 2, kEthernet = 1, kBroadcastFlag = 0x8000 };
#define COOKIE 0x63825363u
#define EVERYBODY 0xffffffffu

/* RFC 2131, figure 1; RFC 951. */
typedef struct {
  uint8_t operation, hardware, hardware_length, hops;
  uint32_t id;
  uint16_t seconds, flags;
  uint32_t client, yours, server, relay;
  uint8_t client_hardware[16], server_name[64], file[128];
  uint32_t cookie;
  uint8_t options[312 - 4];
} WIRE Message;

/* RFC 2132 */
enum {
  kOptionPad = 0,
  kOptionMask = 1,
  kOptionRouter = 3,
  kOptionDns = 6,
  kOptionHostName = 12,
  kOptionRequested = 50,
  kOptionLease = 51,
  kOptionMessage = 53,
  kOptionServer = 54,
  kOptionWanted = 55,
  kOptionRenewal = 58,
  kOptionRebinding = 59,
  kOptionEnd = 255
};
enum { kDiscover = 1, kOffer = 2, kAsk = 3, kAcknowledged = 5, kRefused = 6 };

typedef enum { kSelecting, kRequesting, kBound, kRenewing, kRebinding } State;

enum { kFirstRetryMs = 1000, kLongestRetryMs = 64000 };

static State state;
static uint32_t id, offered, server;
static uint32_t due_ms, retry_ms, lease_ms, bound_ms, rebinding_ms;
static void (*on_changed)(void);

static void wake_in(uint32_t ms) {
  due_ms = now_ms + ms;
  net_wake_at(due_ms);
}

static uint8_t* add_option(uint8_t* at, uint8_t code, const void* value, uint8_t length) {
  *at++ = code;
  *at++ = length;
  memcpy(at, value, length);
  return at + length;
}
static uint8_t* add_address(uint8_t* at, uint8_t code, uint32_t address) {
  const uint32_t value = swap32(address);
  return add_option(at, code, &value, sizeof value);
}

/* Says what the state asks for. */
static void send(void) {
  static const char kName[] = "espalier";
  static const uint8_t kWanted[] = {kOptionMask,  kOptionRouter,  kOptionDns,
                                    kOptionLease, kOptionRenewal, kOptionRebinding};
  Message* message = (Message*)udp_data();
  const bool bound = state == kRenewing || state == kRebinding;
  memset(message, 0, sizeof *message);
  message->operation = kRequest;
  message->hardware = kEthernet;
  message->hardware_length = sizeof(Mac);
  message->id = id;
  message->flags = bound ? 0 : swap16(kBroadcastFlag);
  message->client = swap32(bound ? net.address : 0);
  memcpy(message->client_hardware, &net.mac, sizeof(Mac));
  message->cookie = swap32(COOKIE);
  const uint8_t kind = state == kSelecting ? kDiscover : kAsk;
  uint8_t* at = add_option(message->options, kOptionMessage, &kind, 1);
  if (state == kRequesting) {
    at = add_address(at, kOptionRequested, offered);
    at = add_address(at, kOptionServer, server);
  }
  at = add_option(at, kOptionHostName, kName, sizeof kName - 1);
  at = add_option(at, kOptionWanted, kWanted, sizeof kWanted);
  *at = kOptionEnd;
  udp_send(state == kRenewing ? server : EVERYBODY, kServerPort, kClientPort, sizeof *message);
}

static void select_again(void) {
  if (net.address != 0) {
    net.address = net.mask = net.gateway = net.dns = 0;
    on_changed();
  }
  state = kSelecting;
  id = random_number();
  retry_ms = kFirstRetryMs;
  send();
  wake_in(retry_ms);
}

typedef struct {
  uint8_t kind;
  uint32_t mask, router, dns, lease, server, renewal, rebinding;
} Options;

static uint32_t word_at(const uint8_t* p) {
  return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static Options read_options(const uint8_t* at, const uint8_t* end) {
  Options options = {0};
  while (at < end && *at != kOptionEnd) {
    const uint8_t code = *at++;
    if (code == kOptionPad) continue;
    if (at == end || end - at - 1 < *at) break;
    const unsigned length = *at++;
    if (code == kOptionMessage && length == 1) options.kind = *at;
    if (length >= 4) {
      const uint32_t value = word_at(at);
      switch (code) {
        case kOptionMask:
          options.mask = value;
          break;
        case kOptionRouter:
          options.router = value;
          break;
        case kOptionDns: /* of several the first */
          options.dns = value;
          break;
        case kOptionLease:
          options.lease = value;
          break;
        case kOptionServer:
          options.server = value;
          break;
        case kOptionRenewal:
          options.renewal = value;
          break;
        case kOptionRebinding:
          options.rebinding = value;
          break;
      }
    }
    at += length;
  }
  return options;
}

/* Seconds as milliseconds, no more than a timer can hold (twelve days). */
static uint32_t milliseconds(uint32_t seconds) {
  return seconds > 1000000 ? 1000000000u : seconds * 1000;
}

static void bind(uint32_t address, const Options* options) {
  const bool is_new = net.address != address;
  net.address = address;
  net.mask = options->mask ? options->mask : 0xffffff00;
  net.gateway = options->router;
  net.dns = options->dns;
  server = options->server;
  state = kBound;
  bound_ms = now_ms;
  lease_ms = milliseconds(options->lease);
  rebinding_ms = options->rebinding ? milliseconds(options->rebinding) : lease_ms - lease_ms / 8;
  wake_in(options->renewal ? milliseconds(options->renewal) : lease_ms / 2);
  if (!is_new) return;
  arp_announce();
  on_changed();
}

static void input(const Packet* packet, uint16_t from_port, const uint8_t* data, unsigned length) {
  (void)packet;
  const Message* message = (const Message*)data;
  const unsigned fixed = sizeof *message - sizeof message->options;
  if (from_port != kServerPort || length < fixed || message->operation != kReply || message->id != id ||
      message->cookie != swap32(COOKIE) || memcmp(message->client_hardware, &net.mac, sizeof(Mac)) != 0)
    return;
  const Options options = read_options(message->options, data + length);
  if (options.kind == kOffer && state == kSelecting && options.server != 0) {
    offered = swap32(message->yours);
    server = options.server;
    state = kRequesting;
    retry_ms = kFirstRetryMs;
    send();
    wake_in(retry_ms);
  } else if (state != kSelecting && state != kBound) {
    if (options.kind == kAcknowledged) bind(swap32(message->yours), &options);
    if (options.kind == kRefused) select_again();
  }
}

void dhcp_start(void (*changed)(void)) {
  on_changed = changed;
  udp_listen(kClientPort, input);
  select_again();
}

void dhcp_run(void) {
  if (!time_reached(due_ms)) {
    net_wake_at(due_ms);
    return;
  }
  const uint32_t held_ms = now_ms - bound_ms;
  switch (state) {
    case kRequesting:
      if (retry_ms >= 4 * kFirstRetryMs) return select_again();
      /* fall through */
    case kSelecting:
      if (retry_ms < kLongestRetryMs) retry_ms *= 2;
      break;
    case kBound:
    case kRenewing:
    case kRebinding:
      if (held_ms >= lease_ms) return select_again();
      state = held_ms >= rebinding_ms ? kRebinding : kRenewing;
      retry_ms = (state == kRenewing ? rebinding_ms : lease_ms) - held_ms;
      if (retry_ms > 120000) retry_ms /= 2; /* RFC 2131, 4.4.5 */
      break;
  }
  send();
  wake_in(retry_ms);
}
