#include "devices/rtc_cntl.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "devices/device_test_support.h"

namespace espalier::devices {
namespace {

using Clock = TimerGroup::CalibrationClock;
using Wake = RtcCntl::WakeSource;
using base::kTicksPerMicrosecond;
using base::kTicksPerMillisecond;
using base::kTicksPerSecond;

constexpr std::uint32_t kOptions0 = 0x00, kSlpTimer0 = 0x04, kSlpTimer1 = 0x08, kTimeUpdate = 0x0C,
                        kTime0 = 0x10, kTime1 = 0x14, kState0 = 0x18, kTimer5 = 0x2C, kResetState = 0x34,
                        kWakeupState = 0x38, kIntEna = 0x3C, kIntRaw = 0x40, kIntSt = 0x44, kIntClr = 0x48,
                        kStore0 = 0x4C, kExtConf = 0x60, kReject = 0x64, kClkConf = 0x70, kRtcReg = 0x7C,
                        kDigPwc = 0x84, kWdtConfig0 = 0x8C, kWdtConfig1 = 0x90, kWdtFeed = 0xA0,
                        kWdtProtect = 0xA4, kCpuStall = 0xAC, kStore4 = 0xB0, kExt1 = 0xCC,
                        kExt1Status = 0xD0, kBrownOut = 0xD4, kMemConf = 0x100, kMemCrc = 0x104,
                        kDate = 0x13C;
constexpr std::uint32_t kKey = 0x50D83AA1, kSleepEn = 1u << 31, kDeepSleep = 1u << 31;
constexpr std::uint32_t kIntWakeup = 1, kIntReject = 2, kIntWdt = 8, kIntTimeValid = 16, kIntBrownOut = 128,
                        kIntMain = 256;
constexpr base::Ticks kSlow = 3200;  // one cycle of 150 kHz
constexpr std::uint32_t stage(unsigned n, std::uint32_t action) {
  return action << (28 - 3 * n);
}
constexpr std::uint32_t wake_enable(Wake source) {
  return 1u << (11 + static_cast<unsigned>(source));
}
constexpr std::uint32_t cause(Wake source) {
  return 1u << static_cast<unsigned>(source);
}

using Reset = std::pair<ResetScope, ResetCause>;

class RtcCntlTest : public ::testing::Test {
 protected:
  RtcCntlTest() {
    rtc.on_reset = [this](ResetScope scope, ResetCause why) { resets.emplace_back(scope, why); };
    rtc.on_stall = [this](unsigned cpu, bool stalled) { stalls.emplace_back(cpu, stalled); };
    rtc.on_light_sleep = [this] { log += "light "; };
    rtc.on_deep_sleep = [this] { log += "deep "; };
    rtc.on_wake = [this] { log += "wake "; };
    rtc.on_cpu_clock_change = [this] { log += "clock "; };
  }
  // What the second-stage bootloader does first: trim the slow clock, end flash boot protection.
  void boot() {
    rtc.write(kRtcReg, rtc.read(kRtcReg) | 0xffu << 14);
    rtc.write(kWdtConfig0, 0);
  }
  std::uint64_t time() {
    rtc.write(kTimeUpdate, 1u << 31);
    for (int i = 0; i < 100 && !(rtc.read(kTimeUpdate) & 1u << 30); ++i) bench.run(kTicksPerMicrosecond);
    EXPECT_TRUE(rtc.read(kTimeUpdate) & 1u << 30);
    return rtc.read(kTime0) | std::uint64_t{rtc.read(kTime1)} << 32;
  }
  void set_wake_time(std::uint64_t slow_cycles) {
    rtc.write(kSlpTimer0, static_cast<std::uint32_t>(slow_cycles));
    rtc.write(kSlpTimer1, static_cast<std::uint32_t>(slow_cycles >> 32));
  }
  void start_sleep() { rtc.write(kState0, rtc.read(kState0) | kSleepEn); }

