#include "devices/wdev.h"

#include <gtest/gtest.h>

#include <set>

#include "devices/device_test_support.h"

namespace espalier::devices {
namespace {

TEST(WdevTest, RandomNumbersRepeatForASeedAndDiffer) {
  testing::Bench bench;
  Wdev a(SeededRandom(1), bench.context()), b(SeededRandom(1), bench.context()),
      c(SeededRandom(2), bench.context());
  std::set<std::uint32_t> seen;
  bool other = false;
  for (int i = 0; i < 1000; ++i) {
    const std::uint32_t v = a.read(0x2144);
    EXPECT_EQ(v, b.read(0x2144));
    other |= v != c.read(0x2144);
    seen.insert(v);
  }
  EXPECT_TRUE(other);
  EXPECT_GT(seen.size(), 990u);
}

TEST(WdevTest, PeekingDoesNotDrawANumber) {
  testing::Bench bench;
  int drawn = 0;
  Wdev wdev([&] { return static_cast<std::uint32_t>(++drawn); }, bench.context());
  wdev.peek(0x2144);
  wdev.write(0x2144, 5);
  EXPECT_EQ(drawn, 0);
  EXPECT_EQ(wdev.read(0x2144), 1u);
}

TEST(WdevTest, OtherRegistersRemember) {
  testing::Bench bench;
  Wdev wdev(SeededRandom(1), bench.context());
  wdev.write(0xc48, 0x1234);
  EXPECT_EQ(wdev.read(0xc48), 0x1234u);
  wdev.write(0x84, 3);
  EXPECT_EQ(wdev.read(0x84), 2u);
}

TEST(WdevTest, TheMacHasStartedWhenItIsAsked) {
  testing::Bench bench;
  Wdev wdev(SeededRandom(1), bench.context());
  wdev.write(0xd24, wdev.read(0xd24) | 2);
  EXPECT_EQ(wdev.read(0xd24), 3u);
  wdev.write(0xd24, 0);
  EXPECT_EQ(wdev.read(0xd24), 1u);
}

TEST(SeededRandomTest, ArchiveContinuesTheSequence) {
  SeededRandom a(7);
  a();
  auto saved = base::Archive::saving();
  a.archive(saved);
  SeededRandom b(0);
  auto loading = base::Archive::loading(saved.bytes());
  b.archive(loading);
  EXPECT_EQ(a(), b());
}

}  // namespace
}  // namespace espalier::devices
