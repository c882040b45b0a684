#include "devices/timer_group.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "devices/device_test_support.h"

namespace espalier::devices {
namespace {

using Clock = TimerGroup::CalibrationClock;
using base::kTicksPerMicrosecond;
using base::kTicksPerMillisecond;

constexpr std::uint32_t kT0Config = 0x00, kT0AlarmLo = 0x10, kT1Config = 0x24, kT1Lo = 0x28, kT1Update = 0x30,
                        kT1LoadLo = 0x3C, kT1Load = 0x44, kWdtConfig0 = 0x48, kWdtConfig1 = 0x4C,
                        kWdtConfig2 = 0x50, kWdtFeed = 0x60, kWdtProtect = 0x64, kCaliCfg = 0x68,
                        kCaliCfg1 = 0x6C, kLactConfig = 0x70, kLactRtc = 0x74, kLactLo = 0x78,
                        kLactUpdate = 0x80, kLactAlarmLo = 0x84, kLactAlarmHi = 0x88, kLactLoadLo = 0x8C,
                        kLactLoad = 0x94, kIntEna = 0x98, kIntRaw = 0x9C, kIntSt = 0xA0, kIntClr = 0xA4;
constexpr std::uint32_t kKey = 0x50D83AA1;
constexpr std::uint32_t kEn = 1u << 31, kUp = 1u << 30, kEdge = 1u << 12, kLevel = 1u << 11,
                        kAlarmEn = 1u << 10;
constexpr std::uint32_t kFlashBoot = 1u << 14, kWdtLevel = 1u << 21, kWdtEdge = 1u << 22;
constexpr std::uint32_t stage(unsigned n, std::uint32_t action) {
  return action << (29 - 2 * n);
}
constexpr std::uint32_t kCaliStart = 1u << 31, kCaliReady = 1u << 15, kCaliCycling = 1u << 12;

using Reset = std::pair<ResetScope, ResetCause>;

class TimerGroupTest : public ::testing::Test {
 protected:
  TimerGroupTest() {
    group.on_reset = [this](ResetScope scope, ResetCause cause) { resets.emplace_back(scope, cause); };
    group.slow_clock_hz = [](Clock clock) {
      return clock == Clock::kRtcSlow ? 150'000u : clock == Clock::kXtal32k ? 32'768u : 31'250u;
    };
    group.reset(ResetKind::kSystem);
    group.set_apb_hz(80'000'000);
    resets.clear();
  }
  void stop_flash_boot() { group.write(kWdtConfig0, group.read(kWdtConfig0) & ~kFlashBoot); }

