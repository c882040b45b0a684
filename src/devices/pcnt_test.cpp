#include "devices/pcnt.h"

#include <gtest/gtest.h>

#include "devices/device_test_support.h"

namespace espalier::devices {
namespace {

constexpr std::uint32_t CONF0 = 0x00, CONF1 = 0x04, CONF2 = 0x08, CNT0 = 0x60, INT_RAW = 0x80, INT_ENA = 0x88;
constexpr std::uint32_t INT_CLR = 0x8c, STATUS0 = 0x90, CTRL = 0xb0;
constexpr unsigned kPulse = 39, kControl = 41;

struct PcntTest : ::testing::Test {
  PcntTest() { pcnt.write(CTRL, 0x5554); }
  void pulses(int n, unsigned signal = kPulse) {
    for (int i = 0; i < n; ++i) {
      pcnt.input(signal, true);
      pcnt.input(signal, false);
    }
  }
  testing::Bench bench;
  Pcnt pcnt{bench.context()};
};

TEST_F(PcntTest, CountsTheEdgesItIsAskedTo) {
  pulses(5);
  EXPECT_EQ(pcnt.read(CNT0), 0u);
  pcnt.write(CONF0, 1u << 18);  // rising edges up
  pulses(5);
  EXPECT_EQ(pcnt.read(CNT0), 5u);
  pcnt.write(CONF0, 2u << 18 | 2u << 16);  // both down
  pulses(5);
  EXPECT_EQ(pcnt.read(CNT0), 0xfffbu);
  EXPECT_EQ(pcnt.count(0), -5);
}

TEST_F(PcntTest, ControlInputInvertsOrInhibits) {
  pcnt.write(CONF0, 1u << 18 | 1u << 22 | 2u << 20);  // low: invert, high: inhibit
  pulses(3);
  EXPECT_EQ(pcnt.count(0), -3);
  pcnt.input(kControl, true);
  pulses(3);
  EXPECT_EQ(pcnt.count(0), -3);
}

TEST_F(PcntTest, PauseAndReset) {
  pcnt.write(CONF0, 1u << 18);
  pulses(3);
  pcnt.write(CTRL, 0x5556);
  pulses(3);
  EXPECT_EQ(pcnt.count(0), 3);
  pcnt.write(CTRL, 0x5555);
  EXPECT_EQ(pcnt.count(0), 0);
  pulses(3);
  EXPECT_EQ(pcnt.count(0), 0);
}

TEST_F(PcntTest, LimitsAndThresholdsInterrupt) {
  pcnt.write(CONF0, 1u << 18 | 1u << 12 | 1u << 14);
  pcnt.write(CONF1, 4);
  pcnt.write(CONF2, 10);
  pcnt.write(INT_ENA, 1);
  pulses(4);
  EXPECT_TRUE(pcnt.irq().level());
  EXPECT_EQ(pcnt.read(STATUS0) & 0x7c, 1u << 3);
  pcnt.write(INT_CLR, 1);
  EXPECT_FALSE(pcnt.irq().level());
  pulses(6);
  EXPECT_EQ(pcnt.read(INT_RAW), 1u);
  EXPECT_EQ(pcnt.read(STATUS0) & 0x7c, 1u << 5);
  EXPECT_EQ(pcnt.count(0), 0);
}

TEST_F(PcntTest, LastUnitHasItsOwnSignals) {
  pcnt.write(CTRL, 0);
  pcnt.write(CONF0 + 12 * 7, 1u << 26);  // channel 1, rising
  pulses(2, 80);
  EXPECT_EQ(pcnt.count(7), 2);
  pulses(2, 83);
  pulses(2, 60);
  EXPECT_EQ(pcnt.count(7), 2);
}

TEST_F(PcntTest, ResetAndArchive) {
  pcnt.write(CONF0, 1u << 18);
  pulses(3);
  auto saved = base::Archive::saving();
  pcnt.archive(saved);
  pcnt.reset(ResetKind::kCore);
  EXPECT_EQ(pcnt.count(0), 0);
  EXPECT_EQ(pcnt.read(CONF0), 0x3c10u);
  auto loading = base::Archive::loading(saved.bytes());
  pcnt.archive(loading);
  ASSERT_FALSE(loading.failed());
  EXPECT_EQ(pcnt.count(0), 3);
}

}  // namespace
}  // namespace espalier::devices
