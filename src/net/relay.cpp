#include "net/relay.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <map>
#include <set>
#include <span>
#include <vector>

namespace espalier::net {

namespace {

using base::EventLoop;

constexpr std::size_t kBuffer = 16 * 1024;
constexpr std::uint64_t kUdpIdle = 120ull * 1'000'000'000;
constexpr std::size_t kUdpClients = 256;

class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  ~Socket() {
    if (fd_ >= 0) close(fd_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in target{};
  target.sin_family = AF_INET;
  target.sin_port = htons(port);
  target.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return target;
}

std::uint16_t bound_port(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6&>(address).sin6_port
                                             : reinterpret_cast<sockaddr_in&>(address).sin_port);
}

// One direction of a connection: bytes read and not yet written, and whether either side is done.
struct Flow {
  std::vector<std::uint8_t> bytes = std::vector<std::uint8_t>(kBuffer);
  std::size_t begin = 0;
  std::size_t end = 0;
  bool read_end = false;   // the source has nothing more
  bool write_end = false;  // the sink knows it
};

// A client and its connection to the target.
class TcpPair {
 public:
  TcpPair(EventLoop& loop, int client, int target, std::function<void(TcpPair*)> finished)
      : sockets_{Socket(client), Socket(target)},
        watches_{EventLoop::Watch(loop), EventLoop::Watch(loop)},
        finished_(std::move(finished)) {
    for (std::size_t side = 0; side < 2; ++side) {
      const int one = 1;
      setsockopt(sockets_[side].get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
      watches_[side].start(sockets_[side].get(), EPOLLIN, [this, side](std::uint32_t) { turn(side); });
    }
    watches_[1].set_events(EPOLLOUT);  // still connecting
  }

 private:
  // The side has become readable or writable: move what can be moved, both ways.
  void turn(std::size_t side) {
    if (side == 1 && !connected_) {
      int error = 0;
      socklen_t size = sizeof error;
      getsockopt(sockets_[1].get(), SOL_SOCKET, SO_ERROR, &error, &size);
      if (error != 0) return finished_(this);
      connected_ = true;
    }
    if (!connected_) return watches_[0].set_events(0);  // the client's bytes wait in the kernel
    if (!move(0) || !move(1)) return finished_(this);
    if (flows_[0].write_end && flows_[1].write_end) return finished_(this);
    for (std::size_t s = 0; s < 2; ++s) {
      const Flow& out = flows_[s];     // from s
      const Flow& in = flows_[1 - s];  // to s
      std::uint32_t events = 0;
      if (!out.read_end && out.begin == out.end) events |= EPOLLIN;
      if (in.begin != in.end) events |= EPOLLOUT;
      watches_[s].set_events(events);
    }
  }

  // From `source` to the other side until either would block. False: the connection is broken.
  bool move(std::size_t source) {
    Flow& flow = flows_[source];
    const int from = sockets_[source].get();
    const int to = sockets_[1 - source].get();
    while (true) {
      while (flow.begin != flow.end) {
        const ssize_t n = ::send(to, flow.bytes.data() + flow.begin, flow.end - flow.begin, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return errno == EAGAIN;
        flow.begin += static_cast<std::size_t>(n);
      }
      if (flow.read_end) {
        if (!flow.write_end) shutdown(to, SHUT_WR);
        flow.write_end = true;
        return true;
      }
      const ssize_t n = recv(from, flow.bytes.data(), flow.bytes.size(), 0);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return errno == EAGAIN;
      if (n == 0) flow.read_end = true;
      flow.begin = 0;
      flow.end = static_cast<std::size_t>(n);
    }
  }

  std::array<Socket, 2> sockets_;
  std::array<EventLoop::Watch, 2> watches_;
  std::array<Flow, 2> flows_;
  std::function<void(TcpPair*)> finished_;
  bool connected_ = false;
};

class TcpRelay final : public Relay {
 public:
  TcpRelay(EventLoop& loop, int listener, std::uint16_t target)
      : loop_(loop), listener_(listener), target_(target), watch_(loop) {
    watch_.start(listener, EPOLLIN, [this](std::uint32_t) { accept_one(); });
  }
  std::uint16_t port() const override { return bound_port(listener_.get()); }

 private:
  void accept_one() {
    const int client = accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (client < 0) return;
    const int target = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const sockaddr_in address = loopback(target_);
    if (target < 0 || (connect(target, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
                       errno != EINPROGRESS)) {
      if (target >= 0) close(target);
      close(client);
      return;
    }
    auto pair =
        std::make_unique<TcpPair>(loop_, client, target, [this](TcpPair* done) { pairs_.erase(done); });
    TcpPair* const key = pair.get();
    pairs_.emplace(key, std::move(pair));
  }

  EventLoop& loop_;
  Socket listener_;
  std::uint16_t target_;
  EventLoop::Watch watch_;
  std::map<TcpPair*, std::unique_ptr<TcpPair>> pairs_;
};

class UdpRelay final : public Relay {
 public:
  UdpRelay(EventLoop& loop, int listener, std::uint16_t target)
      : loop_(loop), listener_(listener), target_(target), watch_(loop), expiry_(loop, [this] { expire(); }) {
    watch_.start(listener, EPOLLIN, [this](std::uint32_t) { from_client(); });
  }
  std::uint16_t port() const override { return bound_port(listener_.get()); }

 private:
  // Each client gets a socket of its own, so that answers find their way back.
  struct Client {
    Client(EventLoop& loop, int fd) : socket(fd), watch(loop) {}
    sockaddr_in6 address{};
    Socket socket;
    EventLoop::Watch watch;
    std::uint64_t last_ns = 0;
  };
  using Key = std::array<std::uint8_t, sizeof(sockaddr_in6)>;

  void from_client() {
    std::array<std::uint8_t, 65536> datagram;
    sockaddr_in6 from{};
    socklen_t size = sizeof from;
    const ssize_t n = recvfrom(listener_.get(), datagram.data(), datagram.size(), MSG_DONTWAIT,
                               reinterpret_cast<sockaddr*>(&from), &size);
    if (n < 0) return;
    Key key{};
    std::memcpy(key.data(), &from, sizeof from);
    auto found = clients_.find(key);
    if (found == clients_.end()) {
      if (clients_.size() >= kUdpClients) {
        clients_.erase(
            std::ranges::min_element(clients_, {}, [](const auto& entry) { return entry.second->last_ns; }));
      }
      const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
      if (fd < 0) return;
      auto client = std::make_unique<Client>(loop_, fd);
      client->address = from;
      const sockaddr_in address = loopback(target_);
      if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return;
      client->watch.start(fd, EPOLLIN, [this, raw = client.get()](std::uint32_t) { from_target(*raw); });
      found = clients_.emplace(key, std::move(client)).first;
    }
    found->second->last_ns = EventLoop::now_ns();
    if (!expiry_.armed()) expiry_.arm(found->second->last_ns + kUdpIdle);
    // A datagram that does not fit the socket is lost, as datagrams may be.
    ::send(found->second->socket.get(), datagram.data(), static_cast<std::size_t>(n), MSG_DONTWAIT);
  }

  void from_target(Client& client) {
    std::array<std::uint8_t, 65536> datagram;
    const ssize_t n = recv(client.socket.get(), datagram.data(), datagram.size(), MSG_DONTWAIT);
    if (n < 0) return;
    client.last_ns = EventLoop::now_ns();
    sendto(listener_.get(), datagram.data(), static_cast<std::size_t>(n), MSG_DONTWAIT,
           reinterpret_cast<const sockaddr*>(&client.address), sizeof client.address);
  }

  void expire() {
    const std::uint64_t now = EventLoop::now_ns();
    std::erase_if(clients_, [&](const auto& entry) { return entry.second->last_ns + kUdpIdle <= now; });
    if (!clients_.empty()) expiry_.arm(now + kUdpIdle / 2);
  }

  EventLoop& loop_;
  Socket listener_;
  std::uint16_t target_;
  EventLoop::Watch watch_;
  EventLoop::Timer expiry_;
  std::map<Key, std::unique_ptr<Client>> clients_;
};

}  // namespace

std::expected<std::unique_ptr<Relay>, std::string> Relay::create(EventLoop& loop, const Publish& publish,
                                                                 std::uint16_t target_port) {
  sockaddr_storage address{};
  socklen_t size = 0;
  if (!host_sockaddr(publish, address, size)) return std::unexpected(bind_error(publish, EINVAL));
  const int type = publish.udp ? SOCK_DGRAM : SOCK_STREAM;
  const int fd = socket(address.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return std::unexpected(bind_error(publish, errno));
  const int one = 1;
  if (publish.is_ipv6()) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
  if (!publish.udp) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
      (!publish.udp && listen(fd, SOMAXCONN) != 0)) {
    const int error = errno;
    close(fd);
    return std::unexpected(bind_error(publish, error));
  }
  if (publish.udp) return std::make_unique<UdpRelay>(loop, fd, target_port);
  return std::make_unique<TcpRelay>(loop, fd, target_port);
}

}  // namespace espalier::net
