#include "net/translated_network.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "net/fake_guest_test_support.h"
#include "net/host_socket_test_support.h"
#include "net/lan_port.h"

namespace espalier::net {
namespace {

using namespace net::testing;

constexpr std::uint32_t kGateway = ip(10, 1, 0, 2), kNames = ip(10, 1, 0, 3), kFirst = ip(10, 1, 0, 16);
// Where the snapshot was taken.
const GuestLease kUserNetwork{
    .address = ip(10, 0, 2, 15), .gateway = ip(10, 0, 2, 2), .dns = ip(10, 0, 2, 3), .mask = ~255u};
constexpr EthernetAddress kSavedMac = 0x0200'0000'9000;

Bytes mac_bytes(EthernetAddress mac) {
  Bytes b;
  for (int shift = 40; shift >= 0; shift -= 8) b.push_back(static_cast<std::uint8_t>(mac >> shift));
  return b;
}

// A machine on the network that goes on from a snapshot, with that one's address and lease.
struct Clone {
  Clone(base::EventLoop& loop, Lan& lan, EthernetSwitch::Bay& bay, unsigned number, const GuestLease& brought,
        EthernetAddress saved = kSavedMac)
      : guest(loop) {
    const std::string name = "web-" + std::to_string(number);
    claim = lan.directory->claim(name, "");
    mac = 0x0200'0000'1000 + EthernetAddress{4} * number;
    auto made = LanPort::plug(lan, bay, loop, base::Logger([](auto, auto, auto) {}),
                              {.address = claim->address(), .hostname = name});
    EXPECT_TRUE(made) << made.error();
    port = made->get();
    network = std::make_unique<TranslatedNetwork>(std::move(*made),
                                                  NetworkIdentity{.chip_mac = mac,
                                                                  .saved_chip_mac = kSavedMac,
                                                                  .lease = port->lease(),
                                                                  .hostname = name,
                                                                  .domain = "lan"},
                                                  brought);
    port->show_addresses_as([this](std::uint32_t address) { return network->to_guest(address); },
                            [this](std::uint32_t address) { return network->from_guest(address); });
    network->attach(&guest);
    guest.network = network.get();
    guest.mac = mac_bytes(saved);
    guest.address = brought.address;
    guest.gateway = mac_bytes(gateway_mac(brought.gateway));
    network->guest_is_there();
    network->guest_uses(saved);
    port->has(network->seen_mac());
  }
  ~Clone() { network->attach(nullptr); }
  std::uint32_t address() const { return claim->address(); }

