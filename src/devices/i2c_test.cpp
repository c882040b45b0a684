#include "devices/i2c.h"

#include <gtest/gtest.h>

#include <string>

#include "devices/device_test_support.h"

namespace espalier::devices {
namespace {

constexpr std::uint32_t CTR = 0x04, SR = 0x08, FIFO_CONF = 0x18, DATA = 0x1c, INT_RAW = 0x20, INT_CLR = 0x24;
constexpr std::uint32_t INT_ENA = 0x28;
constexpr std::uint32_t TXFIFO_EMPTY = 1u << 1, END_DETECT = 1u << 3, TRANS_COMPLETE = 1u << 7,
                        ACK_ERR = 1u << 10;
constexpr std::uint32_t comd(unsigned n) {
  return 0x58 + 4 * n;
}
constexpr std::uint32_t start_cmd() {
  return 0;
}
constexpr std::uint32_t write_cmd(unsigned n) {
  return 1u << 11 | 1u << 8 | n;
}
constexpr std::uint32_t read_cmd(unsigned n) {
  return 2u << 11 | n;
}
constexpr std::uint32_t stop_cmd() {
  return 3u << 11;
}
constexpr std::uint32_t end_cmd() {
  return 4u << 11;
}

class Chip : public I2cSlave {
 public:
  bool start(bool read) override {
    log += read ? "[R" : "[W";
    return true;
  }
  bool write(std::uint8_t byte) override {
    log += static_cast<char>(byte);
    return byte != '!';
  }
  std::uint8_t read() override { return static_cast<std::uint8_t>(next++); }
  void stop() override { log += "]"; }
  std::string log;
  int next = 100;
};

struct I2cTest : ::testing::Test {
  I2cTest() {
    i2c.write(0x00, 400);  // 800 APB cycles a bit: 100 kHz, 4800 ticks
    i2c.write(0x38, 400);
    i2c.write(INT_ENA, END_DETECT | TRANS_COMPLETE | ACK_ERR);
    i2c.attach(0x50, &chip);
  }
  void fill(std::string_view s) {
    for (char c : s) i2c.write(DATA, static_cast<std::uint8_t>(c));
  }
  void commands(std::initializer_list<std::uint32_t> list) {
    unsigned n = 0;
    for (std::uint32_t c : list) i2c.write(comd(n++), c);
  }
  void go() {
    i2c.write(CTR, 0x13);
    i2c.write(CTR, 0x33);
  }
  std::uint32_t raw() { return i2c.read(INT_RAW) & (END_DETECT | TRANS_COMPLETE | ACK_ERR); }
  testing::Bench bench;
  I2c i2c{"i2c0", bench.context()};
  Chip chip;
  static constexpr base::Ticks kBit = 4800;
};

TEST_F(I2cTest, ResetValues) {
  i2c.reset(ResetKind::kCore);
  EXPECT_EQ(i2c.read(CTR), 3u);
  EXPECT_EQ(i2c.read(FIFO_CONF), 0x0155408bu);
  EXPECT_EQ(i2c.read(0xf8), 0x16042000u);
}

TEST_F(I2cTest, WriteRunsTheListInTime) {
  fill(
      "\xa0"
      "abc");
  commands({start_cmd(), write_cmd(1), write_cmd(3), stop_cmd()});
  go();
  EXPECT_EQ(i2c.read(CTR) >> 5 & 1, 0u);
  EXPECT_NE(i2c.read(SR) & 1u << 4, 0u);
  bench.run((1 + 4 * 9) * kBit);
  EXPECT_FALSE(i2c.irq().level());
  bench.run(kBit);
  EXPECT_TRUE(i2c.irq().level());
  EXPECT_EQ(raw(), TRANS_COMPLETE);
  EXPECT_EQ(i2c.read(SR) & 1u << 4, 0u);
  EXPECT_EQ(chip.log, "[Wabc]");
  for (unsigned n = 0; n < 4; ++n) EXPECT_EQ(i2c.read(comd(n)) >> 31, 1u) << n;
  i2c.write(INT_CLR, TRANS_COMPLETE);
  EXPECT_FALSE(i2c.irq().level());
}

TEST_F(I2cTest, NobodyThere) {
  fill("\x42");
  commands({start_cmd(), write_cmd(1), stop_cmd()});
  go();
  bench.run(100 * kBit);
  EXPECT_EQ(raw(), ACK_ERR);
  EXPECT_EQ(i2c.read(SR) & 0x11, 1u);  // ACK_REC: not acknowledged; the bus is free
  EXPECT_EQ(i2c.read(comd(2)) >> 31, 0u);
  // The next transfer works.
  i2c.write(INT_CLR, ACK_ERR);
  fill("\xa0");
  commands({start_cmd(), write_cmd(1), stop_cmd()});
  go();
  bench.run(100 * kBit);
  EXPECT_EQ(raw(), TRANS_COMPLETE);
}

TEST_F(I2cTest, NackWithoutCheckGoesOn) {
  fill("\x42");
  commands({start_cmd(), 1u << 11 | 1, stop_cmd()});
  go();
  bench.run(100 * kBit);
  EXPECT_EQ(raw(), TRANS_COMPLETE);
}

TEST_F(I2cTest, ChipRefusesAByte) {
  fill(
      "\xa0"
      "a!b");
  commands({start_cmd(), write_cmd(4), stop_cmd()});
  go();
  bench.run(100 * kBit);
  EXPECT_EQ(raw(), ACK_ERR);
  EXPECT_EQ(chip.log, "[Wa!]");
  EXPECT_EQ(i2c.read(SR) >> 18 & 0x3f, 1u);
  i2c.write(FIFO_CONF, 0x0155408b | 1u << 13);
  EXPECT_EQ(i2c.read(SR) >> 18 & 0x3f, 0u);
}

TEST_F(I2cTest, RepeatedStartAndRead) {
  fill(
      "\xa0"
      "r\xa1");
  commands({start_cmd(), write_cmd(2), start_cmd(), write_cmd(1), read_cmd(2), read_cmd(1), stop_cmd()});
  go();
  bench.run(200 * kBit);
  EXPECT_EQ(raw(), TRANS_COMPLETE);
  EXPECT_EQ(chip.log, "[Wr[R]");
  EXPECT_EQ(i2c.read(SR) >> 8 & 0x3f, 3u);
  EXPECT_EQ(i2c.peek(DATA), 100u);
  EXPECT_EQ(i2c.read(DATA), 100u);
  EXPECT_EQ(i2c.read(DATA), 101u);
  EXPECT_EQ(i2c.read(DATA), 102u);
}

TEST_F(I2cTest, EndHoldsTheBusForTheNextList) {
  fill(
      "\xa0"
      "a");
  commands({start_cmd(), write_cmd(2), end_cmd()});
  go();
  bench.run(100 * kBit);
  EXPECT_EQ(raw(), END_DETECT);
  EXPECT_NE(i2c.read(SR) & 1u << 4, 0u);
  i2c.write(INT_CLR, END_DETECT);
  fill("b");
  commands({write_cmd(1), stop_cmd()});
  go();
  bench.run(100 * kBit);
  EXPECT_EQ(raw(), TRANS_COMPLETE);
  EXPECT_EQ(chip.log, "[Wab]");
}

TEST_F(I2cTest, EmptyFifoStretchesTheClock) {
  fill("\xa0");
  commands({start_cmd(), write_cmd(3), stop_cmd()});
  go();
  bench.run(1000 * kBit);
  EXPECT_EQ(raw(), 0u);
  EXPECT_NE(i2c.read(INT_RAW) & TXFIFO_EMPTY, 0u);
  fill("xy");
  bench.run(100 * kBit);
  EXPECT_EQ(raw(), TRANS_COMPLETE);
  EXPECT_EQ(chip.log, "[Wxy]");
}

TEST_F(I2cTest, FullFifoStretchesTheClock) {
  fill("\xa1");
  commands({start_cmd(), write_cmd(1), read_cmd(40), stop_cmd()});
  go();
  bench.run(10000 * kBit);
  EXPECT_EQ(raw(), 0u);
  EXPECT_EQ(i2c.read(SR) >> 8 & 0x3f, 32u);
  for (int i = 0; i < 8; ++i) i2c.read(DATA);
  bench.run(1000 * kBit);
  EXPECT_EQ(raw(), TRANS_COMPLETE);
}

TEST_F(I2cTest, ResetLetsTheBusGo) {
  fill(
      "\xa0"
      "abc");
  commands({start_cmd(), write_cmd(4), stop_cmd()});
  go();
  bench.run(15 * kBit);
  i2c.reset(ResetKind::kCore);
  bench.run(1000 * kBit);
  EXPECT_EQ(raw(), 0u);
  EXPECT_EQ(chip.log, "[Wa]");
  EXPECT_FALSE(i2c.irq().level());
}

TEST_F(I2cTest, ArchiveInTheMiddle) {
  fill(
      "\xa0"
      "abc");
  commands({start_cmd(), write_cmd(4), stop_cmd()});
  go();
  bench.run(15 * kBit);
  auto saved = base::Archive::saving();
  i2c.archive(saved);
  I2c other("i2c0", bench.context());
  Chip second;
  other.attach(0x50, &second);
  auto loading = base::Archive::loading(saved.bytes());
  other.archive(loading);
  ASSERT_FALSE(loading.failed());
  bench.run(1000 * kBit);
  EXPECT_TRUE(other.irq().level());
  EXPECT_EQ(second.log, "bc]");
}

}  // namespace
}  // namespace espalier::devices
