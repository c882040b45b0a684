#include "devices/regi2c.h"

#include <gtest/gtest.h>

#include "devices/device_test_support.h"

namespace espalier::devices {
namespace {

struct RegI2cTest : ::testing::Test {
  testing::Bench bench;
  RegI2c bus{bench.context()};
  std::uint8_t command_read(unsigned host, std::uint32_t block, std::uint32_t reg) {
    bus.write(host * 4, block | reg << 8 | 1u << 25);
    EXPECT_EQ(bus.read(host * 4) >> 25 & 1, 0u);
    return static_cast<std::uint8_t>(bus.read(host * 4) >> 16);
  }
};

TEST_F(RegI2cTest, BytesAreKeptByHostAndBlock) {
  bus.write(4 * 4, 0x66 | 3u << 8 | 32u << 16 | 1u << 24);
  bus.write(4 * 4, 0x66 | 11u << 8 | 0xc3u << 16 | 1u << 24);
  EXPECT_EQ(command_read(4, 0x66, 3), 32u);
  EXPECT_EQ(command_read(4, 0x66, 11), 0xc3u);
  EXPECT_EQ(command_read(3, 0x66, 3), 0u);
  EXPECT_EQ(bus.read_byte(4, 0x66, 3), 32u);
}

TEST_F(RegI2cTest, CalibrationsAreDone) {
  EXPECT_NE(command_read(3, 0x6d, 3) & 0x80, 0);
  bus.write_byte(4, 0x66, 7, 0);
  EXPECT_NE(command_read(4, 0x66, 7) & 0x40, 0);
  EXPECT_EQ(command_read(4, 0x66, 6), 3u);
  EXPECT_EQ(command_read(1, 0x62, 9), 0xffu);
  EXPECT_EQ(bus.read(0xc4), 0xffffffffu);
}

// The PHY library writes the register's other bits before it waits.
TEST_F(RegI2cTest, TheRadiosPllIsCalibratedAfterItsRegisterWasWritten) {
  bus.write_byte(1, 0x62, 7, 0x05);
  EXPECT_EQ(command_read(1, 0x62, 7), 0x85u);
}

TEST_F(RegI2cTest, TellsOfWrites) {
  unsigned seen = 0;
  bus.on_write = [&](unsigned host, std::uint8_t block, std::uint8_t reg, std::uint8_t data) {
    seen = host << 24 | block << 16 | reg << 8 | data;
  };
  bus.write(4 * 4, 0x66 | 2u << 8 | 0x71u << 16 | 1u << 24);
  EXPECT_EQ(seen, 0x04660271u);
}

TEST_F(RegI2cTest, ConfigReadsBack) {
  bus.write(0x44, 0x3ff00);
  EXPECT_EQ(bus.read(0x44), 0x3ff00u);
  bus.write_byte(1, 0x62, 9, 5);
  bus.reset(ResetKind::kCore);
  EXPECT_EQ(bus.read_byte(1, 0x62, 9), 5u);
  bus.reset(ResetKind::kSystem);
  EXPECT_EQ(bus.read_byte(1, 0x62, 9), 0xffu);
}

TEST_F(RegI2cTest, Archive) {
  bus.write_byte(1, 0x62, 9, 5);
  auto saved = base::Archive::saving();
  bus.archive(saved);
  RegI2c other(bench.context());
  auto loading = base::Archive::loading(saved.bytes());
  other.archive(loading);
  EXPECT_FALSE(loading.failed());
  EXPECT_EQ(other.read_byte(1, 0x62, 9), 5u);
}

}  // namespace
}  // namespace espalier::devices
