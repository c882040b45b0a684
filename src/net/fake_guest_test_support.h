// What the network's tests put at the cable's end: a guest with just enough of ARP, DHCP, UDP and TCP.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/event_loop.h"
#include "net/ethernet_port.h"

namespace espalier::net::testing {

using Bytes = std::vector<std::uint8_t>;

constexpr std::uint32_t ip(unsigned a, unsigned b, unsigned c, unsigned d) {
  return a << 24 | b << 16 | c << 8 | d;
}
inline constexpr std::uint32_t kGuestIp = ip(10, 0, 2, 15), kHostIp = ip(10, 0, 2, 2),
                               kDnsIp = ip(10, 0, 2, 3);
inline const Bytes kGuestMac = {0x02, 0x12, 0x34, 0x56, 0x78, 0x9a};
inline const Bytes kBroadcast = Bytes(6, 0xff);

inline std::uint16_t get16(Frame f, std::size_t at) {
  return static_cast<std::uint16_t>(f[at] << 8 | f[at + 1]);
}
inline std::uint32_t get32(Frame f, std::size_t at) {
  return static_cast<std::uint32_t>(get16(f, at)) << 16 | get16(f, at + 2);
}
inline void put16(Bytes& b, std::uint32_t v) {
  b.push_back(static_cast<std::uint8_t>(v >> 8));
  b.push_back(static_cast<std::uint8_t>(v));
}
inline void put32(Bytes& b, std::uint32_t v) {
  put16(b, v >> 16);
  put16(b, v & 0xffff);
}
inline void put(Bytes& b, Frame more) {
  b.insert(b.end(), more.begin(), more.end());
}
inline Bytes bytes(std::string_view text) {
  return {text.begin(), text.end()};
}

// Internet checksum (RFC 1071).
inline std::uint16_t checksum(Frame data) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < data.size(); i += 2)
    sum += data[i] << 8 | (i + 1 < data.size() ? data[i + 1] : 0);
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

class FakeGuest final : public EthernetPort {
 public:
  explicit FakeGuest(base::EventLoop& loop) : loop_(loop) {}

  // How many more frames it takes; unlimited at first.
  std::size_t room = ~std::size_t{0};
  std::deque<Bytes> frames;  // received, ARP requests answered and left out
  std::uint32_t address = kGuestIp;
  Bytes mac = kGuestMac;
  Bytes gateway = {0x52, 0x55, 10, 0, 2, 2};  // where IP packets are sent to
  bool answers_arp = true;
  EthernetPeer* network = nullptr;
  std::function<void()> on_frame;  // from within receive()

  bool can_receive() const override { return room != 0; }
  bool receive(Frame frame) override {
    if (room == 0) return false;
    --room;
    frames.emplace_back(frame.begin(), frame.end());
    if (on_frame) on_frame();
    return true;
  }
  void on_receive_ready(std::function<void()> callback) override { ready_ = std::move(callback); }
  void make_room(std::size_t more) {
    room = more;
    if (ready_) ready_();
  }

  // Runs the loop until `done`, at most five seconds.
  bool run_until(const std::function<bool()>& done) {
    const std::uint64_t end = base::EventLoop::now_ns() + 5'000'000'000;
    while (!done()) {
      answer_arp();
      if (done()) return true;
      const std::uint64_t now = base::EventLoop::now_ns();
      if (now >= end) return false;
      loop_.poll(end - now);
    }
    return true;
  }
  void run_for(std::uint64_t ms) {
    const std::uint64_t end = base::EventLoop::now_ns() + ms * 1'000'000;
    for (std::uint64_t now = base::EventLoop::now_ns(); now < end; now = base::EventLoop::now_ns()) {
      loop_.poll(end - now);
      answer_arp();
    }
  }
  // The first waiting frame that `wanted` accepts, taken out.
  std::optional<Bytes> take(const std::function<bool(Frame)>& wanted) {
    std::optional<Bytes> found;
    run_until([&] {
      const auto at = std::ranges::find_if(frames, [&](const Bytes& f) { return wanted(f); });
      if (at == frames.end()) return false;
      found = std::move(*at);
      frames.erase(at);
      return true;
    });
    return found;
  }

