#include "net/socket_link.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/fake_guest_test_support.h"
#include "net/host_socket_test_support.h"

namespace espalier::net {
namespace {

using ::testing::HasSubstr;
using namespace net::testing;

class SocketLinkTest : public ::testing::Test {
 protected:
  base::EventLoop loop;
  std::vector<std::string> lines;
  base::Logger log{
      [this](base::LogLevel, base::LogArea, std::string_view line) { lines.emplace_back(line); }};
  FakeGuest guest{loop};

  std::unique_ptr<SocketLink> open(const std::string& text) {
    const auto spec = parse_socket_link(text);
    EXPECT_TRUE(spec) << spec.error();
    auto link = SocketLink::open(loop, log, *spec);
    EXPECT_TRUE(link) << link.error();
    return std::move(*link);
  }
  std::unique_ptr<SocketLink> listen() {
    auto link = open("listen:0");
    link->attach(&guest);
    return link;
  }
};

Bytes framed(const Bytes& frame) {
  Bytes b;
  put32(b, static_cast<std::uint32_t>(frame.size()));
  put(b, frame);
  return b;
}
std::string text(const Bytes& b) {
  return {b.begin(), b.end()};
}

TEST(SocketLinkSpec, IsRead) {
  const auto listen = parse_socket_link("listen:4000");
  ASSERT_TRUE(listen);
  EXPECT_EQ(listen->text(), "listen:127.0.0.1:4000");
  EXPECT_EQ(parse_socket_link("listen:0.0.0.0:0")->end.address, "0.0.0.0");
  EXPECT_EQ(parse_socket_link("connect:[::1]:4000")->text(), "connect:[::1]:4000");
  EXPECT_EQ(parse_socket_link("mcast:239.1.2.3:4000")->kind, SocketLinkSpec::Kind::kMulticast);
  for (const char* wrong :
       {"", "listen", "listen:", "listen:x", "listen:70000", "connect:4000", "connect:host:4000",
        "connect:127.0.0.1:0", "mcast:127.0.0.1:4000", "mcast:[ff02::1]:4000", "udp:1.2.3.4:5"})
    EXPECT_FALSE(parse_socket_link(wrong)) << wrong;
  EXPECT_THAT(parse_socket_link("connect:host:4000").error(), HasSubstr("'host' is not an IP address"));
}

TEST_F(SocketLinkTest, FramesAreSentWithTheirLength) {
  const auto link = listen();
  HostSocket peer(AF_INET, SOCK_STREAM);
  ASSERT_TRUE(peer.connect_to(link->spec().end.port));
  ASSERT_TRUE(guest.run_until([&] { return link->connected(); }));
  link->send(bytes("a frame"));
  std::string got;
  ASSERT_TRUE(guest.run_until([&] { return (got += peer.get()).size() >= 11; }));
  EXPECT_EQ(got, text(framed(bytes("a frame"))));
}

TEST_F(SocketLinkTest, FramesMayComeInPieces) {
  const auto link = listen();
  HostSocket peer(AF_INET, SOCK_STREAM);
  ASSERT_TRUE(peer.connect_to(link->spec().end.port));
  ASSERT_TRUE(guest.run_until([&] { return link->connected(); }));
  const std::string all = text(framed(bytes("first"))) + text(framed(bytes("second")));
  for (const char c : all) {
    ASSERT_TRUE(peer.put(std::string(1, c)));
    loop.poll(1'000'000);
  }
  ASSERT_TRUE(guest.run_until([&] { return guest.frames.size() == 2; }));
  EXPECT_EQ(guest.frames[0], bytes("first"));
  EXPECT_EQ(guest.frames[1], bytes("second"));
}

TEST_F(SocketLinkTest, WhatHasNoRoomWaits) {
  const auto link = listen();
  HostSocket peer(AF_INET, SOCK_STREAM);
  ASSERT_TRUE(peer.connect_to(link->spec().end.port));
  ASSERT_TRUE(guest.run_until([&] { return link->connected(); }));
  guest.room = 1;
  ASSERT_TRUE(peer.put(text(framed(bytes("first"))) + text(framed(bytes("second")))));
  guest.run_for(10);
  EXPECT_EQ(guest.frames.size(), 1u);
  ASSERT_TRUE(peer.put(text(framed(bytes("third")))));
  guest.run_for(10);
  guest.make_room(5);
  ASSERT_TRUE(guest.run_until([&] { return guest.frames.size() == 3; }));
  EXPECT_EQ(guest.frames[2], bytes("third"));
}

TEST_F(SocketLinkTest, AnEndThatSpeaksSomethingElseIsHungUpOnAndTheNextOneServed) {
  const auto link = listen();
  HostSocket peer(AF_INET, SOCK_STREAM);
  ASSERT_TRUE(peer.connect_to(link->spec().end.port));
  ASSERT_TRUE(guest.run_until([&] { return link->connected(); }));
  ASSERT_TRUE(peer.put("GET / HTTP/1.1\r\n\r\n"));
  bool closed = false;
  ASSERT_TRUE(guest.run_until([&] { return peer.get(&closed), closed; }));
  EXPECT_THAT(lines.empty() ? "" : lines[0], HasSubstr("something else than frames"));
  HostSocket next(AF_INET, SOCK_STREAM);
  ASSERT_TRUE(next.connect_to(link->spec().end.port));
  ASSERT_TRUE(guest.run_until([&] { return link->connected(); }));
  ASSERT_TRUE(next.put(text(framed(bytes("frame")))));
  EXPECT_TRUE(guest.run_until([&] { return guest.frames.size() == 1; }));
}

TEST_F(SocketLinkTest, AReaderThatSleepsLosesFramesAndNotTheConnection) {
  const auto link = listen();
  HostSocket peer(AF_INET, SOCK_STREAM);
  ASSERT_TRUE(peer.connect_to(link->spec().end.port));
  ASSERT_TRUE(guest.run_until([&] { return link->connected(); }));
  const Bytes frame(1500, 0x55);
  std::size_t sent = 0;
  for (; link->dropped() == 0 && sent < 100'000; ++sent) link->send(frame);
  ASSERT_GT(link->dropped(), 0u);
  std::size_t got = 0;
  // Whole frames and nothing else arrive.
  const std::size_t whole = (sent - 1) * (frame.size() + 4);
  EXPECT_TRUE(guest.run_until([&] { return (got += peer.get().size()) == whole; })) << got << " of " << whole;
}

TEST_F(SocketLinkTest, JoinsTwoEndsAndIsLaidAgainWhenOneReturns) {
  auto first = listen();
  const std::string port = std::to_string(first->spec().end.port);
  FakeGuest other(loop);
  const auto second = open("connect:127.0.0.1:" + port);
  second->attach(&other);
  ASSERT_TRUE(guest.run_until([&] { return first->connected() && second->connected(); }));
  first->send(bytes("to the second"));
  second->send(bytes("to the first"));
  ASSERT_TRUE(guest.run_until([&] { return guest.frames.size() == 1 && other.frames.size() == 1; }));
  EXPECT_EQ(other.frames[0], bytes("to the second"));
  first.reset();
  ASSERT_TRUE(guest.run_until([&] { return !second->connected(); }));
  second->send(bytes("nobody hears it"));
  first = open("listen:" + port);
  first->attach(&guest);
  ASSERT_TRUE(guest.run_until([&] { return first->connected() && second->connected(); }));
  second->send(bytes("again"));
  ASSERT_TRUE(guest.run_until([&] { return guest.frames.size() == 2; }));
  EXPECT_EQ(guest.frames[1], bytes("again"));
}

TEST_F(SocketLinkTest, AnAddressInUseIsNamed) {
  const auto first = listen();
  const auto second = SocketLink::open(loop, log, first->spec());
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error(), HasSubstr(first->spec().text()));
}

TEST_F(SocketLinkTest, AMulticastGroupIsOneWireAndHasNoEcho) {
  const auto spec = parse_socket_link("mcast:239.77.77.77:47123");
  auto first = SocketLink::open(loop, log, *spec);
  if (!first) GTEST_SKIP() << first.error();
  auto second = SocketLink::open(loop, log, *spec);
  ASSERT_TRUE(second);
  FakeGuest other(loop);
  (*first)->attach(&guest);
  (*second)->attach(&other);
  (*first)->send(bytes("one"));
  if (!guest.run_until([&] { return other.frames.size() == 1; })) GTEST_SKIP() << "no multicast on this host";
  EXPECT_EQ(other.frames[0], bytes("one"));
  (*second)->send(bytes("two"));
  ASSERT_TRUE(guest.run_until([&] { return !guest.frames.empty(); }));
  EXPECT_EQ(guest.frames[0], bytes("two")) << "not its own";
}

}  // namespace
}  // namespace espalier::net
