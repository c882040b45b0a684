#include "devices/watchdog_stages.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "devices/device_test_support.h"

namespace espalier::devices {
namespace {

using Expiry = std::pair<unsigned, base::Ticks>;

class WatchdogStagesTest : public ::testing::Test {
 protected:
  WatchdogStagesTest() {
    dog.set_clock(80'000'000, 10);  // 60 ticks a cycle
    for (unsigned stage = 0; stage < 4; ++stage) dog.set_hold(stage, 10 * (stage + 1));
  }
  testing::Bench bench;
  std::vector<Expiry> expiries;
  WatchdogStages dog{bench.events(), [this](unsigned stage) { expiries.emplace_back(stage, bench.now()); }};
};

TEST_F(WatchdogStagesTest, StandsStillUntilStarted) {
  bench.run(1'000'000);
  EXPECT_TRUE(expiries.empty());
}

TEST_F(WatchdogStagesTest, RunsThroughItsStagesAndStartsOver) {
  dog.set_running(true);
  bench.run(60 * 110);
  EXPECT_EQ(expiries, (std::vector<Expiry>{{0, 600}, {1, 1800}, {2, 3600}, {3, 6000}, {0, 6600}}));
}

TEST_F(WatchdogStagesTest, FeedingReturnsToTheStartOfStageZero) {
  dog.set_running(true);
  bench.run(700);
  EXPECT_EQ(dog.stage(), 1u);
  dog.feed();
  EXPECT_EQ(dog.stage(), 0u);
  bench.run(599);
  EXPECT_EQ(expiries.size(), 1u);
  bench.run(1);
  EXPECT_EQ(expiries.back(), Expiry(0, 1300));
}

TEST_F(WatchdogStagesTest, StoppingForgetsTheCount) {
  dog.set_running(true);
  bench.run(590);
  dog.set_running(false);
  bench.run(10'000);
  dog.set_running(true);
  bench.run(599);
  EXPECT_TRUE(expiries.empty());
  bench.run(1);
  EXPECT_EQ(expiries.size(), 1u);
}

TEST_F(WatchdogStagesTest, PausingKeepsTheCount) {
  dog.set_running(true);
  bench.run(300);
  dog.set_paused(true);
  bench.run(10'000);
  EXPECT_TRUE(expiries.empty());
  dog.set_paused(false);
  bench.run(300);
  EXPECT_EQ(expiries.size(), 1u);
}

TEST_F(WatchdogStagesTest, ChangeOfClockAppliesToTheRestOfTheStage) {
  dog.set_running(true);
  bench.run(300);                 // 5 of 10 cycles
  dog.set_clock(40'000'000, 10);  // 120 ticks a cycle
  bench.run(599);
  EXPECT_TRUE(expiries.empty());
  bench.run(1);
  EXPECT_EQ(expiries.size(), 1u);
}

TEST_F(WatchdogStagesTest, HoldLoweredBelowTheCountExpiresOnlyWithTheNextCycle) {
  dog.set_running(true);
  bench.run(310);
  dog.set_hold(0, 2);
  dog.feed();
  EXPECT_TRUE(expiries.empty());
  bench.run(60);
  dog.set_hold(0, 1);
  bench.run(59);
  EXPECT_TRUE(expiries.empty());
  bench.run(1);
  EXPECT_EQ(expiries.size(), 1u);
}

TEST_F(WatchdogStagesTest, HoldOfZeroStillTakesACycle) {
  for (unsigned stage = 0; stage < 4; ++stage) dog.set_hold(stage, 0);
  dog.set_running(true);
  bench.run(120);
  EXPECT_EQ(expiries, (std::vector<Expiry>{{0, 60}, {1, 120}}));
}

TEST_F(WatchdogStagesTest, ArchiveContinuesTheStage) {
  dog.set_running(true);
  bench.run(900);  // stage 1, 5 of 20 cycles
  base::Archive out = base::Archive::saving();
  dog.archive(out);
  dog.set_running(false);
  base::Archive in = base::Archive::loading(out.bytes());
  dog.archive(in);
  EXPECT_FALSE(in.failed());
  EXPECT_EQ(dog.stage(), 1u);
  expiries.clear();
  bench.run(900);
  EXPECT_EQ(expiries, (std::vector<Expiry>{{1, 1800}}));
}

}  // namespace
}  // namespace espalier::devices
