#include "devices/rtc_io.h"

#include <gtest/gtest.h>

#include "devices/device_test_support.h"

namespace espalier::devices {
namespace {

struct RtcIoTest : ::testing::Test {
  testing::Bench bench;
  IoMux mux{bench.context()};
  Gpio gpio{mux, bench.context()};
  RtcIo rtc{gpio, bench.context()};
};

TEST_F(RtcIoTest, ResetPullsDecideTheStrappingPads) {
  EXPECT_TRUE(gpio.level(0));
  EXPECT_TRUE(gpio.level(15));
  EXPECT_FALSE(gpio.level(2));
  EXPECT_FALSE(gpio.level(12));
  EXPECT_EQ(gpio.read(0x3c) & 1, 1u);  // readable at once: its input is enabled
}

TEST_F(RtcIoTest, PullsOfAnOrdinaryInput) {
  rtc.write(0xb0, 0x42000000 | 1u << 27);  // GPIO27 up
  EXPECT_TRUE(gpio.level(27));
  rtc.write(0x8c, 1u << 22);  // 32 up
  EXPECT_TRUE(gpio.level(32));
  EXPECT_FALSE(gpio.level(33));
}

TEST_F(RtcIoTest, OwnedPadIsReadAndDrivenHere) {
  gpio.set_input(4, true);
  EXPECT_EQ(rtc.read(0x24), 0u);
  rtc.write(0x94, 0x52000000 | 1u << 19 | 1u << 13);  // MUX_SEL, FUN_IE
  EXPECT_EQ(rtc.read(0x24), 1u << 24);
  rtc.write(0x10, 1u << 24);  // ENABLE_W1TS: drives low
  EXPECT_FALSE(gpio.level(4));
  rtc.write(0x04, 1u << 24);  // OUT_W1TS
  EXPECT_TRUE(gpio.level(4));
  EXPECT_EQ(rtc.read(0x00), 1u << 24);
  rtc.write(0x08, 1u << 24);  // OUT_W1TC
  EXPECT_FALSE(gpio.level(4));
  EXPECT_EQ(rtc.read(0x00), 0u);
  rtc.write(0x14, 1u << 24);
  EXPECT_TRUE(gpio.level(4));
}

TEST_F(RtcIoTest, WakeUpPins) {
  rtc.write(0xbc, 11u << 27);  // RTC GPIO 11 is GPIO0
  EXPECT_TRUE(rtc.ext0_level());
  gpio.set_input(0, false);
  EXPECT_FALSE(rtc.ext0_level());
  EXPECT_FALSE(rtc.wakes());
  rtc.write(0x28 + 4 * 11, 1u << 10 | 4u << 7);
  EXPECT_TRUE(rtc.wakes());
  gpio.set_input(0, true);
  EXPECT_FALSE(rtc.wakes());
}

TEST_F(RtcIoTest, DacValue) {
  rtc.write(0x84, 0xa5u << 19);
  EXPECT_EQ(rtc.dac(0), 0u);
  rtc.write(0x84, 0xa5u << 19 | 1u << 18);
  EXPECT_EQ(rtc.dac(0), 0xa5u);
}

TEST_F(RtcIoTest, SurvivesACoreReset) {
  rtc.write(0xb0, 0x42000000 | 1u << 27);
  rtc.reset(ResetKind::kCore);
  gpio.reset(ResetKind::kCore);
  EXPECT_TRUE(gpio.level(27));
  rtc.reset(ResetKind::kSystem);
  EXPECT_EQ(rtc.read(0xb0), 0x42000000u);
  EXPECT_EQ(rtc.read(0xc8), 0x1603160u);
}

}  // namespace
}  // namespace espalier::devices
