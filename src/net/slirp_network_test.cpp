#include "net/slirp_network.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/fake_guest_test_support.h"
#include "net/host_socket_test_support.h"

namespace espalier::net {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using namespace net::testing;

class SlirpTest : public ::testing::Test {
 protected:
  base::EventLoop loop;
  base::Logger log{
      [this](base::LogLevel, base::LogArea, std::string_view line) { lines.emplace_back(line); }};
  std::vector<std::string> lines;
  FakeGuest guest{loop};
  std::unique_ptr<SlirpNetwork> network;

  void SetUp() override { start({}); }
  void start(const SlirpOptions& options) {
    network.reset();
    auto made = SlirpNetwork::create(loop, log, options);
    ASSERT_TRUE(made) << made.error();
    network = std::move(*made);
    network->attach(&guest);
    guest.network = network.get();
  }
  std::uint16_t publish(std::string_view text) {
    const auto parsed = parse_publish(text);
    EXPECT_TRUE(parsed);
    const auto port = network->publish(*parsed);
    EXPECT_TRUE(port) << port.error();
    return port.value_or(0);
  }
  // Publishes the guest's port 80, from where `tcp` takes the client's connection.
  bool connect(HostSocket& client, GuestTcp& tcp) {
    const auto port = publish("0:80");
    guest.announce();
    return client.connect_to(port) && tcp.accept();
  }
};

Bytes dhcp_message(std::uint8_t kind, std::uint32_t requested) {
  Bytes p = {1, 1, 6, 0, 0x12, 0x34, 0x56, 0x78, 0, 0, 0x80, 0};
  p.resize(28);
  put(p, kGuestMac);
  p.resize(236);
  put32(p, 0x63825363);
  put(p, Bytes{53, 1, kind});
  if (requested != 0) {
    put(p, Bytes{50, 4});
    put32(p, requested);
    put(p, Bytes{54, 4});
    put32(p, kHostIp);
  }
  put(p, Bytes{55, 3, 1, 3, 6, 255});
  p.resize(300);
  return p;
}

std::optional<Bytes> dhcp_option(const Bytes& message, std::uint8_t code) {
  for (std::size_t at = 240; at + 2 <= message.size() && message[at] != 255;) {
    if (message[at] == 0) {
      ++at;
      continue;
    }
    const std::size_t size = message[at + 1];
    if (message[at] == code)
      return Bytes(message.begin() + static_cast<std::ptrdiff_t>(at) + 2,
                   message.begin() + static_cast<std::ptrdiff_t>(at + 2 + size));
    at += 2 + size;
  }
  return std::nullopt;
}

TEST_F(SlirpTest, DhcpGivesTheUsualAddresses) {
  guest.address = 0;
  guest.send_udp(68, ~0u, 67, dhcp_message(1, 0));
  const auto offer = guest.take([](Frame f) { return is_udp_to(f, 68); });
  ASSERT_TRUE(offer);
  EXPECT_EQ(get32(udp_data(*offer), 16), kGuestIp);
  EXPECT_EQ(dhcp_option(udp_data(*offer), 53), Bytes{2});
  guest.send_udp(68, ~0u, 67, dhcp_message(3, kGuestIp));
  const auto ack = guest.take([](Frame f) { return is_udp_to(f, 68); });
  ASSERT_TRUE(ack);
  const Bytes message = udp_data(*ack);
  EXPECT_EQ(dhcp_option(message, 53), Bytes{5});
  EXPECT_EQ(get32(message, 16), kGuestIp);
  EXPECT_EQ(dhcp_option(message, 1), (Bytes{255, 255, 255, 0}));
  EXPECT_EQ(dhcp_option(message, 3), (Bytes{10, 0, 2, 2}));
  EXPECT_EQ(dhcp_option(message, 6), (Bytes{10, 0, 2, 3}));
}

TEST(SlirpOptions, AGuestThatGoesOnKeepsItsNetwork) {
  const GuestLease lease{
      .address = ip(10, 1, 0, 16), .gateway = ip(10, 1, 0, 2), .dns = ip(10, 1, 0, 3), .mask = ~0xffffu};
  SlirpOptions options;
  options.hostname = "a";
  options.adopt(lease);
  EXPECT_EQ(options.network, "10.1.0.0");
  EXPECT_EQ(options.prefix_length, 16u);
  EXPECT_EQ(options.host, "10.1.0.2");
  EXPECT_EQ(options.dns, "10.1.0.3");
  EXPECT_EQ(options.guest, "10.1.0.16");
  EXPECT_EQ(options.hostname, "a");
  SlirpOptions chosen;
  chosen.guest = "10.0.2.20";
  chosen.adopt(lease);
  EXPECT_EQ(chosen.network, "10.0.2.0");
  SlirpOptions none;
  none.adopt({});
  EXPECT_EQ(none.guest, "10.0.2.15");
}

TEST_F(SlirpTest, SaysWhatTheGuestHasBeenGiven) {
  EXPECT_FALSE(network->guest_lease());
  guest.announce();
  EXPECT_EQ(network->guest_lease(),
            (GuestLease{.address = kGuestIp, .gateway = kHostIp, .dns = kDnsIp, .mask = ~255u}));
}

TEST_F(SlirpTest, AnswersWithinSend) {
  guest.arp(1, kHostIp);
  ASSERT_EQ(guest.frames.size(), 1u);  // without a turn of the loop
  EXPECT_EQ(get16(guest.frames[0], 20), 2);
  EXPECT_EQ(get32(guest.frames[0], 28), kHostIp);
}

TEST_F(SlirpTest, ArpForHostAndNameServerOnly) {
  guest.arp(1, kDnsIp);
  EXPECT_EQ(guest.frames.size(), 1u);
  guest.arp(1, ip(10, 0, 2, 99));
  EXPECT_EQ(guest.frames.size(), 1u);
}

TEST_F(SlirpTest, PingsTheHost) {
  guest.announce();
  Bytes echo = {8, 0, 0, 0, 0x11, 0x22, 0, 1, 'p', 'i', 'n', 'g'};
  const std::uint16_t sum = checksum(echo);
  echo[2] = static_cast<std::uint8_t>(sum >> 8);
  echo[3] = static_cast<std::uint8_t>(sum);
  guest.send_ip(kHostIp, 1, echo);
  const auto reply = guest.take([](Frame f) { return is_ip(f, 1); });
  ASSERT_TRUE(reply);
  EXPECT_EQ((*reply)[34], 0);  // echo reply
  EXPECT_EQ(get32(*reply, 26), kHostIp);
}

TEST_F(SlirpTest, TcpFromTheGuestToAServerOnTheHost) {
  HostSocket server(AF_INET, SOCK_STREAM);
  const auto port = server.listen_any();
  guest.announce();
  GuestTcp tcp(guest, 50000);
  ASSERT_TRUE(tcp.connect(kHostIp, port));
  HostSocket accepted(accept4(server.fd(), nullptr, nullptr, SOCK_NONBLOCK));
  ASSERT_TRUE(accepted.ok());
  tcp.send("hello from the guest");
  std::string got;
  ASSERT_TRUE(guest.run_until([&] { return (got += accepted.get()).size() >= 20; }));
  EXPECT_EQ(got, "hello from the guest");
  ASSERT_TRUE(accepted.put("and back"));
  ASSERT_TRUE(tcp.receive(8));
  EXPECT_EQ(tcp.received, "and back");
  accepted.reset();
  EXPECT_TRUE(guest.run_until([&] {
    tcp.absorb();
    return tcp.peer_closed;
  }));
}

TEST_F(SlirpTest, RefusedConnectionsAreReset) {
  HostSocket bound(AF_INET, SOCK_STREAM);
  const auto port = bound.bind_any();  // and not listening
  guest.announce();
  GuestTcp tcp(guest, 50001);
  EXPECT_FALSE(tcp.connect(kHostIp, port));
}

TEST_F(SlirpTest, PublishedTcpPortReachesTheGuest) {
  HostSocket client(AF_INET, SOCK_STREAM);
  GuestTcp tcp(guest, 80);
  ASSERT_TRUE(connect(client, tcp));
  EXPECT_EQ(tcp.remote, kHostIp);
  ASSERT_TRUE(client.put("GET /hello"));
  ASSERT_TRUE(tcp.receive(10));
  EXPECT_EQ(tcp.received, "GET /hello");
  tcp.send("Hello World!");
  tcp.close();
  std::string got;
  bool closed = false;
  ASSERT_TRUE(guest.run_until([&] {
    tcp.absorb();
    got += client.get(&closed);
    return closed;
  }));
  EXPECT_EQ(got, "Hello World!");
}

// Without that, each answer of a guest whose stack uses Nagle's algorithm waits for libslirp's timer of 2 ms.
TEST_F(SlirpTest, DataThatAcknowledgesAsWellIsAcknowledgedWhenTheGuestIsIdle) {
  HostSocket client(AF_INET, SOCK_STREAM);
  GuestTcp tcp(guest, 80);
  ASSERT_TRUE(connect(client, tcp));
  tcp.delays_acks = true;
  for (int turn = 0; turn < 20; ++turn) {
    ASSERT_TRUE(client.put("GET /hello"));
    ASSERT_TRUE(tcp.receive((turn + 1) * 10u));
    guest.frames.clear();
    tcp.send("HTTP/1.1 200 OK");
    EXPECT_TRUE(guest.frames.empty()) << turn << ": at once, each piece would be a segment of its own";
    EXPECT_TRUE(network->guest_idle());
    ASSERT_EQ(guest.frames.size(), 1u) << turn;  // without a turn of the loop
    EXPECT_EQ(get32(guest.frames[0], 42), tcp.next_sequence()) << turn;
    EXPECT_FALSE(network->guest_idle()) << turn;
    tcp.send("Hello World!");
  }
  std::string got;
  ASSERT_TRUE(guest.run_until([&] { return (got += client.get()).size() >= 20 * 27; }));
  EXPECT_EQ(got.substr(0, 27), "HTTP/1.1 200 OKHello World!");
  EXPECT_EQ(got.size(), 20u * 27);
}

// As on a host that does not run the machine, and where the guest never waits.
TEST_F(SlirpTest, AcknowledgementsWaitForTheGuestsWorkButNotForEver) {
  HostSocket client(AF_INET, SOCK_STREAM);
  GuestTcp tcp(guest, 80);
  ASSERT_TRUE(connect(client, tcp));
  tcp.delays_acks = true;
  std::uint64_t sent = 0;
  const auto answer = [&](std::size_t requests) {
    ASSERT_TRUE(client.put("GET /hello"));
    ASSERT_TRUE(tcp.receive(requests * 10));
    guest.frames.clear();
    sent = base::EventLoop::now_ns();
    tcp.send("HTTP/1.1 200 OK");
  };
  answer(1);
  ASSERT_TRUE(guest.run_until([&] { return !guest.frames.empty(); }));
  EXPECT_EQ(get32(guest.frames[0], 42), tcp.next_sequence());
  EXPECT_GE(base::EventLoop::now_ns() - sent, 30'000'000u) << "libslirp's own timer takes 2 ms";
  timespec begun{}, now{};
  answer(2);
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begun);
  do {
    loop.poll(0);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  } while (guest.frames.empty() && now.tv_sec - begun.tv_sec < 2);
  ASSERT_FALSE(guest.frames.empty());
  EXPECT_EQ(get32(guest.frames[0], 42), tcp.next_sequence());
  const auto work = (now.tv_sec - begun.tv_sec) * 1'000'000'000 + now.tv_nsec - begun.tv_nsec;
  EXPECT_LT(work, 10'000'000);
}

