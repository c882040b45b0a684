#include "host/slip_packets.h"

#include <gtest/gtest.h>

#include <string_view>

namespace espalier::host {
namespace {

std::span<const std::uint8_t> bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

TEST(SlipPackets, EndWithTheSecondEnd) {
  SlipPackets packets;
  EXPECT_EQ(packets.up_to_end(bytes("\xc0"
                                    "ab\xc0\xc0"
                                    "cd\xc0")),
            4u);
  EXPECT_TRUE(
      packets.pass(bytes("\xc0"
                         "ab\xc0")));
  EXPECT_EQ(packets.up_to_end(bytes("\xc0"
                                    "cd\xc0")),
            4u);
  EXPECT_FALSE(
      packets.pass(bytes("\xc0"
                         "c")));
  EXPECT_EQ(packets.up_to_end(bytes("d\xc0"
                                    "e")),
            2u);
  EXPECT_TRUE(packets.pass(bytes("d\xc0")));
}

TEST(SlipPackets, AreNotEmptyAndNotText) {
  SlipPackets packets;
  EXPECT_EQ(packets.up_to_end(bytes("help\r\n")), 6u);
  EXPECT_FALSE(packets.pass(bytes("help\r\n\xc0\xc0\xc0")));
  EXPECT_TRUE(packets.pass(bytes("x\xc0")));
  EXPECT_EQ(packets.up_to_end(bytes("")), 0u);
}

// A lone END, or a packet cut short, puts begin and end in each other's place until two packets touch.
TEST(SlipPackets, AreFoundAgain) {
  SlipPackets packets;
  packets.pass(
      bytes("\xc0"
            "lost"));
  EXPECT_EQ(packets.up_to_end(bytes("\xc0"
                                    "ab\xc0\xc0"
                                    "cd\xc0")),
            1u);
  EXPECT_TRUE(
      packets.pass(bytes("\xc0"
                         "ab\xc0\xc0"
                         "cd\xc0")));
}

}  // namespace
}  // namespace espalier::host
