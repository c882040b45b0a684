#include "devices/frc_timer.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "devices/device_test_support.h"

namespace espalier::devices {
namespace {

using base::kTicksPerMicrosecond;

constexpr std::uint32_t kFrc1 = 0x00, kFrc2 = 0x20, kLoad = 0x00, kCount = 0x04, kCtrl = 0x08, kInt = 0x0C,
                        kAlarm = 0x10;
constexpr std::uint32_t kStatus = 0x100, kEnable = 0x80, kAutoload = 0x40, kBy16 = 4, kBy256 = 8, kLevel = 1;
constexpr std::uint32_t kOverflow = 0xefffffff;

class FrcTimerTest : public ::testing::Test {
 protected:
  testing::Bench bench;
  FrcTimer timers{bench.context(), 80'000'000};
};

TEST_F(FrcTimerTest, StandsStillAfterReset) {
  bench.run(1'000'000);
  for (std::uint32_t offset = 0; offset < FrcTimer::kSize; offset += 4) EXPECT_EQ(timers.read(offset), 0u);
}

TEST_F(FrcTimerTest, EspTimerOnFrc2) {
  // As ESP-IDF 3 sets it up and uses it.
  timers.write(kFrc2 + kAlarm, kOverflow);
  timers.write(kFrc2 + kLoad, 0);
  timers.write(kFrc2 + kCtrl, kEnable | kLevel);
  timers.write(kFrc2 + kInt, 1);
  bench.run(10 * kTicksPerMicrosecond);
  EXPECT_EQ(timers.read(kFrc2 + kCount), 800u);
  timers.write(kFrc2 + kAlarm, 1600);
  bench.run(10 * kTicksPerMicrosecond - 1);
  EXPECT_FALSE(timers.irq(1).level());
  bench.run(1);
  EXPECT_TRUE(timers.irq(1).level());
  EXPECT_EQ(timers.read(kFrc2 + kCtrl), kStatus | kEnable | kLevel);
  timers.write(kFrc2 + kInt, 1);
  EXPECT_FALSE(timers.irq(1).level());
  EXPECT_EQ(timers.read(kFrc2 + kCtrl), kEnable | kLevel);
  timers.write(kFrc2 + kAlarm, kOverflow);
  bench.run(kTicksPerMicrosecond * 1'000'000 * 50);
  EXPECT_FALSE(timers.irq(1).level());
  bench.run(kTicksPerMicrosecond * 1'000'000);
  EXPECT_TRUE(timers.irq(1).level());
  EXPECT_GT(timers.read(kFrc2 + kCount), kOverflow);
  // Its restart of the count after an overflow.
  timers.write(kFrc2 + kLoad, timers.read(kFrc2 + kCount) - kOverflow);
  EXPECT_LT(timers.read(kFrc2 + kCount), 0x10000000u);
}

TEST_F(FrcTimerTest, AdvanceProvokesTheInterrupt) {
  timers.write(kFrc2 + kAlarm, kOverflow);
  timers.write(kFrc2 + kCtrl, kEnable | kLevel);
  bench.run(1000);
  timers.write(kFrc2 + kAlarm, 0);
  EXPECT_FALSE(timers.irq(1).level());
  timers.write(kFrc2 + kLoad, 0);
  EXPECT_TRUE(timers.irq(1).level());
}

TEST_F(FrcTimerTest, AlarmThatWasPassedWaitsForTheNextRound) {
  timers.write(kFrc2 + kAlarm, kOverflow);
  timers.write(kFrc2 + kLoad, 0xffffff00);
  timers.write(kFrc2 + kCtrl, kEnable | kLevel);
  bench.run(6 * 0x80);
  timers.write(kFrc2 + kAlarm, 0x10);
  bench.run(6 * 0x80);
  EXPECT_FALSE(timers.irq(1).level());
  EXPECT_EQ(timers.read(kFrc2 + kCount), 0u);
  bench.run(6 * 0x10);
  EXPECT_TRUE(timers.irq(1).level());
}

TEST_F(FrcTimerTest, AlarmComesAgainAfterAWholeRound) {
  timers.write(kFrc2 + kAlarm, 100);
  timers.write(kFrc2 + kCtrl, kEnable | kLevel);
  bench.run(600);
  EXPECT_TRUE(timers.irq(1).level());
  timers.write(kFrc2 + kInt, 1);
  bench.run(6 * 0x1'0000'0000ull - 1);
  EXPECT_FALSE(timers.irq(1).level());
  bench.run(1);
  EXPECT_TRUE(timers.irq(1).level());
}

TEST_F(FrcTimerTest, Prescalers) {
  timers.write(kFrc2 + kAlarm, kOverflow);
  timers.write(kFrc2 + kCtrl, kEnable | kBy16);
  bench.run(6 * 16 * 10);
  EXPECT_EQ(timers.read(kFrc2 + kCount), 10u);
  timers.write(kFrc2 + kCtrl, kEnable | kBy256);
  bench.run(6 * 256 * 10);
  EXPECT_EQ(timers.read(kFrc2 + kCount), 20u);
}

TEST_F(FrcTimerTest, EdgeInterruptIsAPulse) {
  std::string seen;
  timers.irq(1).connect([&](bool level) { seen += level ? '/' : '\\'; });
  timers.write(kFrc2 + kAlarm, 10);
  timers.write(kFrc2 + kCtrl, kEnable);
  bench.run(60);
  EXPECT_EQ(seen, "/\\");
  EXPECT_EQ(timers.read(kFrc2 + kCtrl), kEnable);
}

TEST_F(FrcTimerTest, Frc1CountsDown23BitsAndReloads) {
  timers.write(kFrc1 + kLoad, 0xff000000 | 100);
  EXPECT_EQ(timers.read(kFrc1 + kLoad), 100u);
  timers.write(kFrc1 + kCtrl, kEnable | kAutoload | kLevel);
  bench.run(6 * 40);
  EXPECT_EQ(timers.read(kFrc1 + kCount), 60u);
  bench.run(6 * 60);
  EXPECT_TRUE(timers.irq(0).level());
  EXPECT_EQ(timers.read(kFrc1 + kCount), 100u);
  timers.write(kFrc1 + kInt, 1);
  bench.run(6 * 100);
  EXPECT_TRUE(timers.irq(0).level());
  timers.write(kFrc1 + kCtrl, kEnable);
  bench.run(6 * 101);
  EXPECT_EQ(timers.read(kFrc1 + kCount), 0x7fffffu);
  timers.write(kFrc1 + kAlarm, 5);
  EXPECT_EQ(timers.read(kFrc1 + kAlarm), 0u);
}

TEST_F(FrcTimerTest, ApbChange) {
  timers.write(kFrc2 + kAlarm, 200);
  timers.write(kFrc2 + kCtrl, kEnable | kLevel);
  bench.run(600);
  timers.set_apb_hz(40'000'000);
  bench.run(1199);
  EXPECT_FALSE(timers.irq(1).level());
  bench.run(1);
  EXPECT_TRUE(timers.irq(1).level());
  timers.set_apb_hz(0);
  bench.run(6000);
  EXPECT_EQ(timers.read(kFrc2 + kCount), 200u);
}

TEST_F(FrcTimerTest, ReadsSeeAMatchThatTheQueueHasNotRunYet) {
  timers.write(kFrc2 + kAlarm, 10);
  timers.write(kFrc2 + kCtrl, kEnable | kLevel);
  bench.skip(66);
  EXPECT_TRUE(timers.read(kFrc2 + kCtrl) & kStatus);
}

TEST_F(FrcTimerTest, ResetStopsEverything) {
  timers.write(kFrc2 + kAlarm, 10);
  timers.write(kFrc2 + kCtrl, kEnable | kLevel);
  bench.run(60);
  EXPECT_TRUE(timers.irq(1).level());
  timers.reset(ResetKind::kCore);
  EXPECT_FALSE(timers.irq(1).level());
  bench.run(100'000);
  EXPECT_EQ(timers.read(kFrc2 + kCount), 0u);
  EXPECT_EQ(timers.read(kFrc2 + kCtrl), 0u);
}

TEST_F(FrcTimerTest, Archive) {
  timers.write(kFrc2 + kAlarm, 100);
  timers.write(kFrc2 + kCtrl, kEnable | kLevel);
  bench.run(300);
  base::Archive out = base::Archive::saving();
  timers.archive(out);
  timers.reset(ResetKind::kSystem);
  base::Archive in = base::Archive::loading(out.bytes());
  timers.archive(in);
  EXPECT_FALSE(in.failed());
  EXPECT_TRUE(in.at_end());
  bench.run(299);
  EXPECT_FALSE(timers.irq(1).level());
  bench.run(1);
  EXPECT_TRUE(timers.irq(1).level());
}

TEST_F(FrcTimerTest, WriteWhereThereIsNoRegisterIsNamed) {
  bench.log().configure("debug");
  timers.write(kFrc2 + kCount, 1);
  ASSERT_EQ(bench.lines.size(), 1u);
  EXPECT_NE(bench.lines[0].find("0x24"), std::string::npos);
}

}  // namespace
}  // namespace espalier::devices