// A guest with a full backlog drops a SYN and counts on its being sent again.
TEST_F(SlirpTest, ConnectionsThatTheGuestLeavesUnansweredAreAskedForAgainSoon) {
  const auto port = publish("0:80");
  guest.announce();
  HostSocket client(AF_INET, SOCK_STREAM);
  ASSERT_TRUE(client.connect_to(port));
  const auto is_syn = [](Frame f) { return is_ip(f, 6) && (f[47] & 0x12) == 0x02; };
  const auto first = guest.take(is_syn);
  ASSERT_TRUE(first);
  const auto before = base::EventLoop::now_ns();
  const auto second = guest.take(is_syn);
  ASSERT_TRUE(second);
  EXPECT_EQ(*first, *second);
  EXPECT_GE(base::EventLoop::now_ns() - before, 100'000'000u);
  GuestTcp tcp(guest, 80);
  ASSERT_TRUE(tcp.accept());
  EXPECT_LT(base::EventLoop::now_ns() - before, 3'000'000'000u);
  guest.frames.clear();
  ASSERT_TRUE(client.put("GET /hello"));
  ASSERT_TRUE(tcp.receive(10));
  guest.run_for(400);
  EXPECT_TRUE(std::ranges::none_of(guest.frames, is_syn)) << "answered";
}

TEST_F(SlirpTest, ConnectionsWaitUntilTheGuestHasItsAddress) {
  const auto port = publish("0:80");
  guest.announce();
  guest.frames.clear();
  network->guest_down();  // as after a reset: what was known before does not count
  HostSocket client(AF_INET, SOCK_STREAM);
  ASSERT_TRUE(client.connect_to(port));
  ASSERT_TRUE(client.put("early"));
  guest.answers_arp = false;
  guest.run_for(60);
  EXPECT_TRUE(guest.frames.empty());
  guest.answers_arp = true;
  const auto before = base::EventLoop::now_ns();
  guest.announce();
  GuestTcp tcp(guest, 80);
  ASSERT_TRUE(tcp.accept());
  ASSERT_TRUE(tcp.receive(5));
  EXPECT_EQ(tcp.received, "early");
  EXPECT_LT(base::EventLoop::now_ns() - before, 500'000'000u);  // at once, not by retransmission
}

TEST_F(SlirpTest, ManyConnectionsAtOnceAreAllAcceptedPromptly) {
  const auto port = publish("0:80");
  guest.announce();
  std::vector<HostSocket> clients;
  for (int i = 0; i < 20; ++i) {
    clients.emplace_back(AF_INET, SOCK_STREAM);
    ASSERT_TRUE(clients.back().connect_to(port));
  }
  const auto before = base::EventLoop::now_ns();
  for (int i = 0; i < 20; ++i) {
    GuestTcp tcp(guest, 80);
    ASSERT_TRUE(tcp.accept()) << i;
  }
  // A SYN that a full backlog drops is repeated after a second.
  EXPECT_LT(base::EventLoop::now_ns() - before, 900'000'000u);
}

TEST_F(SlirpTest, UdpBothWays) {
  HostSocket server(AF_INET, SOCK_DGRAM);
  const auto port = server.bind_any();
  guest.announce();
  guest.send_udp(4000, kHostIp, port, bytes("ask"));
  std::string got;
  sockaddr_in from{};
  ASSERT_TRUE(guest.run_until([&] {
    char buffer[16];
    socklen_t size = sizeof from;
    const ssize_t n =
        recvfrom(server.fd(), buffer, sizeof buffer, 0, reinterpret_cast<sockaddr*>(&from), &size);
    if (n > 0) got.assign(buffer, static_cast<std::size_t>(n));
    return n > 0;
  }));
  EXPECT_EQ(got, "ask");
  ASSERT_EQ(sendto(server.fd(), "tell", 4, 0, reinterpret_cast<sockaddr*>(&from), sizeof from), 4);
  const auto answer = guest.take([](Frame f) { return is_udp_to(f, 4000); });
  ASSERT_TRUE(answer);
  EXPECT_EQ(udp_data(*answer), bytes("tell"));
  EXPECT_EQ(get32(*answer, 26), kHostIp);
}

TEST_F(SlirpTest, PublishedUdpPortAnswersFromItself) {
  const auto port = publish("0:5353/udp");
  guest.announce();
  HostSocket client(AF_INET, SOCK_DGRAM);
  ASSERT_TRUE(client.connect_to(port));  // takes answers from that port only
  ASSERT_TRUE(client.put("query"));
  const auto query = guest.take([](Frame f) { return is_udp_to(f, 5353); });
  ASSERT_TRUE(query);
  EXPECT_EQ(udp_data(*query), bytes("query"));
  guest.send_udp(5353, get32(*query, 26), get16(*query, 34), bytes("answer"));
  std::string got;
  ASSERT_TRUE(guest.run_until([&] { return !(got = client.get()).empty(); }));
  EXPECT_EQ(got, "answer");
}

TEST_F(SlirpTest, PublishedOnIpv6ReachesAGuestWithoutIpv6) {
  HostSocket client(AF_INET6, SOCK_STREAM);
  HostSocket probe(AF_INET6, SOCK_STREAM);
  if (!probe.ok() || probe.bind_any() == 0) GTEST_SKIP() << "this host has no IPv6 loopback";
  const auto port = publish("[::1]:0:80");
  guest.announce();
  ASSERT_TRUE(client.connect_to(port));
  GuestTcp tcp(guest, 80);
  ASSERT_TRUE(tcp.accept());
  ASSERT_TRUE(client.put("over six"));
  ASSERT_TRUE(tcp.receive(8));
  EXPECT_EQ(tcp.received, "over six");
  tcp.send("answered by four");
  tcp.close();
  std::string got;
  bool closed = false;
  ASSERT_TRUE(guest.run_until([&] {
    tcp.absorb();
    got += client.get(&closed);
    return closed;
  }));
  EXPECT_EQ(got, "answered by four");
}

TEST_F(SlirpTest, PortInUseIsNamed) {
  HostSocket holder(AF_INET, SOCK_STREAM);
  const auto port = holder.listen_any();
  const auto result = network->publish({.host_port = port, .guest_port = 80});
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error(), HasSubstr("127.0.0.1:" + std::to_string(port)));
  EXPECT_THAT(result.error(), HasSubstr("in use"));
  HostSocket udp(AF_INET, SOCK_DGRAM);
  const auto udp_port = udp.bind_any();
  const auto udp_result = network->publish({.host_port = udp_port, .guest_port = 80, .udp = true});
  ASSERT_FALSE(udp_result);
  EXPECT_THAT(udp_result.error(), HasSubstr(std::to_string(udp_port) + "/udp"));
  EXPECT_THAT(udp_result.error(), HasSubstr("in use"));
}

