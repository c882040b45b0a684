#include "net/slirp_network.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <slirp/libslirp.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <utility>

#include "net/slirp_inside.h"

namespace espalier::net {

namespace {

using base::EventLoop;
using base::LogArea;

constexpr std::uint64_t kNsPerMs = 1'000'000;
// With this many frames waiting for the guest, the host's sockets are left alone.
constexpr std::size_t kHoldBack = 32;
// Answers to the guest's own frames cannot be held back. A guest that sends and never receives loses them
// here.
constexpr std::size_t kMostWaiting = 1024;
// libslirp's answer when it has no timer running: it asks to be called each second, for nothing.
constexpr std::uint32_t kNoTimer = 1000;

// A guest that never waits may go on with its answer for so long before libslirp acknowledges the beginning:
// by the processor time of the machine's thread, since an acknowledgement in the middle, because the host did
// not run the machine, has each later piece leave alone; and by the clock.
constexpr std::uint64_t kAckWork = 2 * kNsPerMs;
constexpr std::uint64_t kAckDelay = 40 * kNsPerMs;

std::uint64_t thread_ns() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}

constexpr std::uint16_t kTypeIpv4 = 0x0800;
constexpr std::uint16_t kTypeArp = 0x0806;
constexpr std::uint16_t kTypeIpv6 = 0x86dd;

std::uint16_t ether_type(Frame frame) {
  return frame.size() < 14 ? 0 : static_cast<std::uint16_t>(frame[12] << 8 | frame[13]);
}

std::uint32_t to_epoll(int slirp_events) {
  std::uint32_t events = 0;
  if (slirp_events & SLIRP_POLL_IN) events |= EPOLLIN;
  if (slirp_events & SLIRP_POLL_OUT) events |= EPOLLOUT;
  if (slirp_events & SLIRP_POLL_PRI) events |= EPOLLPRI;
  return events;
}

int to_slirp(std::uint32_t events) {
  int bits = 0;
  if (events & EPOLLIN) bits |= SLIRP_POLL_IN;
  if (events & EPOLLOUT) bits |= SLIRP_POLL_OUT;
  if (events & EPOLLPRI) bits |= SLIRP_POLL_PRI;
  if (events & EPOLLERR) bits |= SLIRP_POLL_ERR;
  if (events & EPOLLHUP) bits |= SLIRP_POLL_HUP;
  return bits;
}

}  // namespace

struct SlirpNetwork::SlirpTimer {
  SlirpTimer(SlirpNetwork& owner, SlirpTimerId which, void* argument)
      : network(owner), id(which), opaque(argument), timer(owner.loop_, [this] { fire(); }) {}
  void fire() {
    {
      const Inside inside(network.in_slirp_);
      slirp_handle_timer(network.slirp_, id, opaque);
    }
    network.changed();
  }
  SlirpNetwork& network;
  SlirpTimerId id;
  void* opaque;
  EventLoop::Timer timer;
};

// libslirp's view of us. Its clock is the host's even where the guest's is not: what it times are connections
// to the real world, and all of a process's instances share one idea of the present.
struct SlirpNetwork::Callbacks {
  static SlirpNetwork& self(void* opaque) { return *static_cast<SlirpNetwork*>(opaque); }

  static ssize_t send_packet(const void* data, std::size_t size, void* opaque) {
    self(opaque).from_slirp({static_cast<const std::uint8_t*>(data), size});
    return static_cast<ssize_t>(size);
  }
  static void guest_error(const char* message, void* opaque) {
    self(opaque).log_.debug(LogArea::kNet, "network: {}", message);
  }
  static std::int64_t clock_get_ns(void*) { return static_cast<std::int64_t>(EventLoop::now_ns()); }
  static void* timer_new(SlirpTimerId id, void* argument, void* opaque) {
    return new SlirpTimer(self(opaque), id, argument);
  }
  static void timer_free(void* timer, void*) { delete static_cast<SlirpTimer*>(timer); }
  static void timer_mod(void* timer, std::int64_t expire_ms, void*) {
    static_cast<SlirpTimer*>(timer)->timer.arm(
        static_cast<std::uint64_t>(std::max<std::int64_t>(expire_ms, 0)) * kNsPerMs);
  }
  static void register_poll_fd(int, void* opaque) { self(opaque).changed(); }
  // Comes right before the descriptor is closed.
  static void unregister_poll_fd(int fd, void* opaque) {
    self(opaque).watches_.erase(fd);
    self(opaque).changed();
  }
  static void notify(void* opaque) {
    self(opaque).changed();
    self(opaque).loop_.wake();
  }

