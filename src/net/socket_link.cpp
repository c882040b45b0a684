#include "net/socket_link.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>

#include "net/bytes.h"

namespace espalier::net {
namespace {

using Wrong = std::unexpected<std::string>;

constexpr std::size_t kLength = 4;
constexpr std::size_t kLongestFrame = 65536;
// What the other end may leave unread before frames are dropped.
constexpr std::size_t kMostUnsent = 1 << 20;
constexpr std::uint64_t kRetry = 1'000'000'000;  // ns
// Reads at a time: others have to have their turns.
constexpr int kReads = 16;

constexpr std::array<std::pair<std::string_view, SocketLinkSpec::Kind>, 3> kKinds = {
    {{"listen", SocketLinkSpec::Kind::kListen},
     {"connect", SocketLinkSpec::Kind::kConnect},
     {"mcast", SocketLinkSpec::Kind::kMulticast}}};

bool is_address(const std::string& text, int family) {
  in6_addr parsed{};
  return inet_pton(family, text.c_str(), &parsed) == 1;
}

// What connect() wants.
socklen_t socket_address(const base::TcpEnd& end, sockaddr_storage& into) {
  if (end.address.find(':') != std::string::npos) {
    auto& v6 = reinterpret_cast<sockaddr_in6&>(into);
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(end.port);
    inet_pton(AF_INET6, end.address.c_str(), &v6.sin6_addr);
    return sizeof v6;
  }
  auto& v4 = reinterpret_cast<sockaddr_in&>(into);
  v4.sin_family = AF_INET;
  v4.sin_port = htons(end.port);
  inet_pton(AF_INET, end.address.c_str(), &v4.sin_addr);
  return sizeof v4;
}

}  // namespace

std::string SocketLinkSpec::text() const {
  const auto name = std::ranges::find(kKinds, kind, &std::pair<std::string_view, Kind>::second)->first;
  return fmt::format("{}:{}", name, end.name());
}

std::expected<SocketLinkSpec, std::string> parse_socket_link(std::string_view text) {
  const auto wrong = [&](std::string_view what) {
    return Wrong(fmt::format("'{}': {} (expected listen:[ADDR:]PORT, connect:ADDR:PORT or mcast:ADDR:PORT)",
                             text, what));
  };
  const std::size_t colon = text.find(':');
  const auto kind = std::ranges::find(kKinds, text.substr(0, colon),
                                      &std::pair<std::string_view, SocketLinkSpec::Kind>::first);
  if (kind == kKinds.end() || colon == std::string_view::npos) return wrong("no such link");
  SocketLinkSpec spec{.kind = kind->second, .end = {.address = "127.0.0.1", .port = 0}};
  std::string_view rest = text.substr(colon + 1);
  const std::size_t last = rest.rfind(':');
  if (last != std::string_view::npos) {
    spec.end.address = rest.substr(0, last);
    const bool brackets = spec.end.address.starts_with('[') && spec.end.address.ends_with(']');
    if (brackets) spec.end.address = spec.end.address.substr(1, spec.end.address.size() - 2);
    if (!is_address(spec.end.address, brackets ? AF_INET6 : AF_INET))
      return wrong(fmt::format("'{}' is not an IP address", spec.end.address));
    rest = rest.substr(last + 1);
  } else if (spec.kind != SocketLinkSpec::Kind::kListen) {
    return wrong("the address is missing");
  }
  unsigned port = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), port);
  const bool any = spec.kind == SocketLinkSpec::Kind::kListen;
  if (rest.empty() || error != std::errc{} || end != rest.data() + rest.size() || port > 65535 ||
      (port == 0 && !any))
    return wrong(fmt::format("'{}' is not a port", rest));
  spec.end.port = static_cast<std::uint16_t>(port);
  if (spec.kind == SocketLinkSpec::Kind::kMulticast) {
    in_addr group{};
    if (inet_pton(AF_INET, spec.end.address.c_str(), &group) != 1 || !IN_MULTICAST(ntohl(group.s_addr)))
      return wrong(
          fmt::format("'{}' is no multicast address, 224.0.0.0 to 239.255.255.255", spec.end.address));
  }
  return spec;
}