TEST_F(SlirpTest, SamePortTwiceIsInUseAndAddressesMustExist) {
  const auto port = publish("0:80");
  EXPECT_THAT(network->publish({.host_port = port, .guest_port = 81}).error(), HasSubstr("in use"));
  EXPECT_THAT(network->publish({.address = "192.0.2.1", .guest_port = 81}).error(),
              HasSubstr("no interface"));
}

TEST_F(SlirpTest, Ipv6PortInUseIsNamedAsTheUserWroteIt) {
  HostSocket holder(AF_INET6, SOCK_STREAM);
  const std::uint16_t port = holder.ok() ? holder.listen_any() : std::uint16_t{0};
  if (port == 0) GTEST_SKIP() << "this host has no IPv6 loopback";
  const auto result = network->publish({.address = "::1", .host_port = port, .guest_port = 80});
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error(), HasSubstr("[::1]:" + std::to_string(port)));
  guest.announce();
  guest.run_for(5);  // the forwarding behind it is gone as well
}

TEST_F(SlirpTest, ReleasedPortsAreFreeAgain) {
  const auto port = publish("0:80");
  network.reset();
  start({});
  EXPECT_TRUE(network->publish({.host_port = port, .guest_port = 80}));
}

TEST_F(SlirpTest, UnpublishedPortsAreFreeAgainAndGoneFromTheTable) {
  const auto port = publish("0:80");
  const auto udp = publish("0:53/udp");
  EXPECT_THAT(network->connections(), HasSubstr("TCP[HOST_FORWARD]"));
  EXPECT_THAT(network->connections(), HasSubstr(std::to_string(port)));
  EXPECT_FALSE(network->unpublish({.host_port = udp}));  // that is TCP's
  EXPECT_FALSE(network->unpublish({.address = "127.0.0.2", .host_port = port}));
  EXPECT_TRUE(network->unpublish({.host_port = port}));
  EXPECT_FALSE(network->unpublish({.host_port = port}));
  EXPECT_THAT(network->connections(), Not(HasSubstr(std::to_string(port))));
  loop.poll(0);
  EXPECT_TRUE(network->publish({.host_port = port, .guest_port = 80}));
  EXPECT_TRUE(network->unpublish({.host_port = udp, .udp = true}));
  loop.poll(0);
}

