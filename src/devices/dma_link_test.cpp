#include "devices/dma_link.h"

#include <gtest/gtest.h>

#include "devices/device_test_support.h"

namespace espalier::devices {
namespace {

constexpr std::uint32_t kBase = 0x3ffb0000;

struct DmaLinkTest : ::testing::Test {
  void descriptor(std::uint32_t at, std::uint32_t control, std::uint32_t buffer, std::uint32_t next) {
    ASSERT_TRUE(memory.write_word(at, control));
    ASSERT_TRUE(memory.write_word(at + 4, buffer));
    ASSERT_TRUE(memory.write_word(at + 8, next));
  }
  std::uint32_t control(std::uint32_t at) {
    std::uint32_t v = 0;
    EXPECT_TRUE(memory.read_word(at, v));
    return v;
  }
  testing::Memory memory{kBase, 0x1000};
};

TEST_F(DmaLinkTest, GathersUntilEofOrLimit) {
  descriptor(kBase, 4 | 4u << 12 | 1u << 31, kBase + 0x100, kBase + 12);
  descriptor(kBase + 12, 4 | 2u << 12 | 3u << 30, kBase + 0x200, kBase);
  for (unsigned i = 0; i < 4; ++i) memory.bytes[0x100 + i] = static_cast<std::uint8_t>(i + 1);
  memory.bytes[0x200] = 9;
  memory.bytes[0x201] = 8;
  std::vector<std::uint8_t> out;
  DmaTransfer t = gather(memory, kBase, 100, out);
  EXPECT_EQ(out, (std::vector<std::uint8_t>{1, 2, 3, 4, 9, 8}));
  EXPECT_EQ(t.bytes, 6u);
  EXPECT_TRUE(t.eof);
  EXPECT_EQ(t.last, kBase + 12);
  EXPECT_FALSE(t.error);
  out.clear();
  EXPECT_EQ(gather(memory, kBase, 3, out).bytes, 3u);
}

TEST_F(DmaLinkTest, ScattersAndHandsBack) {
  descriptor(kBase, 4 | 1u << 31, kBase + 0x100, kBase + 12);
  descriptor(kBase + 12, 4 | 1u << 31, kBase + 0x200, 0);
  const std::uint8_t data[] = {1, 2, 3, 4, 5};
  const DmaTransfer t = scatter(memory, kBase, data);
  EXPECT_EQ(t.bytes, 5u);
  EXPECT_EQ(memory.bytes[0x103], 4);
  EXPECT_EQ(memory.bytes[0x200], 5);
  EXPECT_EQ(control(kBase), 4u | 4u << 12);
  EXPECT_EQ(control(kBase + 12), 4u | 1u << 12 | 1u << 30);
  const std::vector<std::uint8_t> much(20);
  EXPECT_EQ(scatter(memory, kBase, much).bytes, 8u);
}

TEST_F(DmaLinkTest, BadChainsEnd) {
  std::vector<std::uint8_t> out;
  EXPECT_TRUE(gather(memory, 0x3ff00000, 10, out).error);
  descriptor(kBase, 4 | 4u << 12, 0x12345678, 0);
  EXPECT_TRUE(gather(memory, kBase, 10, out).error);
  EXPECT_TRUE(out.empty());
  descriptor(kBase, 4, kBase, kBase);  // a ring of nothing
  EXPECT_EQ(gather(memory, kBase, 10, out).bytes, 0u);
  EXPECT_EQ(dma_link_address(0xabcb1234), 0x3ffb1234u);
}

}  // namespace
}  // namespace espalier::devices
