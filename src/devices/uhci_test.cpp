#include "devices/uhci.h"

#include <gtest/gtest.h>

#include <string>

#include "devices/device_test_support.h"

namespace espalier::devices {
namespace {

constexpr std::uint32_t CONF0 = 0x00, INT_RAW = 0x04, INT_ENA = 0x0c, INT_CLR = 0x10, OUT_LINK = 0x24,
                        IN_LINK = 0x28;
constexpr std::uint32_t kBase = 0x3ffb0000;

struct UhciTest : ::testing::Test {
  void descriptor(std::uint32_t at, std::uint32_t control, std::uint32_t buffer, std::uint32_t next) {
    memory.write_word(at, control);
    memory.write_word(at + 4, buffer);
    memory.write_word(at + 8, next);
  }
  testing::Bench bench;
  testing::Memory memory{kBase};
  Uhci uhci{"uhci0", memory, bench.context()};
};

TEST_F(UhciTest, TransmitsAChainToItsUart) {
  std::string sent;
  unsigned to = 9;
  uhci.on_transmit = [&](unsigned uart, std::span<const std::uint8_t> b) {
    to = uart;
    sent.append(b.begin(), b.end());
  };
  descriptor(kBase, 8 | 3u << 12 | 3u << 30, kBase + 0x100, 0);
  std::copy_n("abc", 3, memory.bytes.begin() + 0x100);
  uhci.write(CONF0, 1u << 10);
  uhci.write(INT_ENA, 1u << 13);
  uhci.write(OUT_LINK, (kBase & 0xfffff) | 1u << 29);
  EXPECT_EQ(sent, "abc");
  EXPECT_EQ(to, 1u);
  EXPECT_EQ(uhci.read(INT_RAW), 1u << 7 | 1u << 8 | 1u << 13);
  EXPECT_TRUE(uhci.irq().level());
  EXPECT_EQ(uhci.read(0x38), kBase);
}

TEST_F(UhciTest, ReceivesIntoAWaitingChain) {
  const std::uint8_t data[] = {1, 2, 3, 4, 5};
  EXPECT_FALSE(uhci.receive(data));
  descriptor(kBase, 4 | 1u << 31, kBase + 0x100, kBase + 12);
  descriptor(kBase + 12, 4 | 1u << 31, kBase + 0x200, kBase + 24);
  descriptor(kBase + 24, 8 | 1u << 31, kBase + 0x300, 0);
  uhci.write(IN_LINK, (kBase & 0xfffff) | 1u << 29);
  EXPECT_TRUE(uhci.receive(data));
  EXPECT_EQ(uhci.read(INT_RAW), 1u << 4 | 1u << 5);
  EXPECT_EQ(memory.bytes[0x200], 5);
  EXPECT_TRUE(uhci.receive(data));  // goes on in the third
  EXPECT_EQ(memory.bytes[0x304], 5);
  EXPECT_FALSE(uhci.receive(data));
}

TEST_F(UhciTest, BadDescriptorsAndStop) {
  uhci.write(OUT_LINK, 1u << 29);
  EXPECT_EQ(uhci.read(INT_RAW), 1u << 10);
  uhci.write(INT_CLR, 0x1ffff);
  uhci.write(IN_LINK, 1u << 29);
  const std::uint8_t data[] = {1};
  EXPECT_TRUE(uhci.receive(data));
  EXPECT_EQ(uhci.read(INT_RAW), 1u << 9);
  uhci.write(IN_LINK, (kBase & 0xfffff) | 1u << 29);
  uhci.write(IN_LINK, 1u << 28);
  EXPECT_FALSE(uhci.receive(data));
}

TEST_F(UhciTest, ResetValues) {
  EXPECT_EQ(uhci.read(CONF0), 0x00370100u);
  EXPECT_EQ(uhci.read(IN_LINK), 0x00100000u);
  EXPECT_EQ(uhci.read(0xfc), 0x16041001u);
}

}  // namespace
}  // namespace espalier::devices
