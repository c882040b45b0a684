// DPORT, the interrupt matrix, RTC_CNTL, the timer groups and FRC wired to each other as in the chip, driven
// as firmware drives them.
#include <gtest/gtest.h>

#include <vector>

#include "devices/device_test_support.h"
#include "devices/dport.h"
#include "devices/frc_timer.h"
#include "devices/rtc_cntl.h"
#include "devices/timer_group.h"

namespace espalier::devices {
namespace {

using base::kTicksPerMicrosecond;
using base::kTicksPerSecond;
using Interrupt = TimerGroup::Interrupt;

constexpr std::uint32_t kCpuPerConf = 0x3C, kPeripRst = 0xC4, kProMap = 0x104;               // DPORT
constexpr std::uint32_t kTimeUpdate = 0x0C, kTime0 = 0x10, kClkConf = 0x70, kRtcReg = 0x7C;  // RTC_CNTL
constexpr std::uint32_t kWdtConfig0 = 0x48, kCaliCfg = 0x68, kCaliCfg1 = 0x6C, kLactConfig = 0x70,  // TIMG
    kLactLo = 0x78, kLactUpdate = 0x80, kLactAlarmLo = 0x84, kIntEna = 0x98;

class SystemDevicesTest : public ::testing::Test {
 protected:
  SystemDevicesTest() {
    timg0.slow_clock_hz = [this](TimerGroup::CalibrationClock clock) { return rtc.calibration_hz(clock); };
    for (unsigned i = 0; i < TimerGroup::kInterrupts; ++i) {
      timg0.level_irq(static_cast<Interrupt>(i)).connect(matrix.input(14 + i));
      timg0.edge_irq(static_cast<Interrupt>(i)).connect(matrix.input(58 + i));
    }
    for (unsigned i = 0; i < 2; ++i) frc.irq(i).connect(matrix.input(56 + i));
    rtc.irq().connect(matrix.input(46));
    const auto clocks_changed = [this] {
      clocks = cpu_clocks(rtc.soc_clock(), dport.cpuperiod_sel(), 0, 40'000'000, rtc.rc_fast_cpu_hz());
      timg0.set_apb_hz(clocks.apb_hz);
      frc.set_apb_hz(clocks.apb_hz);
    };
    dport.on_cpu_clock_change = rtc.on_cpu_clock_change = clocks_changed;
    dport.on_peripheral_reset = [this](Dport::ResetBank bank, std::uint32_t on, std::uint32_t) {
      if (bank != Dport::ResetBank::kPeripheral) return;
      if (on & Dport::kTimerGroup0) timg0.reset(ResetKind::kCore);
      if (on & Dport::kTimers) frc.reset(ResetKind::kCore);
    };
    rtc.on_reset = timg0.on_reset = [this](ResetScope, ResetCause cause) { causes.push_back(cause); };
    for (Device* device : std::vector<Device*>{&dport, &rtc, &timg0, &frc}) device->reset(ResetKind::kSystem);
  }
  // rtc_clk_cal_internal() of ESP-IDF, waits included.
  std::uint32_t calibrate(TimerGroup::CalibrationClock clock, std::uint32_t cycles,
                          std::uint32_t expected_hz) {
    const std::uint32_t config = static_cast<std::uint32_t>(clock) << 13 | cycles << 16;
    timg0.write(kCaliCfg, config);
    timg0.write(kCaliCfg, config | 1u << 31);
    const std::uint32_t estimate =
        static_cast<std::uint32_t>(std::uint64_t{cycles} * 1'000'000 / expected_hz);
    bench.run(estimate * kTicksPerMicrosecond);
    for (std::uint32_t i = 0; i < estimate && !(timg0.read(kCaliCfg) & 1u << 15); ++i)
      bench.run(kTicksPerMicrosecond);
    return timg0.read(kCaliCfg) & 1u << 15 ? timg0.read(kCaliCfg1) >> 7 : 0;
  }
  void boot() {
    rtc.write(kRtcReg, rtc.read(kRtcReg) | 0xffu << 14);
    rtc.write(0x8C, 0);
    timg0.write(kWdtConfig0, 0);
  }
  std::uint32_t rtc_time() {
    rtc.write(kTimeUpdate, 1u << 31);
    bench.run(40 * kTicksPerMicrosecond);
    return rtc.read(kTime0);
  }

