#include "devices/gp_spi.h"

#include <gtest/gtest.h>

#include <string>

#include "devices/device_test_support.h"

namespace espalier::devices {
namespace {

constexpr std::uint32_t CMD = 0x00, ADDR = 0x04, CTRL = 0x08, CLOCK = 0x18, USER = 0x1c, USER1 = 0x20,
                        USER2 = 0x24;
constexpr std::uint32_t MOSI_DLEN = 0x28, MISO_DLEN = 0x2c, PIN = 0x34, SLAVE = 0x38, W0 = 0x80,
                        OUT_LINK = 0x104;
constexpr std::uint32_t IN_LINK = 0x108, DMA_INT_ENA = 0x110, DMA_INT_RAW = 0x114;
constexpr std::uint32_t kMosi = 1u << 27, kMiso = 1u << 28;
constexpr std::uint32_t kBase = 0x3ffb0000;

// Notes what it is sent; answers with it, each byte plus one.
class Chip : public SpiSlave {
 public:
  void transfer(SpiTransfer& t) override {
    ++transfers;
    last = t;
    mosi.assign(t.mosi.begin(), t.mosi.end());
    for (std::size_t i = 0; i < t.miso.size(); ++i)
      t.miso[i] = static_cast<std::uint8_t>(i < mosi.size() ? mosi[i] + 1 : 0x40 + i);
  }
  int transfers = 0;
  SpiTransfer last;
  std::string mosi;
};

struct GpSpiTest : ::testing::Test {
  GpSpiTest() {
    spi.attach(0, &chip);
    spi.write(CLOCK, 9u << 12);  // 8 MHz: a clock is 60 ticks
    spi.irq().connect([this](bool level) {
      if (level) irq_at = bench.now();
    });
  }
  void descriptor(std::uint32_t at, std::uint32_t control, std::uint32_t buffer, std::uint32_t next) {
    memory.write_word(at, control);
    memory.write_word(at + 4, buffer);
    memory.write_word(at + 8, next);
  }
  testing::Bench bench;
  testing::Memory memory{kBase};
  GpSpi spi{"spi2", memory, bench.context()};
  Chip chip;
  base::Ticks irq_at = 0;
};

TEST_F(GpSpiTest, ResetValues) {
  spi.reset(ResetKind::kCore);
  EXPECT_EQ(spi.read(CTRL), 0x0020a400u);
  EXPECT_EQ(spi.read(USER1), 0x5c000007u);
  EXPECT_EQ(spi.read(SLAVE), 0x200u);
  EXPECT_EQ(spi.read(0x3fc), 0x1604270u);
}

TEST_F(GpSpiTest, TransactionTakesItsClocksAndInterrupts) {
  spi.write(USER, 1u << 31 | 1u << 30 | 1u << 29 | kMosi | kMiso);
  spi.write(USER2, 7u << 28 | 0x9f);
  spi.write(USER1, 23u << 26 | 7);
  spi.write(ADDR, 0x123456u << 8);
  spi.write(MOSI_DLEN, 15);
  spi.write(MISO_DLEN, 23);
  spi.write(W0, 0x0000'6261);
  spi.write(CMD, 1u << 18);
  EXPECT_EQ(spi.read(CMD), 1u << 18);
  EXPECT_EQ(spi.read(SLAVE) >> 4 & 1, 0u);
  bench.run(1'000'000);
  EXPECT_EQ(irq_at, (8 + 24 + 8 + 16 + 24) * 60u);
  EXPECT_EQ(spi.read(CMD), 0u);
  EXPECT_EQ(spi.read(SLAVE) >> 4 & 1, 1u);
  EXPECT_EQ(chip.last.command, 0x9fu);
  EXPECT_EQ(chip.last.command_bits, 8u);
  EXPECT_EQ(chip.last.address, 0x123456u);
  EXPECT_EQ(chip.last.address_bits, 24u);
  EXPECT_EQ(chip.last.dummy_cycles, 8u);
  EXPECT_EQ(chip.mosi, "ab");
  EXPECT_EQ(spi.read(W0), 0x00426362u);
  spi.write(SLAVE, spi.read(SLAVE) & ~(1u << 4));
  EXPECT_FALSE(spi.irq().level());
  spi.write(SLAVE, spi.read(SLAVE) | 1u << 4);  // software raises it
  EXPECT_TRUE(spi.irq().level());
}

TEST_F(GpSpiTest, FullDuplexOverlaps) {
  spi.write(USER, 1 | kMosi | kMiso);
  spi.write(MOSI_DLEN, 31);
  spi.write(MISO_DLEN, 31);
  spi.write(W0, 0x04030201);
  spi.write(CMD, 1u << 18);
  bench.run(1'000'000);
  EXPECT_EQ(irq_at, 32 * 60u);
  EXPECT_TRUE(chip.last.full_duplex);
  EXPECT_EQ(spi.read(W0), 0x05040302u);
}

TEST_F(GpSpiTest, NobodySelectedReadsOnes) {
  spi.write(PIN, 7);
  spi.write(USER, kMiso);
  spi.write(MISO_DLEN, 15);
  spi.write(CMD, 1u << 18);
  bench.run(1'000'000);
  EXPECT_EQ(spi.read(W0), 0xffffu);
  EXPECT_EQ(chip.transfers, 0);
}

TEST_F(GpSpiTest, BitAndByteOrder) {
  spi.write(USER, kMosi | 1u << 11);
  spi.write(CTRL, 1u << 26);
  spi.write(MOSI_DLEN, 31);
  spi.write(W0, 0x01020304);
  spi.write(CMD, 1u << 18);
  bench.run(1'000'000);
  EXPECT_EQ(chip.mosi, "\x80\x40\xc0\x20");
}

TEST_F(GpSpiTest, QuadLinesAreFaster) {
  spi.write(USER, kMiso);
  spi.write(CTRL, 1u << 20);
  spi.write(MISO_DLEN, 63);
  spi.write(CMD, 1u << 18);
  bench.run(1'000'000);
  EXPECT_EQ(irq_at, 16 * 60u);
  EXPECT_EQ(chip.last.miso_lines, 4u);
}

TEST_F(GpSpiTest, DmaBothWays) {
  descriptor(kBase, 8 | 8u << 12 | 1u << 31, kBase + 0x100, kBase + 12);
  descriptor(kBase + 12, 8 | 4u << 12 | 3u << 30, kBase + 0x200, 0);
  descriptor(kBase + 24, 16 | 1u << 31, kBase + 0x300, 0);
  std::copy_n("abcdefgh", 8, memory.bytes.begin() + 0x100);
  std::copy_n("ijkl", 4, memory.bytes.begin() + 0x200);
  spi.write(DMA_INT_ENA, 0x1ff);
  spi.write(OUT_LINK, (kBase & 0xfffff) | 1u << 29);
  spi.write(IN_LINK, ((kBase + 24) & 0xfffff) | 1u << 29);
  EXPECT_EQ(spi.read(OUT_LINK), kBase & 0xfffff);
  spi.write(USER, 1 | kMosi | kMiso);
  spi.write(MOSI_DLEN, 12 * 8 - 1);
  spi.write(MISO_DLEN, 12 * 8 - 1);
  spi.write(CMD, 1u << 18);
  bench.run(1'000'000);
  EXPECT_EQ(chip.mosi, "abcdefghijkl");
  EXPECT_EQ(std::string(memory.bytes.begin() + 0x300, memory.bytes.begin() + 0x30c), "bcdefghijklm");
  std::uint32_t control = 0;
  memory.read_word(kBase + 24, control);
  EXPECT_EQ(control, 16u | 12u << 12 | 1u << 30);
  EXPECT_TRUE(spi.dma_irq().level());
  EXPECT_EQ(spi.read(DMA_INT_RAW), 1u << 3 | 1u << 5 | 1u << 6 | 1u << 7 | 1u << 8);
  EXPECT_EQ(spi.read(0x124), kBase + 24);
}

TEST_F(GpSpiTest, BadDescriptorIsAnErrorAndTheTransactionEnds) {
  spi.write(OUT_LINK, 1u << 29);
  spi.write(USER, kMosi);
  spi.write(MOSI_DLEN, 31);
  spi.write(CMD, 1u << 18);
  bench.run(1'000'000);
  EXPECT_EQ(spi.read(DMA_INT_RAW), 1u << 1);
  EXPECT_EQ(spi.read(SLAVE) >> 4 & 1, 1u);
}

TEST_F(GpSpiTest, SlaveModeWaits) {
  spi.write(SLAVE, 1u << 30 | 0x200);
  spi.write(CMD, 1u << 18);
  bench.run(100'000'000);
  EXPECT_EQ(spi.read(CMD), 1u << 18);
  EXPECT_FALSE(spi.irq().level());
  spi.write(SLAVE, 1u << 31);
  EXPECT_EQ(spi.read(CMD), 0u);
}

TEST_F(GpSpiTest, ArchiveInTheMiddle) {
  spi.write(USER, kMiso);
  spi.write(MISO_DLEN, 7);
  spi.write(CMD, 1u << 18);
  auto saved = base::Archive::saving();
  spi.archive(saved);
  GpSpi other("spi2", memory, bench.context());
  auto loading = base::Archive::loading(saved.bytes());
  other.archive(loading);
  ASSERT_FALSE(loading.failed());
  bench.run(1'000'000);
  EXPECT_TRUE(other.irq().level());
  EXPECT_EQ(other.read(W0), 0x40u);
}

}  // namespace
}  // namespace espalier::devices
