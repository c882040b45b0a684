#include "net/syn_repeater.h"

#include <gtest/gtest.h>

#include "net/tcp_test_support.h"

namespace espalier::net {
namespace {

using namespace net::testing;

constexpr std::uint8_t kSyn = TcpSegment::kSyn, kAck = TcpSegment::kAck, kRst = TcpSegment::kRst;
constexpr std::uint64_t kInterval = SynRepeater::kInterval;
constexpr TcpText kRequest = {.data = "", .flags = kSyn};

class SynRepeaterTest : public ::testing::Test {
 protected:
  SynRepeater syns;
  void guest_hears(const TcpText& text, std::uint64_t now = 0) {
    const Bytes frame = to_guest(text);
    syns.to_guest(frame, *TcpSegment::parse(frame), now);
  }
  void guest_says(const TcpText& text) { syns.from_guest(*TcpSegment::parse(from_guest(text))); }
};

TEST_F(SynRepeaterTest, RepeatsTheSameFrameUntilItIsAnswered) {
  EXPECT_EQ(syns.deadline(), ~std::uint64_t{0});
  guest_hears(kRequest, 1000);
  EXPECT_EQ(syns.deadline(), 1000 + kInterval);
  EXPECT_TRUE(syns.due(999 + kInterval).empty());
  const auto frames = syns.due(1000 + kInterval);
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(frames[0], to_guest(kRequest));
  EXPECT_EQ(syns.deadline(), 1000 + 2 * kInterval);
  guest_says({.flags = kSyn | kAck, .remote_port = 40001});
  EXPECT_EQ(syns.due(1000 + 2 * kInterval).size(), 1u) << "that was another connection's";
  guest_says({.flags = kSyn | kAck});
  EXPECT_EQ(syns.deadline(), ~std::uint64_t{0});
}

TEST_F(SynRepeaterTest, ARefusalIsAnAnswerAndSoIsTheOtherEndsGivingUp) {
  guest_hears(kRequest);
  guest_says({.flags = kRst | kAck});
  EXPECT_TRUE(syns.due(kInterval).empty());
  guest_hears(kRequest);
  guest_hears({.flags = kRst});
  EXPECT_TRUE(syns.due(kInterval).empty());
}

TEST_F(SynRepeaterTest, LibslirpsOwnRepetitionTakesOver) {
  guest_hears(kRequest);
  guest_hears(kRequest, 500);
  EXPECT_EQ(syns.due(500 + kInterval).size(), 1u);
  std::size_t sent = 1;
  for (std::uint64_t now = 500 + 2 * kInterval; syns.deadline() != ~std::uint64_t{0}; now += kInterval)
    sent += syns.due(now).size();
  EXPECT_EQ(sent, SynRepeater::kRepetitions);
  EXPECT_LT(SynRepeater::kRepetitions * kInterval, 5'600'000'000u);
}

TEST_F(SynRepeaterTest, OtherSegmentsAreNotRepeated) {
  guest_hears({});
  guest_hears({.flags = kSyn | kAck});
  EXPECT_EQ(syns.deadline(), ~std::uint64_t{0});
}

TEST_F(SynRepeaterTest, MayBePutOff) {
  guest_hears(kRequest);
  syns.put_off(kInterval);
  EXPECT_TRUE(syns.due(kInterval).empty());
  EXPECT_EQ(syns.due(2 * kInterval).size(), 1u);
}

TEST_F(SynRepeaterTest, TheyAreNotKeptWithoutEnd) {
  for (std::uint16_t port = 1; port <= 1000; ++port)
    guest_hears({.data = "", .flags = kSyn, .remote_port = port});
  EXPECT_EQ(syns.due(kInterval).size(), 256u);
}

}  // namespace
}  // namespace espalier::net
