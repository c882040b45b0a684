#include "devices/spi_flash_sfdp.h"

#include <gtest/gtest.h>

#include <cstring>

namespace espalier::devices {
namespace {

std::uint32_t word(const std::vector<std::uint8_t>& table, std::size_t at) {
  return table[at] | table[at + 1] << 8 | table[at + 2] << 16 | std::uint32_t{table[at + 3]} << 24;
}

// Follows the table as JESD216 tells a driver to.
TEST(Sfdp, LeadsToTheBasicTable) {
  const auto table = sfdp_table(4 << 20, 0xc8);
  EXPECT_EQ(std::memcmp(table.data(), "SFDP", 4), 0);
  EXPECT_EQ(table[5], 1);  // major revision
  EXPECT_EQ(table[6], 1);  // number of parameter headers, less one
  EXPECT_EQ(table[8], 0x00);
  EXPECT_EQ(table[11], 9);
  const std::uint32_t basic = word(table, 12) & 0xffffff;
  EXPECT_EQ(word(table, basic + 4), (4u << 20) * 8 - 1);
  EXPECT_LE(basic + 9 * 4, table.size());
}

// ESP-IDF looks for the manufacturer of the second table at 0x10 to find chips of XMC.
TEST(Sfdp, SecondHeaderNamesTheManufacturer) {
  const auto table = sfdp_table(4 << 20, 0xc8);
  EXPECT_EQ(table[0x10], 0xc8);
  EXPECT_LE((word(table, 0x14) & 0xffffff) + table[0x13] * 4u, table.size());
}

TEST(Sfdp, BasicTableTellsCommandsAndClocks) {
  const auto table = sfdp_table(16 << 20, 0xc8);
  const std::uint32_t basic = 0x30;
  const std::uint32_t first = word(table, basic);
  EXPECT_EQ(first & 3, 1u);              // 4 KiB erase
  EXPECT_EQ(first >> 8 & 0xff, 0x20u);   // by this command
  EXPECT_EQ(first >> 16 & 0x71, 0x71u);  // 1-1-2, 1-2-2, 1-4-4, 1-1-4
  EXPECT_EQ(first >> 17 & 3, 0u);        // three address bytes
  EXPECT_EQ(word(table, basic + 8), 0x6b08eb44u);
  EXPECT_EQ(word(table, basic + 12), 0xbb803b08u);
  EXPECT_EQ(word(table, basic + 28), 0x520f200cu);
  EXPECT_EQ(word(table, basic + 32) & 0xffff, 0xd810u);
}

}  // namespace
}  // namespace espalier::devices
