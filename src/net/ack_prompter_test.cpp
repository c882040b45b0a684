#include "net/ack_prompter.h"

#include <gtest/gtest.h>

#include "net/fake_guest_test_support.h"
#include "net/tcp_test_support.h"

namespace espalier::net {
namespace {

using namespace net::testing;

class AckPrompterTest : public ::testing::Test {
 protected:
  AckPrompter acks;
  void guest_says(const TcpText& text) {
    const Bytes frame = from_guest(text);
    const auto segment = TcpSegment::parse(frame);
    ASSERT_TRUE(segment);
    acks.from_guest(frame, *segment);
  }
  void guest_hears(const TcpText& text) {
    const auto segment = TcpSegment::parse(to_guest(text));
    ASSERT_TRUE(segment);
    acks.to_guest(*segment);
  }
};

TEST_F(AckPrompterTest, ProbesLieOneBeforeTheEndOfAllData) {
  guest_says({.sequence = 5000, .acknowledged = 77, .data = "answer"});
  guest_says({.sequence = 5006, .acknowledged = 99, .data = "more"});
  ASSERT_TRUE(acks.owed());
  const auto probes = acks.take();
  ASSERT_EQ(probes.size(), 1u);
  const auto probe = TcpSegment::parse(probes[0]);
  ASSERT_TRUE(probe);
  EXPECT_EQ(probe->sequence, 5009u);
  EXPECT_EQ(probe->acknowledged, 99u);
  EXPECT_EQ(probe->data_size, 0u);
  EXPECT_EQ(probe->flags, TcpSegment::kAck);
  EXPECT_FALSE(acks.owed());
}

TEST_F(AckPrompterTest, WhatIsAcknowledgedIsNotOwed) {
  guest_says({.sequence = 5000, .data = "answer"});
  guest_hears({.acknowledged = 5005});
  EXPECT_TRUE(acks.owed()) << "a part only";
  guest_hears({.acknowledged = 5006, .guest_port = 81});
  EXPECT_TRUE(acks.owed()) << "another connection";
  guest_hears({.acknowledged = 5006});
  EXPECT_FALSE(acks.owed());
}

TEST_F(AckPrompterTest, SequenceNumbersWrap) {
  guest_says({.sequence = 0xfffffffe, .data = "wraps"});
  guest_hears({.acknowledged = 0xfffffffe});
  EXPECT_TRUE(acks.owed());
  guest_hears({.acknowledged = 3});
  EXPECT_FALSE(acks.owed());
}

TEST_F(AckPrompterTest, ALaterBareSegmentsWordHolds) {
  guest_says({.acknowledged = 10, .data = ""});
  EXPECT_FALSE(acks.owed());
  guest_says({.sequence = 5000, .acknowledged = 10, .data = "answer"});
  guest_says({.sequence = 5006, .acknowledged = 20, .data = ""});
  const auto probes = acks.take();
  ASSERT_EQ(probes.size(), 1u);
  EXPECT_EQ(TcpSegment::parse(probes[0])->acknowledged, 20u);
}

TEST_F(AckPrompterTest, BeginningAndEndNeedNoProbe) {
  for (const std::uint8_t flag : {TcpSegment::kSyn, TcpSegment::kFin, TcpSegment::kRst}) {
    guest_says({.data = "answer"});
    EXPECT_TRUE(acks.owed());
    guest_says({.flags = static_cast<std::uint8_t>(flag | TcpSegment::kAck)});
    EXPECT_FALSE(acks.owed()) << int{flag};
  }
  guest_says({.data = "answer"});
  guest_hears({.flags = TcpSegment::kRst});
  EXPECT_FALSE(acks.owed());
}

TEST_F(AckPrompterTest, ConnectionsAreToldApartAndNotKeptWithoutEnd) {
  for (std::uint16_t port = 1; port <= 1000; ++port) guest_says({.guest_port = port});
  const auto probes = acks.take();
  ASSERT_EQ(probes.size(), 64u);
  EXPECT_EQ(TcpSegment::parse(probes[0])->source_port, 1);
  EXPECT_EQ(TcpSegment::parse(probes[63])->source_port, 64);
}

}  // namespace
}  // namespace espalier::net