  testing::Bench bench;
  TimerGroup group{bench.context(), {}};
  std::vector<Reset> resets;
};

TEST_F(TimerGroupTest, ResetValues) {
  for (const auto& [offset, value] :
       std::vector<std::pair<std::uint32_t, std::uint32_t>>{{kT0Config, 0x60002000},
                                                            {kT1Config, 0x60002000},
                                                            {kWdtConfig0, 0x0004C000},
                                                            {kWdtConfig1, 0x00010000},
                                                            {kWdtConfig2, 26'000'000},
                                                            {kWdtConfig2 + 4, 0x07FFFFFF},
                                                            {kWdtConfig2 + 8, 0xFFFFF},
                                                            {kWdtConfig2 + 12, 0xFFFFF},
                                                            {kWdtProtect, kKey},
                                                            {kCaliCfg, 0x00013000 | kCaliReady},
                                                            {kCaliCfg1, 1280 << 7},
                                                            {kLactConfig, 0x60002300},
                                                            {kIntEna, 0},
                                                            {kIntRaw, 0},
                                                            {0xF8, 0x1604290},
                                                            {0xFC, 0}})
    EXPECT_EQ(group.read(offset), value) << std::hex << offset;
}

TEST_F(TimerGroupTest, TimersLieAtTheirAddresses) {
  group.write(kT1LoadLo, 1234);
  group.write(kT1Load, 1);
  group.write(kT1Update, 1);
  EXPECT_EQ(group.read(kT1Lo), 1234u);
  group.write(kLactLoadLo, 77);
  group.write(kLactLoad, 1);
  group.write(kLactUpdate, 1);
  EXPECT_EQ(group.read(kLactLo), 77u);
  EXPECT_EQ(group.read(0x04), 0u);  // T0LO
  group.write(kLactRtc, 0xffffffff);
  EXPECT_EQ(group.read(kLactRtc), 0xFFFFFFC0u);
}

TEST_F(TimerGroupTest, LevelInterruptUntilCleared) {
  stop_flash_boot();
  group.write(kT0AlarmLo, 1000);
  group.write(kT0Config, kEn | kUp | kLevel | kAlarmEn | 80 << 13);
  bench.run(kTicksPerMillisecond);
  EXPECT_EQ(group.read(kIntRaw), 1u);
  EXPECT_EQ(group.read(kIntSt), 0u);
  EXPECT_FALSE(group.level_irq(TimerGroup::kT0).level());
  group.write(kIntEna, 0xff);
  EXPECT_EQ(group.read(kIntEna), 0xfu);
  EXPECT_EQ(group.read(kIntSt), 1u);
  EXPECT_TRUE(group.level_irq(TimerGroup::kT0).level());
  group.write(kIntRaw, 0);
  EXPECT_EQ(group.read(kIntRaw), 1u);
  group.write(kIntClr, 1);
  EXPECT_EQ(group.read(kIntRaw), 0u);
  EXPECT_FALSE(group.level_irq(TimerGroup::kT0).level());
}

TEST_F(TimerGroupTest, EdgeInterruptIsAPulse) {
  stop_flash_boot();
  std::string seen;
  group.edge_irq(TimerGroup::kT1).connect([&](bool level) { seen += level ? '/' : '\\'; });
  group.write(kIntEna, 2);
  group.write(0x34, 10);  // T1ALARMLO
  group.write(kT1Config, kEn | kUp | kEdge | kAlarmEn | 2 << 13);
  bench.run(kTicksPerMillisecond);
  EXPECT_EQ(seen, "/\\");
  EXPECT_EQ(group.read(kIntRaw), 0u);
}

TEST_F(TimerGroupTest, EspTimerOnLact) {
  // ESP-IDF 4.3 and later: divider 40, 2 ticks a microsecond, alarm, interrupt, read of the count without
  // waiting.
  stop_flash_boot();
  group.write(kLactConfig, 0);
  group.write(kLactLoad, 1);
  group.write(kLactConfig, kUp | kLevel | kEn | 40u << 13);
  group.write(kIntEna, 8);
  bench.run(100 * kTicksPerMicrosecond);
  group.write(kLactUpdate, 1);
  EXPECT_EQ(group.read(kLactLo), 200u);
  group.write(kLactAlarmLo, 300);
  group.write(kLactAlarmHi, 0);
  group.write(kLactConfig, group.read(kLactConfig) | kAlarmEn);
  bench.run(49 * kTicksPerMicrosecond);
  EXPECT_FALSE(group.level_irq(TimerGroup::kLact).level());
  bench.run(1 * kTicksPerMicrosecond);
  EXPECT_TRUE(group.level_irq(TimerGroup::kLact).level());
  EXPECT_EQ(group.read(kIntSt), 8u);
  // An alarm that has been overtaken shows its interrupt at once.
  group.write(kIntClr, 8);
  group.write(kLactAlarmLo, 10);
  group.write(kLactConfig, group.read(kLactConfig) | kAlarmEn);
  EXPECT_EQ(group.read(kIntSt), 8u);
}

TEST_F(TimerGroupTest, ReadsSeeAnAlarmThatTheQueueHasNotRunYet) {
  group.write(kT0AlarmLo, 10);
  group.write(kT0Config, kEn | kUp | kLevel | kAlarmEn | 2 << 13);
  bench.skip(120);
  EXPECT_EQ(group.read(kIntRaw), 1u);
}

TEST_F(TimerGroupTest, FlashBootProtectionResetsTheCore) {
  // 26,000,000 cycles of the 40 MHz that the ROM runs at.
  group.set_apb_hz(40'000'000);
  bench.run(649 * kTicksPerMillisecond);
  EXPECT_TRUE(resets.empty());
  bench.run(kTicksPerMillisecond);
  EXPECT_EQ(resets, (std::vector<Reset>{{ResetScope::kCore, ResetCause::kTimerGroup0Core}}));
}

TEST_F(TimerGroupTest, FlashBootProtectionEndsWhenCleared) {
  stop_flash_boot();
  bench.run(20'000 * kTicksPerMillisecond);
  EXPECT_TRUE(resets.empty());
  group.reset(ResetKind::kCore);  // a reset through DPORT starts it anew
  bench.run(325 * kTicksPerMillisecond);
  EXPECT_EQ(resets.size(), 1u);
}

TEST_F(TimerGroupTest, NoFlashBootProtectionInDownloadModeOrInGroup1) {
  group.set_flash_boot(false);
  TimerGroup other{bench.context(), {.index = 1}};
  other.on_reset = group.on_reset;
  bench.run(20'000 * kTicksPerMillisecond);
  EXPECT_TRUE(resets.empty());
  group.set_flash_boot(true);
  bench.run(20'000 * kTicksPerMillisecond);
  EXPECT_FALSE(resets.empty());
}

TEST_F(TimerGroupTest, WatchdogStages) {
  // As ESP-IDF's interrupt watchdog: ticks of 0.5 ms, an interrupt, then a reset.
  stop_flash_boot();
  group.write(kWdtConfig1, 40'000u << 16);
  group.write(kWdtConfig2, 600);
  group.write(kWdtConfig2 + 4, 1200);
  group.write(kWdtConfig0, kEn | stage(0, 1) | stage(1, 3) | kWdtLevel);
  group.write(kWdtFeed, 1);
  group.write(kWdtProtect, 0);
  bench.run(299 * kTicksPerMillisecond);
  EXPECT_FALSE(group.level_irq(TimerGroup::kWdt).level());
  bench.run(kTicksPerMillisecond);
  EXPECT_TRUE(group.level_irq(TimerGroup::kWdt).level());  // INT_ENA is not asked
  EXPECT_EQ(group.read(kIntRaw), 4u);
  EXPECT_EQ(group.read(kIntSt), 0u);
  group.write(kIntClr, 4);
  EXPECT_FALSE(group.level_irq(TimerGroup::kWdt).level());
  bench.run(599 * kTicksPerMillisecond);
  EXPECT_TRUE(resets.empty());
  bench.run(kTicksPerMillisecond);
  EXPECT_EQ(resets, (std::vector<Reset>{{ResetScope::kCore, ResetCause::kTimerGroup0Core}}));
}

TEST_F(TimerGroupTest, FeedingKeepsItQuiet) {
  stop_flash_boot();
  group.write(kWdtConfig1, 40'000u << 16);
  group.write(kWdtConfig2, 600);
  group.write(kWdtConfig0, kEn | stage(0, 3));
  for (int i = 0; i < 20; ++i) {
    bench.run(299 * kTicksPerMillisecond);
    group.write(kWdtFeed, 1);
  }
  EXPECT_TRUE(resets.empty());
  bench.run(300 * kTicksPerMillisecond);
  EXPECT_EQ(resets.size(), 1u);
}

TEST_F(TimerGroupTest, WriteProtection) {
  stop_flash_boot();
  group.write(kWdtConfig1, 40'000u << 16);
  group.write(kWdtConfig2, 600);
  group.write(kWdtConfig0, kEn | stage(0, 3));
  group.write(kWdtProtect, 1);
  EXPECT_EQ(group.read(kWdtProtect), 1u);
  bench.run(200 * kTicksPerMillisecond);
  group.write(kWdtFeed, 1);
  group.write(kWdtConfig0, 0);
  group.write(kWdtConfig1, 0xffff0000);
  group.write(kWdtConfig2, 100'000);
  EXPECT_EQ(group.read(kWdtConfig2), 600u);
  bench.run(100 * kTicksPerMillisecond);
  EXPECT_EQ(resets.size(), 1u);
  group.write(kWdtProtect, kKey);
  group.write(kWdtConfig0, 0);
  EXPECT_EQ(group.read(kWdtConfig0), 0u);
}

TEST_F(TimerGroupTest, CpuResetGoesToTheGroupsOwnCore) {
  TimerGroup other{bench.context(), {.index = 1}};
  other.on_reset = group.on_reset;
  for (TimerGroup* each : {&group, &other}) {
    each->set_apb_hz(80'000'000);
    each->write(kWdtConfig2, 1000);
    each->write(kWdtConfig0, kEn | stage(0, 2) | stage(1, 3));
    each->write(kWdtConfig2 + 4, 1000);
    bench.run(13 * kTicksPerMicrosecond);
    each->write(kWdtConfig0, 0);
  }
  EXPECT_EQ(resets, (std::vector<Reset>{{ResetScope::kProCpu, ResetCause::kTimerGroupCpu},
                                        {ResetScope::kAppCpu, ResetCause::kTimerGroupCpu}}));
  other.write(kWdtConfig0, kEn | stage(0, 3));
  bench.run(13 * kTicksPerMicrosecond);
  EXPECT_EQ(resets.back(), Reset(ResetScope::kCore, ResetCause::kTimerGroup1Core));
}

TEST_F(TimerGroupTest, WatchdogEdgeInterrupt) {
  stop_flash_boot();
  std::string seen;
  group.edge_irq(TimerGroup::kWdt).connect([&](bool level) { seen += level ? '/' : '\\'; });
  group.write(kWdtConfig2, 1000);
  group.write(kWdtConfig0, kEn | stage(0, 1) | kWdtEdge);
  bench.run(13 * kTicksPerMicrosecond);
  EXPECT_EQ(seen, "/\\");
  EXPECT_EQ(group.read(kIntRaw), 0u);
}

TEST_F(TimerGroupTest, StoppedApbStopsTheWatchdog) {
  group.set_apb_hz(0);
  bench.run(20'000 * kTicksPerMillisecond);
  EXPECT_TRUE(resets.empty());
}

TEST_F(TimerGroupTest, CalibrationTakesItsTimeAndCountsCrystalCycles) {
  // As rtc_clk_cal(RTC_CAL_RTC_MUX, 1024) does; a quarter of the time that the chip takes.
  struct Case {
    Clock clock;
    std::uint32_t cycles, value, microseconds;
  };
  for (const Case& c :
       {Case{Clock::kRtcSlow, 1024, 273'066, 1706}, Case{Clock::kRcFastDiv256, 10, 12'800, 64},
        Case{Clock::kXtal32k, 3000, 3'662'109, 22'888}}) {
    group.write(kCaliCfg, static_cast<std::uint32_t>(c.clock) << 13 | c.cycles << 16);
    group.write(kCaliCfg, static_cast<std::uint32_t>(c.clock) << 13 | c.cycles << 16 | kCaliStart);
    EXPECT_FALSE(group.read(kCaliCfg) & kCaliReady);
    bench.run(c.microseconds * kTicksPerMicrosecond);
    EXPECT_FALSE(group.read(kCaliCfg) & kCaliReady);
    EXPECT_EQ(group.read(kCaliCfg1), 0u);
    bench.run(40 * kTicksPerMicrosecond);  // at most one cycle to find the first edge
    EXPECT_TRUE(group.read(kCaliCfg) & kCaliReady);
    EXPECT_EQ(group.read(kCaliCfg1) >> 7, c.value);
    EXPECT_EQ(group.read(kCaliCfg1) & 0x7f, 0u);
  }
}

// ESP-IDF's bootloader, with the delays of a ROM that takes the CPU for a third as fast as it is, waits for
// it not much longer than the measurement takes.
TEST_F(TimerGroupTest, CalibrationOfTheDividedOscillatorIsInTime) {
  constexpr auto kSelect = static_cast<std::uint32_t>(Clock::kRcFastDiv256) << 13 | 10 << 16;
  for (unsigned offset = 0; offset < 32; offset += 5) {
    bench.run(offset * kTicksPerMicrosecond);
    group.write(kCaliCfg, kSelect);
    group.write(kCaliCfg, kSelect | kCaliStart);
    bench.run(321 * kTicksPerMicrosecond);
    EXPECT_TRUE(group.read(kCaliCfg) & kCaliReady) << offset;
    EXPECT_EQ(group.read(kCaliCfg1) >> 7, 12'800u);
  }
}

TEST_F(TimerGroupTest, CalibrationOfNoCyclesWaitsForTheNextEdge) {
  // rtc_clk_wait_for_slow_cycle()
  bench.run(kTicksPerMicrosecond);
  group.write(kCaliCfg, 0);
  group.write(kCaliCfg, kCaliStart);
  bench.run(3200 - kTicksPerMicrosecond - 1);
  EXPECT_FALSE(group.read(kCaliCfg) & kCaliReady);
  bench.run(1);
  EXPECT_TRUE(group.read(kCaliCfg) & kCaliReady);
}

// The ROM finds the crystal's frequency by it, first thing.
TEST_F(TimerGroupTest, CyclingCalibrationHasAValueRightAfterReset) {
  EXPECT_TRUE(group.read(kCaliCfg) & kCaliReady);
  EXPECT_EQ(group.read(kCaliCfg1) >> 7, 1280u);
  group.write(kCaliCfg, group.read(kCaliCfg) & ~kCaliCycling);
  EXPECT_FALSE(group.read(kCaliCfg) & kCaliCycling);
  bench.run(10 * kTicksPerMillisecond);
  group.reset(ResetKind::kCore);
  EXPECT_EQ(group.read(kCaliCfg1) >> 7, 1280u);
}

TEST_F(TimerGroupTest, CalibrationOfAStoppedClockNeverEnds) {
  group.slow_clock_hz = [](Clock) { return 0u; };
  group.write(kCaliCfg, 0);
  group.write(kCaliCfg, kCaliStart | 10 << 16);
  bench.run(10'000 * kTicksPerMillisecond);
  EXPECT_FALSE(group.read(kCaliCfg) & kCaliReady);
  EXPECT_EQ(group.read(kCaliCfg1), 0u);
}

TEST_F(TimerGroupTest, CalibrationValueSaturates) {
  group.slow_clock_hz = [](Clock) { return 1000u; };
  group.write(kCaliCfg, 0);
  group.write(kCaliCfg, kCaliStart | 32'000u << 16);
  bench.run(33'000 * kTicksPerMillisecond);
  EXPECT_EQ(group.read(kCaliCfg1), 0xFFFFFF80u);
}

TEST_F(TimerGroupTest, ResetClearsInterruptsAndTimers) {
  group.write(kIntEna, 1);
  group.write(kT0Config, kEn | kUp | kLevel | kAlarmEn | 2 << 13);
  bench.run(12);
  EXPECT_TRUE(group.level_irq(TimerGroup::kT0).level());
  group.reset(ResetKind::kCore);
  EXPECT_FALSE(group.level_irq(TimerGroup::kT0).level());
  EXPECT_EQ(group.read(kIntRaw), 0u);
  EXPECT_EQ(group.read(kIntEna), 0u);
  EXPECT_EQ(group.read(kT0Config), 0x60002000u);
}

TEST_F(TimerGroupTest, Archive) {
  stop_flash_boot();
  group.write(kIntEna, 3);
  group.write(kT0AlarmLo, 0);
  group.write(kT0Config, kEn | kUp | kLevel | kAlarmEn | 2 << 13);
  group.write(0x34, 1000);
  group.write(kT1Config, kEn | kUp | kLevel | kAlarmEn | 2 << 13);
  group.write(kWdtConfig2, 5000);
  group.write(kWdtConfig0, kEn | stage(0, 3));
  bench.run(600);
  base::Archive out = base::Archive::saving();
  group.archive(out);
  group.reset(ResetKind::kSystem);
  base::Archive in = base::Archive::loading(out.bytes());
  group.archive(in);
  EXPECT_FALSE(in.failed());
  EXPECT_TRUE(in.at_end());
  EXPECT_TRUE(group.level_irq(TimerGroup::kT0).level());
  EXPECT_FALSE(group.level_irq(TimerGroup::kT1).level());
  bench.run(12'000 - 600);
  EXPECT_TRUE(group.level_irq(TimerGroup::kT1).level());
  EXPECT_TRUE(resets.empty());
  bench.run(18'000);
  EXPECT_EQ(resets.size(), 1u);
}

}  // namespace
}  // namespace espalier::devices