  void send(const Bytes& destination, std::uint16_t type, Frame payload) {
    Bytes frame = destination;
    put(frame, mac);
    put16(frame, type);
    put(frame, payload);
    if (frame.size() < 60) frame.resize(60);
    network->send(frame);
  }
  void arp(std::uint16_t operation, std::uint32_t target, const Bytes& target_mac = Bytes(6)) {
    Bytes p;
    put16(p, 1);
    put16(p, 0x0800);
    p.push_back(6);
    p.push_back(4);
    put16(p, operation);
    put(p, mac);
    put32(p, address);
    put(p, target_mac);
    put32(p, target);
    send(operation == 1 ? kBroadcast : target_mac, 0x0806, p);
  }
  // "I am here", as a stack sends when it has got its address.
  void announce() { arp(1, address); }
  void answer_arp() {
    std::erase_if(frames, [&](const Bytes& f) {
      if (f.size() < 42 || get16(f, 12) != 0x0806 || get16(f, 20) != 1 || get32(f, 38) != address)
        return false;
      if (answers_arp) arp(2, get32(f, 28), Bytes(f.begin() + 22, f.begin() + 28));
      return true;
    });
  }

  void send_ip(std::uint32_t to, std::uint8_t protocol, Frame payload,
               std::optional<std::uint32_t> from = {}) {
    Bytes p = {0x45, 0};
    put16(p, static_cast<std::uint32_t>(20 + payload.size()));
    put32(p, 0x12344000);
    p.push_back(64);
    p.push_back(protocol);
    put16(p, 0);
    put32(p, from.value_or(address));
    put32(p, to);
    const std::uint16_t sum = checksum(p);
    p[10] = static_cast<std::uint8_t>(sum >> 8);
    p[11] = static_cast<std::uint8_t>(sum);
    put(p, payload);
    send(to == ~0u ? kBroadcast : gateway, 0x0800, p);
  }
  // UDP or TCP: `segment` with its checksum field (at `sum_at`) zero.
  void send_segment(std::uint32_t to, std::uint8_t protocol, Bytes segment, std::size_t sum_at) {
    Bytes pseudo;
    put32(pseudo, address);
    put32(pseudo, to);
    put16(pseudo, protocol);
    put16(pseudo, static_cast<std::uint32_t>(segment.size()));
    put(pseudo, segment);
    const std::uint16_t sum = checksum(pseudo);
    segment[sum_at] = static_cast<std::uint8_t>(sum >> 8);
    segment[sum_at + 1] = static_cast<std::uint8_t>(sum);
    send_ip(to, protocol, segment);
  }
  void send_udp(std::uint16_t from_port, std::uint32_t to, std::uint16_t to_port, Frame data) {
    Bytes s;
    put16(s, from_port);
    put16(s, to_port);
    put16(s, static_cast<std::uint32_t>(8 + data.size()));
    put16(s, 0);
    put(s, data);
    send_segment(to, 17, s, 6);
  }

 private:
  base::EventLoop& loop_;
  std::function<void()> ready_;
};

inline bool is_ip(Frame f, std::uint8_t protocol) {
  return f.size() >= 34 && get16(f, 12) == 0x0800 && f[23] == protocol;
}
inline bool is_udp_to(Frame f, std::uint16_t port) {
  return is_ip(f, 17) && get16(f, 36) == port;
}
inline Bytes udp_data(Frame f) {
  return {f.begin() + 42, f.begin() + 34 + get16(f, 38)};
}

// What a guest says to a DHCP server.
inline Bytes dhcp(std::uint8_t type, const Bytes& mac, std::uint32_t client = 0,
                  std::uint32_t requested = 0) {
  Bytes m = {1, 1, 6, 0, 1, 2, 3, 4, 0, 0, 0, 0};
  put32(m, client);
  m.resize(28);
  put(m, mac);
  m.resize(236);
  put32(m, 0x63825363);
  put(m, Bytes{53, 1, type});
  if (requested != 0) {
    put(m, Bytes{50, 4});
    put32(m, requested);
  }
  m.push_back(255);
  return m;
}

