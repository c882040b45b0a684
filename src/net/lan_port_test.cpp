#include "net/lan_port.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "net/fake_guest_test_support.h"
#include "net/host_socket_test_support.h"

namespace espalier::net {
namespace {

using namespace net::testing;

constexpr std::uint32_t kGateway = ip(10, 1, 0, 2), kNames = ip(10, 1, 0, 3), kFirst = ip(10, 1, 0, 16);

// A machine with its port.
struct Machine {
  Machine(base::EventLoop& loop, Lan& lan, EthernetSwitch::Bay& bay, unsigned number) : guest(loop) {
    const std::string name = "web-" + std::to_string(number);
    claim = lan.directory->claim(name, "");
    plug(loop, lan, bay, {.address = claim->address(), .hostname = name});
    guest.address = claim->address();
    guest.mac = {2, 0, 0, 0, 0, static_cast<std::uint8_t>(number)};
  }
  // Of others, behind an uplink.
  Machine(base::EventLoop& loop, Lan& lan, EthernetSwitch::Bay& bay, const Bytes& mac, std::uint32_t address)
      : guest(loop) {
    plug(loop, lan, bay, {.uplink = true});
    guest.mac = mac;
    guest.address = address;
  }
  ~Machine() { port->attach(nullptr); }

  void plug(base::EventLoop& loop, Lan& lan, EthernetSwitch::Bay& bay, const LanPortOptions& options) {
    auto made = LanPort::plug(lan, bay, loop, base::Logger([](auto, auto, auto) {}), options);
    EXPECT_TRUE(made) << made.error();
    port = std::move(*made);
    port->attach(&guest);
    guest.network = port.get();
    guest.gateway = {0x52, 0x55, 10, 1, 0, 2};
    guest.make_room(~std::size_t{0});
  }