TEST_F(SlirpTest, UnpublishedIpv6PortsAreFreeAgain) {
  HostSocket probe(AF_INET6, SOCK_STREAM);
  if (!probe.ok() || probe.bind_any() == 0) GTEST_SKIP() << "no IPv6 on this host";
  const auto port = publish("[::1]:0:80");
  EXPECT_TRUE(network->unpublish({.address = "::1", .host_port = port}));
  EXPECT_TRUE(network->publish({.address = "::1", .host_port = port, .guest_port = 80}));
}

TEST_F(SlirpTest, UdpFloodIsHeldBackAndNothingIsLost) {
  const auto port = publish("0:7/udp");
  guest.announce();
  guest.frames.clear();
  guest.room = 0;
  HostSocket client(AF_INET, SOCK_DGRAM);
  ASSERT_TRUE(client.connect_to(port));
  constexpr int kCount = 150;
  for (int i = 0; i < kCount; ++i) ASSERT_TRUE(client.put(std::to_string(i)));
  guest.run_for(50);
  EXPECT_TRUE(guest.frames.empty());
  EXPECT_GE(network->waiting(), 30u);
  EXPECT_LE(network->waiting(), 40u);  // the rest waits in the host's socket
  // The guest takes four at a time.
  int next = 0;
  while (next < kCount) {
    guest.make_room(4);
    const auto datagram = guest.take([](Frame f) { return is_udp_to(f, 7); });
    ASSERT_TRUE(datagram) << next;
    EXPECT_EQ(udp_data(*datagram), bytes(std::to_string(next)));
    ++next;
  }
  EXPECT_EQ(network->waiting(), 0u);
}

