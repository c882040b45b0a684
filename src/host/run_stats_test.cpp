#include "host/run_stats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace espalier::host {
namespace {

using testing::HasSubstr;

TEST(RunStats, SpeedIsInstructionsByTimeInGuestCode) {
  RunStats stats;
  stats.instructions = {30'000'000, 10'000'000};
  stats.guest_ns = 500'000'000;
  stats.timers_ns = 100'000'000;
  stats.idle_ns = 1'000'000'000;
  stats.total_ns = 1'650'000'000;
  const std::string text = format_stats(stats);
  EXPECT_THAT(text, HasSubstr("MIPS                  80.0\n"));
  EXPECT_THAT(text, HasSubstr("guest code            0.500000 s\n"));
  EXPECT_THAT(text, HasSubstr("host side             0.050000 s\n"));
}

TEST(RunStats, AMachineThatNeverRanHasNoSpeed) {
  EXPECT_THAT(format_stats({}), HasSubstr("MIPS                  0.0\n"));
}

}  // namespace
}  // namespace espalier::host
