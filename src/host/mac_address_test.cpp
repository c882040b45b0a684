#include "host/mac_address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace espalier::host {
namespace {

using ::testing::HasSubstr;

TEST(Mac, Spellings) {
  EXPECT_EQ(parse_mac("00:00:00:00:00:fE").value(), (devices::MacAddress{0, 0, 0, 0, 0, 0xfe}));
  for (const char* text :
       {"", "00:00:00:00:00", "00:00:00:00:00:0g", "00.00.00.00.00.00", "0:0:0:0:0:0:00000",
        "00:00:00:00:00:00:00", "-1:00:00:00:00:00", "0x:00:00:00:00:00"}) {
    EXPECT_THAT(parse_mac(text).error(), HasSubstr("is no MAC address")) << text;
  }
  EXPECT_THAT(parse_mac("01:00:5e:00:00:01").error(), HasSubstr("group address"));
}

TEST(Mac, AsText) {
  EXPECT_EQ(mac_text({0x02, 0, 0xab, 1, 0x20, 0xff}), "02:00:ab:01:20:ff");
}

}  // namespace
}  // namespace espalier::host
