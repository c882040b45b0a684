// Web servers that do as a test says, however wrong that is.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "load/generator.h"

namespace espalier::load::test {

// The other end of a connection.
class Peer {
 public:
  explicit Peer(int fd) : fd_(fd) {}
  void send(std::string_view bytes) const { ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL); }
  // Ends with RST instead of FIN.
  void reset() const {
    const linger now{.l_onoff = 1, .l_linger = 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  }

 private:
  int fd_;
};

inline std::string ok(std::string_view body = "ok", std::string_view fields = "") {
  return "HTTP/1.1 200 OK\r\n" + std::string(fields) + "Content-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + std::string(body);
}

// Listens on 127.0.0.1, a thread for each connection. Each request, counted from 0 over all connections, is
// given to `behave`, which answers, or not, and says whether the connection goes on.
class Server {
 public:
  using Behave = std::function<bool(const Peer&, int number)>;

  explicit Server(Behave behave) : behave_(std::move(behave)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(listener_, 128), 0);
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    accepting_ = std::thread([this] { accept_all(); });
  }
  ~Server() {
    ::shutdown(listener_, SHUT_RDWR);
    accepting_.join();
    ::close(listener_);
    {
      const std::lock_guard lock(mutex_);
      for (const int fd : open_) ::shutdown(fd, SHUT_RDWR);
    }
    for (std::thread& thread : serving_) thread.join();
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  std::string url(const std::string& path = "/hello") const {
    return "http://127.0.0.1:" + std::to_string(port_) + path;
  }
  int connections() const { return connections_; }
  int requests() const { return requests_; }
  std::string first_request() {
    const std::lock_guard lock(mutex_);
    return first_request_;
  }

 private:
  void accept_all() {
    for (;;) {
      const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) return;
      ++connections_;
      const std::lock_guard lock(mutex_);
      open_.push_back(fd);
      serving_.emplace_back([this, fd] { serve(fd); });
    }
  }
  void serve(int fd) {
    std::string request;
    std::array<char, 1024> buffer;
    for (bool more = true; more;) {
      std::size_t end = 0;
      while ((end = request.find("\r\n\r\n")) == std::string::npos) {
        const ssize_t count = ::recv(fd, buffer.data(), buffer.size(), 0);
        if (count <= 0) break;
        request.append(buffer.data(), static_cast<std::size_t>(count));
      }
      if (end == std::string::npos) break;
      {
        const std::lock_guard lock(mutex_);
        if (first_request_.empty()) first_request_ = request;
      }
      request.erase(0, end + 4);
      more = behave_(Peer(fd), requests_++);
    }
    const std::lock_guard lock(mutex_);
    std::erase(open_, fd);
    ::close(fd);
  }

  Behave behave_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<int> connections_ = 0;
  std::atomic<int> requests_ = 0;
  std::mutex mutex_;
  std::string first_request_;
  std::vector<int> open_;
  std::vector<std::thread> serving_;
  std::thread accepting_;
};

// Answers everything with `text`.
inline Server::Behave always(std::string text, bool goes_on = true) {
  return [text = std::move(text), goes_on](const Peer& peer, int) {
    peer.send(text);
    return goes_on;
  };
}

// A closed loop of `requests` to these URLs over one connection; 30 s at most.
inline LoadOptions options_for(const std::vector<std::string>& urls, std::uint64_t requests) {
  LoadOptions options;
  for (const std::string& url : urls) {
    auto targets = parse_url(url);
    EXPECT_TRUE(targets) << targets.error();
    if (targets) options.targets.insert(options.targets.end(), targets->begin(), targets->end());
  }
  options.connections = 1;
  options.requests = requests;
  options.duration_ns = 30'000'000'000;
  return options;
}

inline std::uint64_t outcome(const LoadResult& result, Outcome which) {
  return result.outcomes[static_cast<std::size_t>(which)];
}

}  // namespace espalier::load::test