std::expected<std::unique_ptr<SocketLink>, std::string> SocketLink::open(base::EventLoop& loop,
                                                                         const base::Logger& log,
                                                                         const SocketLinkSpec& spec) {
  std::unique_ptr<SocketLink> link(new SocketLink(loop, log, spec));
  if (auto ok = link->start(); !ok) return Wrong(fmt::format("network link {}: {}", spec.text(), ok.error()));
  return link;
}

SocketLink::SocketLink(base::EventLoop& loop, const base::Logger& log, SocketLinkSpec spec)
    : log_(log), spec_(std::move(spec)), listen_watch_(loop), peer_watch_(loop), retry_(loop, [this] {
        connect_out();
      }) {}

SocketLink::~SocketLink() {
  listen_watch_.stop();
  peer_watch_.stop();
  for (const int fd : {listener_, peer_, sender_, pending_})
    if (fd >= 0) close(fd);
}

std::expected<void, std::string> SocketLink::start() {
  switch (spec_.kind) {
    case SocketLinkSpec::Kind::kListen: {
      auto fd = base::listen_tcp(spec_.end);
      if (!fd) return Wrong(fd.error());
      listener_ = *fd;
      listen_watch_.start(listener_, EPOLLIN, [this](std::uint32_t) { accept_one(); });
      return {};
    }
    case SocketLinkSpec::Kind::kConnect:
      connect_out();
      return {};
    case SocketLinkSpec::Kind::kMulticast:
      return join_group();
  }
  return {};
}

std::expected<void, std::string> SocketLink::join_group() {
  const auto failed = [] { return Wrong(std::strerror(errno)); };
  group_.sin_family = AF_INET;
  group_.sin_port = htons(spec_.end.port);
  inet_pton(AF_INET, spec_.end.address.c_str(), &group_.sin_addr);
  peer_ = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  sender_ = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (peer_ < 0 || sender_ < 0) return failed();
  const int one = 1;
  const ip_mreq request{.imr_multiaddr = group_.sin_addr, .imr_interface = {}};
  if (setsockopt(peer_, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
      bind(peer_, reinterpret_cast<const sockaddr*>(&group_), sizeof group_) != 0 ||
      setsockopt(peer_, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof request) != 0 ||
      setsockopt(sender_, IPPROTO_IP, IP_MULTICAST_LOOP, &one, sizeof one) != 0)
    return failed();
  // Its source address is the route's; only then can it be asked for.
  socklen_t size = sizeof self_;
  if (connect(sender_, reinterpret_cast<const sockaddr*>(&group_), sizeof group_) != 0 ||
      getsockname(sender_, reinterpret_cast<sockaddr*>(&self_), &size) != 0)
    return failed();
  watch_peer();
  return {};
}

// ---- The connection ----

void SocketLink::accept_one() {
  const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd >= 0) established(fd);
}

void SocketLink::connect_out() {
  sockaddr_storage address{};
  const socklen_t size = socket_address(spec_.end, address);
  pending_ = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const auto again = [this] {
    if (pending_ >= 0) close(std::exchange(pending_, -1));
    retry_.arm(base::EventLoop::now_ns() + kRetry);
  };
  if (pending_ < 0) return again();
  if (connect(pending_, reinterpret_cast<const sockaddr*>(&address), size) == 0)
    return established(std::exchange(pending_, -1));
  if (errno != EINPROGRESS) return again();
  peer_watch_.start(pending_, EPOLLOUT, [this, again](std::uint32_t) {
    int error = 0;
    socklen_t length = sizeof error;
    getsockopt(pending_, SOL_SOCKET, SO_ERROR, &error, &length);
    peer_watch_.stop();
    if (error != 0) return again();
    established(std::exchange(pending_, -1));
  });
}

void SocketLink::established(int fd) {
  const int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  peer_ = fd;
  in_.clear();
  out_.clear();
  listen_watch_.set_events(0);
  log_.debug(base::LogArea::kNet, "network link {}: connected", spec_.text());
  watch_peer();
}

void SocketLink::hang_up() {
  peer_watch_.stop();
  close(std::exchange(peer_, -1));
  log_.debug(base::LogArea::kNet, "network link {}: the other end has gone", spec_.text());
  if (listener_ >= 0)
    listen_watch_.set_events(EPOLLIN);
  else
    retry_.arm(base::EventLoop::now_ns() + kRetry);
}

