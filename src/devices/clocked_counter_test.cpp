#include "devices/clocked_counter.h"

#include <gtest/gtest.h>

namespace espalier::devices {
namespace {

using base::kNever;
using base::kTicksPerSecond;

ClockedCounter running(std::uint32_t hz, std::uint32_t divider) {
  ClockedCounter counter;
  counter.set_clock(hz, divider, 0);
  counter.set_running(true, 0);
  return counter;
}

TEST(ClockedCounter, StepsAtTheDividedClock) {
  const ClockedCounter counter = running(80'000'000, 80);
  EXPECT_EQ(counter.count(0), 0u);
  EXPECT_EQ(counter.count(479), 0u);
  EXPECT_EQ(counter.count(480), 1u);
  EXPECT_EQ(counter.count(kTicksPerSecond), 1'000'000u);
}

TEST(ClockedCounter, ClockThatDoesNotDivideTheTickRateNeverDrifts) {
  const ClockedCounter counter = running(32768, 1);
  EXPECT_EQ(counter.count(14648), 0u);
  EXPECT_EQ(counter.count(14649), 1u);
  EXPECT_EQ(counter.count(kTicksPerSecond * 86400), 32768ull * 86400);
  EXPECT_EQ(counter.count(counter.time_of(7, 0)), 7u);
  EXPECT_EQ(counter.count(counter.time_of(7, 0) - 1), 6u);
}

TEST(ClockedCounter, CountsDownAndWraps) {
  ClockedCounter counter = running(40'000'000, 1);
  counter.set_direction(false, 0);
  counter.load(2, 0);
  EXPECT_EQ(counter.count(12), 1u);
  EXPECT_EQ(counter.count(24), 0u);
  EXPECT_EQ(counter.count(36), ~std::uint64_t{0});
}

TEST(ClockedCounter, StoppedOrGatedKeepsItsCount) {
  ClockedCounter counter = running(80'000'000, 1);
  counter.set_running(false, 60);
  EXPECT_EQ(counter.count(6000), 10u);
  EXPECT_EQ(counter.time_of(1, 6000), kNever);
  counter.set_running(true, 6000);
  EXPECT_EQ(counter.count(6006), 11u);
  counter.set_clock(0, 1, 6006);
  EXPECT_FALSE(counter.running());
  EXPECT_EQ(counter.count(60000), 11u);
  counter.set_clock(80'000'000, 1, 60000);
  EXPECT_EQ(counter.count(60006), 12u);
}

TEST(ClockedCounter, ChangeOfClockKeepsTheCountAndThePartOfAPeriod) {
  ClockedCounter counter = running(80'000'000, 2);  // 12 ticks a step
  counter.set_clock(40'000'000, 2, 30);             // 2 steps at 24, 6 ticks into the third
  EXPECT_EQ(counter.count(30), 2u);
  EXPECT_EQ(counter.count(47), 2u);
  EXPECT_EQ(counter.count(48), 3u);  // 24 ticks after the last step
}

TEST(ClockedCounter, TimeOfCountsFromThePresentStep) {
  const ClockedCounter counter = running(80'000'000, 10);  // 60 ticks a step
  EXPECT_EQ(counter.time_of(0, 0), 0u);
  EXPECT_EQ(counter.time_of(1, 59), 60u);
  EXPECT_EQ(counter.time_of(1, 60), 120u);
  EXPECT_EQ(counter.time_of(~std::uint64_t{0}, 0), kNever);
  EXPECT_EQ(counter.time_of(~std::uint64_t{0}, 600), kNever);
}

TEST(ClockedCounter, TimeBeforeTheLastChangeIsThatChange) {
  ClockedCounter counter = running(80'000'000, 1);
  counter.load(100, 6000);
  EXPECT_EQ(counter.count(5000), 100u);
}

TEST(ClockedCounter, ArchiveKeepsItRunning) {
  ClockedCounter counter = running(80'000'000, 4);
  counter.load(5, 24);
  base::Archive out = base::Archive::saving();
  counter.archive(out);
  ClockedCounter copy;
  base::Archive in = base::Archive::loading(out.bytes());
  copy.archive(in);
  EXPECT_FALSE(in.failed());
  EXPECT_EQ(copy.count(24 + 240), 15u);
}

}  // namespace
}  // namespace espalier::devices
