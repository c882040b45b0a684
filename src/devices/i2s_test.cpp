#include "devices/i2s.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "devices/device_test_support.h"

namespace espalier::devices {
namespace {

constexpr std::uint32_t CONF = 0x08, INT_RAW = 0x0c, INT_ENA = 0x14, INT_CLR = 0x18, RXEOF = 0x24,
                        OUT_LINK = 0x30;
constexpr std::uint32_t IN_LINK = 0x34, OUT_EOF_ADDR = 0x38, IN_EOF_ADDR = 0x3c, LC_CONF = 0x60, CLKM = 0xac;
constexpr std::uint32_t RATE = 0xb0, STATE = 0xbc;
constexpr std::uint32_t OUT_EOF = 1u << 12, IN_SUC_EOF = 1u << 9, OUT_DSCR_ERR = 1u << 14,
                        OUT_TOTAL = 1u << 16;
constexpr std::uint32_t kBase = 0x3ffb0000;

struct I2sTest : ::testing::Test {
  I2sTest() {
    // 160 MHz / 10 / 16 = 1 MHz bit clock; 16 bits: 8 us, 3840 ticks for a byte... 16 clocks for 2 bytes.
    i2s.write(CLKM, 10);
    i2s.write(RATE, 16u << 18 | 16u << 12 | 16u << 6 | 16);
    i2s.irq().connect([this](bool level) {
      if (level) at.push_back(bench.now());
    });
  }
  void descriptor(std::uint32_t where, std::uint32_t control, std::uint32_t buffer, std::uint32_t next) {
    memory.write_word(where, control);
    memory.write_word(where + 4, buffer);
    memory.write_word(where + 8, next);
  }
  testing::Bench bench;
  testing::Memory memory{kBase};
  I2s i2s{"i2s0", memory, bench.context()};
  std::vector<base::Ticks> at;
  static constexpr base::Ticks kByte = 3840;
};

TEST_F(I2sTest, ResetValues) {
  i2s.reset(ResetKind::kCore);
  EXPECT_EQ(i2s.read(CONF), 0x30300u);
  EXPECT_EQ(i2s.read(CLKM), 4u);
  EXPECT_EQ(i2s.read(RATE), 0x410186u);
  EXPECT_EQ(i2s.read(0xfc), 0x1604201u);
  EXPECT_EQ(i2s.read(STATE), 1u);  // idle, and no FIFO reset under way
}

TEST_F(I2sTest, TransmitsARingAtTheSampleRate) {
  std::string sent;
  i2s.on_transmit = [&](std::span<const std::uint8_t> b) { sent.append(b.begin(), b.end()); };
  descriptor(kBase, 8 | 8u << 12 | 3u << 30, kBase + 0x100, kBase + 12);
  descriptor(kBase + 12, 8 | 4u << 12 | 3u << 30, kBase + 0x200, kBase);
  std::copy_n("abcdefgh", 8, memory.bytes.begin() + 0x100);
  std::copy_n("ijkl", 4, memory.bytes.begin() + 0x200);
  i2s.write(INT_ENA, OUT_EOF);
  i2s.write(OUT_LINK, (kBase & 0xfffff) | 1u << 29);
  bench.run(1000);
  EXPECT_EQ(sent, "");
  const base::Ticks start = bench.now();
  i2s.write(CONF, 0x30310);
  EXPECT_EQ(i2s.read(STATE) & 1, 0u);
  bench.run(8 * kByte);
  ASSERT_EQ(at.size(), 1u);
  EXPECT_EQ(at[0] - start, 8 * kByte);
  EXPECT_EQ(i2s.read(OUT_EOF_ADDR), kBase);
  i2s.write(INT_CLR, OUT_EOF);
  bench.run(4 * kByte);
  ASSERT_EQ(at.size(), 2u);
  EXPECT_EQ(i2s.read(OUT_EOF_ADDR), kBase + 12);
  EXPECT_EQ(sent, "abcdefghijklabcdefgh");
  i2s.write(CONF, 0x30300);
  i2s.write(INT_CLR, 0x1ffff);
  bench.run(1000 * kByte);
  EXPECT_EQ(i2s.read(INT_RAW), 0u);
  EXPECT_EQ(i2s.read(STATE) & 1, 1u);
}

TEST_F(I2sTest, ChainEnds) {
  descriptor(kBase, 8 | 8u << 12 | 3u << 30, kBase + 0x100, 0);
  i2s.write(CONF, 0x30310);
  i2s.write(OUT_LINK, (kBase & 0xfffff) | 1u << 29);
  bench.run(1000 * kByte);
  EXPECT_EQ(i2s.read(INT_RAW) & (OUT_EOF | OUT_TOTAL), OUT_EOF | OUT_TOTAL);
  EXPECT_EQ(bench.events().next_deadline(), base::kNever);
}

TEST_F(I2sTest, ReceivesSilenceOrWhatThereIs) {
  std::uint8_t next = 1;
  i2s.on_receive = [&](std::span<std::uint8_t> b) {
    for (std::uint8_t& x : b) x = next++;
  };
  descriptor(kBase, 16 | 1u << 31, kBase + 0x100, kBase + 12);
  descriptor(kBase + 12, 16 | 1u << 31, kBase + 0x200, kBase);
  i2s.write(RXEOF, 2);  // words: an end of frame every 8 bytes
  i2s.write(INT_ENA, IN_SUC_EOF);
  i2s.write(IN_LINK, (kBase & 0xfffff) | 1u << 29);
  i2s.write(CONF, 0x30320);
  bench.run(8 * kByte);
  ASSERT_EQ(at.size(), 1u);
  EXPECT_EQ(i2s.read(IN_EOF_ADDR), kBase);
  EXPECT_EQ(memory.bytes[0x107], 8);
  std::uint32_t control = 0;
  memory.read_word(kBase, control);
  EXPECT_EQ(control, 16u | 8u << 12 | 1u << 30);
  i2s.write(INT_CLR, IN_SUC_EOF);
  bench.run(8 * kByte);
  EXPECT_EQ(at.size(), 2u);
  EXPECT_EQ(i2s.read(IN_EOF_ADDR), kBase + 12);
}

TEST_F(I2sTest, SlaveHasNoClockUnlessItSharesTheTransmitters) {
  descriptor(kBase, 16 | 1u << 31, kBase + 0x100, kBase);
  i2s.write(RXEOF, 4);
  i2s.write(IN_LINK, (kBase & 0xfffff) | 1u << 29);
  i2s.write(CONF, 0x30320 | 1u << 7);
  bench.run(1000 * kByte);
  EXPECT_EQ(i2s.read(INT_RAW), 0u);
  i2s.write(CONF, 0x30320 | 1u << 7 | 1u << 18);
  bench.run(16 * kByte);
  EXPECT_NE(i2s.read(INT_RAW) & IN_SUC_EOF, 0u);
}

TEST_F(I2sTest, RatesOfOtherFormats) {
  descriptor(kBase, 8 | 8u << 12 | 3u << 30, kBase + 0x100, 0);
  i2s.write(INT_ENA, OUT_EOF);
  const struct {
    std::uint32_t bits, fifo, clkm;
    base::Ticks time;
  } cases[] = {{32, 2, 10, 64 * 480},
               {24, 2, 10, 48 * 480},
               {16, 1, 10, 128 * 480},
               {16, 0, 10 | 1u << 8 | 2u << 14, 32256}};
  for (const auto& c : cases) {
    i2s.write(CONF, 0x30300);
    i2s.write(RATE, 16u << 18 | c.bits << 12 | 16u << 6 | 16);
    i2s.write(0x20, 0x1820 | c.fifo << 13);
    i2s.write(CLKM, c.clkm);
    i2s.write(INT_CLR, 0x1ffff);
    i2s.write(OUT_LINK, (kBase & 0xfffff) | 1u << 29);
    const base::Ticks start = bench.now();
    i2s.write(CONF, 0x30310);
    bench.run(1'000'000);
    EXPECT_EQ(at.back() - start, c.time) << c.bits << " " << c.fifo;
  }
}

TEST_F(I2sTest, BadDescriptors) {
  i2s.write(CONF, 0x30310);
  i2s.write(OUT_LINK, 1u << 29);
  EXPECT_EQ(i2s.read(INT_RAW), OUT_DSCR_ERR);
  i2s.write(INT_CLR, 0x1ffff);
  descriptor(kBase, 8 | 3u << 30, kBase, kBase);  // a ring of nothing must not hold up time
  i2s.write(OUT_LINK, (kBase & 0xfffff) | 1u << 29);
  bench.run(1000);
  i2s.write(LC_CONF, 2);
  EXPECT_EQ(bench.events().next_deadline(), base::kNever);
}

TEST_F(I2sTest, Archive) {
  descriptor(kBase, 8 | 8u << 12 | 3u << 30, kBase + 0x100, 0);
  i2s.write(INT_ENA, OUT_EOF);
  i2s.write(OUT_LINK, (kBase & 0xfffff) | 1u << 29);
  i2s.write(CONF, 0x30310);
  auto saved = base::Archive::saving();
  i2s.archive(saved);
  I2s other("i2s0", memory, bench.context());
  auto loading = base::Archive::loading(saved.bytes());
  other.archive(loading);
  ASSERT_FALSE(loading.failed());
  bench.run(8 * kByte);
  EXPECT_TRUE(other.irq().level());
}

}  // namespace
}  // namespace espalier::devices
