#include "base/tcp_socket.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace espalier::base {
namespace {

class SocketAddress {
 public:
  explicit SocketAddress(const TcpEnd& end) : v6_(end.address.find(':') != std::string::npos) {
    v4_address_.sin_family = AF_INET;
    v4_address_.sin_port = htons(end.port);
    v6_address_.sin6_family = AF_INET6;
    v6_address_.sin6_port = htons(end.port);
    inet_pton(family(), end.address.c_str(),
              v6_ ? static_cast<void*>(&v6_address_.sin6_addr) : static_cast<void*>(&v4_address_.sin_addr));
  }
  int family() const { return v6_ ? AF_INET6 : AF_INET; }
  sockaddr* get() {
    return v6_ ? reinterpret_cast<sockaddr*>(&v6_address_) : reinterpret_cast<sockaddr*>(&v4_address_);
  }
  socklen_t size() const { return v6_ ? sizeof v6_address_ : sizeof v4_address_; }
  std::uint16_t port() const { return ntohs(v6_ ? v6_address_.sin6_port : v4_address_.sin_port); }

 private:
  bool v6_;
  sockaddr_in v4_address_{};
  sockaddr_in6 v6_address_{};
};

std::string why_not_listen(int error) {
  if (error == EADDRINUSE) return "the port is in use; choose another one";
  if (error == EADDRNOTAVAIL) return "this host has no interface with that address";
  if (error == EACCES) return "not permitted (ports below 1024 need privileges)";
  return std::strerror(error);
}

}  // namespace

std::string TcpEnd::name() const {
  const bool v6 = address.find(':') != std::string::npos;
  return fmt::format("{}{}{}:{}", v6 ? "[" : "", address, v6 ? "]" : "", port);
}

std::expected<int, std::string> listen_tcp(TcpEnd& end) {
  constexpr int kBacklog = 8;
  SocketAddress address(end);
  const int fd = socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int one = 1;
  if (fd >= 0) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (fd < 0 || bind(fd, address.get(), address.size()) != 0 || listen(fd, kBacklog) != 0) {
    const int error = errno;
    if (fd >= 0) close(fd);
    return std::unexpected(why_not_listen(error));
  }
  socklen_t size = address.size();
  getsockname(fd, address.get(), &size);
  end.port = address.port();
  return fd;
}

std::expected<int, std::string> connect_tcp(const TcpEnd& end) {
  SocketAddress address(end);
  const int fd = socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || connect(fd, address.get(), address.size()) != 0) {
    const int error = errno;
    if (fd >= 0) close(fd);
    return std::unexpected(std::strerror(error));
  }
  return fd;
}

}  // namespace espalier::base
