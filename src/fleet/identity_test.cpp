#include "fleet/identity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "host/mac_address.h"

namespace espalier::fleet {
namespace {

using ::testing::HasSubstr;

TEST(Identity, MacAddressesAreLocalAndDifferByHostFleetGroupAndOrdinal) {
  std::set<std::string> seen;
  std::size_t made = 0;
  for (const char* host : {"host-a", "host-b"})
    for (const char* fleet : {"one", "two"})
      for (const char* group : {"sensor", "gateway"}) {
        const MacAddress first = group_mac(host, fleet, group);
        EXPECT_EQ(first[0] & 3, 2) << host::mac_text(first);
        EXPECT_EQ(first, group_mac(host, fleet, group));
        for (const unsigned ordinal : {0u, 1u, 2u, 63u, 64u, 999u, kMostOrdinals - 1}) {
          const MacAddress mac = device_mac(first, ordinal);
          EXPECT_EQ(mac[0] & 3, 2) << host::mac_text(mac);
          // ESP-IDF adds up to 3 to the last byte alone.
          EXPECT_EQ(mac[5] % kAddressesPerDevice, 0u);
          seen.insert(host::mac_text(mac));
          ++made;
        }
      }
  EXPECT_EQ(seen.size(), made);
  // The texts are hashed apart, not one after the other.
  EXPECT_NE(group_mac("a", "bc", "d"), group_mac("ab", "c", "d"));
}

TEST(Identity, TheHostHasAnId) {
  EXPECT_FALSE(host_id().empty());
  EXPECT_EQ(host_id(), host_id());
}

TEST(Identity, Names) {
  EXPECT_TRUE(check_name("sensor"));
  EXPECT_TRUE(check_name("a"));
  EXPECT_TRUE(check_name("lab-2"));
  for (const char* name : {"", "-a", "a-", "a b", "a/b", "a_b", "ä", "0123456789012345678901234"})
    EXPECT_FALSE(check_name(name)) << name;
  EXPECT_EQ(device_name("sensor", 12), "sensor-12");
}

TEST(Identity, Templates) {
  const Identity identity{
      .ordinal = 7, .name = "sensor-7", .mac = {2, 0, 0, 0, 0, 28}, .more = {{"site", "lab"}}};
  EXPECT_EQ(fill_template("{name}.{site}/{ordinal} {mac} {{x}}", identity).value(),
            "sensor-7.lab/7 02:00:00:00:00:1c {x}");
  EXPECT_THAT(fill_template("{nmae}", identity).error(), HasSubstr("{nmae} is none of"));
  EXPECT_THAT(fill_template("{name", identity).error(), HasSubstr("without its '}'"));
  EXPECT_THAT(fill_template("name}", identity).error(), HasSubstr("without its '{'"));
  EXPECT_EQ(fill_text("a\nb {ordinal}\n", identity).value(), "a\nb 7\n");
  EXPECT_THAT(fill_text("a\nb {nmae}\n", identity).error(), testing::StartsWith("2: {nmae} is none of"));
  EXPECT_EQ(fill_text("a\n\n{name\n}", identity).error(), "3: a '{' without its '}'");
}

}  // namespace
}  // namespace espalier::fleet