  static int add_poll(int fd, int events, void* opaque) {
    auto& entries = self(opaque).entries_;
    entries.push_back({.fd = fd, .wanted = to_epoll(events), .present = 0});
    return static_cast<int>(entries.size() - 1);
  }
  static int get_revents(int index, void* opaque) {
    const auto& entries = self(opaque).entries_;
    return static_cast<std::size_t>(index) < entries.size()
               ? to_slirp(entries[static_cast<std::size_t>(index)].present)
               : 0;
  }

  static constexpr SlirpCb kTable = {
      .send_packet = send_packet,
      .guest_error = guest_error,
      .clock_get_ns = clock_get_ns,
      .timer_new = nullptr,
      .timer_free = timer_free,
      .timer_mod = timer_mod,
      .register_poll_fd = register_poll_fd,
      .unregister_poll_fd = unregister_poll_fd,
      .notify = notify,
      .init_completed = [](::Slirp* slirp, void* opaque) { self(opaque).slirp_ = slirp; },
      .timer_new_opaque = timer_new,
  };
};

SlirpNetwork::SlirpNetwork(EventLoop& loop, const base::Logger& log)
    : loop_(loop),
      log_(log),
      ack_timer_(loop, [this] { acks_overdue(); }),
      syn_timer_(loop, [this] { repeat_syns(); }),
      timer_(loop, [this] { run_timers(); }),
      update_(loop, [this] { update_watches(); }) {
  base::ignore_sigpipe();  // libslirp writes to sockets without MSG_NOSIGNAL
}

SlirpNetwork::~SlirpNetwork() {
  port_ = nullptr;  // which may be gone already
  for (Published& published : published_) published.relay.reset();
  if (slirp_) {
    const Inside inside(in_slirp_);
    slirp_cleanup(slirp_);
  }
}

std::expected<std::unique_ptr<SlirpNetwork>, std::string> SlirpNetwork::create(EventLoop& loop,
                                                                               const base::Logger& log,
                                                                               const SlirpOptions& options) {
  if (const auto fine = options.check(); !fine)
    return std::unexpected(fmt::format("user network: {}", fine.error()));
  std::unique_ptr<SlirpNetwork> made(new SlirpNetwork(loop, log));
  if (!made->start(options)) return std::unexpected("user network: libslirp did not start");
  return made;
}

bool SlirpNetwork::start(const SlirpOptions& options) {
  options_ = options;
  SlirpConfig config{};
  config.version = 4;
  config.restricted = options.restricted;
  config.in_enabled = true;
  inet_pton(AF_INET, options.network.c_str(), &config.vnetwork);
  config.vnetmask.s_addr = htonl(~0u << (32 - options.prefix_length));
  inet_pton(AF_INET, options.host.c_str(), &config.vhost);
  inet_pton(AF_INET, options.guest.c_str(), &config.vdhcp_start);
  inet_pton(AF_INET, options.dns.c_str(), &config.vnameserver);
  config.in6_enabled = options.ipv6;
  inet_pton(AF_INET6, "fec0::", &config.vprefix_addr6);
  config.vprefix_len = 64;
  inet_pton(AF_INET6, "fec0::2", &config.vhost6);
  inet_pton(AF_INET6, "fec0::3", &config.vnameserver6);
  config.vhostname = options.hostname.empty() ? nullptr : options.hostname.c_str();
  guest_address_ = config.vdhcp_start.s_addr;
  mask_ = config.vnetmask.s_addr;
  const Inside inside(in_slirp_);
  slirp_ = slirp_new(&config, &Callbacks::kTable, this);
  changed();
  return slirp_ != nullptr;
}

void SlirpNetwork::attach(EthernetPort* port) {
  port_ = port;
  attached_ = std::make_shared<SlirpNetwork*>(this);
  if (!port_) return;
  // The port may keep the callback for longer than the network lives, or be replaced by another one.
  port_->on_receive_ready([weak = std::weak_ptr<SlirpNetwork*>(attached_)] {
    const auto network = weak.lock();
    if (!network) return;
    (*network)->link_up_ = true;
    (*network)->deliver();
  });
}

// ---- Towards the guest ----

void SlirpNetwork::from_slirp(Frame frame) {
  if (!link_up_ || !port_) return;  // as on a cable with nobody at its end
  if (const auto segment = TcpSegment::parse(frame)) {
    acks_.to_guest(*segment);
    if (segment->flags & TcpSegment::kSyn) {
      syns_.to_guest(frame, *segment, EventLoop::now_ns());
      arm_syn_timer();
    } else {
      syns_.to_guest(frame, *segment, 0);
    }
  }
  to_guest(frame);
}

