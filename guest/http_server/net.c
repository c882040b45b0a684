#include "net.h"

#include "arp.h"
#include "cpu.h"
#include "dhcp.h"
#include "eth.h"
#include "interrupts.h"
#include "ip.h"
#include "irq.h"
#include "mailbox.h"
#include "panic.h"
#include "ping.h"
#include "rom.h"
#include "soc.h"
#include "tcp.h"
#include "time.h"
#include "udp.h"

enum { kLinkCheckMs = 1000, kEchoPort = 7 };
/* What the loop has to do: bits that interrupt handlers set. */
enum { kWorkFrames = 1, kWorkTimers = 2, kWorkApplication = 4 };

Net net;
uint32_t now_ms;
static volatile uint32_t work;
static uint32_t wake_ms; /* the alarm rings then */
static uint16_t port;

uint32_t random_number(void) {
  return REG(WDEV_RND_REG);
}

static void on_frames(void) {
  work |= kWorkFrames;
}
static void on_alarm(void) {
  work |= kWorkTimers;
}
static void on_mailbox(void) {
  work |= kWorkApplication;
}

void net_wake_at(uint32_t when_ms) {
  if ((int32_t)(wake_ms - when_ms) <= 0) return;
  wake_ms = when_ms;
  const int32_t in_ms = (int32_t)(when_ms - now_ms);
  alarm_set(in_ms > 0 ? (uint32_t)in_ms * 1000u : 0);
}

/* The base MAC address and its check byte (ESP-IDF, esp_efuse_mac_get_default()). */
static bool read_mac(void) {
  const uint32_t low = REG(EFUSE_BLK0_RDATA1_REG), high = REG(EFUSE_BLK0_RDATA2_REG);
  for (unsigned i = 0; i < 6; ++i)
    net.mac.byte[5 - i] = (uint8_t)(i < 4 ? low >> 8 * i : high >> 8 * (i - 4));
  return esp_crc8(net.mac.byte, sizeof net.mac) == (uint8_t)(high >> 16);
}

static void check_link(void) {
  static bool up, checked;
  static uint32_t due_ms;
  if (checked && !time_reached(due_ms)) return net_wake_at(due_ms);
  const bool now_up = eth_link_up();
  if (now_up != up || !checked) ets_printf("espalier demo: link %s\n", now_up ? "up" : "down");
  up = now_up;
  checked = true;
  /* Without an interrupt from the PHY, a link that is down has to be looked at. One that is up is not: a
     machine with nothing to do sleeps. */
  due_ms = now_ms + kLinkCheckMs;
  if (!up) net_wake_at(due_ms);
}

static void on_lease(void) {
  if (net.address == 0) {
    ets_printf("espalier demo: the address is lost\n");
    return;
  }
  ets_printf("espalier demo: address " ADDRESS_FORMAT ", gateway " ADDRESS_FORMAT "\n",
             ADDRESS_VALUES(net.address), ADDRESS_VALUES(net.gateway));
  ets_printf("espalier demo: listening on port %u\n", port);
}

/* RFC 862 */
static void echo(const Packet* packet, uint16_t from_port, const uint8_t* data, unsigned length) {
  memcpy(udp_data(), data, length);
  udp_send(packet->from, from_port, kEchoPort, length);
}

static void take_frames(void) {
  unsigned length;
  const uint8_t* frame;
  while ((frame = eth_received(&length)) != 0) {
    const EthernetHeader* ethernet = (const EthernetHeader*)frame;
    if (ethernet->type == swap16(TYPE_IPV4))
      ip_input(ethernet, length);
    else if (ethernet->type == swap16(TYPE_ARP))
      arp_input((const uint8_t*)(ethernet + 1), length - sizeof *ethernet);
    eth_release();
  }
}

static void run_timers(void) {
  wake_ms = now_ms + 0x7fffffff;
  check_link();
  dhcp_run();
  tcp_run();
  ping_run();
  net_wake_at(now_ms + 8000); /* time_us() and CCOUNT never get far apart */
}

static uint32_t take_work(void) {
  for (;;) {
    const uint32_t ps = irq_lock(), taken = work;
    work = 0;
    if (taken != 0) {
      irq_restore(ps);
      return taken;
    }
    wait_for_interrupt();
  }
}

void __attribute__((noreturn)) net_run(uint16_t listen_port, void (*ready)(uint32_t)) {
  port = listen_port;
  if (!read_mac()) ets_printf("espalier demo: the eFuses hold no valid MAC address\n");
  const uint8_t* m = net.mac.byte;
  ets_printf("espalier demo: MAC %02x:%02x:%02x:%02x:%02x:%02x\n", m[0], m[1], m[2], m[3], m[4], m[5]);
  alarm_start(on_alarm);
  mailbox_start(kToNetwork, kInterruptMailbox, on_mailbox);
  if (!eth_start(&net.mac, kInterruptEth, on_frames)) abort_because("no open_eth MAC at 0x3ff69000");
  now_ms = (uint32_t)(time_us() / 1000);
  wake_ms = now_ms + 0x7fffffff;
  udp_listen(kEchoPort, echo);
  tcp_listen(port, ready);
  ping_start(ready);
  check_link();
  dhcp_start(on_lease);
  for (;;) {
    const uint32_t todo = take_work();
    now_ms = (uint32_t)(time_us() / 1000);
    if (todo & kWorkFrames) take_frames();
    tcp_flush();
    if (todo & kWorkApplication) {
      const uint32_t connections = mailbox_take(kToNetwork);
      tcp_application(connections);
      ping_application(connections);
    }
    if (todo & kWorkTimers) run_timers();
  }
}