void SocketLink::watch_peer() {
  if (peer_ < 0) return;
  const bool reads = port_ != nullptr && port_->can_receive();
  std::uint32_t events = reads ? std::uint32_t{EPOLLIN} : 0;
  if (!out_.empty()) events |= EPOLLOUT;
  if (peer_watch_.active())
    peer_watch_.set_events(events);
  else
    peer_watch_.start(peer_, events, [this](std::uint32_t ready_for) { ready(ready_for); });
}

void SocketLink::attach(EthernetPort* port) {
  port_ = port;
  attached_ = std::make_shared<SocketLink*>(this);
  watch_peer();
  if (!port) return;
  port->on_receive_ready([weak = std::weak_ptr(attached_)] {
    const auto alive = weak.lock();
    if (!alive) return;
    (*alive)->deliver();
    (*alive)->watch_peer();
  });
}

void SocketLink::ready(std::uint32_t events) {
  if (events & EPOLLOUT) flush();
  if (peer_ < 0) return;
  if (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) {
    if (spec_.kind == SocketLinkSpec::Kind::kMulticast)
      read_datagrams();
    else
      read_stream();
  }
  watch_peer();
}

// ---- Frames ----

void SocketLink::read_stream() {
  for (int reads = 0; reads < kReads && port_ != nullptr && port_->can_receive(); ++reads) {
    std::array<std::uint8_t, kLongestFrame> buffer;
    const ssize_t n = recv(peer_, buffer.data(), buffer.size(), 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) return hang_up();
    in_.insert(in_.end(), buffer.begin(), buffer.begin() + n);
    deliver();
    if (in_.size() >= kLength && get_u32(in_, 0) > kLongestFrame) {
      log_.warn(base::LogArea::kNet, "network link {}: the other end sends something else than frames",
                spec_.text());
      return hang_up();
    }
  }
}

// The whole frames that have come, as far as there is room for them.
void SocketLink::deliver() {
  std::size_t at = 0;
  while (port_ != nullptr && in_.size() - at >= kLength) {
    const std::size_t size = get_u32(std::span(in_).subspan(at), 0);
    if (size > kLongestFrame || in_.size() - at < kLength + size || !port_->can_receive()) break;
    port_->receive(Frame(in_).subspan(at + kLength, size));
    at += kLength + size;
  }
  in_.erase(in_.begin(), in_.begin() + static_cast<std::ptrdiff_t>(at));
}

void SocketLink::read_datagrams() {
  for (int reads = 0; reads < kReads && port_ != nullptr && port_->can_receive(); ++reads) {
    std::array<std::uint8_t, kLongestFrame> buffer;
    sockaddr_in from{};
    socklen_t size = sizeof from;
    const ssize_t n =
        recvfrom(peer_, buffer.data(), buffer.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
    if (n <= 0) return;
    if (from.sin_port == self_.sin_port && from.sin_addr.s_addr == self_.sin_addr.s_addr) continue;
    port_->receive(Frame(buffer.data(), static_cast<std::size_t>(n)));
  }
}

void SocketLink::send(Frame frame) {
  if (peer_ < 0) return;
  if (spec_.kind == SocketLinkSpec::Kind::kMulticast) {
    if (::send(sender_, frame.data(), frame.size(), MSG_NOSIGNAL) < 0) ++dropped_;
    return;
  }
  if (out_.size() + kLength + frame.size() > kMostUnsent) {
    ++dropped_;
    return;
  }
  const bool idle = out_.empty();
  add_u32(out_, static_cast<std::uint32_t>(frame.size()));
  out_.insert(out_.end(), frame.begin(), frame.end());
  if (!idle) return;
  flush();
  watch_peer();
}

// Its caller looks after the watch. An end that has gone is noticed by reading.
void SocketLink::flush() {
  const ssize_t n = ::send(peer_, out_.data(), out_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (n > 0)
    out_.erase(out_.begin(), out_.begin() + n);
  else if (n < 0 && errno != EAGAIN && errno != EINTR)
    out_.clear();
}

}  // namespace espalier::net
