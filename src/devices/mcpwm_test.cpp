#include "devices/mcpwm.h"

#include <gtest/gtest.h>

#include "devices/device_test_support.h"

namespace espalier::devices {
namespace {

constexpr std::uint32_t CFG0 = 0x04, CFG1 = 0x08, SYNC = 0x0c, STATUS = 0x10, TSTMP_A = 0x40, INT_ENA = 0x110;
constexpr std::uint32_t INT_RAW = 0x114, INT_CLR = 0x11c;
constexpr std::uint32_t kStop = 1, kZero = 1u << 3, kPeriod = 1u << 6, kCompareA = 1u << 15;
constexpr base::Ticks kCount = 3 * 16;  // prescaler 15: 10 MHz

struct McpwmTest : ::testing::Test {
  McpwmTest() {
    pwm.irq().connect([this](bool level) {
      if (level) irq_at = bench.now();
    });
    pwm.write(CFG0, 99u << 8 | 15);  // 100 counts a cycle, upwards
  }
  testing::Bench bench;
  Mcpwm pwm{"mcpwm0", bench.context()};
  base::Ticks irq_at = 0;
};

TEST_F(McpwmTest, ResetValues) {
  pwm.reset(ResetKind::kCore);
  EXPECT_EQ(pwm.read(CFG0), 0xff00u);
  EXPECT_EQ(pwm.read(0x4c + 0x38), 0x20u);
  EXPECT_EQ(pwm.read(0xc8), 0x18000u);
  EXPECT_EQ(pwm.read(0x10c), 0x55u);
  EXPECT_EQ(pwm.read(0x124), 0x2107230u);
}

TEST_F(McpwmTest, CountsUpDownAndBoth) {
  bench.skip(kCount * 10);
  EXPECT_EQ(pwm.read(STATUS), 0u);
  pwm.write(CFG1, 1u << 3 | 2);
  bench.skip(kCount * 130);
  EXPECT_EQ(pwm.read(STATUS), 30u);
  pwm.write(CFG1, 2u << 3 | 2);
  bench.skip(kCount * 5);
  EXPECT_EQ(pwm.read(STATUS), (99u - 35) | 1u << 16);
  pwm.write(SYNC, 2);  // to phase 0
  pwm.write(CFG1, 3u << 3 | 2);
  pwm.write(SYNC, 0);
  bench.skip(kCount * 50);
  EXPECT_EQ(pwm.read(STATUS), 50u);
  bench.skip(kCount * 99);
  EXPECT_EQ(pwm.read(STATUS), 49u | 1u << 16);
}

TEST_F(McpwmTest, EventsInterruptInTime) {
  pwm.write(TSTMP_A, 40);
  pwm.write(INT_ENA, kCompareA);
  pwm.write(CFG1, 1u << 3 | 2);
  bench.run(kCount * 50);
  EXPECT_EQ(irq_at, kCount * 40);
  pwm.write(INT_CLR, kCompareA);
  pwm.write(INT_ENA, kPeriod);
  bench.run(kCount * 100);
  EXPECT_EQ(irq_at, kCount * 99);
  pwm.write(INT_ENA, kZero);
  EXPECT_NE(pwm.read(INT_RAW) & kZero, 0u);  // 150 counts: zero has been passed at 100
  pwm.write(INT_CLR, 0xffffffff);
  bench.run(kCount * 100);
  EXPECT_EQ(irq_at, kCount * 200);
}

TEST_F(McpwmTest, NoTimerWithoutAnInterrupt) {
  pwm.write(CFG1, 1u << 3 | 2);
  EXPECT_EQ(bench.events().next_deadline(), base::kNever);
}

TEST_F(McpwmTest, StopsWhereTold) {
  pwm.write(INT_ENA, kStop);
  pwm.write(CFG1, 1u << 3 | 2);
  bench.run(kCount * 30);
  pwm.write(CFG1, 1u << 3 | 1);  // at the period
  bench.run(kCount * 200);
  EXPECT_EQ(irq_at, kCount * 99);
  EXPECT_EQ(pwm.read(STATUS), 99u);
  bench.run(kCount * 200);
  EXPECT_EQ(pwm.read(STATUS), 99u);
}

TEST_F(McpwmTest, Capture) {
  bench.skip(480'000);
  pwm.capture(1, false);
  EXPECT_EQ(pwm.read(INT_RAW), 0u);
  pwm.write(0xf4, 1 | 2u << 1);  // rising edges
  pwm.capture(1, true);
  EXPECT_EQ(pwm.read(INT_RAW), 0u);
  pwm.capture(1, false);
  EXPECT_EQ(pwm.read(INT_RAW), 1u << 28);
  EXPECT_EQ(pwm.read(0x100), 80'000u);
  pwm.write(0xf0, 1 | 1u << 12);
  EXPECT_EQ(pwm.read(0xfc), 80'000u);
  EXPECT_EQ(pwm.read(0xf0), 1u);
}

TEST_F(McpwmTest, Archive) {
  pwm.write(INT_ENA, kPeriod);
  pwm.write(CFG1, 1u << 3 | 2);
  bench.run(kCount * 50);
  auto saved = base::Archive::saving();
  pwm.archive(saved);
  Mcpwm other("mcpwm0", bench.context());
  auto loading = base::Archive::loading(saved.bytes());
  other.archive(loading);
  ASSERT_FALSE(loading.failed());
  EXPECT_EQ(other.read(STATUS), 50u);
  bench.run(kCount * 49);
  EXPECT_TRUE(other.irq().level());
}

}  // namespace
}  // namespace espalier::devices
