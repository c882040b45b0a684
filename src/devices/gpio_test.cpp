#include "devices/gpio.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "devices/device_test_support.h"

namespace espalier::devices {
namespace {

constexpr std::uint32_t OUT = 0x04, OUT_W1TS = 0x08, OUT_W1TC = 0x0c, OUT1_W1TS = 0x14, ENABLE_W1TS = 0x24;
constexpr std::uint32_t ENABLE_W1TC = 0x28, ENABLE1_W1TS = 0x30, STRAP = 0x38, IN = 0x3c, IN1 = 0x40,
                        STATUS = 0x44;
constexpr std::uint32_t STATUS_W1TS = 0x48, STATUS_W1TC = 0x4c, STATUS1 = 0x50, STATUS1_W1TC = 0x58;
constexpr std::uint32_t ACPU_INT = 0x60, PCPU_INT = 0x68, PCPU_INT1 = 0x7c;
constexpr std::uint32_t PRO = 1u << 15, APP = 1u << 13, PRO_NMI = 1u << 16;
constexpr std::uint32_t pin(unsigned n) {
  return 0x88 + 4 * n;
}
constexpr std::uint32_t in_sel(unsigned n) {
  return 0x130 + 4 * n;
}
constexpr std::uint32_t out_sel(unsigned n) {
  return 0x530 + 4 * n;
}

struct GpioTest : ::testing::Test {
  GpioTest() {
    gpio.on_output = [this](unsigned p, bool l) { outputs.emplace_back(p, l); };
    for (unsigned p : {4u, 5u, 18u, 33u, 34u}) mux.write(IoMux::offset_of(p), 2u << 12 | 2u << 10 | 1u << 9);
  }
  testing::Bench bench;
  IoMux mux{bench.context()};
  Gpio gpio{mux, bench.context()};
  std::vector<std::pair<unsigned, bool>> outputs;
  using Outputs = std::vector<std::pair<unsigned, bool>>;
};

TEST_F(GpioTest, StrappingIsSettable) {
  EXPECT_EQ(gpio.read(STRAP), 0x13u);
  gpio.set_strapping(Gpio::kStrapDownload);
  EXPECT_EQ(gpio.read(STRAP), 0x0fu);
  gpio.write(STRAP, 0);
  EXPECT_EQ(gpio.read(STRAP), 0x0fu);
}

TEST_F(GpioTest, OutputsFollowOutAndEnable) {
  gpio.write(OUT_W1TS, 1u << 4);
  EXPECT_TRUE(outputs.empty());
  gpio.write(ENABLE_W1TS, 1u << 4);
  EXPECT_EQ(outputs, (Outputs{{4, true}}));
  gpio.write(OUT_W1TC, 1u << 4);
  gpio.write(OUT_W1TC, 1u << 4);
  EXPECT_EQ(outputs, (Outputs{{4, true}, {4, false}}));
  gpio.write(OUT, 1u << 4);
  EXPECT_EQ(gpio.read(OUT), 1u << 4);
  EXPECT_TRUE(gpio.read(IN) >> 4 & 1);
  gpio.write(ENABLE_W1TC, 1u << 4);
  EXPECT_FALSE(gpio.driven(4));
  outputs.clear();
  gpio.write(ENABLE1_W1TS, 2);
  gpio.write(OUT1_W1TS, 2);
  EXPECT_EQ(outputs, (Outputs{{33, false}, {33, true}}));
}

TEST_F(GpioTest, InputOnlyPinsAndOtherFunctionsDoNotDrive) {
  gpio.write(ENABLE1_W1TS, 1u << 2);  // 34
  gpio.write(OUT1_W1TS, 1u << 2);
  mux.write(IoMux::offset_of(5), 1u << 12);  // VSPICS0
  gpio.write(ENABLE_W1TS, 1u << 5);
  EXPECT_TRUE(outputs.empty());
}

TEST_F(GpioTest, MatrixInvertsAndRoutesSignals) {
  gpio.write(ENABLE_W1TS, 1u << 4);
  outputs.clear();
  gpio.write(out_sel(4), 256 | 1u << 9);
  EXPECT_EQ(outputs, (Outputs{{4, true}}));
  gpio.write(out_sel(4), 71);  // LEDC high-speed channel 0
  gpio.set_signal(71, true);
  gpio.set_signal(71, false);
  EXPECT_EQ(outputs, (Outputs{{4, true}, {4, false}, {4, true}, {4, false}}));
}

TEST_F(GpioTest, OpenDrainLetsGo) {
  gpio.set_input(4, true);
  gpio.write(pin(4), 1u << 2);
  gpio.write(ENABLE_W1TS, 1u << 4);
  EXPECT_FALSE(gpio.level(4));
  gpio.write(OUT_W1TS, 1u << 4);
  EXPECT_TRUE(gpio.level(4));
  gpio.set_input(4, false);
  EXPECT_FALSE(gpio.level(4));
}

TEST_F(GpioTest, PullsDecideUndrivenPins) {
  EXPECT_FALSE(gpio.level(18));
  mux.write(IoMux::offset_of(18), 2u << 12 | 1u << 9 | 1u << 8);
  EXPECT_TRUE(gpio.read(IN) >> 18 & 1);
  gpio.set_input(18, false);
  EXPECT_FALSE(gpio.read(IN) >> 18 & 1);
  gpio.release_input(18);
  EXPECT_TRUE(gpio.read(IN) >> 18 & 1);
}

TEST_F(GpioTest, RtcPads) {
  gpio.set_rtc_pad(4, {.pull_up = true});
  EXPECT_TRUE(gpio.read(IN) >> 4 & 1);
  gpio.set_rtc_pad(4, {.pull_down = true});
  EXPECT_FALSE(gpio.level(4));
  gpio.set_rtc_pad(4, {.pull_down = true, .owned = true, .drives = true, .level = true});
  EXPECT_TRUE(gpio.level(4));
  EXPECT_FALSE(gpio.read(IN) >> 4 & 1);  // the digital side is cut off
  EXPECT_EQ(outputs, (Outputs{{4, true}}));
}

TEST_F(GpioTest, InputNeedsItsEnable) {
  gpio.set_input(4, true);
  gpio.set_input(34, true);
  EXPECT_EQ(gpio.read(IN) & 1u << 4, 1u << 4);
  EXPECT_EQ(gpio.read(IN1), 1u << 2);
  mux.write(IoMux::offset_of(4), 2u << 12);
  EXPECT_EQ(gpio.read(IN) & 1u << 4, 0u);
}

TEST_F(GpioTest, EdgeInterruptsLatchAndReachTheirCore) {
  gpio.write(pin(4), 1u << 7 | PRO);
  gpio.write(pin(34), 2u << 7 | APP);
  gpio.set_input(4, true);
  EXPECT_TRUE(gpio.irq(0).level());
  EXPECT_FALSE(gpio.irq(1).level());
  EXPECT_EQ(gpio.read(PCPU_INT), 1u << 4);
  EXPECT_EQ(gpio.read(ACPU_INT), 0u);
  gpio.set_input(4, false);
  EXPECT_TRUE(gpio.irq(0).level());
  gpio.write(STATUS_W1TC, 1u << 4);
  EXPECT_FALSE(gpio.irq(0).level());
  gpio.set_input(34, true);
  EXPECT_EQ(gpio.read(STATUS1), 0u);
  gpio.set_input(34, false);
  EXPECT_TRUE(gpio.irq(1).level());
  gpio.write(STATUS1_W1TC, 4);
  EXPECT_FALSE(gpio.irq(1).level());
}

TEST_F(GpioTest, LevelInterruptsComeBackWhileTheLevelHolds) {
  gpio.write(pin(34), 5u << 7 | PRO);
  gpio.set_input(34, true);
  EXPECT_TRUE(gpio.irq(0).level());
  EXPECT_EQ(gpio.read(PCPU_INT1), 4u);
  gpio.write(STATUS1_W1TC, 4);
  EXPECT_TRUE(gpio.irq(0).level());
  gpio.set_input(34, false);
  gpio.write(STATUS1_W1TC, 4);
  EXPECT_FALSE(gpio.irq(0).level());
}

TEST_F(GpioTest, SoftwareAndNmi) {
  gpio.write(pin(5), PRO_NMI);
  gpio.write(STATUS_W1TS, 1u << 5);
  EXPECT_TRUE(gpio.nmi(0).level());
  EXPECT_FALSE(gpio.irq(0).level());
  gpio.write(STATUS, 0);
  EXPECT_FALSE(gpio.nmi(0).level());
}

TEST_F(GpioTest, WakeUp) {
  int wakes = 0;
  gpio.on_wakeup = [&] { ++wakes; };
  gpio.set_input(4, true);
  gpio.write(pin(4), 1u << 10 | 4u << 7);
  EXPECT_EQ(wakes, 0);
  gpio.set_input(4, false);
  EXPECT_EQ(wakes, 1);
  EXPECT_TRUE(gpio.wakes());
}

TEST_F(GpioTest, InputSignals) {
  std::vector<std::pair<unsigned, bool>> seen;
  gpio.on_signal = [&](unsigned s, bool l) { seen.emplace_back(s, l); };
  gpio.write(in_sel(39), 0x80 | 4);  // PCNT unit 0
  gpio.set_input(4, true);
  gpio.write(in_sel(39), 0xc0 | 4);  // inverted
  EXPECT_EQ(seen, (Outputs{{39, false}, {39, true}, {39, false}}));
  gpio.write(in_sel(14), 0x80 | 0x38);
  EXPECT_TRUE(gpio.signal_level(14));
  gpio.write(in_sel(14), 0x80 | 0x30);
  EXPECT_FALSE(gpio.signal_level(14));
}

TEST_F(GpioTest, ResetLetsGoOfOutputs) {
  gpio.write(ENABLE_W1TS, 1u << 4);
  gpio.write(pin(4), 1u << 7 | PRO);
  gpio.write(STATUS_W1TS, 1u << 4);
  gpio.reset(ResetKind::kCore);
  EXPECT_FALSE(gpio.driven(4));
  EXPECT_FALSE(gpio.irq(0).level());
  EXPECT_EQ(gpio.read(out_sel(7)), 256u);
}

TEST_F(GpioTest, ArchiveKeepsLevelsAndLines) {
  gpio.set_input(4, true);
  gpio.write(pin(4), 5u << 7 | PRO);
  auto saved = base::Archive::saving();
  gpio.archive(saved);
  IoMux mux2{bench.context()};
  Gpio other{mux2, bench.context()};
  auto loading = base::Archive::loading(saved.bytes());
  other.archive(loading);
  ASSERT_FALSE(loading.failed());
  EXPECT_TRUE(other.level(4));
  EXPECT_EQ(other.irq(0).level(), gpio.irq(0).level());
}

TEST(IoMuxTest, ResetValues) {
  testing::Bench bench;
  IoMux mux(bench.context());
  EXPECT_EQ(mux.read(0x44), 0xb00u);  // GPIO0: input, pulled up
  EXPECT_EQ(mux.read(0x40), 0xa80u);  // GPIO2: input, pulled down
  EXPECT_EQ(mux.read(0x84), 0xb00u);  // U0RXD
  EXPECT_EQ(mux.read(0x10), 0x800u);  // GPIO39
  EXPECT_EQ(mux.read(0x74), 0xa00u);  // GPIO19
  EXPECT_EQ(IoMux::offset_of(30), 0u);
  EXPECT_FALSE(mux.pad(30).input_enable);
}

}  // namespace
}  // namespace espalier::devices
