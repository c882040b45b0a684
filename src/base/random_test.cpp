#include "base/random.h"

#include <gtest/gtest.h>

namespace espalier::base {
namespace {

// The first numbers of the published generator for this seed.
TEST(Random, IsSplitMix64) {
  Random random(1234567);
  EXPECT_EQ(random.next(), 6457827717110365317u);
  EXPECT_EQ(random.next(), 3203168211198807973u);
  EXPECT_EQ(random.next(), 9817491932198370423u);
}

TEST(Random, StaysWithinItsLimits) {
  Random random(1);
  unsigned low = 0;
  for (int i = 0; i < 10'000; ++i) {
    const double unit = random.unit();
    ASSERT_GE(unit, 0);
    ASSERT_LT(unit, 1);
    const std::uint64_t below = random.below(10);
    ASSERT_LT(below, 10u);
    low += below < 5;
  }
  EXPECT_NEAR(low, 5000, 300);
  EXPECT_FALSE(random.chance(0));
  EXPECT_TRUE(random.chance(1));
}

TEST(Random, SeedsOfNamesDiffer) {
  EXPECT_NE(seed_of("demo-0"), seed_of("demo-1"));
  EXPECT_NE(seed_of("demo-0", 1), seed_of("demo-0", 2));
  EXPECT_EQ(seed_of("demo-0", 1), seed_of("demo-0", 1));
}

}  // namespace
}  // namespace espalier::base
