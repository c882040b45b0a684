#include "net/tcp_segment.h"

#include <gtest/gtest.h>

#include "net/tcp_test_support.h"

namespace espalier::net {
namespace {

using namespace net::testing;

TEST(TcpSegmentTest, SaysWhatTheHeadersSay) {
  const auto s = TcpSegment::parse(from_guest({.sequence = 7, .acknowledged = 9, .options = true}));
  ASSERT_TRUE(s);
  EXPECT_EQ(s->source, kGuestIp);
  EXPECT_EQ(s->destination, kHostIp);
  EXPECT_EQ(s->source_port, 80);
  EXPECT_EQ(s->destination_port, 40000);
  EXPECT_EQ(s->sequence, 7u);
  EXPECT_EQ(s->acknowledged, 9u);
  EXPECT_EQ(s->flags, 0x18);
  EXPECT_EQ(s->tcp_at, 34u);
  EXPECT_EQ(s->data_size, 6u);
}

TEST(TcpSegmentTest, ThePaddingOfAShortFrameIsNoData) {
  EXPECT_EQ(TcpSegment::parse(from_guest({.data = ""}))->data_size, 0u);
}

TEST(TcpSegmentTest, ConnectionsAreTheSameFromBothEnds) {
  const auto out = TcpConnection::from_guest(*TcpSegment::parse(from_guest({})));
  EXPECT_EQ(out, TcpConnection::to_guest(*TcpSegment::parse(to_guest({}))));
  EXPECT_NE(out, TcpConnection::to_guest(*TcpSegment::parse(to_guest({.remote_port = 40001}))));
}

TEST(TcpSegmentTest, OtherFramesAreNone) {
  EXPECT_FALSE(TcpSegment::parse(from_guest({.fragment = 0x2000})));
  EXPECT_FALSE(TcpSegment::parse(from_guest({.fragment = 0x0001})));
  const Bytes whole = from_guest({});
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(TcpSegment::parse(Frame(whole).first(size))) << size;
  for (const std::size_t at : {12, 14, 23, 46}) {  // type, IP version and length, protocol, TCP's length
    Bytes broken = whole;
    broken[at] = 0xff;
    EXPECT_FALSE(TcpSegment::parse(broken)) << at;
  }
  EXPECT_TRUE(TcpSegment::parse(whole));
}

TEST(TcpSegmentTest, BareSegmentsHaveGoodChecksumsAndNoOptions) {
  const Bytes bare = bare_segment(from_guest({.acknowledged = 1093, .options = true}), 0x12345, 0x10);
  ASSERT_EQ(bare.size(), 54u);
  const auto s = TcpSegment::parse(bare);
  ASSERT_TRUE(s);
  EXPECT_EQ(s->sequence, 0x12345u);
  EXPECT_EQ(s->acknowledged, 1093u);
  EXPECT_EQ(s->flags, 0x10);
  EXPECT_EQ(s->data_size, 0u);
  EXPECT_EQ(checksum(Frame(bare).subspan(14, 20)), 0);
  Bytes pseudo(bare.begin() + 26, bare.begin() + 34);
  put(pseudo, Bytes{0, 6, 0, 20});
  put(pseudo, Frame(bare).subspan(34));
  EXPECT_EQ(checksum(pseudo), 0);
}

TEST(TcpSegmentTest, SequenceNumbersWrap) {
  EXPECT_TRUE(sequence_after(0x10, 0xfffffff0));
  EXPECT_FALSE(sequence_after(0xfffffff0, 0x10));
  EXPECT_FALSE(sequence_after(5, 5));
}

}  // namespace
}  // namespace espalier::net
