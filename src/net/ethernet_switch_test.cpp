#include "net/ethernet_switch.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "net/fake_guest_test_support.h"

namespace espalier::net {
namespace {

using base::EventLoop;
using testing::Bytes;

constexpr EthernetAddress kEverybody = kEthernetBroadcast;

Bytes frame_of(EthernetAddress to, EthernetAddress from, std::uint8_t content = 0) {
  Bytes frame;
  for (const EthernetAddress address : {to, from})
    for (int shift = 40; shift >= 0; shift -= 8) frame.push_back(static_cast<std::uint8_t>(address >> shift));
  frame.insert(frame.end(), {0x88, 0xb5, content});
  return frame;
}

// A machine's end, with its port.
struct Plugged final : EthernetPort {
  explicit Plugged(EthernetSwitch::Bay& bay, bool uplink = false) : port(bay.plug(uplink)) {
    port->attach(this);
    make_room(~std::size_t{0});
  }
  ~Plugged() { port.reset(); }

  std::size_t room = 0;
  std::vector<Bytes> frames;
  std::function<void()> ready;
  std::unique_ptr<EthernetSwitch::Port> port;

  bool can_receive() const override { return room != 0; }
  bool receive(Frame frame) override {
    if (room == 0) return false;
    --room;
    frames.emplace_back(frame.begin(), frame.end());
    return true;
  }
  void on_receive_ready(std::function<void()> callback) override { ready = std::move(callback); }
  void make_room(std::size_t more) {
    room = more;
    ready();
  }
};

class EthernetSwitchTest : public ::testing::Test {
 protected:
  EventLoop loop;
  EventLoop other_loop;
  EthernetSwitch lan;
  EthernetSwitch::Bay bay{lan, loop};
  EthernetSwitch::Bay other_bay{lan, other_loop};
};

TEST_F(EthernetSwitchTest, FloodsWhatItDoesNotKnowAndForwardsWhatItHasLearned) {
  Plugged a(bay), b(bay), c(other_bay);
  a.port->send(frame_of(2, 4));
  other_loop.poll(0);
  EXPECT_TRUE(a.frames.empty());
  ASSERT_EQ(b.frames.size(), 1u);
  ASSERT_EQ(c.frames.size(), 1u);
  EXPECT_EQ(c.frames[0], frame_of(2, 4));
  c.port->send(frame_of(4, 2));  // `a` is known by now
  loop.poll(0);
  EXPECT_EQ(a.frames.size(), 1u);
  EXPECT_EQ(b.frames.size(), 1u);
  EXPECT_EQ(lan.counts().forwarded, 1u);
  EXPECT_EQ(lan.counts().flooded, 1u);
  EXPECT_EQ(lan.addresses(), 2u);
}

TEST_F(EthernetSwitchTest, BroadcastsReachAllBaysButNotTheirSender) {
  Plugged a(bay), b(bay), c(other_bay), d(other_bay);
  c.port->send(frame_of(kEverybody, 6));
  EXPECT_EQ(d.frames.size(), 1u);
  EXPECT_TRUE(a.frames.empty()) << "not in its thread's turn yet";
  loop.poll(0);
  EXPECT_EQ(a.frames.size(), 1u);
  EXPECT_EQ(b.frames.size(), 1u);
  EXPECT_TRUE(c.frames.empty());
}

TEST_F(EthernetSwitchTest, WhatHasNoBufferWaitsInOrderUpToALimit) {
  Plugged a(bay), b(bay);
  b.port->send(frame_of(kEverybody, 8));
  b.room = 0;
  for (std::size_t i = 0; i < EthernetSwitch::kMostWaiting + 3; ++i)
    a.port->send(frame_of(8, 4, static_cast<std::uint8_t>(i)));
  EXPECT_EQ(b.port->waiting(), EthernetSwitch::kMostWaiting);
  EXPECT_EQ(lan.counts().dropped, 3u);
  b.make_room(2);
  ASSERT_EQ(b.frames.size(), 2u);
  EXPECT_EQ(b.frames[0].back(), 0);
  EXPECT_EQ(b.frames[1].back(), 1);
  b.port->guest_down();
  EXPECT_EQ(b.port->waiting(), 0u);
}

TEST_F(EthernetSwitchTest, ABayThatDoesNotLookLosesFramesInTheEnd) {
  Plugged a(bay), c(other_bay);
  c.port->send(frame_of(kEverybody, 8));
  for (std::size_t i = 0; i < EthernetSwitch::kMostInInbox + 5; ++i) a.port->send(frame_of(8, 4));
  EXPECT_EQ(lan.counts().dropped, 5u);
  other_loop.poll(0);
  EXPECT_EQ(c.frames.size(), EthernetSwitch::kMostInInbox);
}

TEST_F(EthernetSwitchTest, AMachineThatIsDownHearsNothing) {
  Plugged a(bay), b(bay);
  b.port->guest_down();
  a.port->send(frame_of(kEverybody, 4));
  EXPECT_TRUE(b.frames.empty());
  b.port->send(frame_of(kEverybody, 8));
  a.port->send(frame_of(kEverybody, 4));
  EXPECT_EQ(b.frames.size(), 1u);
}

TEST_F(EthernetSwitchTest, TellsOnceOfAnAddressAtTwoPorts) {
  std::vector<EthernetAddress> told;
  lan.on_duplicate([&](EthernetAddress address) { told.push_back(address); });
  Plugged a(bay), b(other_bay);
  a.port->send(frame_of(kEverybody, 4));
  EXPECT_TRUE(told.empty());
  b.port->send(frame_of(kEverybody, 4));
  a.port->send(frame_of(kEverybody, 4));
  ASSERT_EQ(told, std::vector<EthernetAddress>{4});
}

TEST_F(EthernetSwitchTest, ForgetsTheAddressesOfAPortThatIsUnplugged) {
  std::vector<EthernetAddress> told;
  lan.on_duplicate([&](EthernetAddress address) { told.push_back(address); });
  Plugged a(bay);
  {
    Plugged b(bay);
    b.port->send(frame_of(kEverybody, 8));
    EXPECT_EQ(lan.addresses(), 1u);
  }
  EXPECT_EQ(lan.addresses(), 0u);
  other_loop.poll(0);
  Plugged again(other_bay);
  again.port->send(frame_of(kEverybody, 8));
  EXPECT_TRUE(told.empty());
  a.port->send(frame_of(8, 4));
  other_loop.poll(0);
  EXPECT_EQ(again.frames.size(), 1u);
}

TEST_F(EthernetSwitchTest, AFrameOnItsWayToAPortThatIsUnpluggedIsLost) {
  Plugged a(bay);
  auto b = std::make_unique<Plugged>(other_bay);
  b->port->send(frame_of(kEverybody, 8));
  a.port->send(frame_of(8, 4));
  b.reset();
  other_loop.poll(0);  // must not reach what is there no more
}

TEST_F(EthernetSwitchTest, FramesCanBeSteered) {
  Plugged a(bay), b(bay), c(other_bay), up(other_bay, true);
  c.port->send(frame_of(kEverybody, 8));
  b.frames.clear();
  EXPECT_TRUE(a.port->send_to(8, frame_of(kEverybody, 4)));
  EXPECT_FALSE(a.port->send_to(10, frame_of(kEverybody, 4)));
  a.port->send_to_uplinks(frame_of(kEverybody, 4, 7));
  other_loop.poll(0);
  EXPECT_TRUE(b.frames.empty());
  ASSERT_EQ(c.frames.size(), 1u);
  ASSERT_EQ(up.frames.size(), 2u);  // the first is c's
  EXPECT_EQ(up.frames[1].back(), 7);
}

TEST_F(EthernetSwitchTest, ShortFramesAndGroupSourcesAreNoAddresses) {
  Plugged a(bay), b(bay);
  a.port->send(Bytes{1, 2, 3});
  a.port->send(frame_of(kEverybody, kEverybody));
  EXPECT_EQ(lan.addresses(), 0u);
  EXPECT_EQ(b.frames.size(), 1u);
}

TEST(EthernetSwitch, CarriesFramesBetweenThreads) {
  constexpr int kFrames = 20'000;
  EthernetSwitch lan;
  std::atomic<bool> listening{false};
  std::atomic<int> heard{0};
  std::thread listener([&] {
    EventLoop loop;
    EthernetSwitch::Bay bay(lan, loop);
    Plugged b(bay);
    b.port->send(frame_of(kEverybody, 8));
    listening = true;
    while (b.frames.size() < kFrames && loop.poll(5'000'000'000)) heard = static_cast<int>(b.frames.size());
  });
  EventLoop loop;
  EthernetSwitch::Bay bay(lan, loop);
  Plugged a(bay);
  while (!listening) std::this_thread::yield();
  for (int i = 0; i < kFrames; ++i) {
    while (i - heard > 8'000) std::this_thread::yield();  // what its inbox holds
    a.port->send(frame_of(8, 4));
  }
  listener.join();
  EXPECT_EQ(lan.counts().dropped, 0u);
  EXPECT_EQ(lan.counts().forwarded, static_cast<std::uint64_t>(kFrames));
}

TEST_F(EthernetSwitchTest, ACableThatIsExchangedLeavesTheLinkUp) {
  Plugged a(bay), b(bay);
  // Somebody puts himself between, as a bad piece of cable does; the machine does not notice.
  b.port->attach(&b);
  a.port->send(frame_of(kEverybody, 1));
  EXPECT_EQ(b.frames.size(), 1u);
}

TEST_F(EthernetSwitchTest, AMachineThatGoesOnNeedSayNothing) {
  Plugged a(bay);
  struct Silent final : EthernetPort {
    unsigned count = 0;
    bool can_receive() const override { return true; }
    bool receive(Frame) override { return ++count != 0; }
    void on_receive_ready(std::function<void()>) override {}
  } silent;
  const auto port = bay.plug();
  port->attach(&silent);
  a.port->send(frame_of(7, 1));
  EXPECT_EQ(silent.count, 0u) << "nobody is there yet";
  port->has(7);
  a.port->send(frame_of(7, 1));
  EXPECT_EQ(silent.count, 1u);
  EXPECT_EQ(lan.counts().forwarded, 1u);
}

}  // namespace
}  // namespace espalier::net
