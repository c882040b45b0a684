#include "debug/gdb_server.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>

#include "base/fd_writer.h"
#include "base/tcp_socket.h"

namespace espalier::debug {

std::expected<GdbAddress, std::string> parse_gdb_address(std::string_view text) {
  const auto wrong = [text](std::string_view why) {
    return std::unexpected(fmt::format("'{}': {}", text, why));
  };
  std::string_view rest = text;
  if (rest.starts_with("tcp:")) rest.remove_prefix(4);
  GdbAddress result;
  const std::size_t colon = rest.rfind(':');
  const std::string_view port = colon == std::string_view::npos ? rest : rest.substr(colon + 1);
  if (colon != std::string_view::npos && colon != 0) {
    std::string_view address = rest.substr(0, colon);
    if (address.starts_with('[') && address.ends_with(']')) address = address.substr(1, address.size() - 2);
    result.address = address == "localhost" ? "127.0.0.1" : std::string(address);
    std::array<std::uint8_t, sizeof(in6_addr)> binary;
    const int family = result.address.find(':') == std::string::npos ? AF_INET : AF_INET6;
    if (inet_pton(family, result.address.c_str(), binary.data()) != 1)
      return wrong("the address should be a number, such as 127.0.0.1 or [::1]");
  }
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), result.port);
  if (error != std::errc() || end != port.data() + port.size())
    return wrong("should be [ADDR:]PORT, with a port of 0 to 65535");
  return result;
}

struct GdbServer::Client {
  // The writer gets a number of its own for the same socket, as the loop watches each number once.
  Client(base::EventLoop& loop, GdbTarget& target, int fd)
      : socket(fd),
        write_socket(dup(fd)),
        watch(loop),
        writer(std::make_unique<base::FdWriter>(loop, write_socket)),
        session(std::make_unique<GdbSession>(target, [this](std::string_view bytes) {
          // One that asks and does not read would make the machine wait.
          broken = broken || writer->congested();
          if (!broken) writer->write({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
        })) {}
  ~Client() {
    session.reset();
    writer->drain(0);
    watch.stop();
    writer.reset();
    shutdown(socket, SHUT_RDWR);
    close(write_socket);
    close(socket);
  }
  int socket;
  int write_socket;
  bool broken = false;
  base::EventLoop::Watch watch;
  std::unique_ptr<base::FdWriter> writer;
  std::unique_ptr<GdbSession> session;
};

GdbServer::GdbServer(base::EventLoop& loop, GdbTarget target, int listener, std::string where)
    : loop_(loop), target_(std::move(target)), listener_(listener), where_(std::move(where)), watch_(loop) {
  watch_.start(listener, EPOLLIN, [this](std::uint32_t) { accept_client(); });
}

GdbServer::~GdbServer() {
  client_.reset();
  watch_.stop();
  close(listener_);
}

std::expected<std::unique_ptr<GdbServer>, std::string> GdbServer::create(base::EventLoop& loop,
                                                                         GdbTarget target,
                                                                         const GdbAddress& address) {
  base::TcpEnd end{.address = address.address, .port = address.port};
  const auto fd = base::listen_tcp(end);
  if (!fd) return std::unexpected(fmt::format("gdb: cannot listen on {}: {}", end.name(), fd.error()));
  return std::unique_ptr<GdbServer>(new GdbServer(loop, std::move(target), *fd, end.name()));
}

void GdbServer::accept_client() {
  const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) return;
  if (client_) {
    close(fd);
    return;
  }
  const int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  client_ = std::make_unique<Client>(loop_, target_, fd);
  client_->watch.start(fd, EPOLLIN | EPOLLRDHUP, [this](std::uint32_t) { read_client(); });
}

void GdbServer::read_client() {
  std::array<std::uint8_t, 16384> buffer;
  const ssize_t n = recv(client_->socket, buffer.data(), buffer.size(), 0);
  if (n < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (n <= 0) return leave();
  client_->session->receive({buffer.data(), static_cast<std::size_t>(n)});
  if (client_->session->finished() || client_->broken || client_->writer->failed()) leave();
}

void GdbServer::leave() {
  client_.reset();
}

}  // namespace espalier::debug