TEST_F(SlirpTest, TcpStreamThroughASlowGuestIsCompleteAndInOrder) {
  HostSocket client(AF_INET, SOCK_STREAM);
  GuestTcp tcp(guest, 80);
  ASSERT_TRUE(connect(client, tcp));
  std::string sent;
  for (int i = 0; sent.size() < 300'000; ++i) sent += std::to_string(i) + ' ';
  std::size_t at = 0;
  guest.room = 0;
  ASSERT_TRUE(guest.run_until([&] {
    if (at < sent.size()) {
      const ssize_t n = ::send(client.fd(), sent.data() + at, sent.size() - at, MSG_NOSIGNAL);
      if (n > 0) at += static_cast<std::size_t>(n);
    }
    do {
      guest.make_room(2);  // two descriptors at a time
      guest.room = 0;
      tcp.absorb();
      EXPECT_LT(network->waiting(), 64u);
    } while (network->waiting() != 0);
    return tcp.received.size() >= sent.size();
  }));
  EXPECT_EQ(tcp.received, sent);
}

// While an acknowledgement is owed, libslirp is not asked what it waits for; a socket that it has written to
// the last byte must not look like one that it is to write to.
TEST_F(SlirpTest, ReaderThatCatchesUpWhileAcknowledgementsAreOwedIsNotTakenForGone) {
  HostSocket client(AF_INET, SOCK_STREAM);
  GuestTcp tcp(guest, 80);
  ASSERT_TRUE(connect(client, tcp));
  const std::string piece(500, 'x');
  // What libslirp keeps because the host has no room for it: the queue that its table shows before the last.
  const auto kept = [&] {
    const std::string table = network->connections();
    const std::size_t line = table.find("ESTABLISHED");
    std::istringstream fields(line == std::string::npos ? "" : table.substr(line));
    std::string word;
    std::size_t queue = 0;
    for (int i = 0; i < 6; ++i) fields >> word;
    fields >> queue;
    return queue;
  };
  std::size_t sent = 0;
  for (; kept() == 0 && sent < 20'000'000; sent += piece.size()) {
    tcp.send(piece);
    network->guest_idle();
    loop.poll(0);
    tcp.absorb();
  }
  ASSERT_NE(kept(), 0u) << network->connections();
  std::size_t got = 0;
  tcp.delays_acks = true;  // data that acknowledges as well is what libslirp is slow to acknowledge
  ASSERT_TRUE(client.put("?"));
  ASSERT_TRUE(tcp.receive(1));
  got += client.get().size();  // now there is room
  tcp.send(piece);
  sent += piece.size();
  for (int i = 0; i < 3; ++i) loop.poll(0);
  tcp.absorb();
  EXPECT_FALSE(tcp.peer_closed);
  EXPECT_FALSE(tcp.reset);
  EXPECT_TRUE(guest.run_until([&] { return (got += client.get().size()) >= sent; }));
  EXPECT_EQ(got, sent);
}

TEST_F(SlirpTest, GuestThatNeverReceivesCannotFillTheMemory) {
  guest.arp(1, kHostIp);
  guest.room = 0;
  for (int i = 0; i < 3000; ++i) guest.arp(1, kHostIp);
  EXPECT_LE(network->waiting(), 1024u);
}

TEST_F(SlirpTest, NothingIsKeptForAGuestThatIsDown) {
  guest.announce();
  guest.room = 0;
  guest.arp(1, kHostIp);
  EXPECT_EQ(network->waiting(), 1u);
  network->guest_down();
  EXPECT_EQ(network->waiting(), 0u);
  const auto port = publish("0:80");
  HostSocket client(AF_INET, SOCK_STREAM);
  ASSERT_TRUE(client.connect_to(port));
  guest.run_for(20);
  EXPECT_EQ(network->waiting(), 0u);
}

TEST_F(SlirpTest, GuestThatSendsFromWithinReceive) {
  // A MAC may transmit while it takes a frame (a PAUSE frame that ends a pause). libslirp must not be
  // re-entered.
  int budget = 50;
  guest.on_frame = [&] {
    if (budget-- > 0) guest.arp(1, kHostIp);
  };
  guest.arp(1, kHostIp);
  EXPECT_GE(guest.frames.size(), 50u);
}

TEST_F(SlirpTest, GuestWithAnotherAddressIsPointedOutOnce) {
  guest.address = ip(10, 0, 2, 77);
  guest.announce();
  EXPECT_TRUE(lines.empty());  // nothing is published
  publish("0:80");
  guest.announce();
  guest.announce();
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_THAT(lines[0], HasSubstr("10.0.2.77"));
  EXPECT_THAT(lines[0], HasSubstr("10.0.2.15"));
}

TEST_F(SlirpTest, PortAndNetworkMayEndInEitherOrder) {
  guest.announce();
  guest.room = 0;
  guest.arp(1, kHostIp);
  network.reset();
  guest.make_room(5);  // calls nobody
  EXPECT_TRUE(guest.frames.empty());
  start({});
  auto other = std::make_unique<FakeGuest>(loop);
  network->attach(other.get());
  other->network = network.get();
  other->room = 0;
  other->announce();
  other->arp(1, kHostIp);
  EXPECT_EQ(network->waiting(), 1u);
  guest.make_room(5);  // no longer attached
  EXPECT_EQ(network->waiting(), 1u);
  other->make_room(5);
  EXPECT_EQ(network->waiting(), 0u);
  EXPECT_EQ(other->frames.size(), 1u);
  other.reset();
  network.reset();
}

TEST_F(SlirpTest, RestrictedGuestReachesNothingButPublishedPortsWork) {
  SlirpOptions options;
  options.restricted = true;
  start(options);
  HostSocket server(AF_INET, SOCK_STREAM);
  const auto port = server.listen_any();
  const auto published = publish("0:80");
  guest.announce();
  GuestTcp out(guest, 50002);
  out.remote = kHostIp;
  Bytes syn;
  put16(syn, 50002);
  put16(syn, port);
  put32(syn, 1);
  put32(syn, 0);
  put(syn, Bytes{0x50, GuestTcp::kSyn, 0x10, 0, 0, 0, 0, 0});
  guest.send_segment(kHostIp, 6, syn, 16);
  guest.run_for(30);
  EXPECT_FALSE(HostSocket(accept4(server.fd(), nullptr, nullptr, SOCK_NONBLOCK)).ok());
  HostSocket client(AF_INET, SOCK_STREAM);
  ASSERT_TRUE(client.connect_to(published));
  GuestTcp tcp(guest, 80);
  EXPECT_TRUE(tcp.accept());
}

TEST_F(SlirpTest, RouterAdvertisementForIpv6) {
  // A router solicitation from fe80::1 to ff02::2.
  Bytes p = {0x60, 0, 0, 0, 0, 8, 58, 255};
  Bytes source(16), destination(16);
  source[0] = 0xfe, source[1] = 0x80, source[15] = 1;
  destination[0] = 0xff, destination[1] = 0x02, destination[15] = 2;
  Bytes icmp = {133, 0, 0, 0, 0, 0, 0, 0};
  Bytes pseudo = source;
  put(pseudo, destination);
  put32(pseudo, 8);
  put32(pseudo, 58);
  put(pseudo, icmp);
  const std::uint16_t sum = checksum(pseudo);
  icmp[2] = static_cast<std::uint8_t>(sum >> 8);
  icmp[3] = static_cast<std::uint8_t>(sum);
  put(p, source);
  put(p, destination);
  put(p, icmp);
  guest.send({0x33, 0x33, 0, 0, 0, 2}, 0x86dd, p);
  const auto advertisement =
      guest.take([](Frame f) { return f.size() > 54 && get16(f, 12) == 0x86dd && f[54] == 134; });
  ASSERT_TRUE(advertisement);
  const Bytes prefix = {0xfe, 0xc0, 0, 0, 0, 0, 0, 0};
  EXPECT_NE(std::search(advertisement->begin(), advertisement->end(), prefix.begin(), prefix.end()),
            advertisement->end());
}

TEST_F(SlirpTest, IdleNetworkSleeps) {
  publish("0:80");
  guest.announce();
  guest.run_for(10);
  const auto end = base::EventLoop::now_ns() + 400'000'000;
  int turns = 0;
  for (auto now = base::EventLoop::now_ns(); now < end; now = base::EventLoop::now_ns()) {
    loop.poll(end - now);
    ++turns;
  }
  EXPECT_LE(turns, 4);
}

TEST_F(SlirpTest, OptionsAreChecked) {
  using Change = void (*)(SlirpOptions&);
  const std::pair<Change, std::string_view> bad[] = {
      {[](SlirpOptions& o) { o.network = "10.0.2"; }, "\"10.0.2\" is not an IPv4 network"},
      {[](SlirpOptions& o) { o.network = "10.0.2.1"; }, "bits set beyond its prefix"},
      {[](SlirpOptions& o) { o.prefix_length = 31; }, "prefix length"},
      {[](SlirpOptions& o) { o.host = "x"; }, "\"x\" is not an IPv4 address"},
      {[](SlirpOptions& o) { o.dns = "10.0.3.3"; }, "10.0.3.3 is no host's address"},
      {[](SlirpOptions& o) { o.guest = "10.0.2.255"; }, "10.0.2.255 is no host's address"},
      {[](SlirpOptions& o) { o.guest = "10.0.2.2"; }, "different addresses"},
      {[](SlirpOptions& o) { o.hostname = std::string(33, 'x'); }, "longer than 32"},
  };
  for (const auto& [change, what] : bad) {
    SlirpOptions options;
    change(options);
    const auto made = SlirpNetwork::create(loop, log, options);
    ASSERT_FALSE(made) << what;
    EXPECT_THAT(made.error(), HasSubstr(what));
  }
}

TEST_F(SlirpTest, OtherNetwork) {
  start({.ipv6 = false,
         .network = "192.168.7.0",
         .prefix_length = 28,
         .host = "192.168.7.1",
         .dns = "192.168.7.2",
         .guest = "192.168.7.14",
         .hostname = "esp"});
  guest.address = 0;
  guest.send_udp(68, ~0u, 67, dhcp_message(1, 0));
  const auto offer = guest.take([](Frame f) { return is_udp_to(f, 68); });
  ASSERT_TRUE(offer);
  EXPECT_EQ(get32(udp_data(*offer), 16), ip(192, 168, 7, 14));
  EXPECT_EQ(dhcp_option(udp_data(*offer), 1), (Bytes{255, 255, 255, 240}));
  EXPECT_EQ(dhcp_option(udp_data(*offer), 12), bytes("esp"));
}

}  // namespace
}  // namespace espalier::net
