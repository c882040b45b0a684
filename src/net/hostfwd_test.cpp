#include "net/hostfwd.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace espalier::net {
namespace {

using ::testing::HasSubstr;

TEST(HostFwd, QemusSpellingWithItsDefaults) {
  const Publish p = parse_hostfwd("tcp::5555-:80").value();
  EXPECT_EQ(p.address, "127.0.0.1");
  EXPECT_EQ(p.host_port, 5555);
  EXPECT_EQ(p.guest_port, 80);
  EXPECT_EQ(p.guest_address, "");
  EXPECT_FALSE(p.udp);
  EXPECT_FALSE(parse_hostfwd("::1-:1")->udp);
}

TEST(HostFwd, AddressesOfBothEnds) {
  const Publish p = parse_hostfwd("udp:0.0.0.0:53-10.0.2.16:5353").value();
  EXPECT_EQ(p.address, "0.0.0.0");
  EXPECT_EQ(p.guest_address, "10.0.2.16");
  EXPECT_TRUE(p.udp);
  EXPECT_TRUE(is_open_to_others(p));
  const Publish v6 = parse_hostfwd("tcp:[::1]:80-:80").value();
  EXPECT_EQ(v6.address, "::1");
  EXPECT_FALSE(is_open_to_others(v6));
  EXPECT_FALSE(is_open_to_others(parse_hostfwd("tcp:127.0.0.2:80-:80").value()));
}

TEST(HostFwd, SaysWhatIsWrong) {
  const auto what = [](std::string_view text) { return parse_hostfwd(text).error(); };
  EXPECT_EQ(what("bad"), "Invalid host forwarding rule 'bad' (No : separators)");
  EXPECT_THAT(what("sctp::1-:1"), HasSubstr("Bad protocol name"));
  EXPECT_THAT(what("tcp:1-:1"), HasSubstr("Missing : separator"));
  EXPECT_THAT(what("tcp:host:1-:1"), HasSubstr("Bad host address"));
  EXPECT_THAT(what("tcp:::1:1-:1"), HasSubstr("Bad host address"));
  EXPECT_THAT(what("tcp::65536-:1"), HasSubstr("Bad host port"));
  EXPECT_THAT(what("tcp::80"), HasSubstr("Missing - separator"));
  EXPECT_THAT(what("tcp::80-80"), HasSubstr("Missing guest port"));
  EXPECT_THAT(what("tcp::80-x:80"), HasSubstr("Bad guest address"));
  EXPECT_THAT(what("tcp::80-:0"), HasSubstr("Bad guest port"));
}

}  // namespace
}  // namespace espalier::net
