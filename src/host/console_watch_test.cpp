#include "host/console_watch.h"

#include <gtest/gtest.h>

namespace espalier::host {
namespace {

bool see(ConsoleWatch& watch, std::string_view text) {
  return watch.see({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

TEST(ConsoleWatch, FindsTextsInOrder) {
  ConsoleWatch watch({"one", "two"});
  EXPECT_FALSE(see(watch, "two before "));
  EXPECT_EQ(watch.missing(), "one");
  EXPECT_FALSE(see(watch, "one"));
  EXPECT_EQ(watch.missing(), "two");
  EXPECT_TRUE(see(watch, " and two"));
  EXPECT_TRUE(watch.done());
  EXPECT_EQ(watch.missing(), "");
}

TEST(ConsoleWatch, FindsATextThatComesByteByByte) {
  ConsoleWatch watch({"aab"});
  bool found = false;
  for (char c : std::string_view("xaaab")) found = see(watch, {&c, 1});
  EXPECT_TRUE(found);
}

TEST(ConsoleWatch, TextsMayStandInOnePieceButMayNotOverlap) {
  ConsoleWatch both({"ab", "cd"});
  EXPECT_TRUE(see(both, "abcd"));
  ConsoleWatch overlapping({"abc", "cd"});
  EXPECT_FALSE(see(overlapping, "abcd"));
}

TEST(ConsoleWatch, WithoutTextsIsNeverDone) {
  ConsoleWatch watch({});
  EXPECT_FALSE(see(watch, "anything"));
  EXPECT_FALSE(watch.done());
}

}  // namespace
}  // namespace espalier::host
