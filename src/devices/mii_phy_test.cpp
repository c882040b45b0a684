#include "devices/mii_phy.h"

#include <gtest/gtest.h>

namespace espalier::devices {
namespace {

TEST(MiiPhy, IdentifiesAsDp83848) {
  const MiiPhy phy;
  // ESP-IDF's driver wants OUI 080017h and model 9.
  EXPECT_EQ(phy.read(2), 0x2000);
  EXPECT_EQ(phy.read(3) >> 4, 0x5c9);
}

TEST(MiiPhy, LinkIsUpAndNegotiatedTo100FullDuplex) {
  const MiiPhy phy;
  EXPECT_EQ(phy.read(0), 0x3100);
  EXPECT_EQ(phy.read(1), 0x786d);
  EXPECT_EQ(phy.read(5), 0x41e1);
  EXPECT_EQ(phy.read(6) & 1, 1);
  EXPECT_EQ(phy.read(0x10), 0x15);  // link, 100 Mbit/s (bit 1 clear), full duplex, negotiation complete
}

TEST(MiiPhy, NoCable) {
  MiiPhy phy;
  phy.set_cable(false);
  EXPECT_EQ(phy.read(1) & 0x24, 0);
  EXPECT_EQ(phy.read(5), 0);
  EXPECT_EQ(phy.read(0x10) & 0x11, 0);
  phy.reset();  // a reset does not plug it in
  EXPECT_FALSE(phy.link_up());
  phy.set_cable(true);
  EXPECT_EQ(phy.read(1), 0x786d);
}

TEST(MiiPhy, ResetAndRestartClearThemselves) {
  MiiPhy phy;
  phy.write(4, 0x0001);
  phy.write(0, 0x8000);
  EXPECT_EQ(phy.read(0), 0x3100);
  EXPECT_EQ(phy.read(4), 0x01e1);
  phy.write(0, 0x3300);
  EXPECT_EQ(phy.read(0), 0x3100);
  EXPECT_TRUE(phy.read(1) & 0x20);
}

TEST(MiiPhy, PowerDownTakesTheLink) {
  MiiPhy phy;
  phy.write(0, 0x3900);
  EXPECT_FALSE(phy.link_up());
  EXPECT_EQ(phy.read(1) & 0x24, 0);
  phy.write(0, 0x3100);
  EXPECT_TRUE(phy.link_up());
}

TEST(MiiPhy, ForcedMode) {
  MiiPhy phy;
  phy.write(0, 0x0000);  // 10 Mbit/s, half duplex, no negotiation
  EXPECT_EQ(phy.read(0x10), 0x03);
  EXPECT_EQ(phy.read(1) & 0x20, 0);
  phy.write(0, 0x2100);
  EXPECT_EQ(phy.read(0x10), 0x05);
  phy.write(0, 0x6100);
  EXPECT_EQ(phy.read(0x10), 0x0d);
  EXPECT_TRUE(phy.loopback());
}

TEST(MiiPhy, ReadOnlyRegistersIgnoreWrites) {
  MiiPhy phy;
  for (unsigned reg : {1u, 2u, 3u, 5u, 6u, 0x10u, 0x08u, 0x1fu}) {
    const auto before = phy.read(reg);
    phy.write(reg, static_cast<std::uint16_t>(~before));
    EXPECT_EQ(phy.read(reg), before) << reg;
  }
  phy.write(99, 1);
  EXPECT_EQ(phy.read(99), 0);
}

}  // namespace
}  // namespace espalier::devices
