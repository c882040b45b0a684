#include "net/lan_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace espalier::net {
namespace {

using ::testing::HasSubstr;

std::shared_ptr<LanDirectory> directory(const LanNetwork& network = {}) {
  return std::make_shared<LanDirectory>(network, network.first());
}

TEST(LanNetwork, IsReadAndChecked) {
  const auto network = parse_lan_network("192.168.8.0/22");
  ASSERT_TRUE(network);
  EXPECT_EQ(ipv4_text(network->network), "192.168.8.0");
  EXPECT_EQ(ipv4_text(network->mask()), "255.255.252.0");
  EXPECT_EQ(ipv4_text(network->broadcast()), "192.168.11.255");
  EXPECT_EQ(ipv4_text(network->gateway()), "192.168.8.2");
  EXPECT_TRUE(network->contains(*parse_ipv4("192.168.10.1")));
  EXPECT_FALSE(network->contains(*parse_ipv4("192.168.12.1")));
  for (const char* wrong : {"", "10.1.0.0", "10.1.0.0/", "10.1.0.0/7", "10.1.0.0/28", "10.1.0.0/16x",
                            "10.1.0.1/16", "10.1.0/16", "0.0.0.0/8"})
    EXPECT_FALSE(parse_lan_network(wrong)) << wrong;
  EXPECT_THAT(parse_lan_network("10.1.0.1/16").error(), HasSubstr("beyond its prefix"));
}

TEST(LanDirectory, GivesTheLowestFreeAddress) {
  const auto who = directory();
  auto a = who->claim("web-0", "");
  const auto b = who->claim("web-1", "");
  EXPECT_EQ(ipv4_text(a->address()), "10.1.0.16");
  EXPECT_EQ(ipv4_text(b->address()), "10.1.0.17");
  a.reset();
  EXPECT_FALSE(who->name_of(*parse_ipv4("10.1.0.16")));
  EXPECT_EQ(ipv4_text(who->claim("other-0", "")->address()), "10.1.0.16");
}

TEST(LanDirectory, ANameThatIsStillThereKeepsItsAddress) {
  const auto who = directory();
  auto before = who->claim("web-0", "");
  const auto after = who->claim("web-0", "");  // the device is removed and added again
  before.reset();
  EXPECT_EQ(after->address(), *who->address_of("web-0"));
}

TEST(LanDirectory, FindsNamesInAnyCaseAndHostNames) {
  const auto who = directory();
  const auto a = who->claim("Web-0", "kitchen");
  const auto b = who->claim("web-1", "KITCHEN");  // taken
  EXPECT_EQ(who->address_of("wEB-0"), a->address());
  EXPECT_EQ(who->address_of("Kitchen"), a->address());
  EXPECT_EQ(who->name_of(a->address()), "web-0");
  EXPECT_EQ(who->address_of("web-2"), std::nullopt);
}

TEST(LanDirectory, ADevicesNameComesBeforeAnothersHostName) {
  const auto who = directory();
  const auto a = who->claim("a-0", "b-0");
  const auto b = who->claim("b-0", "");
  EXPECT_EQ(who->address_of("b-0"), b->address());
}

TEST(LanDirectory, HasAnEnd) {
  const auto who = directory({.network = 10u << 24, .prefix_length = 27});
  std::vector<std::shared_ptr<const LanDirectory::Claim>> claims;
  for (int i = 16; i < 31; ++i) claims.push_back(who->claim("a-" + std::to_string(i), ""));
  EXPECT_EQ(ipv4_text(claims.back()->address()), "10.0.0.30");
  EXPECT_EQ(who->claim("b-0", ""), nullptr);
  EXPECT_EQ(who->lease(1), std::nullopt);
}

TEST(LanDirectory, LeasesFromTheEndAndTheSameAgain) {
  const auto who = directory({.network = 10u << 24, .prefix_length = 27});
  EXPECT_EQ(ipv4_text(*who->lease(1)), "10.0.0.30");
  EXPECT_EQ(ipv4_text(*who->lease(2)), "10.0.0.29");
  EXPECT_EQ(ipv4_text(*who->lease(1)), "10.0.0.30");
  std::vector<std::shared_ptr<const LanDirectory::Claim>> claims;
  for (int i = 16; i < 29; ++i) claims.push_back(who->claim("a-" + std::to_string(i), ""));
  EXPECT_EQ(who->claim("b-0", ""), nullptr);
}

TEST(LanDirectory, KnowsWhereClaimedAddressesHaveBeenSeen) {
  const auto who = directory();
  auto a = who->claim("a-0", "");
  EXPECT_EQ(who->mac_of(a->address()), std::nullopt);
  who->seen(a->address(), 0x020000000001);
  who->seen(a->address() + 1, 0x020000000002);
  EXPECT_EQ(who->mac_of(a->address()), 0x020000000001u);
  EXPECT_EQ(who->mac_of(a->address() + 1), std::nullopt);
}

}  // namespace
}  // namespace espalier::net
