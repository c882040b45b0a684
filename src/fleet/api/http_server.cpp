#include "fleet/api/http_server.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <thread>
#include <utility>

#include "base/unix_socket.h"
#include "fleet/api/http_connection.h"

namespace espalier::fleet::api {

namespace {

namespace asio = boost::asio;
using Code = boost::system::error_code;

constexpr int kBacklog = 256;

// Threads that are made meanwhile get no signals: these are for the program's own.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_{};
};

// A listening descriptor and the file that it may be found by.
class Listener {
 public:
  Listener(asio::io_context& io, int fd, Endpoint endpoint)
      : descriptor_(io, fd), retry_(io), endpoint_(std::move(endpoint)) {
    listen(fd, kBacklog);
    if (endpoint_.is_unix()) stat(endpoint_.path.c_str(), &file_);
  }
  ~Listener() {
    struct stat now {};
    // Not what somebody else has put there since.
    if (endpoint_.is_unix() && lstat(endpoint_.path.c_str(), &now) == 0 && now.st_ino == file_.st_ino &&
        now.st_dev == file_.st_dev)
      unlink(endpoint_.path.c_str());
  }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  const Endpoint& endpoint() const { return endpoint_; }
  asio::posix::stream_descriptor& descriptor() { return descriptor_; }
  asio::steady_timer& retry() { return retry_; }
  void close() {
    Code ignored;
    descriptor_.close(ignored);
    retry_.cancel();
  }

 private:
  asio::posix::stream_descriptor descriptor_;
  asio::steady_timer retry_;
  Endpoint endpoint_;
  struct stat file_ {};
};

}  // namespace

class Server::Impl {
 public:
  Impl(Router router, ServerOptions options)
      : router_(std::move(router)),
        options_(std::move(options)),
        context_{.router = router_, .options = options_, .pool{options_.handler_threads}} {}

  ~Impl() {
    if (!thread_.joinable()) return;
    asio::post(context_.io, [this] { stop(); });
    thread_.join();
    context_.pool.join();
  }

  std::expected<void, std::string> listen_at(Endpoint endpoint) {
    const auto failed = [&](std::string_view why) {
      return std::unexpected(fmt::format("cannot listen on {}: {}", endpoint.name(), why));
    };
    if (!endpoint.is_unix() && endpoint.token.empty())
      return failed("the control API needs a token on TCP; on a Unix socket it needs none");
    const auto fd =
        endpoint.is_unix() ? base::listen_unix(endpoint.path, 0600) : base::listen_tcp(endpoint.tcp);
    if (!fd) return failed(fd.error());
    listeners_.push_back(std::make_unique<Listener>(context_.io, *fd, endpoint));
    endpoints_.push_back(std::move(endpoint));
    return {};
  }

  void run() {
    for (const auto& listener : listeners_) accept(*listener);
    thread_ = std::thread([this] { context_.io.run(); });
  }

  const std::vector<Endpoint>& endpoints() const { return endpoints_; }

 private:
  void accept(Listener& listener) {
    listener.descriptor().async_wait(asio::posix::stream_descriptor::wait_read,
                                     [this, &listener](Code error) {
                                       if (error || context_.stopping) return;
                                       if (accept_all(listener)) return accept(listener);
                                       // No descriptor or memory to spare: a while later there may be.
                                       listener.retry().expires_after(std::chrono::milliseconds(100));
                                       listener.retry().async_wait([this, &listener](Code cancelled) {
                                         if (!cancelled) accept(listener);
                                       });
                                     });
  }

  // False if the host has no room for another connection.
  bool accept_all(Listener& listener) {
    for (int n = 0; n < kBacklog; ++n) {
      const int fd = accept4(listener.descriptor().native_handle(), nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) return errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM;
      if (context_.connections.size() >= options_.connections) {
        turn_away(fd);
        continue;
      }
      const bool tcp = !listener.endpoint().is_unix();
      const int one = 1;
      if (tcp) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
      const int family = !tcp                                                             ? AF_UNIX
                         : listener.endpoint().tcp.address.find(':') != std::string::npos ? AF_INET6
                                                                                          : AF_INET;
      ServerContext::Socket socket(context_.io);
      Code error;
      socket.assign(asio::generic::stream_protocol(family, tcp ? IPPROTO_TCP : 0), fd, error);
      if (error)
        ::close(fd);
      else
        start_http(context_, std::move(socket), listener.endpoint().token);
    }
    return true;
  }

  void turn_away(int fd) {
    const Response response = problem(503, "too many connections");
    const std::string text = fmt::format(
        "HTTP/1.1 503 {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nRetry-After: 1\r\nConnection: "
        "close\r\n\r\n{}",
        status_name(503), response.content_type, response.body.size(), response.body);
    // What does not fit into an empty socket's buffer is not worth waiting for.
    (void)!send(fd, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    ::close(fd);
  }

  // In the server's thread: no more connections, and those there are come to their ends.
  void stop() {
    context_.stopping = true;
    for (const auto& listener : listeners_) listener->close();
    for (const auto& connection : all()) connection->finish();
    deadline_.expires_after(options_.grace);
    deadline_.async_wait([this](Code) {
      for (const auto& connection : all()) connection->abort();
      context_.io.stop();
    });
    wait_for_the_last();
  }

  void wait_for_the_last() {
    if (context_.connections.empty()) {
      deadline_.cancel();
      return;
    }
    poll_.expires_after(std::chrono::milliseconds(5));
    poll_.async_wait([this](Code error) {
      if (!error) wait_for_the_last();
    });
  }

  std::vector<std::shared_ptr<Connection>> all() const {
    std::vector<std::shared_ptr<Connection>> there;
    for (const auto& [raw, weak] : context_.connections)
      if (auto connection = weak.lock()) there.push_back(std::move(connection));
    return there;
  }

  Router router_;
  ServerOptions options_;
  ServerContext context_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::vector<Endpoint> endpoints_;
  asio::executor_work_guard<asio::io_context::executor_type> work_{context_.io.get_executor()};
  asio::steady_timer deadline_{context_.io};
  asio::steady_timer poll_{context_.io};
  std::thread thread_;
};

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;

std::expected<std::unique_ptr<Server>, std::string> Server::start(Router router,
                                                                  std::vector<Endpoint> endpoints,
                                                                  ServerOptions options) {
  const SignalsBlocked blocked;
  auto impl = std::make_unique<Impl>(std::move(router), std::move(options));
  for (Endpoint& endpoint : endpoints)
    if (auto listening = impl->listen_at(std::move(endpoint)); !listening)
      return std::unexpected(listening.error());
  impl->run();
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

const std::vector<Endpoint>& Server::endpoints() const {
  return impl_->endpoints();
}

}  // namespace espalier::fleet::api
