#include "cli/qemu/keyval.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace espalier::cli::qemu {
namespace {

using testing::ElementsAre;

TEST(KeyVal, FirstValuePairsAndDoubledCommas) {
  KeyVal options = KeyVal::parse("user,model=open_eth,hostfwd=a,hostfwd=b,file=x,,y=z", "type");
  EXPECT_EQ(options.take("type"), "user");
  EXPECT_EQ(options.take("model"), "open_eth");
  EXPECT_THAT(options.take_all("hostfwd"), ElementsAre("a", "b"));
  EXPECT_EQ(options.take("file"), "x,y=z");
  EXPECT_EQ(options.unused(), std::nullopt);
  EXPECT_EQ(options.take("type"), std::nullopt);
}

TEST(KeyVal, SwitchesWithoutAValue) {
  KeyVal options = KeyVal::parse("server,nowait,readonly=on");
  EXPECT_EQ(options.take("server"), "on");
  EXPECT_EQ(options.take("wait"), "off");
  EXPECT_EQ(options.unused(), "readonly");
}

TEST(KeyVal, SwitchesInAllTheirSpellings) {
  for (const char* text : {"on", "yes", "true", "y"}) EXPECT_EQ(parse_switch(text), true) << text;
  for (const char* text : {"off", "no", "false", "n"}) EXPECT_EQ(parse_switch(text), false) << text;
  EXPECT_EQ(parse_switch("maybe"), std::nullopt);
}

}  // namespace
}  // namespace espalier::cli::qemu
