#include "net/udp_packet.h"

#include <gtest/gtest.h>

#include <vector>

#include "net/bytes.h"
#include "net/fake_guest_test_support.h"

namespace espalier::net {
namespace {

using testing::Bytes;

UdpPacket sample(const Bytes& data) {
  return {.source_mac = 0x525500000001,
          .destination_mac = 0x020000000002,
          .source = testing::ip(10, 1, 0, 2),
          .destination = testing::ip(10, 1, 0, 16),
          .source_port = 67,
          .destination_port = 68,
          .data = data};
}

TEST(UdpPacket, IsReadAsItWasWritten) {
  const Bytes data = testing::bytes("odd");
  const Bytes frame = sample(data).frame();
  const auto read = UdpPacket::parse(frame);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->source_mac, 0x525500000001u);
  EXPECT_EQ(read->destination_mac, 0x020000000002u);
  EXPECT_EQ(read->source, testing::ip(10, 1, 0, 2));
  EXPECT_EQ(read->destination, testing::ip(10, 1, 0, 16));
  EXPECT_EQ(read->source_port, 67);
  EXPECT_EQ(read->destination_port, 68);
  EXPECT_EQ(Bytes(read->data.begin(), read->data.end()), data);
}

TEST(UdpPacket, HasBothChecksums) {
  const Bytes frame = sample(testing::bytes("odd")).frame();
  EXPECT_EQ(testing::checksum(Frame(frame).subspan(14, 20)), 0);
  Bytes pseudo(frame.begin() + 26, frame.begin() + 34);
  testing::put16(pseudo, 17);
  testing::put16(pseudo, 11);
  testing::put(pseudo, Frame(frame).subspan(34));
  EXPECT_EQ(testing::checksum(pseudo), 0);
}

TEST(UdpPacket, PaddingOfShortFramesIsNoData) {
  Bytes frame = sample(testing::bytes("x")).frame();
  frame.resize(60);
  EXPECT_EQ(UdpPacket::parse(frame)->data.size(), 1u);
}

TEST(UdpPacket, IsNotWhatIsCutOffOrOfAnotherKind) {
  const Bytes whole = sample(testing::bytes("data")).frame();
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(UdpPacket::parse(Frame(whole).first(size))) << size;
  const auto with = [&](std::size_t at, std::uint8_t value) {
    Bytes changed = whole;
    changed[at] = value;
    return UdpPacket::parse(changed).has_value();
  };
  EXPECT_FALSE(with(12, 0x86));  // not IPv4
  EXPECT_FALSE(with(14, 0x55));
  EXPECT_FALSE(with(14, 0x44));  // a header of 16 bytes
  EXPECT_FALSE(with(14, 0x4f));  // one of 60
  EXPECT_FALSE(with(20, 0x20));  // a fragment
  EXPECT_FALSE(with(23, 6));     // TCP
  EXPECT_FALSE(with(39, 7));     // shorter than its header
  EXPECT_FALSE(with(39, 13));    // longer than its packet
}

}  // namespace
}  // namespace espalier::net