  std::shared_ptr<const LanDirectory::Claim> claim;
  EthernetAddress mac;
  FakeGuest guest;
  LanPort* port;
  std::unique_ptr<TranslatedNetwork> network;
};

class TranslatedNetworkTest : public ::testing::Test {
 protected:
  base::EventLoop loop;
  Lan lan{.directory = std::make_shared<LanDirectory>(LanNetwork{}, kFirst),
          .domains = {"lan"},
          .restricted = false,
          .ethernet = {}};
  EthernetSwitch::Bay bay{lan.ethernet, loop};
  EthernetSwitch::Bay other_bay{lan.ethernet, loop};
};

std::uint32_t looked_up(Clone& clone, std::string_view name, std::uint32_t server) {
  clone.guest.send_udp(5353, server, 53, name_query(name));
  const auto answer = clone.guest.take([](Frame f) { return is_udp_to(f, 5353); });
  if (!answer) return 0;
  EXPECT_EQ(get32(*answer, 26), server);
  const Bytes data = udp_data(*answer);
  return get32(data, data.size() - 4);
}

bool sums_are_right(Frame f) {
  Bytes udp;
  put(udp, f.subspan(26, 8));
  put16(udp, 17);
  put16(udp, get16(f, 38));
  put(udp, f.subspan(34, get16(f, 38)));
  return checksum(f.subspan(14, 20)) == 0 && checksum(udp) == 0;
}

TEST_F(TranslatedNetworkTest, ClonesOfOneSnapshotReachEachOtherByName) {
  Clone a(loop, lan, bay, 0, kUserNetwork), b(loop, lan, bay, 1, kUserNetwork),
      c(loop, lan, other_bay, 2, kUserNetwork);
  for (Clone* to : {&b, &c}) {
    const std::uint32_t address = looked_up(a, to == &b ? "web-1" : "web-2", kUserNetwork.dns);
    EXPECT_EQ(address, to->address());
    a.guest.send_udp(5000, address, 7, bytes("hello"));  // to its gateway: it takes it for a stranger
    const auto got = to->guest.take([](Frame f) { return is_udp_to(f, 7); });
    ASSERT_TRUE(got);
    EXPECT_EQ(udp_data(*got), bytes("hello"));
    EXPECT_EQ(get32(*got, 26), a.address());
    EXPECT_EQ(get32(*got, 30), kUserNetwork.address) << "as it knows itself";
    EXPECT_EQ(ethernet_address(*got, 0), kSavedMac);
    EXPECT_EQ(ethernet_address(*got, 6), a.mac);
    EXPECT_TRUE(sums_are_right(*got));
    to->guest.send_udp(7, a.address(), 5000, bytes("back"));
    const auto back = a.guest.take([](Frame f) { return is_udp_to(f, 5000); });
    ASSERT_TRUE(back);
    EXPECT_EQ(get32(*back, 26), to->address());
    EXPECT_TRUE(sums_are_right(*back));
  }
  EXPECT_EQ(lan.ethernet.counts().flooded, 0u);
}

TEST_F(TranslatedNetworkTest, TheMachineThatWasSavedIsThereToo) {
  // Saved on this network: web-0 has the address that the clone takes for its own.
  const GuestLease first{.address = kFirst, .gateway = kGateway, .dns = kNames, .mask = ~0xffffu};
  Clone original(loop, lan, bay, 0, first);
  original.guest.mac = mac_bytes(original.mac);
  original.network->guest_uses(original.mac);
  original.port->has(original.mac);
  Clone clone(loop, lan, bay, 1, first, original.mac);
  ASSERT_EQ(original.address(), kFirst);
  const std::uint32_t address = looked_up(clone, "web-0", kNames);
  EXPECT_EQ(address, clone.address()) << "which the clone does not know to be its own";
  EXPECT_EQ(looked_up(clone, "web-1", kNames), kFirst);
  EXPECT_EQ(looked_up(original, "web-1", kNames), clone.address());
  clone.guest.arp(1, address);
  original.guest.run_for(1);
  const auto reply = clone.guest.take([](Frame f) { return get16(f, 12) == 0x0806; });
  ASSERT_TRUE(reply);
  EXPECT_EQ(get32(*reply, 28), address);
  clone.guest.gateway = Bytes(reply->begin() + 22, reply->begin() + 28);
  clone.guest.send_udp(5000, address, 7, bytes("hello"));
  const auto got = original.guest.take([](Frame f) { return is_udp_to(f, 7); });
  ASSERT_TRUE(got);
  EXPECT_EQ(get32(*got, 26), clone.address());
  EXPECT_EQ(get32(*got, 30), kFirst);
  EXPECT_EQ(ethernet_address(*got, 6), clone.network->seen_mac());
}

TEST_F(TranslatedNetworkTest, PublishedPortsLeadToEachClone) {
  Clone a(loop, lan, bay, 0, kUserNetwork), b(loop, lan, bay, 1, kUserNetwork);
  for (Clone* clone : {&a, &b}) {
    const auto port = clone->port->publish({.guest_port = 80});
    ASSERT_TRUE(port);
    HostSocket client(AF_INET, SOCK_STREAM);
    ASSERT_TRUE(client.connect_to(*port));
    GuestTcp server(clone->guest, 80);
    ASSERT_TRUE(server.accept());
    EXPECT_EQ(server.remote, kUserNetwork.gateway);
    server.send("from a clone");
    std::string got;
    EXPECT_TRUE(clone->guest.run_until([&] { return (got += client.get()).size() == 12; }));
    EXPECT_EQ(got, "from a clone");
  }
}

TEST_F(TranslatedNetworkTest, ThereIsAWayOut) {
  Clone a(loop, lan, bay, 0, kUserNetwork);
  HostSocket server(AF_INET, SOCK_DGRAM);
  const std::uint16_t port = server.bind_any();
  a.guest.send_udp(5000, kUserNetwork.gateway, port, bytes("out"));
  std::string got;
  EXPECT_TRUE(a.guest.run_until([&] { return !(got += server.get()).empty(); }));
  EXPECT_EQ(got, "out");
}

TEST_F(TranslatedNetworkTest, TheBroughtLeaseIsProlonged) {
  Clone a(loop, lan, bay, 0, kUserNetwork);
  EXPECT_EQ(a.network->guest_lease(), kUserNetwork);
  // Renewing at the server; rebinding; a restart of the client.
  const std::vector<std::pair<std::uint32_t, Bytes>> requests = {
      {kUserNetwork.gateway, dhcp(3, a.guest.mac, kUserNetwork.address)},
      {~0u, dhcp(3, a.guest.mac, kUserNetwork.address)},
      {~0u, dhcp(3, a.guest.mac, 0, kUserNetwork.address)}};
  for (const auto& [to, request] : requests) {
    a.guest.send_udp(68, to, 67, request);
    const auto ack = a.guest.take([](Frame f) { return is_udp_to(f, 68); });
    ASSERT_TRUE(ack);
    const Bytes data = udp_data(*ack);
    EXPECT_EQ(data[242], 5);
    EXPECT_EQ(get32(data, 16), kUserNetwork.address);
    EXPECT_EQ(get32(*ack, 26), kUserNetwork.gateway);
    EXPECT_EQ(Bytes(data.begin() + 28, data.begin() + 34), a.guest.mac);
    EXPECT_EQ(get32(data, 245), kUserNetwork.gateway) << "the server's identifier";
  }
}

TEST_F(TranslatedNetworkTest, AGuestThatAsksAnewIsGivenTheNetworksOwn) {
  Clone a(loop, lan, bay, 0, kUserNetwork), b(loop, lan, bay, 1, kUserNetwork);
  a.guest.address = 0;
  a.guest.send_udp(68, ~0u, 67, dhcp(1, a.guest.mac));
  const auto offer = a.guest.take([](Frame f) { return is_udp_to(f, 68); });
  ASSERT_TRUE(offer);
  EXPECT_EQ(get32(udp_data(*offer), 16), a.address());
  EXPECT_EQ(ethernet_address(*offer, 0), kSavedMac);
  EXPECT_EQ(get32(*offer, 26), kGateway);
  a.guest.address = a.address();
  a.guest.gateway = mac_bytes(b.mac);
  a.guest.send_udp(5000, b.address(), 7, bytes("hello"));
  const auto got = b.guest.take([](Frame f) { return is_udp_to(f, 7); });
  ASSERT_TRUE(got);
  EXPECT_EQ(get32(*got, 26), a.address());
  EXPECT_EQ(ethernet_address(*got, 6), a.mac) << "its MAC address is still the saved one";
  EXPECT_EQ(a.network->guest_lease().address, a.address());
}

TEST_F(TranslatedNetworkTest, AGuestWithTheMachinesOwnAddressesIsLeftAlone) {
  Clone a(loop, lan, bay, 0, kUserNetwork);
  EXPECT_EQ(a.network->seen_mac(), a.mac);
  // A reset: it reads its eFuses, and begins anew.
  a.guest.mac = mac_bytes(a.mac + 3);
  a.guest.address = 0;
  a.guest.send_udp(68, ~0u, 67, dhcp(1, a.guest.mac));
  ASSERT_TRUE(a.guest.take([](Frame f) { return is_udp_to(f, 68); }));
  EXPECT_EQ(a.network->seen_mac(), a.mac + 3);
  Clone b(loop, lan, bay, 1, kUserNetwork, 0x0200'0000'1004 + 1);
  EXPECT_EQ(b.network->seen_mac(), b.mac + 1) << "one of its four";
  // Of none that is known: as ESP-IDF makes Ethernet's.
  Clone c(loop, lan, bay, 2, kUserNetwork, 0x0200'0077'0000);
  EXPECT_EQ(c.network->seen_mac(), c.mac + 3);
}

TEST_F(TranslatedNetworkTest, HostsBehindAnUplinkAreAskedForByArp) {
  Clone a(loop, lan, bay, 0, kUserNetwork);
  auto made = LanPort::plug(lan, other_bay, loop, base::Logger([](auto, auto, auto) {}), {.uplink = true});
  ASSERT_TRUE(made);
  FakeGuest far(loop);
  far.address = ip(10, 1, 9, 9);
  far.mac = mac_bytes(0x0200'0055'0000);
  far.network = made->get();
  (*made)->attach(&far);
  for (const std::string_view text : {"first", "second"}) {
    a.guest.send_udp(5000, far.address, 7, bytes(text));
    const auto got = far.take([](Frame f) { return is_udp_to(f, 7); });
    ASSERT_TRUE(got);
    EXPECT_EQ(udp_data(*got), bytes(text));
    EXPECT_EQ(get32(*got, 26), a.address());
    EXPECT_EQ(ethernet_address(*got, 0), 0x0200'0055'0000u);
  }
  EXPECT_EQ(lan.ethernet.counts().flooded, 1u) << "one question";
  (*made)->attach(nullptr);
}

}  // namespace
}  // namespace espalier::net
