#include "devices/rmt.h"

#include <gtest/gtest.h>

#include <vector>

#include "devices/device_test_support.h"

namespace espalier::devices {
namespace {

constexpr std::uint32_t CH0CONF0 = 0x20, CH0CONF1 = 0x24, STATUS0 = 0x60, INT_RAW = 0xa0, INT_ENA = 0xa8;
constexpr std::uint32_t INT_CLR = 0xac, TX_LIM0 = 0xd0, APB_CONF = 0xf0, MEM = 0x800;
constexpr std::uint32_t kConf1 = 1u << 17;  // APB clock
constexpr std::uint32_t pulse(std::uint32_t high, std::uint32_t low) {
  return high | 1u << 15 | low << 16;
}

struct RmtTest : ::testing::Test {
  RmtTest() {
    rmt.irq().connect([this](bool level) {
      if (level) at.push_back(bench.now());
    });
    rmt.on_transmit = [this](unsigned, std::span<const std::uint32_t> w) {
      sent.insert(sent.end(), w.begin(), w.end());
    };
    rmt.write(CH0CONF0, 0x31100000 | 80);  // a unit is 1 us, 480 ticks
    rmt.write(CH0CONF1, kConf1);
    rmt.write(INT_ENA, 1);
  }
  testing::Bench bench;
  Rmt rmt{bench.context()};
  std::vector<base::Ticks> at;
  std::vector<std::uint32_t> sent;
};

TEST_F(RmtTest, ResetValues) {
  rmt.reset(ResetKind::kCore);
  EXPECT_EQ(rmt.read(CH0CONF0), 0x31100002u);
  EXPECT_EQ(rmt.read(CH0CONF1 + 7 * 8), 0x00000f20u);
  EXPECT_EQ(rmt.read(0xb0), 0x00400040u);
  EXPECT_EQ(rmt.read(TX_LIM0), 0x80u);
  EXPECT_EQ(rmt.read(0xfc), 0x16022600u);
}

TEST_F(RmtTest, TrainTakesItsTimeAndEnds) {
  rmt.write(MEM, pulse(10, 20));
  rmt.write(MEM + 4, pulse(5, 5));
  rmt.write(MEM + 8, 0);
  rmt.write(CH0CONF1, kConf1 | 1);
  EXPECT_EQ(rmt.read(CH0CONF1) & 1, 1u);
  bench.run(100'000);
  EXPECT_EQ(at, (std::vector<base::Ticks>{40 * 480}));
  EXPECT_EQ(rmt.read(INT_RAW), 1u);
  EXPECT_EQ(rmt.read(CH0CONF1) & 1, 0u);
  EXPECT_EQ(sent, (std::vector<std::uint32_t>{pulse(10, 20), pulse(5, 5)}));
  EXPECT_EQ(rmt.read(STATUS0) >> 12 & 0x3ff, 2u);
  rmt.write(CH0CONF1, kConf1 | 1u << 3);
  EXPECT_EQ(rmt.read(STATUS0) >> 12 & 0x3ff, 0u);
}

TEST_F(RmtTest, HalfWordZeroEndsToo) {
  rmt.write(MEM, 7 | 1u << 15);
  rmt.write(CH0CONF1, kConf1 | 1);
  bench.run(100'000);
  EXPECT_EQ(at, (std::vector<base::Ticks>{7 * 480}));
}

TEST_F(RmtTest, RefillsAtTheThreshold) {
  rmt.write(INT_ENA, 1 | 1u << 24);
  rmt.write(TX_LIM0, 32);
  rmt.write(APB_CONF, 3);
  for (unsigned i = 0; i < 64; ++i) rmt.write(MEM + 4 * i, pulse(1, 1));
  rmt.write(CH0CONF1, kConf1 | 1);
  unsigned refills = 0;
  unsigned half = 0;
  while (!(rmt.read(INT_RAW) & 1) && refills < 10) {
    bench.run(1);
    if (!(rmt.read(INT_RAW) & 1u << 24)) continue;
    rmt.write(INT_CLR, 1u << 24);
    // Behind the reader: 32 words more, twice; then the end.
    for (unsigned i = 0; i < 32; ++i) rmt.write(MEM + 4 * (half * 32 + i), refills < 2 ? pulse(1, 1) : 0);
    half ^= 1;
    ++refills;
  }
  EXPECT_EQ(refills, 4u);
  EXPECT_EQ(sent.size(), 128u);
  EXPECT_EQ(bench.now(), 128u * 2 * 480);
}

TEST_F(RmtTest, MemoryEndWithoutWrapEndsTheTrain) {
  rmt.write(TX_LIM0, 0x1ff);
  for (unsigned i = 0; i < 64; ++i) rmt.write(MEM + 4 * i, pulse(1, 1));
  rmt.write(CH0CONF1, kConf1 | 1);
  bench.run(1'000'000);
  EXPECT_EQ(at, (std::vector<base::Ticks>{128 * 480}));
}

TEST_F(RmtTest, RepeatedTrainGoesOnUntilStopped) {
  rmt.on_transmit = nullptr;
  rmt.write(MEM, pulse(10, 10));
  rmt.write(CH0CONF1, kConf1 | 1u << 6 | 1);
  EXPECT_EQ(bench.events().next_deadline(), base::kNever);
  bench.run(1'000'000);
  EXPECT_EQ(rmt.read(INT_RAW), 0u);
  EXPECT_EQ(rmt.read(CH0CONF1) & 1, 1u);
  rmt.write(CH0CONF1, kConf1 | 1u << 3);
  bench.run(1'000'000);
  EXPECT_EQ(rmt.read(INT_RAW), 0u);
}

TEST_F(RmtTest, EmptyRepeatedTrainDoesNotHang) {
  rmt.write(CH0CONF1, kConf1 | 1u << 6 | 1);
  bench.run(100'000);
  EXPECT_TRUE(sent.empty());
}

TEST_F(RmtTest, RecordsWhatArrives) {
  constexpr std::uint32_t kConf1Of2 = CH0CONF1 + 16;
  const std::uint32_t words[] = {pulse(100, 50), pulse(30, 0)};
  rmt.receive(2, words);
  EXPECT_EQ(rmt.read(INT_RAW), 0u);  // not listening
  rmt.write(kConf1Of2, kConf1 | 1u << 5 | 2);
  rmt.receive(2, words);
  EXPECT_EQ(rmt.read(INT_RAW), 2u << 6);
  EXPECT_EQ(rmt.read(MEM + 4 * 128), words[0]);
  EXPECT_EQ(rmt.read(MEM + 4 * 129), words[1]);
  EXPECT_EQ((rmt.read(STATUS0 + 8) & 0x3ff) - 2 * 64, 2u);
  const std::vector<std::uint32_t> many(100, pulse(1, 1));
  rmt.receive(2, many);
  EXPECT_EQ(rmt.read(INT_RAW), 6u << 6);
}

TEST_F(RmtTest, DataRegisterIsAWindowOnTheMemory) {
  rmt.write(0x04, 11);
  rmt.write(0x04, 12);
  EXPECT_EQ(rmt.read(MEM + 4 * 64), 11u);
  EXPECT_EQ(rmt.read(MEM + 4 * 65), 12u);
  rmt.write(CH0CONF1 + 8, kConf1 | 1u << 4);
  EXPECT_EQ(rmt.read(0x04), 11u);
  EXPECT_EQ(rmt.peek(0x04), 12u);
}

TEST_F(RmtTest, ArchiveInTheMiddle) {
  rmt.write(MEM, pulse(10, 20));
  rmt.write(CH0CONF1, kConf1 | 1);
  auto saved = base::Archive::saving();
  rmt.archive(saved);
  Rmt other(bench.context());
  auto loading = base::Archive::loading(saved.bytes());
  other.archive(loading);
  ASSERT_FALSE(loading.failed());
  bench.run(30 * 480);
  EXPECT_TRUE(other.irq().level());
}

}  // namespace
}  // namespace espalier::devices