void SlirpNetwork::to_guest(Frame frame) {
  ++given_;
  if (outbound_.empty() && port_->can_receive()) {
    port_->receive(frame);
    return;
  }
  if (outbound_.size() >= kMostWaiting) {
    log_.debug(LogArea::kNet, "network: the guest takes no frames; {} wait, one was dropped",
               outbound_.size());
    return;
  }
  outbound_.emplace_back(frame.begin(), frame.end());
  if (outbound_.size() == kHoldBack) changed();
}

void SlirpNetwork::deliver() {
  const bool held = outbound_.size() >= kHoldBack;
  while (port_ && !outbound_.empty() && port_->can_receive()) {
    const std::vector<std::uint8_t> frame = std::move(outbound_.front());
    outbound_.pop_front();
    port_->receive(frame);
  }
  if (held && outbound_.size() < kHoldBack) changed();
}

bool SlirpNetwork::guest_idle() {
  if (!acks_.owed() || in_slirp_) return false;
  const std::uint64_t before = given_;
  ack_timer_.cancel();
  {
    const Inside inside(in_slirp_);
    for (const auto& probe : acks_.take()) slirp_input(slirp_, probe.data(), static_cast<int>(probe.size()));
  }
  changed();
  catch_up();
  return given_ != before;
}

void SlirpNetwork::acks_overdue() {
  const std::uint64_t now = EventLoop::now_ns();
  const std::uint64_t work = thread_ns() - owed_since_work_ns_;
  const std::uint64_t latest = owed_since_ns_ + kAckDelay;
  if (acks_.owed() && work < kAckWork && now < latest)
    ack_timer_.arm(std::min(now + kAckWork - work, latest));
  else
    guest_idle();
}

void SlirpNetwork::arm_syn_timer() {
  const std::uint64_t deadline = syns_.deadline();
  if (deadline == EventLoop::kForever)
    syn_timer_.cancel();
  else
    syn_timer_.arm(deadline);
}

void SlirpNetwork::repeat_syns() {
  const std::uint64_t now = EventLoop::now_ns();
  if (outbound_.empty()) {
    for (const auto& frame : syns_.due(now)) to_guest(frame);
  } else {
    syns_.put_off(now);  // the last one may not even have arrived
  }
  arm_syn_timer();
}

void SlirpNetwork::guest_is_there() {
  link_up_ = true;
  guest_known_ = true;
  changed();
}

GuestLease SlirpNetwork::guest_lease() const {
  if (!guest_known_) return {};
  const auto number = [](const std::string& text) {
    in_addr address{};
    inet_pton(AF_INET, text.c_str(), &address);
    return ntohl(address.s_addr);
  };
  return {.address = number(options_.guest),
          .gateway = number(options_.host),
          .dns = number(options_.dns),
          .mask = ntohl(mask_)};
}

void SlirpNetwork::guest_down() {
  outbound_.clear();
  inbound_.clear();
  acks_.clear();
  syns_.clear();
  ack_timer_.cancel();
  syn_timer_.cancel();
  link_up_ = false;
  guest_known_ = false;
  changed();
}

// ---- From the guest ----

void SlirpNetwork::send(Frame frame) {
  link_up_ = true;
  if (in_slirp_) {
    update_.request();
    if (inbound_.size() < kMostWaiting) inbound_.emplace_back(frame.begin(), frame.end());
    return;
  }
  input(frame);
  catch_up();
}

// Frames that the guest sent from within libslirp's own callbacks.
void SlirpNetwork::catch_up() {
  while (!inbound_.empty()) {
    const std::vector<std::uint8_t> next = std::move(inbound_.front());
    inbound_.pop_front();
    input(next);
  }
}

void SlirpNetwork::input(Frame frame) {
  note_guest(frame);
  const auto segment = TcpSegment::parse(frame);
  if (segment) {
    syns_.from_guest(*segment);
    acks_.from_guest(frame, *segment);
  }
  // libslirp looks at the clock only when it runs its timers, and gives new sockets their expiry by what it
  // saw.
  const std::uint64_t now = EventLoop::now_ns();
  if (now - last_timers_ns_ > kNsPerMs) run_timers();
  {
    const Inside inside(in_slirp_);
    slirp_input(slirp_, frame.data(), static_cast<int>(frame.size()));
  }
  changed();
  if (!acks_.owed())
    ack_timer_.cancel();
  else if (!ack_timer_.armed()) {
    owed_since_ns_ = now;
    owed_since_work_ns_ = thread_ns();
    ack_timer_.arm(now + kAckWork);
  }
  // An address became known: packets that wait for it leave with the timers' run.
  const std::uint16_t type = ether_type(frame);
  if (type == kTypeArp || type == kTypeIpv6) run_timers();
}

