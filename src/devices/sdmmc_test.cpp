#include "devices/sdmmc.h"

#include <gtest/gtest.h>

#include "devices/device_test_support.h"

namespace espalier::devices {
namespace {

constexpr std::uint32_t CTRL = 0x00, INTMASK = 0x24, CMD = 0x2c, MINTSTS = 0x40, RINTSTS = 0x44,
                        CDETECT = 0x50;
constexpr std::uint32_t BMOD = 0x80;
constexpr std::uint32_t kStart = 1u << 31, kResponse = 1u << 6;

struct SdmmcTest : ::testing::Test {
  testing::Bench bench;
  Sdmmc sdmmc{bench.context()};
};

TEST_F(SdmmcTest, ResetsAndClockUpdatesAreOverAtOnce) {
  sdmmc.write(CTRL, 7 | 1u << 4);
  EXPECT_EQ(sdmmc.read(CTRL), 1u << 4);
  sdmmc.write(BMOD, 1);
  EXPECT_EQ(sdmmc.read(BMOD), 0u);
  sdmmc.write(CMD, kStart | 1u << 21);
  EXPECT_EQ(sdmmc.read(CMD) >> 31, 0u);
  bench.run(base::kTicksPerSecond);
  EXPECT_EQ(sdmmc.read(RINTSTS), 0u);
}

TEST_F(SdmmcTest, NoCardAnswers) {
  EXPECT_EQ(sdmmc.read(CDETECT), 3u);
  sdmmc.write(CTRL, 1u << 4);
  sdmmc.write(INTMASK, 1u << 8);
  sdmmc.write(CMD, kStart | kResponse | 8);
  EXPECT_EQ(sdmmc.read(RINTSTS), 0u);
  bench.run(base::kTicksPerMillisecond);
  EXPECT_EQ(sdmmc.read(RINTSTS), 1u << 8 | 1u << 2);
  EXPECT_EQ(sdmmc.read(MINTSTS), 1u << 8);
  EXPECT_TRUE(sdmmc.irq().level());
  sdmmc.write(RINTSTS, 1u << 8);
  EXPECT_FALSE(sdmmc.irq().level());
  EXPECT_EQ(sdmmc.read(RINTSTS), 1u << 2);
}

TEST_F(SdmmcTest, CommandWithoutResponseSucceeds) {
  sdmmc.write(CMD, kStart);
  bench.run(base::kTicksPerMillisecond);
  EXPECT_EQ(sdmmc.read(RINTSTS), 1u << 2);
  EXPECT_FALSE(sdmmc.irq().level());  // neither masked in nor enabled
}

TEST_F(SdmmcTest, Archive) {
  sdmmc.write(CMD, kStart | kResponse);
  auto saved = base::Archive::saving();
  sdmmc.archive(saved);
  Sdmmc other(bench.context());
  auto loading = base::Archive::loading(saved.bytes());
  other.archive(loading);
  ASSERT_FALSE(loading.failed());
  bench.run(base::kTicksPerMillisecond);
  EXPECT_EQ(other.read(RINTSTS), 1u << 8 | 1u << 2);
}

}  // namespace
}  // namespace espalier::devices
