#include "devices/emac_mac.h"

#include <gtest/gtest.h>

#include "devices/device_test_support.h"

namespace espalier::devices {
namespace {

TEST(EmacMacTest, ManagementReadsFindNobody) {
  testing::Bench bench;
  EmacMac mac(bench.context());
  mac.write(0x14, 0x1234);
  mac.write(0x10, 1u << 11 | 2u << 6 | 3);  // write: busy clears, data stays
  EXPECT_EQ(mac.read(0x10) & 1, 0u);
  EXPECT_EQ(mac.read(0x14), 0x1234u);
  mac.write(0x10, 1u << 11 | 2u << 6 | 1);
  EXPECT_EQ(mac.read(0x10), 1u << 11 | 2u << 6);
  EXPECT_EQ(mac.read(0x14), 0xffffu);
}

TEST(EmacMacTest, AddressesAndResetValues) {
  testing::Bench bench;
  EmacMac mac(bench.context());
  EXPECT_EQ(mac.read(0x40), 0x8000ffffu);
  mac.write(0x40, 0x5634);
  EXPECT_EQ(mac.read(0x40), 0x80005634u);
  EXPECT_EQ(mac.read(0x44), 0xffffffffu);
  EXPECT_EQ(mac.read(0x78), 0x0000ffffu);
}

}  // namespace
}  // namespace espalier::devices
