#include "devices/sens.h"

#include <gtest/gtest.h>

#include "devices/device_test_support.h"

namespace espalier::devices {
namespace {

constexpr std::uint32_t START1 = 0x54, START2 = 0x94, TSENS = 0x4c, ADDR3 = 0x44, TOUCH2 = 0x84;
constexpr base::Ticks kMicro = base::kTicksPerMicrosecond;

struct SensTest : ::testing::Test {
  SensTest() {
    sens.on_sample = [this](unsigned adc, unsigned channel) {
      seen = adc * 100 + channel;
      return std::uint16_t{0x9ab};
    };
  }
  testing::Bench bench;
  Sens sens{bench.context()};
  unsigned seen = 0;
};

TEST_F(SensTest, OneShotConversion) {
  sens.write(0x00, 0x00070902 | 1u << 28);  // DATA_INV, as drivers set it
  sens.write(START1, 1u << 31 | 1u << (19 + 6) | 1u << 18);
  EXPECT_EQ(sens.read(START1) & 0x1ffff, 0u);
  sens.write(START1, sens.read(START1) | 1u << 17);
  EXPECT_EQ(seen, 106u);
  EXPECT_EQ(sens.read(START1) >> 16 & 1, 0u);
  bench.skip(20 * kMicro);
  EXPECT_EQ(sens.read(START1) & 0x1ffff, 0x109abu);
  // The next one: start low, high; done goes away until it is.
  sens.write(START1, sens.read(START1) & ~(1u << 17));
  sens.write(START1, sens.read(START1) | 1u << 17);
  EXPECT_EQ(sens.read(START1) >> 16 & 1, 0u);
}

TEST_F(SensTest, WidthAndInversion) {
  sens.write(0x90, 0x00050902);  // 10 bits, not inverted back
  sens.write(START2, 1u << (19 + 3) | 1u << 17);
  EXPECT_EQ(seen, 203u);
  bench.skip(20 * kMicro);
  EXPECT_EQ(sens.read(START2) & 0xffff, (0x9abu >> 2) ^ 0x3ffu);
}

TEST_F(SensTest, AdcOneIsNeverBusy) {
  EXPECT_EQ(sens.read(0x3c) >> 22 & 0xff, 0u);
}

TEST_F(SensTest, Temperature) {
  EXPECT_EQ(sens.read(ADDR3), 0u);
  sens.set_temperature(140);
  sens.write(TSENS, 0x00066002 | 3u << 24);
  EXPECT_EQ(sens.read(ADDR3) >> 22 & 0xff, 140u);
  EXPECT_EQ(sens.read(ADDR3) >> 30 & 1, 1u);
}

TEST_F(SensTest, TouchMeasurement) {
  int touches = 0;
  sens.on_touch = [&] { ++touches; };
  sens.write(0x60, 400u << 16 | 500);  // pads 2 and 3
  sens.write(TOUCH2, 0x00400000 | 1u << 13);
  sens.set_touch(3, 200);
  EXPECT_EQ(sens.read(TOUCH2) >> 10 & 1, 0u);
  sens.write(TOUCH2, 0x00400000 | 1u << 13 | 1u << 12);
  EXPECT_EQ(sens.read(TOUCH2) & 0x7ff, 1u << 10 | 1u << 3);
  EXPECT_EQ(sens.read(0x74), 1000u << 16 | 200);
  EXPECT_EQ(touches, 1);
  sens.write(TOUCH2, 0x00400000 | 1u << 13 | 1u << 30);
  EXPECT_EQ(sens.read(TOUCH2) & 0x3ff, 0u);
  EXPECT_EQ(sens.read(TOUCH2) >> 30 & 1, 0u);
}

TEST_F(SensTest, TouchStateMachineFollowsTheFinger) {
  int touches = 0;
  sens.on_touch = [&] { ++touches; };
  sens.write(0x5c, 500u << 16);
  sens.set_touch(0, 100);
  EXPECT_EQ(touches, 1);
  EXPECT_EQ(sens.read(TOUCH2) & 1, 1u);
}

TEST_F(SensTest, SurvivesACoreReset) {
  sens.write(0x34, 0x55);
  sens.reset(ResetKind::kCore);
  EXPECT_EQ(sens.read(0x34), 0x55u);
  sens.reset(ResetKind::kSystem);
  EXPECT_EQ(sens.read(0x34), 0xffffffffu);
  EXPECT_EQ(sens.read(0xfc), 0x1605180u);
}

}  // namespace
}  // namespace espalier::devices