  testing::Bench bench;
  RtcCntl rtc{bench.context(), {}};
  std::vector<Reset> resets;
  std::vector<std::pair<unsigned, bool>> stalls;
  std::string log;
};

TEST_F(RtcCntlTest, ResetValues) {
  for (const auto& [offset, value] :
       std::vector<std::pair<std::uint32_t, std::uint32_t>>{{kOptions0, 0x1C492000},
                                                            {kState0, 0x00300000},
                                                            {0x1C, 0x28140403},
                                                            {kTimer5, 0x12148001},
                                                            {kResetState, 0x3041},
                                                            {kWakeupState, 0x6000},
                                                            {kClkConf, 0x2210},
                                                            {kRtcReg, 0xA9002400},
                                                            {kDigPwc, 0x155550},
                                                            {0x88, 0xAAAA5000},
                                                            {kWdtConfig0, 0x4C80},
                                                            {kWdtConfig1, 128000},
                                                            {kWdtConfig1 + 4, 80000},
                                                            {kWdtConfig1 + 8, 4095},
                                                            {kWdtProtect, kKey},
                                                            {kBrownOut, 0x13FF0000},
                                                            {kDate, 0x1604280},
                                                            {kIntEna, 0},
                                                            {kIntRaw, 0}})
    EXPECT_EQ(rtc.read(offset), value) << std::hex << offset;
}

TEST_F(RtcCntlTest, StoreRegistersSurviveACoreReset) {
  for (std::uint32_t i = 0; i < 4; ++i) {
    rtc.write(kStore0 + 4 * i, 100 + i);
    rtc.write(kStore4 + 4 * i, 104 + i);
  }
  rtc.reset(ResetKind::kCore);
  for (std::uint32_t i = 0; i < 4; ++i) {
    EXPECT_EQ(rtc.read(kStore0 + 4 * i), 100 + i);
    EXPECT_EQ(rtc.read(kStore4 + 4 * i), 104 + i);
  }
  rtc.reset(ResetKind::kSystem);
  EXPECT_EQ(rtc.read(kStore4), 0u);
}

TEST_F(RtcCntlTest, SoftwareResets) {
  const std::uint32_t options = rtc.read(kOptions0);
  rtc.write(kOptions0, options | 1u << 31);
  rtc.write(kOptions0, options | 1u << 5);
  rtc.write(kOptions0, options | 1u << 4);
  EXPECT_EQ(resets, (std::vector<Reset>{{ResetScope::kCore, ResetCause::kSoftwareCore},
                                        {ResetScope::kProCpu, ResetCause::kSoftwareCpu},
                                        {ResetScope::kAppCpu, ResetCause::kSoftwareCpu}}));
  EXPECT_EQ(rtc.read(kOptions0), options);
}

TEST_F(RtcCntlTest, ResetStateShowsTheCauses) {
  rtc.set_reset_cause(0, ResetCause::kSoftwareCpu);
  rtc.set_reset_cause(1, ResetCause::kByProCpu);
  EXPECT_EQ(rtc.read(kResetState), 0x3000u | 14 << 6 | 12);
  rtc.write(kResetState, 0x1000);
  EXPECT_EQ(rtc.read(kResetState), 0x1000u | 14 << 6 | 12);
  EXPECT_FALSE(rtc.starts_in_rom(0));
  EXPECT_TRUE(rtc.starts_in_rom(1));
  rtc.reset(ResetKind::kCore);
  EXPECT_EQ(rtc.reset_cause(0), ResetCause::kSoftwareCpu);
  rtc.reset(ResetKind::kSystem);
  EXPECT_EQ(rtc.reset_cause(0), ResetCause::kPowerOn);
}

TEST_F(RtcCntlTest, StallNeedsBothHalvesOfTheKey) {
  // esp_cpu_stall(1): C1 = 0x21, C0 = 2.
  rtc.write(kCpuStall, 0x21u << 20);
  EXPECT_TRUE(stalls.empty());
  rtc.write(kOptions0, rtc.read(kOptions0) | 2);
  EXPECT_TRUE(rtc.stalled(1));
  rtc.write(kCpuStall, 0x21u << 20 | 0x21u << 26);
  EXPECT_FALSE(rtc.stalled(0));
  rtc.write(kOptions0, rtc.read(kOptions0) | 2 << 2);
  EXPECT_TRUE(rtc.stalled(0));
  rtc.write(kOptions0, rtc.read(kOptions0) & ~3u);
  rtc.reset(ResetKind::kCore);
  EXPECT_EQ(stalls, (std::vector<std::pair<unsigned, bool>>{{1, true}, {0, true}, {1, false}, {0, false}}));
}

TEST_F(RtcCntlTest, SocClock) {
  EXPECT_EQ(rtc.soc_clock(), SocClock::kXtal);
  rtc.write(kClkConf, rtc.read(kClkConf) | 1u << 27);
  EXPECT_EQ(rtc.soc_clock(), SocClock::kPll);
  EXPECT_EQ(log, "clock ");
  rtc.write(kClkConf, rtc.read(kClkConf) | 1u << 8);  // DIG_XTAL32K_EN
  EXPECT_EQ(log, "clock ");
  EXPECT_EQ(rtc.rc_fast_cpu_hz(), 8'000'000u / 3);
  rtc.write(kClkConf, rtc.read(kClkConf) & ~(7u << 12));
  EXPECT_EQ(rtc.rc_fast_cpu_hz(), 8'000'000u);
  rtc.reset(ResetKind::kCore);
  EXPECT_EQ(rtc.soc_clock(), SocClock::kPll);  // survives, as ESP-IDF's rtc_clk_init() expects
  rtc.reset(ResetKind::kSystem);
  EXPECT_EQ(rtc.soc_clock(), SocClock::kXtal);
}

TEST_F(RtcCntlTest, CpuClocks) {
  EXPECT_EQ(cpu_clocks(SocClock::kXtal, 2, 0, 40'000'000, 8'000'000), (CpuClocks{40'000'000, 40'000'000}));
  EXPECT_EQ(cpu_clocks(SocClock::kXtal, 0, 3, 40'000'000, 8'000'000), (CpuClocks{10'000'000, 10'000'000}));
  EXPECT_EQ(cpu_clocks(SocClock::kPll, 0, 3, 40'000'000, 8'000'000), (CpuClocks{80'000'000, 80'000'000}));
  EXPECT_EQ(cpu_clocks(SocClock::kPll, 1, 0, 40'000'000, 8'000'000), (CpuClocks{160'000'000, 80'000'000}));
  EXPECT_EQ(cpu_clocks(SocClock::kPll, 2, 0, 40'000'000, 8'000'000), (CpuClocks{240'000'000, 80'000'000}));
  EXPECT_EQ(cpu_clocks(SocClock::kRcFast, 2, 0, 40'000'000, 8'000'000), (CpuClocks{8'000'000, 8'000'000}));
}

TEST_F(RtcCntlTest, SlowClocks) {
  EXPECT_EQ(rtc.slow_clock_hz(), 320'000u);
  boot();
  EXPECT_EQ(rtc.slow_clock_hz(), 150'000u);
  EXPECT_EQ(rtc.calibration_hz(Clock::kRtcSlow), 150'000u);
  EXPECT_EQ(rtc.calibration_hz(Clock::kRcFastDiv256), 31'250u);
  EXPECT_EQ(rtc.calibration_hz(Clock::kXtal32k), 32'768u);
  rtc.write(kClkConf, rtc.read(kClkConf) | 1u << 30);
  EXPECT_EQ(rtc.slow_clock_hz(), 32'768u);
  rtc.write(kClkConf, (rtc.read(kClkConf) & ~(3u << 30)) | 2u << 30);
  EXPECT_EQ(rtc.slow_clock_hz(), 31'250u);
  rtc.write(kClkConf, rtc.read(kClkConf) | 1u << 7);  // ENB_CK8M_DIV: off
  EXPECT_EQ(rtc.calibration_hz(Clock::kRcFastDiv256), 0u);
  RtcCntl bare{bench.context(), {.oscillators = {.xtal32k_hz = 0}}};
  EXPECT_EQ(bare.calibration_hz(Clock::kXtal32k), 0u);
}

TEST_F(RtcCntlTest, TimeIsLatchedAtTheNextSlowEdge) {
  boot();
  const std::uint64_t before = time();
  bench.run(kTicksPerSecond);
  const std::uint64_t after = time();
  EXPECT_NEAR(static_cast<double>(after - before), 150'000, 2);
  EXPECT_EQ(rtc.read(kIntRaw), kIntTimeValid);
  rtc.write(kIntClr, kIntTimeValid);
  rtc.write(kTimeUpdate, 1u << 31);
  EXPECT_FALSE(rtc.read(kTimeUpdate) & 1u << 30);
  EXPECT_EQ(rtc.read(kIntRaw), 0u);
  bench.skip(kSlow);  // seen without the event queue's help
  EXPECT_TRUE(rtc.read(kTimeUpdate) & 1u << 30);
  EXPECT_EQ(rtc.read(kIntRaw), kIntTimeValid);
}

TEST_F(RtcCntlTest, TimeGoesOnAcrossClocksAndCoreResets) {
  boot();
  bench.run(kTicksPerSecond);
  rtc.write(kClkConf, rtc.read(kClkConf) | 1u << 30);
  bench.run(kTicksPerSecond);
  rtc.reset(ResetKind::kCore);
  EXPECT_NEAR(static_cast<double>(time()), 150'000 + 32'768, 3);
  rtc.reset(ResetKind::kSystem);
  EXPECT_LT(time(), 20u);
}

TEST_F(RtcCntlTest, StoppedSlowClockGivesNoTime) {
  RtcCntl bare{bench.context(), {.oscillators = {.xtal32k_hz = 0}}};
  bare.write(kClkConf, bare.read(kClkConf) | 1u << 30);
  bare.write(kTimeUpdate, 1u << 31);
  bench.run(kTicksPerSecond);
  EXPECT_FALSE(bare.read(kTimeUpdate) & 1u << 30);
}

TEST_F(RtcCntlTest, MainTimerAlarm) {
  boot();
  rtc.write(kIntEna, kIntMain);
  rtc.write(kSlpTimer0, 1000);
  bench.run(2000 * kSlow);
  EXPECT_FALSE(rtc.irq().level());
  const std::uint64_t now = time();
  rtc.write(kSlpTimer0, static_cast<std::uint32_t>(now + 1000));
  rtc.write(kSlpTimer1, 1u << 16);
  bench.run(998 * kSlow);
  EXPECT_FALSE(rtc.irq().level());
  bench.run(2 * kSlow);
  EXPECT_TRUE(rtc.irq().level());
  EXPECT_TRUE(rtc.read(kIntSt) & kIntMain);
  rtc.write(kIntClr, kIntMain);
  EXPECT_FALSE(rtc.irq().level());
  rtc.write(kRtcReg, rtc.read(kRtcReg));
  EXPECT_FALSE(rtc.irq().level());
}

TEST_F(RtcCntlTest, FlashBootProtectionResetsTheRtcToo) {
  // An empty flash: the ROM is reset every 0.4 s.
  bench.run(399 * kTicksPerMillisecond);
  EXPECT_TRUE(resets.empty());
  bench.run(kTicksPerMillisecond);
  EXPECT_EQ(resets, (std::vector<Reset>{{ResetScope::kSystem, ResetCause::kRtcWatchdogRtc}}));
}

TEST_F(RtcCntlTest, FlashBootProtectionEnds) {
  boot();
  RtcCntl download{bench.context(), {.flash_boot = false}};
  download.on_reset = rtc.on_reset;
  bench.run(10 * kTicksPerSecond);
  EXPECT_TRUE(resets.empty());
  download.set_flash_boot(true);
  bench.run(kTicksPerSecond);
  EXPECT_FALSE(resets.empty());
}

TEST_F(RtcCntlTest, RestartIsWatchedInFlashBootModeWithTheChosenAction) {
  // esp_restart() of ESP-IDF: one second, stage 0 resets the system, watchdog itself off.
  boot();
  rtc.write(kWdtConfig1, 150'000);
  rtc.write(kWdtConfig0, stage(0, 3) | stage(1, 4) | 1u << 10);
  bench.run(kTicksPerSecond - kSlow);
  EXPECT_TRUE(resets.empty());
  bench.run(kSlow);
  EXPECT_EQ(resets, (std::vector<Reset>{{ResetScope::kCore, ResetCause::kRtcWatchdogCore}}));
}

TEST_F(RtcCntlTest, WatchdogStages) {
  boot();
  for (unsigned n = 0; n < 4; ++n) rtc.write(kWdtConfig1 + 4 * n, 100);
  rtc.write(kIntEna, kIntWdt);
  rtc.write(kWdtConfig0,
            1u << 31 | stage(0, 1) | stage(1, 2) | stage(2, 3) | stage(3, 4) | 1u << 9 | 1u << 8);
  bench.run(100 * kSlow);
  EXPECT_TRUE(rtc.irq().level());
  bench.run(300 * kSlow);
  EXPECT_EQ(resets, (std::vector<Reset>{{ResetScope::kAppCpu, ResetCause::kRtcWatchdogCpu},
                                        {ResetScope::kProCpu, ResetCause::kRtcWatchdogCpu},
                                        {ResetScope::kCore, ResetCause::kRtcWatchdogCore},
                                        {ResetScope::kSystem, ResetCause::kRtcWatchdogRtc}}));
}

TEST_F(RtcCntlTest, WatchdogResetsOnlyTheChosenCores) {
  boot();
  rtc.write(kWdtConfig1, 100);
  rtc.write(kWdtConfig0, 1u << 31 | stage(0, 2) | 1u << 9);
  bench.run(100 * kSlow);
  EXPECT_EQ(resets, (std::vector<Reset>{{ResetScope::kProCpu, ResetCause::kRtcWatchdogCpu}}));
}

TEST_F(RtcCntlTest, WatchdogFeedAndWriteProtection) {
  boot();
  rtc.write(kWdtConfig1, 100);
  rtc.write(kWdtConfig0, 1u << 31 | stage(0, 4));
  for (int i = 0; i < 5; ++i) {
    bench.run(90 * kSlow);
    rtc.write(kWdtFeed, 1u << 31);
  }
  EXPECT_TRUE(resets.empty());
  rtc.write(kWdtProtect, 0);
  bench.run(90 * kSlow);
  rtc.write(kWdtFeed, 1u << 31);
  rtc.write(kWdtConfig0, 0);
  rtc.write(kWdtConfig1, 10'000);
  EXPECT_EQ(rtc.read(kWdtConfig1), 100u);
  bench.run(10 * kSlow);
  EXPECT_EQ(resets.size(), 1u);
}

TEST_F(RtcCntlTest, WatchdogSurvivesACoreReset) {
  boot();
  rtc.write(kWdtConfig1, 150'000);
  rtc.write(kWdtConfig0, 1u << 31 | stage(0, 4));
  bench.run(kTicksPerSecond / 2);
  rtc.reset(ResetKind::kCore);
  bench.run(kTicksPerSecond / 2);
  EXPECT_EQ(resets.size(), 1u);
}

TEST_F(RtcCntlTest, LightSleepUntilTheTimer) {
  boot();
  const std::uint64_t now = time();
  set_wake_time(now + 15'000);
  rtc.write(kWakeupState, wake_enable(Wake::kTimer));
  rtc.write(kIntClr, kIntWakeup | kIntReject);
  start_sleep();
  EXPECT_TRUE(rtc.asleep());
  EXPECT_EQ(log, "light ");
  bench.run(99 * kTicksPerMillisecond);
  EXPECT_EQ(log, "light ");
  bench.run(kTicksPerMillisecond);
  EXPECT_EQ(log, "light wake ");
  EXPECT_FALSE(rtc.asleep());
  EXPECT_EQ(rtc.wake_cause(), cause(Wake::kTimer));
  EXPECT_EQ(rtc.read(kWakeupState) & 0x7ff, cause(Wake::kTimer));
  EXPECT_TRUE(rtc.read(kIntRaw) & kIntWakeup);
  EXPECT_FALSE(rtc.read(kState0) & kSleepEn);
  EXPECT_TRUE(resets.empty());
}

TEST_F(RtcCntlTest, DeepSleepEndsInACoreResetAndKeepsTheRtc) {
  boot();
  rtc.write(kStore0, 0xCAFE);
  rtc.write(kDigPwc, rtc.read(kDigPwc) | kDeepSleep);
  const std::uint64_t now = time();
  set_wake_time(now + 150'000 * 5);
  rtc.write(kWakeupState, wake_enable(Wake::kTimer));
  start_sleep();
  EXPECT_EQ(log, "deep ");
  bench.run(5 * kTicksPerSecond);
  EXPECT_EQ(resets, (std::vector<Reset>{{ResetScope::kCore, ResetCause::kDeepSleep}}));
  rtc.reset(ResetKind::kCore);
  rtc.set_reset_cause(0, ResetCause::kDeepSleep);
  EXPECT_EQ(log, "deep ");
  EXPECT_EQ(rtc.wake_cause(), cause(Wake::kTimer));
  EXPECT_EQ(rtc.read(kStore0), 0xCAFEu);
  EXPECT_GE(time(), now + 750'000);
}

TEST_F(RtcCntlTest, WakeTimeInThePastTakesTheShortestSleep) {
  boot();
  rtc.write(kTimer5, (rtc.read(kTimer5) & ~0xff00u) | 2 << 8);
  set_wake_time(0);
  rtc.write(kWakeupState, wake_enable(Wake::kTimer));
  start_sleep();
  EXPECT_TRUE(rtc.asleep());
  bench.run(2 * kSlow);
  EXPECT_EQ(log, "light wake ");
}

TEST_F(RtcCntlTest, SleepWithoutWakeSourceLasts) {
  boot();
  rtc.write(kWakeupState, 0);
  start_sleep();
  bench.run(1000 * kTicksPerSecond);
  rtc.set_wake_source(Wake::kUart0, true);
  EXPECT_EQ(log, "light ");
}

TEST_F(RtcCntlTest, OtherSourcesWake) {
  boot();
  for (Wake source : {Wake::kGpio, Wake::kUart0, Wake::kUart1, Wake::kTouch, Wake::kUlp}) {
    log.clear();
    rtc.write(kWakeupState, wake_enable(source));
    start_sleep();
    bench.run(kTicksPerSecond);
    EXPECT_EQ(log, "light ");
    rtc.set_wake_source(source, true);
    bench.run(0);
    rtc.set_wake_source(source, false);
    bench.run(kSlow);
    EXPECT_EQ(log, "light wake ");
    EXPECT_EQ(rtc.wake_cause(), cause(source));
  }
}

TEST_F(RtcCntlTest, ShortPulseIsNotLostInTheShortestSleep) {
  boot();
  rtc.write(kWakeupState, wake_enable(Wake::kUart0));
  start_sleep();
  rtc.set_wake_source(Wake::kUart0, true);
  rtc.set_wake_source(Wake::kUart0, false);
  EXPECT_EQ(log, "light ");
  bench.run(0x80 * kSlow);
  EXPECT_EQ(log, "light wake ");
}

TEST_F(RtcCntlTest, Ext0) {
  boot();
  rtc.write(kWakeupState, wake_enable(Wake::kExt0));
  start_sleep();
  bench.run(kTicksPerSecond);
  EXPECT_EQ(log, "light ");  // level 0 wanted, pad not driven
  rtc.set_ext0_pad(true);
  bench.run(kTicksPerSecond);
  EXPECT_EQ(log, "light ");
  rtc.set_ext0_pad(false);
  bench.run(kSlow);
  EXPECT_EQ(log, "light wake ");
  EXPECT_EQ(rtc.wake_cause(), cause(Wake::kExt0));
  log.clear();
  rtc.write(kExtConf, 1u << 30);
  start_sleep();
  bench.run(kTicksPerSecond);
  EXPECT_EQ(log, "light ");
  rtc.set_ext0_pad(true);
  bench.run(kSlow);
  EXPECT_EQ(log, "light wake ");
}

TEST_F(RtcCntlTest, Ext1AnyHigh) {
  boot();
  rtc.write(kWakeupState, wake_enable(Wake::kExt1));
  rtc.write(kExtConf, 1u << 31);
  rtc.write(kExt1, 0x30);
  start_sleep();
  rtc.set_rtc_pads(0x8);
  bench.run(kTicksPerSecond);
  EXPECT_EQ(log, "light ");
  rtc.set_rtc_pads(0x18);
  bench.run(kSlow);
  EXPECT_EQ(log, "light wake ");
  EXPECT_EQ(rtc.wake_cause(), cause(Wake::kExt1));
  EXPECT_EQ(rtc.read(kExt1Status), 0x10u);
  rtc.write(kExt1, 0x30 | 1u << 18);
  EXPECT_EQ(rtc.read(kExt1Status), 0u);
  EXPECT_EQ(rtc.read(kExt1), 0x30u);
}

TEST_F(RtcCntlTest, Ext1AllLow) {
  boot();
  rtc.write(kWakeupState, wake_enable(Wake::kExt1));
  rtc.write(kExt1, 0x30);
  rtc.set_rtc_pads(0x3f);
  start_sleep();
  rtc.set_rtc_pads(0x1f);
  bench.run(kTicksPerSecond);
  EXPECT_EQ(log, "light ");
  rtc.set_rtc_pads(0x0f);
  bench.run(kSlow);
  EXPECT_EQ(log, "light wake ");
  EXPECT_EQ(rtc.read(kExt1Status), 0x30u);
}

TEST_F(RtcCntlTest, SleepIsRejectedWhileAWakeSourceIsActive) {
  boot();
  rtc.write(kWakeupState, wake_enable(Wake::kGpio));
  rtc.set_wake_source(Wake::kGpio, true);
  rtc.write(kReject, 1u << 26 | 1u << 24);
  start_sleep();
  EXPECT_FALSE(rtc.asleep());
  EXPECT_TRUE(rtc.read(kIntRaw) & kIntReject);
  EXPECT_EQ(log, "");
  // Deep sleep has its own enable; without it the source wakes it again.
  rtc.write(kDigPwc, rtc.read(kDigPwc) | kDeepSleep);
  start_sleep();
  bench.run(0x80 * kSlow);
  EXPECT_EQ(log, "deep ");
  EXPECT_EQ(resets.size(), 1u);
}

TEST_F(RtcCntlTest, WatchdogPausesInSleepIfToldSo) {
  boot();
  rtc.write(kWakeupState, wake_enable(Wake::kTimer));
  rtc.write(kWdtConfig1, 1000);
  rtc.write(kWdtConfig0, 1u << 31 | stage(0, 4) | 1u << 7);
  set_wake_time(time() + 5000);
  start_sleep();
  bench.run(5000 * kSlow);
  EXPECT_EQ(log, "light wake ");
  EXPECT_TRUE(resets.empty());
  bench.run(1000 * kSlow);
  EXPECT_EQ(resets.size(), 1u);

  rtc.write(kWdtConfig0, 0);
  rtc.write(kWdtConfig0, 1u << 31 | stage(0, 4));
  set_wake_time(time() + 5000);
  start_sleep();
  bench.run(1000 * kSlow);
  EXPECT_TRUE(rtc.asleep());
  EXPECT_EQ(resets.size(), 2u);
}

TEST_F(RtcCntlTest, BrownOut) {
  boot();
  rtc.set_brown_out(true);
  EXPECT_TRUE(rtc.read(kBrownOut) & 1u << 31);
  EXPECT_EQ(rtc.read(kIntRaw), 0u);
  rtc.write(kBrownOut, 1u << 30);
  EXPECT_EQ(rtc.read(kIntRaw), kIntBrownOut);
  EXPECT_TRUE(resets.empty());
  rtc.set_brown_out(false);
  EXPECT_FALSE(rtc.read(kBrownOut) & 1u << 31);
  rtc.write(kBrownOut, 1u << 30 | 1u << 26);
  rtc.set_brown_out(true);
  EXPECT_EQ(resets, (std::vector<Reset>{{ResetScope::kSystem, ResetCause::kBrownOut}}));
}

TEST_F(RtcCntlTest, ChecksumOfRtcFastMemory) {
  std::vector<std::uint8_t> memory(8192);
  for (std::size_t i = 0; i < 9; ++i) memory[4 + i] = static_cast<std::uint8_t>('1' + i);
  rtc.rtc_fast_memory = [&] { return std::span<const std::uint8_t>(memory); };
  const std::uint32_t all = 0x7ffu << 20 | 1;
  rtc.write(kMemConf, all);
  EXPECT_FALSE(rtc.read(kMemConf) & 1u << 31);
  rtc.write(kMemConf, all | 1u << 8);
  EXPECT_TRUE(rtc.read(kMemConf) & 1u << 31);
  const std::uint32_t first = rtc.read(kMemCrc);
  rtc.write(kMemConf, all);
  EXPECT_FALSE(rtc.read(kMemConf) & 1u << 31);
  memory[8191] = 1;
  rtc.write(kMemConf, all | 1u << 8);
  EXPECT_NE(rtc.read(kMemCrc), first);
  // Two words from word 1: "12345678".
  rtc.write(kMemConf, 0);
  rtc.write(kMemConf, 1u << 20 | 1u << 9 | 1u << 8);
  EXPECT_EQ(rtc.read(kMemCrc), 0x9AE0DAAFu);
}

TEST_F(RtcCntlTest, CoreResetEndsASleep) {
  boot();
  rtc.write(kWakeupState, wake_enable(Wake::kTimer));
  set_wake_time(time() + 1000);
  start_sleep();
  rtc.reset(ResetKind::kCore);
  EXPECT_FALSE(rtc.asleep());
  bench.run(kTicksPerSecond);
  EXPECT_EQ(log, "light ");
}

TEST_F(RtcCntlTest, UnknownRegisterRemembers) {
  rtc.write(0x180, 5);
  EXPECT_EQ(rtc.read(0x180), 5u);
}

TEST_F(RtcCntlTest, ArchiveInTheMiddleOfASleep) {
  boot();
  rtc.write(kIntEna, kIntMain);
  rtc.write(kWakeupState, wake_enable(Wake::kTimer));
  const std::uint64_t now = time();
  set_wake_time(now + 1500);
  rtc.set_reset_cause(0, ResetCause::kDeepSleep);
  start_sleep();
  bench.run(500 * kSlow);
  base::Archive out = base::Archive::saving();
  rtc.archive(out);
  rtc.reset(ResetKind::kSystem);
  log.clear();
  base::Archive in = base::Archive::loading(out.bytes());
  rtc.archive(in);
  EXPECT_FALSE(in.failed());
  EXPECT_TRUE(in.at_end());
  EXPECT_TRUE(rtc.asleep());
  EXPECT_EQ(rtc.reset_cause(0), ResetCause::kDeepSleep);
  bench.run(990 * kSlow);
  EXPECT_EQ(log, "");
  bench.run(11 * kSlow);
  EXPECT_EQ(log, "wake ");
}

}  // namespace
}  // namespace espalier::devices
