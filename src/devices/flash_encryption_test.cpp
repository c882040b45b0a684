#include "devices/flash_encryption.h"

#include <gtest/gtest.h>

#include "devices/device_test_support.h"

namespace espalier::devices {
namespace {

TEST(FlashEncryption, ReadsBackAndIsDoneAtOnce) {
  testing::Bench bench;
  FlashEncryption block(bench.context());
  for (std::uint32_t offset = 0; offset < 0x20; offset += 4) block.write(offset, offset + 1);
  block.write(0x24, 0x10000);
  block.write(0x28, 0);
  block.write(0x20, 1);
  for (std::uint32_t offset = 0; offset < 0x20; offset += 4) EXPECT_EQ(block.read(offset), offset + 1);
  EXPECT_EQ(block.read(0x20), 0u);
  EXPECT_EQ(block.read(0x24), 0x10000u);
  EXPECT_EQ(block.read(0x28), 1u);
  ASSERT_EQ(bench.lines.size(), 1u);
  EXPECT_NE(bench.lines[0].find("not modelled"), std::string::npos);
  block.reset(ResetKind::kCore);
  EXPECT_EQ(block.read(0), 0u);
  EXPECT_EQ(block.read(0x28), 1u);
}

TEST(FlashEncryption, Archive) {
  testing::Bench bench;
  FlashEncryption block(bench.context());
  block.write(0x04, 9);
  auto out = base::Archive::saving();
  block.archive(out);
  block.reset(ResetKind::kSystem);
  auto in = base::Archive::loading(out.bytes());
  block.archive(in);
  EXPECT_EQ(block.read(0x04), 9u);
  EXPECT_TRUE(in.at_end());
}

}  // namespace
}  // namespace espalier::devices
