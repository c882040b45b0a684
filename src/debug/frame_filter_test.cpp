#include "debug/frame_filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace espalier::debug {
namespace {

std::vector<std::uint8_t> ipv4(std::uint8_t protocol, std::vector<std::uint8_t> data) {
  std::vector<std::uint8_t> frame(12, 2);
  const auto total = static_cast<std::uint8_t>(20 + data.size());
  frame.insert(frame.end(), {0x08, 0x00, 0x45, 0, 0, total, 0, 0, 0x40, 0, 64, protocol, 0, 0});
  frame.insert(frame.end(), {10, 0, 2, 2, 10, 0, 2, 15});
  frame.insert(frame.end(), data.begin(), data.end());
  return frame;
}

std::vector<std::uint8_t> tcp(std::uint8_t port, std::string_view text) {
  std::vector<std::uint8_t> segment{0x9c, 0x40, 0,    port, 0, 0, 0, 0, 0, 0,
                                    0,    0,    0x50, 0x18, 0, 0, 0, 0, 0, 0};
  segment.insert(segment.end(), text.begin(), text.end());
  return segment;
}

TEST(FrameFilter, SeesWhatASegmentCarries) {
  auto frame = ipv4(6, tcp(80, "GET /"));
  frame.resize(frame.size() + 7);  // padding
  const auto segment = segment_of(frame);
  ASSERT_TRUE(segment);
  EXPECT_TRUE(segment->tcp);
  EXPECT_EQ(segment->source, "10.0.2.2:40000");
  EXPECT_EQ(segment->destination, "10.0.2.15:80");
  EXPECT_EQ(std::string(segment->payload.begin(), segment->payload.end()), "GET /");
  const auto datagram = segment_of(ipv4(17, {0, 53, 0, 99, 0, 9, 0, 0, 'x'}));
  ASSERT_TRUE(datagram);
  EXPECT_FALSE(datagram->tcp);
  EXPECT_EQ(datagram->destination, "10.0.2.15:99");
  EXPECT_EQ(datagram->payload.size(), 1u);
}

TEST(FrameFilter, ReadsIpv6) {
  std::vector<std::uint8_t> frame(12, 2);
  const auto data = tcp(80, "x");
  frame.insert(frame.end(), {0x86, 0xdd, 0x60, 0, 0, 0, 0, static_cast<std::uint8_t>(data.size()), 6, 64});
  for (const std::uint8_t last : {1, 2}) {
    frame.insert(frame.end(), 15, 0);
    frame.push_back(last);
  }
  frame.insert(frame.end(), data.begin(), data.end());
  ASSERT_TRUE(segment_of(frame));
  EXPECT_EQ(segment_of(frame)->source, "[::1]:40000");
  EXPECT_EQ(segment_of(frame)->destination, "[::2]:80");
  for (std::size_t size = 0; size < frame.size(); ++size)
    EXPECT_FALSE(segment_of(net::Frame(frame).first(size)));
}

TEST(FrameFilter, TakesNoNoticeOfOtherFrames) {
  const auto whole = ipv4(6, tcp(80, "GET /"));
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(segment_of(net::Frame(whole).first(size))) << size;
  auto fragment = whole;
  fragment[14 + 7] = 1;
  EXPECT_FALSE(segment_of(fragment));
  auto arp = whole;
  arp[13] = 6;
  EXPECT_FALSE(segment_of(arp));
  EXPECT_FALSE(segment_of(ipv4(1, tcp(80, "ping"))));
  auto long_header = whole;
  long_header[14 + 20 + 12] = 0xf0;
  EXPECT_FALSE(segment_of(long_header));
}

TEST(FrameFilter, MatchesDataToAPort) {
  const auto with_data = ipv4(6, tcp(80, "x")), without = ipv4(6, tcp(80, ""));
  const FrameFilter filter = FrameFilter::parse("tcp:80").value();
  EXPECT_TRUE(filter.matches(*segment_of(with_data)));
  EXPECT_FALSE(filter.matches(*segment_of(without)));
  EXPECT_FALSE(filter.matches(*segment_of(ipv4(6, tcp(81, "x")))));
  EXPECT_TRUE(FrameFilter::parse("tcp")->matches(*segment_of(ipv4(6, tcp(81, "x")))));
  EXPECT_FALSE(FrameFilter::parse("udp:80")->matches(*segment_of(with_data)));
  for (const char* bad : {"", "tcp:", "tcp:0", "tcp:65536", "tcp:80x", "icmp", "80"})
    EXPECT_EQ(FrameFilter::parse(bad).error(),
              "'" + std::string(bad) + "' is no filter: tcp:PORT, udp:PORT, tcp or udp");
}

}  // namespace
}  // namespace espalier::debug