// What it asks a name server: the IPv4 address of `label`.
inline Bytes name_query(std::string_view label) {
  Bytes q = {0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, static_cast<std::uint8_t>(label.size())};
  put(q, bytes(label));
  put(q, Bytes{0, 0, 1, 0, 1});
  return q;
}

// One TCP connection of the guest's, acknowledging all it gets at once or with the next data it sends.
class GuestTcp {
 public:
  static constexpr std::uint8_t kFin = 1, kSyn = 2, kRst = 4, kPsh = 8, kAck = 16;

  GuestTcp(FakeGuest& guest, std::uint16_t port) : guest_(guest), port_(port) {}

  std::uint16_t window = 5744;  // as lwIP on the ESP32
  bool delays_acks = false;
  bool peer_closed = false;
  bool reset = false;
  std::string received;
  std::uint32_t remote = 0;
  std::uint16_t remote_port = 0;

  bool connect(std::uint32_t to, std::uint16_t to_port) {
    remote = to;
    remote_port = to_port;
    segment(kSyn, {});
    ++next_;
    const auto answer = guest_.take([&](Frame f) { return mine(f) && (flags(f) & (kSyn | kRst)); });
    if (!answer || (flags(*answer) & kRst)) return false;
    acknowledged_ = get32(*answer, 38) + 1;
    segment(kAck, {});
    return true;
  }
  // Takes the next connection to its port.
  bool accept() {
    const auto syn = guest_.take(
        [&](Frame f) { return is_ip(f, 6) && get16(f, 36) == port_ && (flags(f) & (kSyn | kAck)) == kSyn; });
    if (!syn) return false;
    remote = get32(*syn, 26);
    remote_port = get16(*syn, 34);
    acknowledged_ = get32(*syn, 38) + 1;
    segment(kSyn | kAck, {});
    ++next_;
    return guest_.take([&](Frame f) { return mine(f) && (flags(f) & kAck); }).has_value();
  }
  void send(std::string_view text) {
    segment(kPsh | kAck, bytes(text));
    next_ += static_cast<std::uint32_t>(text.size());
  }
  std::uint32_t next_sequence() const { return next_; }
  void close() {
    segment(kFin | kAck, {});
    ++next_;
  }
  // Handles whatever has arrived.
  void absorb() {
    guest_.answer_arp();
    for (auto at = guest_.frames.begin(); at != guest_.frames.end();) {
      if (!mine(*at)) {
        ++at;
        continue;
      }
      const Bytes f = std::move(*at);
      at = guest_.frames.erase(at);
      const std::size_t header = 34 + (f[46] >> 4) * 4;
      const std::string data(f.begin() + static_cast<std::ptrdiff_t>(header), f.begin() + 14 + get16(f, 16));
      if (flags(f) & kRst) reset = true;
      if (get32(f, 38) != acknowledged_) {
        if (!data.empty()) segment(kAck, {});
        continue;
      }
      received += data;
      acknowledged_ += static_cast<std::uint32_t>(data.size());
      if (flags(f) & kFin) {
        ++acknowledged_;
        peer_closed = true;
      }
      if (!delays_acks && (!data.empty() || (flags(f) & kFin))) segment(kAck, {});
    }
  }
  bool receive(std::size_t size) {
    return guest_.run_until([&] {
      absorb();
      return received.size() >= size || reset;
    });
  }

 private:
  static std::uint8_t flags(Frame f) { return f[47]; }
  bool mine(Frame f) const {
    return is_ip(f, 6) && get16(f, 36) == port_ && get16(f, 34) == remote_port && get32(f, 26) == remote;
  }
  void segment(std::uint8_t flags, Frame data) {
    Bytes s;
    put16(s, port_);
    put16(s, remote_port);
    put32(s, next_);
    put32(s, acknowledged_);
    s.push_back(0x50);
    s.push_back(flags);
    put16(s, window);
    put32(s, 0);
    put(s, data);
    guest_.send_segment(remote, 6, s, 16);
  }

  FakeGuest& guest_;
  std::uint16_t port_;
  std::uint32_t next_ = 0x1000;
  std::uint32_t acknowledged_ = 0;
};

}  // namespace espalier::net::testing
