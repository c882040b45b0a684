// An Ethernet cable to another process, as QEMU's `-netdev socket` lays it.
#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/event_loop.h"
#include "base/log.h"
#include "base/tcp_socket.h"
#include "net/network.h"

namespace espalier::net {

struct SocketLinkSpec {
  enum class Kind : std::uint8_t {
    kListen,     // TCP; one other end at a time, the next one when it has gone
    kConnect,    // TCP; tried again each second until somebody listens
    kMulticast,  // UDP; everybody who is in the group is on the same wire
  };
  Kind kind = Kind::kListen;
  base::TcpEnd end;  // kListen with port 0: any free one

  // "listen:127.0.0.1:4000".
  std::string text() const;
};
// "listen:[ADDR:]PORT" (ADDR: 127.0.0.1), "connect:ADDR:PORT", "mcast:ADDR:PORT"; IPv6 addresses, which mcast
// has none of, in brackets. Otherwise what is wrong with it.
std::expected<SocketLinkSpec, std::string> parse_socket_link(std::string_view text);

// Over TCP a frame is its length, four bytes with the most significant first, and its bytes; over UDP a
// datagram (QEMU, net/socket.c). While nobody is at the other end, frames go nowhere. While the guest has no
// buffer nothing is read, which TCP tells the other end; what that does not take in time is dropped.
class SocketLink final : public Network {
 public:
  // Otherwise one line that names the address and what is wrong.
  static std::expected<std::unique_ptr<SocketLink>, std::string> open(base::EventLoop& loop,
                                                                      const base::Logger& log,
                                                                      const SocketLinkSpec& spec);
  ~SocketLink() override;
  SocketLink(const SocketLink&) = delete;
  SocketLink& operator=(const SocketLink&) = delete;

  void attach(EthernetPort* port) override;
  void send(Frame frame) override;

  // With the port that was bound.
  const SocketLinkSpec& spec() const { return spec_; }
  // Somebody is at the other end; always with multicast.
  bool connected() const { return peer_ >= 0; }
  std::uint64_t dropped() const { return dropped_; }

 private:
  SocketLink(base::EventLoop& loop, const base::Logger& log, SocketLinkSpec spec);
  std::expected<void, std::string> start();
  std::expected<void, std::string> join_group();
  void accept_one();
  void connect_out();
  void established(int fd);
  void hang_up();
  void watch_peer();
  void ready(std::uint32_t events);
  void read_stream();
  void read_datagrams();
  void deliver();
  void flush();

  const base::Logger& log_;
  SocketLinkSpec spec_;
  int listener_ = -1;
  int peer_ = -1;     // the connection, or the group's socket
  int sender_ = -1;   // kMulticast: by its address our own frames are known when they come back
  int pending_ = -1;  // a connection that is being made
  sockaddr_in group_{};
  sockaddr_in self_{};
  EthernetPort* port_ = nullptr;
  std::shared_ptr<SocketLink*> attached_;  // lives as long as port_ may call back
  std::vector<std::uint8_t> in_;           // begins with a frame's length
  std::vector<std::uint8_t> out_;
  std::uint64_t dropped_ = 0;
  base::EventLoop::Watch listen_watch_;
  base::EventLoop::Watch peer_watch_;
  base::EventLoop::Timer retry_;
};

}  // namespace espalier::net
