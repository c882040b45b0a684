#include "devices/ledc.h"

#include <gtest/gtest.h>

#include <vector>

#include "devices/device_test_support.h"

namespace espalier::devices {
namespace {

constexpr std::uint32_t HSTIMER0 = 0x140, VALUE0 = 0x144, LSTIMER0 = 0x160, INT_RAW = 0x180, INT_ENA = 0x188;
constexpr std::uint32_t INT_CLR = 0x18c;
// 80 MHz / 8 = 10 MHz, 10 bits: a period is 1024 counts of 48 ticks.
constexpr std::uint32_t kTimer = 1u << 25 | (8u << 8) << 5 | 10;
constexpr base::Ticks kPeriod = 1024 * 48;

struct LedcTest : ::testing::Test {
  LedcTest() {
    ledc.irq().connect([this](bool level) {
      if (level) irq_at = bench.now();
    });
  }
  testing::Bench bench;
  Ledc ledc{bench.context()};
  base::Ticks irq_at = 0;
};

TEST_F(LedcTest, ResetValues) {
  EXPECT_EQ(ledc.read(0x0c), 0x40000000u);
  EXPECT_EQ(ledc.read(0x138), 0x40000000u);
  EXPECT_EQ(ledc.read(HSTIMER0), 0x01000000u);
  EXPECT_EQ(ledc.read(0x1fc), 0x16031700u);
}

TEST_F(LedcTest, TimerCountsPausesAndResets) {
  ledc.write(HSTIMER0, kTimer);
  bench.skip(100 * 48);
  EXPECT_EQ(ledc.read(VALUE0), 100u);
  bench.skip(kPeriod);
  EXPECT_EQ(ledc.read(VALUE0), 100u);
  EXPECT_EQ(ledc.read(INT_RAW), 1u);
  ledc.write(HSTIMER0, kTimer | 1u << 23);
  bench.skip(500);
  EXPECT_EQ(ledc.read(VALUE0), 100u);
  ledc.write(HSTIMER0, kTimer);
  bench.skip(48);
  EXPECT_EQ(ledc.read(VALUE0), 101u);
  ledc.write(HSTIMER0, kTimer | 1u << 24);
  EXPECT_EQ(ledc.read(VALUE0), 0u);
}

TEST_F(LedcTest, OverflowInterruptIfEnabled) {
  ledc.write(HSTIMER0, kTimer);
  EXPECT_EQ(bench.events().next_deadline(), base::kNever);
  ledc.write(INT_ENA, 1);
  bench.run(kPeriod);
  EXPECT_EQ(irq_at, kPeriod);
  ledc.write(INT_CLR, 1);
  bench.run(kPeriod);
  EXPECT_EQ(irq_at, 2 * kPeriod);
}

TEST_F(LedcTest, DutyUpdateClearsItself) {
  ledc.write(HSTIMER0, kTimer);
  ledc.write(0x00, 4);
  ledc.write(0x08, 300u << 4);
  ledc.write(0x0c, 0xc0000000 | 1u << 20 | 1u << 10);
  EXPECT_EQ(ledc.read(0x0c) >> 31, 1u);
  bench.run(kPeriod);
  EXPECT_EQ(ledc.read(0x0c) >> 31, 0u);
  EXPECT_EQ(ledc.read(0x10), 300u << 4);
  EXPECT_EQ(ledc.pwm(0), (Ledc::Pwm{300, 1024, 9765}));
  ledc.write(0x08, 400u << 4);  // not before the next DUTY_START
  EXPECT_EQ(ledc.read(0x10), 300u << 4);
}

TEST_F(LedcTest, UpdateOnAStoppedTimerDoesNotHang) {
  ledc.write(0x08, 300u << 4);
  ledc.write(0x0c, 0xc0000000);
  EXPECT_EQ(ledc.read(0x0c) >> 31, 0u);
}

TEST_F(LedcTest, FadeTakesItsTime) {
  std::vector<Ledc::Pwm> seen;
  ledc.on_change = [&](unsigned channel, const Ledc::Pwm& p) {
    if (channel == 9) seen.push_back(p);
  };
  constexpr std::uint32_t kChannel9 = 9 * 0x14;
  ledc.write(0x190, 1);
  ledc.write(LSTIMER0 + 8, kTimer | 1u << 26);
  EXPECT_EQ(ledc.read(LSTIMER0 + 8) >> 26 & 1, 0u);  // PARA_UP clears itself
  ledc.write(kChannel9 + 0x08, 100u << 4);
  ledc.write(kChannel9 + 0x00, 1 | 4 | 16);
  EXPECT_EQ(ledc.read(kChannel9), 5u);
  ledc.write(INT_ENA, 1u << 17);
  ledc.write(kChannel9 + 0x0c, 1u << 31 | 10u << 20 | 2u << 10 | 5);  // down by 5, ten times, every 2 periods
  bench.run(6 * kPeriod);
  EXPECT_EQ(ledc.read(kChannel9 + 0x10), 85u << 4);
  EXPECT_EQ(irq_at, 0u);
  bench.run(14 * kPeriod);
  EXPECT_EQ(irq_at, 20 * kPeriod);
  EXPECT_EQ(ledc.read(kChannel9 + 0x10), 50u << 4);
  ASSERT_FALSE(seen.empty());
  EXPECT_EQ(seen.back().duty, 50u);
}

TEST_F(LedcTest, ReferenceTickAndArchive) {
  ledc.write(HSTIMER0, (1u << 8) << 5 | 10);
  bench.skip(480 * 7);
  EXPECT_EQ(ledc.read(VALUE0), 7u);
  ledc.write(INT_ENA, 1u << 8);
  ledc.write(0x0c, 0x80000000 | 1u << 20 | 1u << 10);
  auto saved = base::Archive::saving();
  ledc.archive(saved);
  Ledc other(bench.context());
  auto loading = base::Archive::loading(saved.bytes());
  other.archive(loading);
  ASSERT_FALSE(loading.failed());
  EXPECT_EQ(other.read(VALUE0), 7u);
  bench.run(480 * 1024);
  EXPECT_TRUE(other.irq().level());
}

}  // namespace
}  // namespace espalier::devices