  std::shared_ptr<const LanDirectory::Claim> claim;
  FakeGuest guest;
  std::unique_ptr<LanPort> port;
};

class LanPortTest : public ::testing::Test {
 protected:
  base::EventLoop loop;
  Lan lan{.directory = std::make_shared<LanDirectory>(LanNetwork{}, kFirst),
          .domains = {"lab", "lan"},
          .restricted = false,
          .ethernet = {}};
  EthernetSwitch::Bay bay{lan.ethernet, loop};
  EthernetSwitch::Bay other_bay{lan.ethernet, loop};
  Machine a{loop, lan, bay, 0}, b{loop, lan, bay, 1}, c{loop, lan, other_bay, 2};
};

bool is_arp(Frame f, unsigned operation) {
  return f.size() >= 42 && get16(f, 12) == 0x0806 && get16(f, 20) == operation;
}

TEST_F(LanPortTest, GivesEachMachineTheAddressThatIsClaimedForIt) {
  for (Machine* machine : {&a, &b, &c}) {
    const std::uint32_t address = std::exchange(machine->guest.address, 0);
    machine->guest.send_udp(68, ~0u, 67, dhcp(1, machine->guest.mac));
    const auto offer = machine->guest.take([](Frame f) { return is_udp_to(f, 68); });
    ASSERT_TRUE(offer);
    EXPECT_EQ(get32(udp_data(*offer), 16), address);
    EXPECT_EQ(Bytes(offer->begin() + 6, offer->begin() + 12), (Bytes{0x52, 0x55, 10, 1, 0, 2}));
  }
  EXPECT_EQ(lan.ethernet.counts().flooded, 0u) << "nobody else hears of it";
}

TEST_F(LanPortTest, RenewsAtTheServersOwnAddress) {
  Bytes request = dhcp(3, a.guest.mac);
  for (std::size_t i = 0; i < 4; ++i) request[12 + i] = static_cast<std::uint8_t>(kFirst >> (24 - 8 * i));
  a.guest.send_udp(68, kGateway, 67, request);
  const auto ack = a.guest.take([](Frame f) { return is_udp_to(f, 68); });
  ASSERT_TRUE(ack);
  EXPECT_EQ(udp_data(*ack)[242], 5);
}

TEST_F(LanPortTest, TheGatewayAndTheNameServerAnswerForThemselves) {
  for (const std::uint32_t address : {kGateway, kNames}) {
    a.guest.arp(1, address);
    const auto reply = a.guest.take([](Frame f) { return is_arp(f, 2); });
    ASSERT_TRUE(reply);
    EXPECT_EQ(get32(*reply, 28), address);
  }
  loop.poll(0);
  EXPECT_TRUE(b.guest.frames.empty() && c.guest.frames.empty());
}

TEST_F(LanPortTest, AsksForAClaimedAddressWhereItIs) {
  c.guest.announce();
  loop.poll(0);
  EXPECT_TRUE(a.guest.frames.empty()) << "only uplinks hear of what is claimed";
  a.guest.arp(1, c.guest.address);
  loop.poll(0);
  EXPECT_TRUE(b.guest.frames.empty());
  EXPECT_EQ(c.guest.frames.size(), 1u);
  c.guest.answer_arp();
  const auto reply = a.guest.take([](Frame f) { return is_arp(f, 2); });
  ASSERT_TRUE(reply);
  EXPECT_EQ(Bytes(reply->begin() + 22, reply->begin() + 28), c.guest.mac);
}

TEST_F(LanPortTest, AsksEverybodyForAnAddressThatNobodyHasClaimed) {
  for (Machine* machine : {&b, &c}) machine->guest.announce();
  a.guest.arp(1, ip(10, 1, 7, 7));
  loop.poll(0);
  EXPECT_EQ(b.guest.frames.size(), 1u);
  EXPECT_EQ(c.guest.frames.size(), 1u);
}

TEST_F(LanPortTest, MachinesReachEachOther) {
  for (Machine* machine : {&a, &c}) machine->guest.announce();
  a.guest.gateway = c.guest.mac;  // as ARP says
  a.guest.send_udp(5000, c.guest.address, 7, bytes("hello"));
  const auto got = c.guest.take([](Frame f) { return is_udp_to(f, 7); });
  ASSERT_TRUE(got);
  EXPECT_EQ(udp_data(*got), bytes("hello"));
  EXPECT_EQ(get32(*got, 26), a.guest.address);
  EXPECT_TRUE(b.guest.frames.empty());
}

TEST_F(LanPortTest, NamesLeadToAddresses) {
  a.guest.announce();
  a.guest.send_udp(5353, kNames, 53, name_query("WEB-2"));
  const auto answer = a.guest.take([](Frame f) { return is_udp_to(f, 5353); });
  ASSERT_TRUE(answer);
  EXPECT_EQ(get32(*answer, 26), kNames);
  const Bytes data = udp_data(*answer);
  EXPECT_EQ(get32(data, data.size() - 4), c.guest.address);
}

TEST_F(LanPortTest, RestrictedNamesAndAddressesEndHere) {
  Lan closed{.directory = std::make_shared<LanDirectory>(LanNetwork{}, kFirst),
             .domains = {"lan"},
             .restricted = true,
             .ethernet = {}};
  EthernetSwitch::Bay seats(closed.ethernet, loop);
  Machine m(loop, closed, seats, 0);
  m.guest.announce();
  m.guest.send_udp(5353, kNames, 53, name_query("example"));
  const auto answer = m.guest.take([](Frame f) { return is_udp_to(f, 5353); });
  ASSERT_TRUE(answer);
  EXPECT_EQ(udp_data(*answer)[3] & 15, 3);
  HostSocket server(AF_INET, SOCK_DGRAM);
  const std::uint16_t port = server.bind_any();
  m.guest.send_udp(5000, kGateway, port, bytes("out"));
  m.guest.run_for(20);
  EXPECT_EQ(server.get(), "");
}

TEST_F(LanPortTest, ThereIsAWayOut) {
  HostSocket server(AF_INET, SOCK_DGRAM);
  const std::uint16_t port = server.bind_any();
  c.guest.announce();
  c.guest.send_udp(5000, kGateway, port, bytes("out"));
  std::string got;
  EXPECT_TRUE(c.guest.run_until([&] { return !(got += server.get()).empty(); }));
  EXPECT_EQ(got, "out");
}

TEST_F(LanPortTest, PublishedPortsLeadToEachMachineOnceItIsThere) {
  const auto first = a.port->publish({.guest_port = 80});
  const auto second = c.port->publish({.guest_port = 80});
  ASSERT_TRUE(first && second);
  HostSocket client(AF_INET, SOCK_STREAM);
  ASSERT_TRUE(client.connect_to(*second));
  c.guest.run_for(20);
  EXPECT_TRUE(c.guest.frames.empty());
  EXPECT_FALSE(c.port->guest_known());
  c.guest.announce();
  EXPECT_TRUE(c.port->guest_known());
  EXPECT_FALSE(a.port->guest_known());
  GuestTcp server(c.guest, 80);
  ASSERT_TRUE(server.accept());
  EXPECT_EQ(server.remote, kGateway);
  server.send("from c");
  std::string got;
  EXPECT_TRUE(c.guest.run_until([&] { return (got += client.get()).size() == 6; }));
  EXPECT_EQ(got, "from c");
}

TEST_F(LanPortTest, PublishedPortsCloseWithTheirMachine) {
  auto machine = std::make_unique<Machine>(loop, lan, bay, 7);
  const auto port = machine->port->publish({.guest_port = 80});
  ASSERT_TRUE(port);
  EXPECT_FALSE(a.port->publish({.host_port = *port, .guest_port = 80}));
  machine.reset();
  EXPECT_TRUE(a.port->publish({.host_port = *port, .guest_port = 80}));
}

TEST_F(LanPortTest, MachinesBehindAnUplinkGetAddressesAndAreFound) {
  const Bytes mac = {2, 0, 0, 0, 9, 9};
  Machine far(loop, lan, other_bay, mac, 0);
  far.guest.send_udp(68, ~0u, 67, dhcp(1, mac));
  const auto offer = far.guest.take([](Frame f) { return is_udp_to(f, 68); });
  ASSERT_TRUE(offer);
  far.guest.address = get32(udp_data(*offer), 16);
  EXPECT_EQ(far.guest.address, ip(10, 1, 255, 254));
  a.guest.announce();
  loop.poll(0);
  far.guest.frames.clear();
  a.guest.arp(1, far.guest.address);
  loop.poll(0);
  ASSERT_EQ(far.guest.frames.size(), 1u);
  far.guest.answer_arp();
  EXPECT_TRUE(a.guest.take([](Frame f) { return is_arp(f, 2); }));
  far.guest.arp(1, a.guest.address);
  EXPECT_TRUE(a.guest.take([](Frame f) { return is_arp(f, 1); }));
}

TEST_F(LanPortTest, WhatWaitsForRoomComesFromBothSides) {
  a.guest.announce();
  b.guest.announce();
  a.guest.room = 0;
  b.guest.gateway = a.guest.mac;
  b.guest.send_udp(5000, a.guest.address, 7, bytes("from b"));
  a.guest.arp(1, kGateway);
  EXPECT_TRUE(a.guest.frames.empty());
  a.guest.make_room(10);
  EXPECT_EQ(a.guest.frames.size(), 2u);
  a.guest.frames.clear();
  a.guest.room = 0;
  b.guest.send_udp(5000, a.guest.address, 7, bytes("late"));
  a.port->guest_down();
  a.guest.make_room(10);
  EXPECT_TRUE(a.guest.frames.empty());
}

}  // namespace
}  // namespace espalier::net
