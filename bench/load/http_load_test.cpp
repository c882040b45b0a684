#include "load/http_load.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace espalier::load {
namespace {

// A server that gives each connection `answers` answers and closes it, until it is destroyed.
class Server {
 public:
  Server(std::string answer, int answers) : answer_(std::move(answer)), answers_(answers) {
    listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address);
    ::listen(listener_, 16);
    socklen_t length = sizeof address;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
    listening_ = std::thread([this] { listen(); });
  }
  ~Server() {
    ::shutdown(listener_, SHUT_RDWR);
    listening_.join();
    for (std::thread& thread : serving_) thread.join();
    ::close(listener_);
  }
  std::string url() const { return "127.0.0.1:" + std::to_string(port_) + "/hello"; }
  int connections() const { return connections_; }
  std::string first_request() {
    const std::lock_guard lock(mutex_);
    return first_request_;
  }

 private:
  void listen() {
    for (int connection; (connection = ::accept(listener_, nullptr, nullptr)) >= 0;) {
      ++connections_;
      serving_.emplace_back([this, connection] { serve(connection); });
    }
  }
  void serve(int connection) {
    for (int n = 0; n < answers_; ++n) {
      std::string request;
      std::array<char, 1024> buffer;
      while (request.find("\r\n\r\n") == std::string::npos) {
        const ssize_t count = ::recv(connection, buffer.data(), buffer.size(), 0);
        if (count <= 0) break;
        request.append(buffer.data(), static_cast<std::size_t>(count));
      }
      if (request.empty()) break;
      ::send(connection, answer_.data(), answer_.size(), MSG_NOSIGNAL);
      const std::lock_guard lock(mutex_);
      if (first_request_.empty()) first_request_ = request;
    }
    ::close(connection);
  }

  std::string answer_;
  int answers_, listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<int> connections_ = 0;
  std::mutex mutex_;
  std::string first_request_;
  std::vector<std::thread> serving_;
  std::thread listening_;
};

LoadOptions options_for(const std::string& url, std::uint64_t requests) {
  LoadOptions options;
  options.target = *parse_target(url);
  options.requests = requests;
  options.seconds = 30;
  return options;
}

const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

TEST(HttpLoad, CountsWhatIsAnswered) {
  Server server(kOk, 20);
  const LoadResult result = run_load(options_for(server.url(), 20)).value();
  EXPECT_EQ(result.latencies_us.size(), 20u);
  EXPECT_EQ(result.failures, 0u) << result.first_failure;
  EXPECT_EQ(result.reconnects, 0u);
  EXPECT_EQ(server.connections(), 1);
  EXPECT_GT(result.seconds, 0);
  EXPECT_TRUE(std::ranges::is_sorted(result.latencies_us));
  EXPECT_THAT(server.first_request(), testing::StartsWith("GET /hello HTTP/1.1\r\nHost: 127.0.0.1:"));
}

TEST(HttpLoad, OpensAllItsConnections) {
  Server server(kOk, 1000);
  LoadOptions options = options_for(server.url(), 100);
  options.connections = 4;
  const LoadResult result = run_load(options).value();
  EXPECT_EQ(result.latencies_us.size(), 100u);
  EXPECT_EQ(result.failures, 0u) << result.first_failure;
  EXPECT_EQ(server.connections(), 4);
}

TEST(HttpLoad, StopsWhenItsTimeIsOver) {
  Server server(kOk, 1 << 30);
  LoadOptions options = options_for(server.url(), 0);
  options.seconds = 0.05;
  const LoadResult result = run_load(options).value();
  EXPECT_GT(result.latencies_us.size(), 0u);
  EXPECT_GE(result.seconds, 0.05);
}

TEST(HttpLoad, ConnectsAgainWhereTheServerSaysThatItCloses) {
  Server server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok", 1);
  const LoadResult result = run_load(options_for(server.url(), 5)).value();
  EXPECT_EQ(result.latencies_us.size(), 5u);
  EXPECT_EQ(result.failures, 0u) << result.first_failure;
  EXPECT_EQ(result.reconnects, 5u);
}

TEST(HttpLoad, AnErrorStatusIsAFailure) {
  Server server("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", 1);
  const LoadResult result = run_load(options_for(server.url(), 3)).value();
  EXPECT_EQ(result.failures, 3u);
  EXPECT_EQ(result.first_failure, "status 503");
}

TEST(HttpLoad, AServerThatIsNotThereIsAFailure) {
  const LoadResult result = run_load(options_for("127.0.0.1:1/", 2)).value();
  EXPECT_EQ(result.failures, 2u);
  EXPECT_THAT(result.first_failure, testing::HasSubstr("refused"));
}

TEST(HttpLoad, ASilentServerIsAFailure) {
  Server server("", 1);
  const LoadResult result = run_load(options_for(server.url(), 1)).value();
  EXPECT_EQ(result.failures, 1u);
  EXPECT_EQ(result.first_failure, "the server closed the connection instead of answering");
}

TEST(HttpLoad, ATargetHasAnAddressAPortAndAPath) {
  const Target target = parse_target("127.0.0.1:8000/a/b").value();
  EXPECT_EQ(ntohs(target.address.sin_port), 8000);
  EXPECT_EQ(target.path, "/a/b");
  EXPECT_EQ(parse_target("127.0.0.1:80")->path, "/");
  for (const char* wrong :
       {"", "127.0.0.1", "127.0.0.1:0/", "127.0.0.1:70000/", "localhost:80/", "127.0.0.1:/"})
    EXPECT_FALSE(parse_target(wrong)) << wrong;
}

}  // namespace
}  // namespace espalier::load
