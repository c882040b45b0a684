#include "net/lan_router.h"

#include <gtest/gtest.h>

#include "net/fake_guest_test_support.h"

namespace espalier::net {
namespace {

using namespace net::testing;

constexpr std::uint32_t kOwn = ip(10, 1, 0, 16), kPeer = ip(10, 1, 0, 17);
constexpr EthernetAddress kPeerMac = 0x0200'0000'0011;

class LanRouterTest : public ::testing::Test {
 protected:
  Bytes packet(std::uint8_t mark) {
    Bytes f = {0x52, 0x55, 10, 1, 0, 2, 2, 0, 0, 0, 0, 0x10, 8, 0};
    f.resize(40, mark);
    return f;
  }
  Bytes answer(std::uint32_t address) {
    Bytes f = {2, 0, 0, 0, 0, 0x10, 2, 0, 0, 0, 0, 0x11, 8, 6, 0, 1, 8, 0, 6, 4, 0, 2, 2, 0, 0, 0, 0, 0x11};
    put32(f, address);
    f.resize(60);
    return f;
  }
  std::vector<Bytes> sent;
  LanRouter router{kOwn, [this](Frame frame) { sent.emplace_back(frame.begin(), frame.end()); }};
};

TEST_F(LanRouterTest, WhatIsKnownIsSentAtOnce) {
  router.route(packet(1), kPeer, kPeerMac, 0);
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(ethernet_address(sent[0], 0), kPeerMac);
  EXPECT_TRUE(std::equal(sent[0].begin() + 6, sent[0].end(), packet(1).begin() + 6));
}

TEST_F(LanRouterTest, WhatIsNotIsAskedForAndKept) {
  router.route(packet(1), kPeer, {}, 0);
  router.route(packet(2), ip(10, 1, 0, 18), {}, 0);
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_EQ(ethernet_address(sent[0], 0), kEthernetBroadcast);
  EXPECT_EQ(get16(sent[0], 12), 0x0806);
  EXPECT_EQ(get32(sent[0], 28), kOwn);
  EXPECT_EQ(get32(sent[0], 38), kPeer);
  sent.clear();
  router.heard(answer(ip(10, 1, 0, 19)), 0);
  EXPECT_TRUE(sent.empty());
  router.heard(answer(kPeer), 0);
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(ethernet_address(sent[0], 0), kPeerMac);
  EXPECT_EQ(sent[0][20], 1);
  router.route(packet(3), kPeer, {}, LanRouter::kLifetime - 1);
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_EQ(sent[1][20], 3);
  router.route(packet(4), kPeer, {}, LanRouter::kLifetime);
  EXPECT_EQ(get16(sent.at(2), 12), 0x0806) << "it may be another one by now";
}

TEST_F(LanRouterTest, KeepsTheLatest) {
  for (unsigned i = 0; i <= LanRouter::kMostKept; ++i)
    router.route(packet(static_cast<std::uint8_t>(i)), kPeer, {}, 0);
  sent.clear();
  router.heard(answer(kPeer), 0);
  ASSERT_EQ(sent.size(), LanRouter::kMostKept);
  EXPECT_EQ(sent[0][20], 1);
  sent.clear();
  router.route(packet(1), ip(10, 1, 0, 18), {}, 0);
  router.clear();
  sent.clear();
  router.heard(answer(ip(10, 1, 0, 18)), 0);
  EXPECT_TRUE(sent.empty());
}

}  // namespace
}  // namespace espalier::net
