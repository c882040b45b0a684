#include "net/address_translation.h"

#include <gtest/gtest.h>

#include "net/fake_guest_test_support.h"

namespace espalier::net {
namespace {

using namespace net::testing;
using Way = AddressTranslation::Way;

constexpr EthernetAddress kBroughtMac = 0x0200'0000'1000, kOwnMac = 0x0200'0000'2004,
                          kPeerMac = 0x0200'0000'3000;
constexpr GuestLease kBrought{
    .address = ip(10, 0, 2, 15), .gateway = ip(10, 0, 2, 2), .dns = ip(10, 0, 2, 3), .mask = ~255u};
constexpr GuestLease kOwn{
    .address = ip(10, 1, 0, 17), .gateway = ip(10, 1, 0, 2), .dns = ip(10, 1, 0, 3), .mask = ~0xffffu};
constexpr std::uint32_t kPeer = ip(10, 1, 0, 99);

Bytes mac_bytes(EthernetAddress mac) {
  Bytes b;
  for (int shift = 40; shift >= 0; shift -= 8) b.push_back(static_cast<std::uint8_t>(mac >> shift));
  return b;
}

Bytes ethernet(EthernetAddress to, EthernetAddress from, std::uint16_t type, Frame payload) {
  Bytes f = mac_bytes(to);
  put(f, mac_bytes(from));
  put16(f, type);
  put(f, payload);
  return f;
}

void set16(Bytes& b, std::size_t at, std::uint16_t value) {
  b[at] = static_cast<std::uint8_t>(value >> 8);
  b[at + 1] = static_cast<std::uint8_t>(value);
}

// A packet with both checksums, that of the payload at `sum_at` of it (if `pseudo`, with the addresses).
Bytes packet(std::uint32_t from, std::uint32_t to, std::uint8_t protocol, Bytes payload, std::size_t sum_at,
             bool pseudo = true, std::uint16_t fragment = 0) {
  Bytes summed;
  if (pseudo) {
    put32(summed, from);
    put32(summed, to);
    put16(summed, protocol);
    put16(summed, static_cast<std::uint32_t>(payload.size()));
  }
  put(summed, payload);
  set16(payload, sum_at, checksum(summed));
  Bytes p = {0x45, 0};
  put16(p, static_cast<std::uint32_t>(20 + payload.size()));
  put16(p, 0x1234);
  put16(p, fragment);
  put(p, Bytes{64, protocol, 0, 0});
  put32(p, from);
  put32(p, to);
  set16(p, 10, checksum(p));
  put(p, payload);
  return p;
}

Bytes udp(std::uint16_t from_port, std::uint16_t to_port, Frame data) {
  Bytes d;
  put16(d, from_port);
  put16(d, to_port);
  put16(d, static_cast<std::uint32_t>(8 + data.size()));
  put16(d, 0);
  put(d, data);
  return d;
}

Bytes tcp(Frame data) {
  Bytes s;
  put16(s, 4000);
  put16(s, 80);
  put32(s, 1);
  put32(s, 2);
  put(s, Bytes{0x50, 0x18, 0x16, 0x70, 0, 0, 0, 0});
  put(s, data);
  return s;
}

class AddressTranslationTest : public ::testing::Test {
 protected:
  AddressTranslationTest() {
    translation.set_macs(kBroughtMac, kOwnMac);
    translation.set_leases(kBrought, kOwn);
  }
  Bytes out(Bytes frame) {
    translation.rewrite(frame, Way::kOut);
    return frame;
  }
  Bytes in(Bytes frame) {
    translation.rewrite(frame, Way::kIn);
    return frame;
  }
  AddressTranslation translation;
};

TEST_F(AddressTranslationTest, NothingToDoIsKnown) {
  EXPECT_FALSE(translation.none());
  translation.set_macs(kOwnMac, kOwnMac);
  EXPECT_FALSE(translation.none());
  translation.set_leases({}, {});
  EXPECT_TRUE(translation.none());
  translation.set_leases(kOwn, kOwn);
  EXPECT_TRUE(translation.none());
  EXPECT_TRUE(AddressTranslation().none());
}

TEST_F(AddressTranslationTest, AddressesAreExchangedSoThatNobodyDisappears) {
  const auto both = [&](std::uint32_t inside, std::uint32_t outside) {
    EXPECT_EQ(translation.ipv4(inside, Way::kOut), outside);
    EXPECT_EQ(translation.ipv4(outside, Way::kIn), inside);
  };
  both(kBrought.address, kOwn.address);
  both(kBrought.gateway, kOwn.gateway);
  both(kBrought.dns, kOwn.dns);
  both(kBrought.broadcast(), kOwn.broadcast());
  both(kOwn.address, kBrought.address);
  both(kPeer, kPeer);
  both(~0u, ~0u);
  both(0, 0);
  // Of the same network: the one whose address the guest has brought along is there, too.
  const GuestLease first{
      .address = ip(10, 1, 0, 16), .gateway = kOwn.gateway, .dns = kOwn.dns, .mask = kOwn.mask};
  translation.set_leases(first, kOwn);
  both(first.address, kOwn.address);
  both(kOwn.address, first.address);
  both(kOwn.gateway, kOwn.gateway);
  // Leases that overlap: still one for one.
  const GuestLease shifted{
      .address = kOwn.gateway, .gateway = kOwn.dns, .dns = ip(10, 1, 0, 4), .mask = kOwn.mask};
  translation.set_leases(shifted, kOwn);
  both(kOwn.gateway, kOwn.address);
  both(kOwn.dns, kOwn.gateway);
  both(ip(10, 1, 0, 4), kOwn.dns);
  both(kOwn.address, ip(10, 1, 0, 4));
}

TEST_F(AddressTranslationTest, EthernetAddressesAndTheGateways) {
  const auto both = [&](EthernetAddress inside, EthernetAddress outside) {
    EXPECT_EQ(translation.mac(inside, Way::kOut), outside);
    EXPECT_EQ(translation.mac(outside, Way::kIn), inside);
  };
  both(kBroughtMac, kOwnMac);
  both(kOwnMac, kBroughtMac);
  both(kPeerMac, kPeerMac);
  both(kEthernetBroadcast, kEthernetBroadcast);
  both(gateway_mac(kBrought.gateway), gateway_mac(kOwn.gateway));
  both(gateway_mac(kBrought.dns), gateway_mac(kOwn.dns));
  both(0x3333'ff00'1000, 0x3333'ff00'2004);
  both(0x3333'0000'0001, 0x3333'0000'0001);
}

TEST_F(AddressTranslationTest, ArpOfBothSides) {
  const auto arp = [](unsigned operation, EthernetAddress from, std::uint32_t sender, EthernetAddress to,
                      std::uint32_t target) {
    Bytes p = {0, 1, 8, 0, 6, 4, 0, static_cast<std::uint8_t>(operation)};
    put(p, mac_bytes(from));
    put32(p, sender);
    put(p, mac_bytes(to));
    put32(p, target);
    return ethernet(operation == 1 ? kEthernetBroadcast : to, from, 0x0806, p);
  };
  EXPECT_EQ(out(arp(1, kBroughtMac, kBrought.address, 0, kBrought.gateway)),
            arp(1, kOwnMac, kOwn.address, 0, kOwn.gateway));
  EXPECT_EQ(in(arp(1, kPeerMac, kPeer, 0, kOwn.address)), arp(1, kPeerMac, kPeer, 0, kBrought.address));
  EXPECT_EQ(out(arp(2, kBroughtMac, kBrought.address, kPeerMac, kPeer)),
            arp(2, kOwnMac, kOwn.address, kPeerMac, kPeer));
  EXPECT_EQ(in(arp(2, kPeerMac, kPeer, kOwnMac, kOwn.address)),
            arp(2, kPeerMac, kPeer, kBroughtMac, kBrought.address));
}

TEST_F(AddressTranslationTest, PacketsKeepTheirChecksumsRight) {
  for (const std::string_view data : {"", "a", "hello, world"}) {
    EXPECT_EQ(out(ethernet(kPeerMac, kBroughtMac, 0x0800,
                           packet(kBrought.address, kPeer, 6, tcp(bytes(data)), 16))),
              ethernet(kPeerMac, kOwnMac, 0x0800, packet(kOwn.address, kPeer, 6, tcp(bytes(data)), 16)));
    EXPECT_EQ(
        in(ethernet(kOwnMac, kPeerMac, 0x0800, packet(kPeer, kOwn.address, 17, udp(7, 9, bytes(data)), 6))),
        ethernet(kBroughtMac, kPeerMac, 0x0800,
                 packet(kPeer, kBrought.address, 17, udp(7, 9, bytes(data)), 6)));
  }
  const Bytes echo = {8, 0, 0, 0, 0, 1, 0, 2, 'x'};
  EXPECT_EQ(out(ethernet(kPeerMac, kBroughtMac, 0x0800, packet(kBrought.address, kPeer, 1, echo, 2, false))),
            ethernet(kPeerMac, kOwnMac, 0x0800, packet(kOwn.address, kPeer, 1, echo, 2, false)));
}

TEST_F(AddressTranslationTest, ChecksumsAreRightWhateverTheData) {
  // Whole ranges of sums, zero among them (of UDP 0xffff then, RFC 768).
  bool met_zero = false;
  for (std::uint32_t word = 0; word < 0x10000; ++word) {
    Bytes data;
    put16(data, word);
    Bytes got =
        out(ethernet(kPeerMac, kBroughtMac, 0x0800, packet(kBrought.address, kPeer, 17, udp(7, 9, data), 6)));
    Bytes wanted = ethernet(kPeerMac, kOwnMac, 0x0800, packet(kOwn.address, kPeer, 17, udp(7, 9, data), 6));
    if (get16(wanted, 40) == 0) {
      met_zero = true;
      set16(wanted, 40, 0xffff);
    }
    // A sender never sends 0 either.
    if (get16(packet(kBrought.address, kPeer, 17, udp(7, 9, data), 6), 26) == 0) continue;
    ASSERT_EQ(got, wanted) << word;
  }
  EXPECT_TRUE(met_zero);
}

TEST_F(AddressTranslationTest, UdpWithoutAChecksumHasNoneAfterwards) {
  Bytes p = packet(kBrought.address, kPeer, 17, udp(7, 9, bytes("x")), 6);
  set16(p, 26, 0);
  const Bytes got = out(ethernet(kPeerMac, kBroughtMac, 0x0800, p));
  EXPECT_EQ(get16(got, 14 + 26), 0);
  EXPECT_EQ(get32(got, 14 + 12), kOwn.address);
}

TEST_F(AddressTranslationTest, OfFragmentsOnlyTheFirstHasTheOtherHeader) {
  const Bytes data = tcp(bytes("0123"));
  const Bytes first = out(
      ethernet(kPeerMac, kBroughtMac, 0x0800, packet(kBrought.address, kPeer, 6, data, 16, true, 0x2000)));
  EXPECT_EQ(first,
            ethernet(kPeerMac, kOwnMac, 0x0800, packet(kOwn.address, kPeer, 6, data, 16, true, 0x2000)));
  const Bytes later = packet(kBrought.address, kPeer, 6, data, 16, true, 0x0003);
  const Bytes got = out(ethernet(kPeerMac, kBroughtMac, 0x0800, later));
  EXPECT_EQ(get32(got, 14 + 12), kOwn.address);
  EXPECT_EQ(checksum(Frame(got).subspan(14, 20)), 0);
  EXPECT_TRUE(std::equal(later.begin() + 20, later.end(), got.begin() + 34));
}

TEST_F(AddressTranslationTest, WhatIcmpQuotesIsTranslatedToo) {
  const auto error = [](std::uint32_t reporter, std::uint32_t to, const Bytes& quoted) {
    Bytes message = {3, 3, 0, 0, 0, 0, 0, 0};
    put(message, quoted);
    return packet(reporter, to, 1, message, 2, false);
  };
  // The whole packet, and no more than the eight bytes that must be (without TCP's checksum).
  for (const std::size_t size : {std::size_t{48}, std::size_t{28}}) {
    const auto quoted = [&](std::uint32_t from, std::uint32_t to) {
      Bytes p = packet(from, to, 6, tcp(bytes("01234567")), 16);
      p.resize(size);
      return p;
    };
    EXPECT_EQ(
        in(ethernet(kOwnMac, kPeerMac, 0x0800, error(kPeer, kOwn.address, quoted(kOwn.address, kPeer)))),
        ethernet(kBroughtMac, kPeerMac, 0x0800,
                 error(kPeer, kBrought.address, quoted(kBrought.address, kPeer))));
    EXPECT_EQ(out(ethernet(kPeerMac, kBroughtMac, 0x0800,
                           error(kBrought.address, kPeer, quoted(kPeer, kBrought.address)))),
              ethernet(kPeerMac, kOwnMac, 0x0800, error(kOwn.address, kPeer, quoted(kPeer, kOwn.address))));
  }
}

TEST_F(AddressTranslationTest, DhcpsHardwareAddress) {
  const auto request = [](EthernetAddress from, std::uint16_t port) {
    Bytes m(28);
    put(m, mac_bytes(from));
    m.resize(240);
    return packet(0, ~0u, 17, udp(68, port, m), 6);
  };
  EXPECT_EQ(out(ethernet(kEthernetBroadcast, kBroughtMac, 0x0800, request(kBroughtMac, 67))),
            ethernet(kEthernetBroadcast, kOwnMac, 0x0800, request(kOwnMac, 67)));
  EXPECT_EQ(in(ethernet(kEthernetBroadcast, kPeerMac, 0x0800, request(kOwnMac, 68))),
            ethernet(kEthernetBroadcast, kPeerMac, 0x0800, request(kBroughtMac, 68)));
  EXPECT_EQ(out(ethernet(kEthernetBroadcast, kBroughtMac, 0x0800, request(kBroughtMac, 69))),
            ethernet(kEthernetBroadcast, kOwnMac, 0x0800, request(kBroughtMac, 69)))
      << "other ports carry what they will";
}

// fe80:: and the interface identifier of a MAC address, or its solicited-node group.
Bytes link_local(EthernetAddress mac) {
  Bytes a = {0xfe, 0x80, 0, 0, 0, 0, 0, 0};
  const Bytes m = mac_bytes(mac);
  put(a, Bytes{static_cast<std::uint8_t>(m[0] ^ 2), m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5]});
  return a;
}
Bytes solicited(EthernetAddress mac) {
  Bytes a = {0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff};
  const Bytes m = mac_bytes(mac);
  put(a, Bytes(m.begin() + 3, m.end()));
  return a;
}
Bytes packet6(const Bytes& from, const Bytes& to, std::uint8_t protocol, Bytes payload, std::size_t sum_at) {
  Bytes summed = from;
  put(summed, to);
  put32(summed, static_cast<std::uint32_t>(payload.size()));
  put32(summed, protocol);
  put(summed, payload);
  set16(payload, sum_at, checksum(summed));
  Bytes p = {0x60, 0, 0, 0};
  put16(p, static_cast<std::uint32_t>(payload.size()));
  put(p, Bytes{protocol, 255});
  put(p, from);
  put(p, to);
  put(p, payload);
  return p;
}

TEST_F(AddressTranslationTest, Ipv6AddressesThatAreMadeOfTheMac) {
  EXPECT_EQ(
      out(ethernet(kPeerMac, kBroughtMac, 0x86dd,
                   packet6(link_local(kBroughtMac), link_local(kPeerMac), 17, udp(7, 9, bytes("x")), 6))),
      ethernet(kPeerMac, kOwnMac, 0x86dd,
               packet6(link_local(kOwnMac), link_local(kPeerMac), 17, udp(7, 9, bytes("x")), 6)));
  EXPECT_EQ(in(ethernet(kOwnMac, kPeerMac, 0x86dd,
                        packet6(link_local(kPeerMac), link_local(kOwnMac), 6, tcp(bytes("xyz")), 16))),
            ethernet(kBroughtMac, kPeerMac, 0x86dd,
                     packet6(link_local(kPeerMac), link_local(kBroughtMac), 6, tcp(bytes("xyz")), 16)));
}

TEST_F(AddressTranslationTest, NeighbourDiscovery) {
  const auto solicitation = [](EthernetAddress to, EthernetAddress from, EthernetAddress target) {
    Bytes m = {135, 0, 0, 0, 0, 0, 0, 0};
    put(m, link_local(target));
    put(m, Bytes{1, 1});
    put(m, mac_bytes(from));
    return ethernet(to, from, 0x86dd, packet6(link_local(from), solicited(target), 58, m, 2));
  };
  EXPECT_EQ(in(solicitation(0x3333'ff00'2004, kPeerMac, kOwnMac)),
            solicitation(0x3333'ff00'1000, kPeerMac, kBroughtMac));
  EXPECT_EQ(out(solicitation(0x3333'ff00'3000, kBroughtMac, kPeerMac)),
            solicitation(0x3333'ff00'3000, kOwnMac, kPeerMac));
  const auto advertisement = [](EthernetAddress from) {
    Bytes m = {136, 0, 0, 0, 0x60, 0, 0, 0};
    put(m, link_local(from));
    put(m, Bytes{2, 1});
    put(m, mac_bytes(from));
    return ethernet(kPeerMac, from, 0x86dd, packet6(link_local(from), link_local(kPeerMac), 58, m, 2));
  };
  EXPECT_EQ(out(advertisement(kBroughtMac)), advertisement(kOwnMac));
}

TEST_F(AddressTranslationTest, WhatIsCutShortIsLeftAlone) {
  const Bytes quoted = packet(kOwn.address, kPeer, 6, tcp(bytes("0123")), 16);
  Bytes message = {3, 3, 0, 0, 0, 0, 0, 0};
  put(message, quoted);
  Bytes nd = {135, 0, 0, 0, 0, 0, 0, 0};
  put(nd, link_local(kOwnMac));
  put(nd, Bytes{1, 0, 1, 9});
  nd.resize(40);
  for (const Bytes& whole :
       {ethernet(kOwnMac, kPeerMac, 0x0800, packet(kPeer, kOwn.address, 1, message, 2, false)),
        ethernet(kOwnMac, kPeerMac, 0x86dd, packet6(link_local(kPeerMac), solicited(kOwnMac), 58, nd, 2)),
        ethernet(kOwnMac, kPeerMac, 0x0806, Bytes(28, 1))}) {
    for (std::size_t size = 0; size <= whole.size(); ++size) {
      Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
      translation.rewrite(cut, Way::kIn);
      EXPECT_EQ(cut.size(), size);
      // Every length field may lie.
      for (std::size_t at = 14; at < size; ++at) {
        Bytes damaged = cut;
        damaged[at] = 0xff;
        translation.rewrite(damaged, Way::kOut);
      }
    }
  }
}

}  // namespace
}  // namespace espalier::net
