#include "net/relay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <iterator>

#include "net/host_socket_test_support.h"

namespace espalier::net {
namespace {

using ::testing::HasSubstr;
using namespace net::testing;

class RelayTest : public ::testing::Test {
 protected:
  void SetUp() override {
    HostSocket probe(AF_INET6, SOCK_STREAM);
    if (!probe.ok() || probe.bind_any() == 0) GTEST_SKIP() << "this host has no IPv6 loopback";
  }
  void start(bool udp, std::uint16_t target) {
    auto made = Relay::create(loop, {.address = "::1", .host_port = 0, .guest_port = 1, .udp = udp}, target);
    ASSERT_TRUE(made) << made.error();
    relay = std::move(*made);
    ASSERT_NE(relay->port(), 0);
  }
  bool run_until(const std::function<bool()>& done) {
    const auto end = base::EventLoop::now_ns() + 5'000'000'000;
    while (!done()) {
      if (base::EventLoop::now_ns() >= end) return false;
      loop.poll(5'000'000);
    }
    return true;
  }
  HostSocket accept_from(const HostSocket& server) {
    int fd = -1;
    EXPECT_TRUE(run_until([&] { return (fd = accept4(server.fd(), nullptr, nullptr, SOCK_NONBLOCK)) >= 0; }));
    return HostSocket(fd);
  }
  base::EventLoop loop;
  std::unique_ptr<Relay> relay;
};

TEST_F(RelayTest, BytesBothWaysAndHalfClose) {
  HostSocket server(AF_INET, SOCK_STREAM);
  start(false, server.listen_any());
  HostSocket client(AF_INET6, SOCK_STREAM);
  ASSERT_TRUE(client.connect_to(relay->port()));
  const HostSocket inner = accept_from(server);
  ASSERT_TRUE(client.put("question"));
  std::string got;
  ASSERT_TRUE(run_until([&] { return (got += inner.get()).size() == 8; }));
  EXPECT_EQ(got, "question");
  shutdown(client.fd(), SHUT_WR);
  bool ended = false;
  ASSERT_TRUE(run_until([&] {
    inner.get(&ended);
    return ended;
  }));
  ASSERT_TRUE(inner.put("late answer"));
  got.clear();
  ASSERT_TRUE(run_until([&] { return (got += client.get()).size() == 11; }));
  EXPECT_EQ(got, "late answer");
}

TEST_F(RelayTest, BigStreamsBothWaysAtOnce) {
  HostSocket server(AF_INET, SOCK_STREAM);
  start(false, server.listen_any());
  HostSocket client(AF_INET6, SOCK_STREAM);
  ASSERT_TRUE(client.connect_to(relay->port()));
  HostSocket inner = accept_from(server);
  std::string up;
  std::string down;
  for (int i = 0; up.size() < 3'000'000; ++i) up += std::to_string(i) + ' ';
  for (int i = 0; down.size() < 3'000'000; ++i) down += std::to_string(i) + '\n';
  std::size_t up_sent = 0;
  std::size_t down_sent = 0;
  std::string up_got;
  std::string down_got;
  const auto push = [](int fd, const std::string& text, std::size_t& at) {
    const ssize_t n = ::send(fd, text.data() + at, text.size() - at, MSG_NOSIGNAL);
    if (n > 0) at += static_cast<std::size_t>(n);
  };
  ASSERT_TRUE(run_until([&] {
    if (up_sent < up.size()) push(client.fd(), up, up_sent);
    if (down_sent < down.size()) push(inner.fd(), down, down_sent);
    // Readers that start late: everything in between has to wait.
    if (up_sent > 200'000) up_got += inner.get();
    if (down_sent > 200'000) down_got += client.get();
    return up_got.size() == up.size() && down_got.size() == down.size();
  }));
  EXPECT_TRUE(up_got == up);
  EXPECT_TRUE(down_got == down);
}

TEST_F(RelayTest, ClosesTheClientWhenNobodyListensBehind) {
  HostSocket bound(AF_INET, SOCK_STREAM);
  start(false, bound.bind_any());  // bound, not listening
  HostSocket client(AF_INET6, SOCK_STREAM);
  ASSERT_TRUE(client.connect_to(relay->port()));
  client.put("x");
  bool ended = false;
  EXPECT_TRUE(run_until([&] {
    client.get(&ended);
    return ended;
  }));
}

TEST_F(RelayTest, ClientThatVanishesEndsTheConnectionBehind) {
  HostSocket server(AF_INET, SOCK_STREAM);
  start(false, server.listen_any());
  HostSocket client(AF_INET6, SOCK_STREAM);
  ASSERT_TRUE(client.connect_to(relay->port()));
  const HostSocket inner = accept_from(server);
  const linger abort{.l_onoff = 1, .l_linger = 0};
  setsockopt(client.fd(), SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
  client.reset();
  bool ended = false;
  EXPECT_TRUE(run_until([&] {
    inner.get(&ended);
    return ended;
  }));
  EXPECT_FALSE(loop.poll(1'000'000));
}

TEST_F(RelayTest, DatagramsFindTheirWayBackToTheirSender) {
  HostSocket server(AF_INET, SOCK_DGRAM);
  start(true, server.bind_any());
  HostSocket one(AF_INET6, SOCK_DGRAM);
  HostSocket two(AF_INET6, SOCK_DGRAM);
  for (const HostSocket* s : {&one, &two}) {
    ASSERT_TRUE(const_cast<HostSocket*>(s)->connect_to(relay->port()));
  }
  ASSERT_TRUE(one.put("1"));
  ASSERT_TRUE(two.put("2"));
  int answered = 0;
  ASSERT_TRUE(run_until([&] {
    char data[8];
    sockaddr_in from{};
    socklen_t size = sizeof from;
    const ssize_t n = recvfrom(server.fd(), data, sizeof data, 0, reinterpret_cast<sockaddr*>(&from), &size);
    if (n > 0) {
      const std::string answer = "for " + std::string(data, static_cast<std::size_t>(n));
      sendto(server.fd(), answer.data(), answer.size(), 0, reinterpret_cast<sockaddr*>(&from), size);
      ++answered;
    }
    return answered == 2;
  }));
  std::string first;
  std::string second;
  ASSERT_TRUE(run_until([&] {
    first += one.get();
    second += two.get();
    return !first.empty() && !second.empty();
  }));
  EXPECT_EQ(first, "for 1");
  EXPECT_EQ(second, "for 2");
}

TEST_F(RelayTest, ManyDatagramClientsAreBounded) {
  HostSocket server(AF_INET, SOCK_DGRAM);
  start(true, server.bind_any());
  for (int i = 0; i < 400; ++i) {
    HostSocket client(AF_INET6, SOCK_DGRAM);
    ASSERT_TRUE(client.connect_to(relay->port()));
    ASSERT_TRUE(client.put("x"));
    loop.poll(0);
  }
  std::string got;
  ASSERT_TRUE(run_until([&] { return !(got += server.get()).empty(); }));
  const auto open_now = std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
  EXPECT_LT(open_now, 300);
}

TEST_F(RelayTest, PortInUseIsNamed) {
  HostSocket holder(AF_INET6, SOCK_STREAM);
  const auto port = holder.listen_any();
  const auto made = Relay::create(loop, {.address = "::1", .host_port = port, .guest_port = 1}, 1);
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error(), HasSubstr("[::1]:" + std::to_string(port)));
  EXPECT_THAT(made.error(), HasSubstr("in use"));
}

}  // namespace
}  // namespace espalier::net