// Sees the guest use its address: as the sender of an IPv4 packet or in an ARP message.
void SlirpNetwork::note_guest(Frame frame) {
  if (guest_known_) return;
  const std::uint16_t type = ether_type(frame);
  const std::size_t at = type == kTypeIpv4 ? 26 : type == kTypeArp ? 28 : 0;
  if (at == 0 || frame.size() < at + 4) return;
  std::uint32_t sender = 0;
  std::memcpy(&sender, &frame[at], 4);
  if (sender != guest_address_) {
    if (sender == 0 || (sender & mask_) != (guest_address_ & mask_) || published_.empty() || warned_) return;
    warned_ = true;
    std::array<char, INET_ADDRSTRLEN> used{};
    std::array<char, INET_ADDRSTRLEN> expected{};
    inet_ntop(AF_INET, &sender, used.data(), used.size());
    inet_ntop(AF_INET, &guest_address_, expected.data(), expected.size());
    log_.warn(LogArea::kNet,
              "the guest uses the address {}; published ports lead to {}, the one DHCP gives out",
              used.data(), expected.data());
    return;
  }
  guest_known_ = true;
  changed();
}

// ---- The host's sockets ----

void SlirpNetwork::fill() {
  entries_.clear();
  std::uint32_t timeout = UINT32_MAX;
  slirp_pollfds_fill(slirp_, &timeout, Callbacks::add_poll, this);
  if (timeout >= kNoTimer) {
    timer_.cancel();
  } else {
    timer_.arm(EventLoop::now_ns() + std::max<std::uint64_t>(timeout, 1) * kNsPerMs);
  }
}

void SlirpNetwork::changed() {
  changed_ = true;
  update_.request();
}

// Before the next wait: what libslirp wants to hear of, as far as it may.
void SlirpNetwork::update_watches() {
  catch_up();
  if (!changed_) return;
  // Asked what it waits for, libslirp starts its timer of 2 ms for whatever it has not acknowledged.
  stale_ = acks_.owed();
  if (!stale_) ask_what_to_watch();
}

void SlirpNetwork::ask_what_to_watch() {
  changed_ = false;
  stale_ = false;
  {
    const Inside inside(in_slirp_);
    fill();
  }
  const bool full = outbound_.size() >= kHoldBack;
  std::erase_if(watches_, [&](const auto& watch) {
    return std::ranges::none_of(entries_, [&](const PollEntry& e) { return e.fd == watch.first; });
  });
  for (const PollEntry& entry : entries_) {
    std::uint32_t events = held_back(entry.fd) ? 0 : entry.wanted;
    if (full) events &= ~std::uint32_t{EPOLLIN | EPOLLPRI};
    auto& watch = watches_[entry.fd];
    if (!watch) watch = std::make_unique<EventLoop::Watch>(loop_);
    if (!watch->active()) {
      watch->start(entry.fd, events, [this, fd = entry.fd](std::uint32_t ready) { service(fd, ready); });
    } else {
      watch->set_events(events);
    }
  }
}

void SlirpNetwork::service(int fd, std::uint32_t events) {
  // Told of what it no longer waits for, libslirp reads into a full buffer or writes from an empty one, and
  // takes the 0 bytes for the connection's end.
  if (stale_) ask_what_to_watch();
  const auto known = std::ranges::find(entries_, fd, &PollEntry::fd);
  const std::uint32_t wanted = known == entries_.end() ? 0 : known->wanted;
  events &= wanted & EPOLLIN ? wanted | EPOLLERR | EPOLLHUP : wanted;
  // Frames of an earlier descriptor's in this round may have filled the queue since.
  if (outbound_.size() >= kHoldBack) events &= EPOLLOUT;
  if (events == 0) return;
  for (PollEntry& entry : entries_) entry.present = entry.fd == fd ? events : 0;
  {
    const Inside inside(in_slirp_);
    last_timers_ns_ = EventLoop::now_ns();
    slirp_pollfds_poll(slirp_, 0, Callbacks::get_revents, this);
  }
  for (PollEntry& entry : entries_) entry.present = 0;
  changed();
}

void SlirpNetwork::run_timers() {
  const Inside inside(in_slirp_);
  last_timers_ns_ = EventLoop::now_ns();
  slirp_pollfds_poll(slirp_, 1, Callbacks::get_revents, this);  // 1: leave the sockets alone
  changed();
}

std::string SlirpNetwork::connections() const {
  const Inside inside(in_slirp_);
  char* text = slirp_connection_info(slirp_);
  std::string lines = text;
  std::free(text);  // GLib's g_free() is the same
  return lines;
}

}  // namespace espalier::net
