#include "devices/register_block.h"

#include <gtest/gtest.h>

#include "devices/device_test_support.h"
#include "devices/interrupts.h"

namespace espalier::devices {
namespace {

constexpr Reg kTable[] = {{0x00, 0x12340000, 0x0000ffff}, {0x10, 7, 0xffffffff, 3, 8}};

struct RegisterBlockTest : ::testing::Test {
  testing::Bench bench;
  RegisterBlock block{"block", 0x40, kTable, bench.context()};
};

TEST_F(RegisterBlockTest, HoldsResetValuesAndRepeats) {
  EXPECT_EQ(block.read(0x00), 0x12340000u);
  EXPECT_EQ(block.read(0x10), 7u);
  EXPECT_EQ(block.read(0x14), 0u);
  EXPECT_EQ(block.read(0x20), 7u);
}

TEST_F(RegisterBlockTest, WritesOnlyWritableBits) {
  block.write(0x00, 0xffffffff);
  EXPECT_EQ(block.read(0x00), 0x1234ffffu);
}

TEST_F(RegisterBlockTest, NamesTheFirstTouchOfUnknownRegistersOnly) {
  ASSERT_TRUE(bench.log().configure("debug,unimp"));
  block.write(0x04, 0xdeadbeef);
  EXPECT_EQ(block.read(0x04), 0xdeadbeefu);
  block.write(0x00, 1);
  ASSERT_EQ(bench.lines.size(), 1u);
  EXPECT_NE(bench.lines[0].find("block"), std::string::npos);
}

TEST_F(RegisterBlockTest, ResetReloadsUnlessTheDomainIsSpared) {
  block.write(0x10, 1);
  block.reset(ResetKind::kCore);
  EXPECT_EQ(block.read(0x10), 7u);

  RegisterBlock rtc("rtc", 0x40, kTable, bench.context(), RegisterBlock::Domain::kRtc);
  rtc.write(0x10, 1);
  rtc.reset(ResetKind::kCore);
  EXPECT_EQ(rtc.read(0x10), 1u);
  rtc.reset(ResetKind::kSystem);
  EXPECT_EQ(rtc.read(0x10), 7u);
}

TEST_F(RegisterBlockTest, ArchiveRestores) {
  block.write(0x10, 0x55);
  auto saved = base::Archive::saving();
  block.archive(saved);
  RegisterBlock other("block", 0x40, kTable, bench.context());
  auto loading = base::Archive::loading(saved.bytes());
  other.archive(loading);
  EXPECT_FALSE(loading.failed());
  EXPECT_EQ(other.read(0x10), 0x55u);
}

TEST(InterruptsTest, EnabledRawBitsDriveTheLine) {
  Interrupts ints({0x0, 0x4, 0x8, 0xc, 0xff});
  ints.raise(0x103);
  EXPECT_EQ(ints.read(0x0), 3u);
  EXPECT_EQ(ints.read(0x4), 0u);
  EXPECT_FALSE(ints.line.level());
  ints.write(0x8, 0xffff);
  EXPECT_EQ(ints.read(0x8), 0xffu);
  EXPECT_EQ(ints.read(0x4), 3u);
  EXPECT_TRUE(ints.line.level());
  ints.write(0x0, 0);  // RAW ignores writes
  EXPECT_TRUE(ints.line.level());
  ints.write(0xc, 1);
  EXPECT_TRUE(ints.line.level());
  ints.write(0xc, 2);
  EXPECT_FALSE(ints.line.level());
  EXPECT_EQ(ints.read(0xc), 0u);
}

}  // namespace
}  // namespace espalier::devices