  testing::Bench bench;
  InterruptMatrix matrix;
  Dport dport{bench.context(), matrix};
  RtcCntl rtc{bench.context(), {}};
  TimerGroup timg0{bench.context(), {}};
  FrcTimer frc{bench.context(), 40'000'000};
  CpuClocks clocks{40'000'000, 40'000'000};
  std::vector<ResetCause> causes;
};

TEST_F(SystemDevicesTest, CrystalIsRecognisedAs40MHz) {
  boot();
  // rtc_clk_xtal_freq_estimate(): ten cycles of 8M/256, taken for 8.5 MHz; 36 to 45 means 40 MHz.
  const std::uint64_t ratio =
      (std::uint64_t{calibrate(TimerGroup::CalibrationClock::kRcFastDiv256, 10, 33'203)} << 19) / 10;
  const std::uint64_t mhz = ratio * 8'500'000 / 1'000'000 / 256 >> 19;
  EXPECT_GE(mhz, 36u);
  EXPECT_LE(mhz, 45u);
}

TEST_F(SystemDevicesTest, CalibratedSlowClockTellsTheTime) {
  boot();
  for (std::uint32_t select : {0u, 1u, 2u}) {
    rtc.write(kClkConf, (rtc.read(kClkConf) & ~(3u << 30)) | select << 30);
    const std::uint32_t expected = select == 0 ? 150'000 : select == 1 ? 32'768 : 33'203;
    const std::uint64_t cycles = calibrate(TimerGroup::CalibrationClock::kRtcSlow, 1024, expected);
    ASSERT_NE(cycles, 0u);
    const std::uint64_t period = ((cycles << 19) + 40 * 1024 / 2 - 1) / (40 * 1024);
    const std::uint32_t start = rtc_time();
    bench.run(10 * kTicksPerSecond);
    const std::uint64_t us = (rtc_time() - start) * period >> 19;
    EXPECT_NEAR(static_cast<double>(us), 10'000'040, 100) << select;
  }
}

TEST_F(SystemDevicesTest, FrequencySwitchKeepsEspTimerRight) {
  boot();
  // esp_timer on LACT, 2 ticks a microsecond whatever the APB: the divider follows by firmware's hand.
  timg0.write(kLactConfig, 1u << 31 | 1u << 30 | 1u << 11 | 20u << 13);
  bench.run(100 * kTicksPerMicrosecond);
  dport.write(kCpuPerConf, 2);
  rtc.write(kClkConf, rtc.read(kClkConf) | 1u << 27);
  EXPECT_EQ(clocks, (CpuClocks{240'000'000, 80'000'000}));
  timg0.write(kLactConfig, (timg0.read(kLactConfig) & ~(0xffffu << 13)) | 40u << 13);
  bench.run(100 * kTicksPerMicrosecond);
  timg0.write(kLactUpdate, 1);
  EXPECT_EQ(timg0.read(kLactLo), 400u);
}

TEST_F(SystemDevicesTest, InterruptsReachTheCores) {
  boot();
  dport.write(kProMap + 4 * 17, 13);  // TG0 LACT
  dport.write(kProMap + 4 * 57, 14);  // FRC2
  timg0.write(kIntEna, 8);
  timg0.write(kLactAlarmLo, 10);
  timg0.write(kLactConfig, 1u << 31 | 1u << 30 | 1u << 11 | 1u << 10 | 20u << 13);
  frc.write(0x30, 1000);
  frc.write(0x28, 0x81);
  bench.run(20 * kTicksPerMicrosecond);
  EXPECT_TRUE(matrix.output(0, 13).level());
  EXPECT_FALSE(matrix.output(0, 14).level());
  bench.run(5 * kTicksPerMicrosecond);
  EXPECT_TRUE(matrix.output(0, 14).level());
  dport.write(kPeripRst, Dport::kTimers | Dport::kTimerGroup0);
  EXPECT_FALSE(matrix.output(0, 13).level());
  EXPECT_FALSE(matrix.output(0, 14).level());
  dport.write(kPeripRst, 0);
}

TEST_F(SystemDevicesTest, EmptyFlashIsResetByTheRtcWatchdogFirst) {
  // Nothing clears either flash boot protection: real boards print RTCWDT_RTC_RESET, not TG0WDT_SYS_RESET.
  bench.run(kTicksPerSecond / 2);
  EXPECT_EQ(causes, (std::vector<ResetCause>{ResetCause::kRtcWatchdogRtc}));
  EXPECT_EQ(reset_cause_name(causes[0]), "RTCWDT_RTC_RESET");
}

}  // namespace
}  // namespace espalier::devices
