#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include "base/fd_writer.h"
#include "base/serial_kinds.h"
#include "base/tcp_socket.h"
#include "base/telnet.h"
#include "base/unix_socket.h"

namespace espalier::base {

namespace {

class SocketSerial final : public SerialBackend {
 public:
  // `listener` is -1 for a client of a server, which adopt() follows.
  SocketSerial(EventLoop& loop, int listener, bool telnet, std::string where, std::string unlink_path)
      : loop_(loop),
        listener_(listener),
        where_(std::move(where)),
        unlink_path_(std::move(unlink_path)),
        watch_(loop) {
    if (telnet) telnet_.emplace();
    if (listener >= 0) watch_.start(listener, EPOLLIN, [this](std::uint32_t) { accept_client(); });
  }
  ~SocketSerial() override {
    if (client_) client_->writer.drain(0);
    client_.reset();
    watch_.stop();
    if (listener_ >= 0) close(listener_);
    if (!unlink_path_.empty()) unlink(unlink_path_.c_str());
  }

  void write(std::span<const std::uint8_t> bytes) override {
    if (!client_) return;
    if (telnet_)
      client_->writer.write(TelnetServer::encode(bytes));
    else
      client_->writer.write(bytes);
  }
  bool congested() const override { return client_ && client_->writer.congested(); }
  bool drain(std::uint64_t timeout_ns) override { return !client_ || client_->writer.drain(timeout_ns); }
  std::string where() const override { return where_; }
  bool has_client() const override { return client_.has_value(); }

  // The other end of a connected socket.
  void adopt(int fd) {
    const int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);  // fails for Unix sockets, to no harm
    client_.emplace(loop_, fd);
    drop_held();
    client_->writer.on_error([this](int) { broken_ = true; });
    client_->watch.start(fd, EPOLLIN, [this](std::uint32_t) { read_client(); });
    broken_ = false;
    input_ended_ = false;
    if (telnet_) {
      telnet_.emplace();
      client_->writer.write(TelnetServer::greeting());
    }
    client_came();
  }
  void wait_for_client() {
    while (!client_) {
      pollfd state{.fd = listener_, .events = POLLIN, .revents = 0};
      if (::poll(&state, 1, -1) < 0) return;  // a signal: whoever gets it looks
      accept_client();
    }
  }

 private:
  struct Client {
    // The writer gets a number of its own for the same socket, as the loop watches each number once.
    Client(EventLoop& loop, int fd)
        : socket(fd), write_socket(dup(fd)), watch(loop), writer(loop, write_socket) {}
    ~Client() {
      watch.stop();
      shutdown(socket, SHUT_RDWR);
      close(socket);
    }
    int socket;
    struct Closer {
      explicit Closer(int f) : fd(f) {}
      ~Closer() {
        if (fd >= 0) close(fd);
      }
      Closer(const Closer&) = delete;
      Closer& operator=(const Closer&) = delete;
      operator int() const { return fd; }
      int fd;
    } write_socket;
    EventLoop::Watch watch;
    FdWriter writer;
  };

  void accept_client() {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    if (client_ && !client_gone()) {
      close(fd);
      return;
    }
    adopt(fd);
  }

  // Has the client closed its end? If it only stopped sending it keeps its place until another one comes.
  bool client_gone() const {
    if (broken_) return true;
    pollfd state{.fd = client_->socket, .events = POLLRDHUP, .revents = 0};
    return ::poll(&state, 1, 0) > 0;
  }

  void read_client() {
    std::array<std::uint8_t, 4096> buffer;
    const ssize_t n = recv(client_->socket, buffer.data(), buffer.size(), 0);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (n < 0) return client_.reset();
    if (n == 0) {
      input_ended_ = true;
      return client_->watch.set_events(0);
    }
    const std::span<const std::uint8_t> bytes(buffer.data(), static_cast<std::size_t>(n));
    if (telnet_)
      deliver(telnet_->decode(bytes));
    else
      deliver(bytes);
    if (held() != 0) client_->watch.set_events(0);
  }
  void input_wanted() override {
    if (client_ && !input_ended_) client_->watch.set_events(EPOLLIN);
  }

  EventLoop& loop_;
  int listener_;
  std::string where_;
  std::string unlink_path_;
  EventLoop::Watch watch_;
  std::optional<Client> client_;
  std::optional<TelnetServer> telnet_;
  bool broken_ = false;
  bool input_ended_ = false;
};

std::unique_ptr<SerialBackend> listening(EventLoop& loop, const SerialSpec& spec, int fd, std::string where,
                                         std::string unlink_path) {
  auto serial = std::make_unique<SocketSerial>(loop, fd, spec.telnet, where, std::move(unlink_path));
  if (spec.wait) {
    fmt::print(stderr, "serial: waiting for a connection on {}\n", where);
    serial->wait_for_client();
  }
  return serial;
}

std::unique_ptr<SerialBackend> connected(EventLoop& loop, const SerialSpec& spec, int fd) {
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
  auto serial = std::make_unique<SocketSerial>(loop, -1, spec.telnet, "", "");
  serial->adopt(fd);
  return serial;
}

}  // namespace

std::expected<std::unique_ptr<SerialBackend>, std::string> open_tcp_serial(EventLoop& loop,
                                                                           const SerialSpec& spec) {
  TcpEnd end{.address = spec.address, .port = spec.port};
  const auto fd = spec.connect ? connect_tcp(end) : listen_tcp(end);
  if (!fd)
    return std::unexpected(fmt::format("serial: cannot {} tcp:{}: {}",
                                       spec.connect ? "connect to" : "listen on", end.name(), fd.error()));
  if (spec.connect) return connected(loop, spec, *fd);
  return listening(loop, spec, *fd, "tcp:" + end.name(), "");
}

std::expected<std::unique_ptr<SerialBackend>, std::string> open_unix_serial(EventLoop& loop,
                                                                            const SerialSpec& spec) {
  const auto fd = spec.connect ? connect_unix(spec.path) : listen_unix(spec.path);
  if (!fd)
    return std::unexpected(fmt::format("serial: cannot {} unix:{}: {}",
                                       spec.connect ? "connect to" : "listen on", spec.path, fd.error()));
  if (spec.connect) return connected(loop, spec, *fd);
  return listening(loop, spec, *fd, "unix:" + spec.path, spec.path);
}

}  // namespace espalier::base
