// Sockets on the loopback interface, as a user's programs would hold them.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace espalier::net::testing {

// A socket that never blocks: tests run the event loop in between.
class HostSocket {
 public:
  explicit HostSocket(int fd) : fd_(fd) {}
  HostSocket(int family, int type)
      : fd_(socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)), family_(family) {
    const int one = 1;
    setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  }
  HostSocket(HostSocket&& other) noexcept : fd_(other.fd_), family_(other.family_) { other.fd_ = -1; }
  ~HostSocket() { reset(); }
  void reset() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }

  int fd() const { return fd_; }
  bool ok() const { return fd_ >= 0; }
  // Loopback, any free port. Returns the port, 0 on failure (no IPv6 here, say).
  std::uint16_t bind_any() {
    sockaddr_storage a{};
    const socklen_t size = loopback(a, 0);
    return bind(fd_, reinterpret_cast<sockaddr*>(&a), size) == 0 ? port() : std::uint16_t{0};
  }
  std::uint16_t listen_any() {
    const std::uint16_t p = bind_any();
    return p != 0 && listen(fd_, 64) == 0 ? p : std::uint16_t{0};
  }
  std::uint16_t port() const {
    sockaddr_storage a{};
    socklen_t size = sizeof a;
    getsockname(fd_, reinterpret_cast<sockaddr*>(&a), &size);
    return ntohs(a.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6&>(a).sin6_port
                                         : reinterpret_cast<sockaddr_in&>(a).sin_port);
  }
  bool connect_to(std::uint16_t to) {
    sockaddr_storage a{};
    const socklen_t size = loopback(a, to);
    return connect(fd_, reinterpret_cast<sockaddr*>(&a), size) == 0 || errno == EINPROGRESS;
  }
  bool put(std::string_view text) const {
    return ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
  }
  // What has arrived. `closed` is set at the end of the stream.
  std::string get(bool* closed = nullptr) const {
    std::string all;
    char buffer[4096];
    while (true) {
      const ssize_t n = recv(fd_, buffer, sizeof buffer, 0);
      if (n == 0 && closed) *closed = true;
      if (n < 0 && errno != EAGAIN && closed) *closed = true;
      if (n <= 0) return all;
      all.append(buffer, static_cast<std::size_t>(n));
    }
  }

 private:
  socklen_t loopback(sockaddr_storage& a, std::uint16_t port) const {
    if (family_ == AF_INET6) {
      auto& v6 = reinterpret_cast<sockaddr_in6&>(a);
      v6.sin6_family = AF_INET6;
      v6.sin6_port = htons(port);
      v6.sin6_addr = in6addr_loopback;
      return sizeof v6;
    }
    auto& v4 = reinterpret_cast<sockaddr_in&>(a);
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return sizeof v4;
  }
  int fd_;
  int family_ = AF_INET;
};

}  // namespace espalier::net::testing
