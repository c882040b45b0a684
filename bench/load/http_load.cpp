#include "load/http_load.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>

#include "load/http_response.h"

namespace espalier::load {
namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

std::string system_error(const char* what) {
  return std::string(what) + ": " + std::strerror(errno);
}

// One keep-alive connection with at most one request under way.
class Connection {
 public:
  Connection() = default;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() { close(); }

  bool open(const sockaddr_in& address, int epoll) {
    close();
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd_ < 0) return false;
    const int one = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
        errno != EINPROGRESS)
      return false;
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLET;
    event.data.ptr = this;
    return ::epoll_ctl(epoll, EPOLL_CTL_ADD, fd_, &event) == 0;
  }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
    busy = false;
    response.reset();
  }
  bool is_open() const { return fd_ >= 0; }
  int fd() const { return fd_; }

  HttpResponse response;
  std::size_t sent = 0;  // bytes of the request
  bool busy = false;
  Clock::time_point begun;

 private:
  int fd_ = -1;
};

class Load {
 public:
  Load(const LoadOptions& options, int epoll)
      : options_(options), epoll_(epoll), connections_(options.connections) {
    request_ = "GET " + options.target.path + " HTTP/1.1\r\nHost: " + options.target.host + "\r\n\r\n";
  }

  std::expected<LoadResult, std::string> run() {
    begun_ = Clock::now();
    start(connections_[opened_++]);
    std::array<epoll_event, 64> events{};
    while (under_way_ > 0) {
      const int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 100);
      if (count < 0 && errno != EINTR) return std::unexpected(system_error("epoll_wait"));
      for (int n = 0; n < count; ++n) {
        Connection& connection = *static_cast<Connection*>(events[static_cast<std::size_t>(n)].data.ptr);
        if (connection.busy) go_on(connection);
      }
      if (count == 0) give_up_late_ones();
    }
    std::ranges::sort(result_.latencies_us);
    return std::move(result_);
  }

 private:
  bool more() const {
    return Seconds(Clock::now() - begun_).count() < options_.seconds &&
           (options_.requests == 0 || issued_ < options_.requests) && result_.failures < kMostFailures;
  }

  void start(Connection& connection) {
    while (more()) {
      connection.begun = Clock::now();
      connection.sent = 0;
      ++issued_;
      if (!connection.is_open() && !connection.open(options_.target.address, epoll_)) {
        record_failure(system_error("connect"));
        connection.close();
        continue;
      }
      connection.busy = true;
      ++under_way_;
      send(connection);
      return;
    }
  }

  void finish(Connection& connection, bool keep) {
    connection.busy = false;
    --under_way_;
    result_.seconds = Seconds(Clock::now() - begun_).count();
    connection.response.reset();
    if (!keep) connection.close();
    start(connection);
    if (opened_ < connections_.size()) start(connections_[opened_++]);
  }

  void fail(Connection& connection, std::string why) {
    record_failure(std::move(why));
    finish(connection, false);
  }

  void record_failure(std::string why) {
    if (result_.failures++ == 0) result_.first_failure = std::move(why);
  }

  // False once the request has failed.
  bool send(Connection& connection) {
    while (connection.sent < request_.size()) {
      const ssize_t count = ::send(connection.fd(), request_.data() + connection.sent,
                                   request_.size() - connection.sent, MSG_NOSIGNAL);
      if (count >= 0) {
        connection.sent += static_cast<std::size_t>(count);
      } else if (errno == EAGAIN || errno == EINPROGRESS || errno == ENOTCONN) {
        return true;
      } else {
        fail(connection, system_error("send"));
        return false;
      }
    }
    return true;
  }

  void go_on(Connection& connection) {
    if (!send(connection)) return;
    std::array<char, 16384> buffer;
    for (;;) {
      const ssize_t count = ::recv(connection.fd(), buffer.data(), buffer.size(), 0);
      if (count < 0) {
        if (errno != EAGAIN && errno != ENOTCONN) fail(connection, system_error("recv"));
        return;
      }
      const auto state = count == 0
                             ? connection.response.end()
                             : connection.response.feed({buffer.data(), static_cast<std::size_t>(count)});
      if (state == HttpResponse::State::kIncomplete) continue;
      if (state == HttpResponse::State::kMalformed) {
        return fail(connection, count == 0 ? "the server closed the connection instead of answering"
                                           : "the answer is not HTTP");
      }
      return answered(connection, count != 0 && !connection.response.closes());
    }
  }

  void answered(Connection& connection, bool keep) {
    if (const int status = connection.response.status(); status != 200) {
      return fail(connection, "status " + std::to_string(status));
    }
    const auto took = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - connection.begun);
    result_.latencies_us.push_back(static_cast<std::uint32_t>(took.count()));
    if (!keep) ++result_.reconnects;
    finish(connection, keep);
  }

  void give_up_late_ones() {
    for (Connection& connection : connections_)
      if (connection.busy && Seconds(Clock::now() - connection.begun).count() > options_.patience_seconds)
        fail(connection, "no answer in time");
  }

  static constexpr std::uint64_t kMostFailures =
      10'000;  // a server that is not there need not be asked for ever

  const LoadOptions& options_;
  int epoll_;
  std::vector<Connection> connections_;
  std::string request_;
  LoadResult result_;
  Clock::time_point begun_;
  std::uint64_t issued_ = 0;
  std::size_t under_way_ = 0;
  std::size_t opened_ = 0;  // connections that have been started
};

}  // namespace

std::expected<Target, std::string> parse_target(const std::string& text) {
  const auto wrong = [&text](const char* what) {
    return std::unexpected("'" + text + "' " + what + ": it should look like 127.0.0.1:8000/hello");
  };
  Target target;
  const std::size_t slash = text.find('/');
  target.host = text.substr(0, slash);
  target.path = slash == std::string::npos ? "/" : text.substr(slash);
  const std::size_t colon = target.host.rfind(':');
  if (colon == std::string::npos) return wrong("names no port");
  std::uint16_t port = 0;
  const char* const end = target.host.data() + target.host.size();
  auto [stopped, error] = std::from_chars(target.host.data() + colon + 1, end, port);
  if (error != std::errc() || stopped != end || port == 0) return wrong("names no port");
  target.address.sin_family = AF_INET;
  target.address.sin_port = htons(port);
  if (::inet_pton(AF_INET, target.host.substr(0, colon).c_str(), &target.address.sin_addr) != 1)
    return wrong("does not begin with an IPv4 address");
  return target;
}

std::expected<LoadResult, std::string> run_load(const LoadOptions& options) {
  const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0) return std::unexpected(system_error("epoll_create1"));
  auto result = Load(options, epoll).run();
  ::close(epoll);
  return result;
}

}  // namespace espalier::load
