#include "esp32/machine_clock.h"

#include <gtest/gtest.h>

namespace espalier::esp32 {
namespace {

TEST(MachineClock, WarpStandsStillUnlessSomethingRuns) {
  MachineClock clock(ClockMode::kWarp);
  EXPECT_EQ(clock.now(), 0u);
  clock.advance_to(1000);
  clock.advance_to(500);
  EXPECT_EQ(clock.now(), 1000u);
}

TEST(MachineClock, CyclesFollowEveryChangeOfFrequency) {
  MachineClock clock(ClockMode::kWarp);
  ASSERT_EQ(clock.cpu_frequency(), 40'000'000u);
  clock.advance_to(12 * 100);
  EXPECT_EQ(clock.cycles(), 100u);
  clock.set_cpu_frequency(240'000'000);
  EXPECT_EQ(clock.cycles(), 100u);
  clock.advance_to(12 * 100 + 2 * 50);
  EXPECT_EQ(clock.cycles(), 150u);
  clock.set_cpu_frequency(80'000'000);
  EXPECT_EQ(clock.time_of_cycle(151), clock.now() + 6);
  clock.advance_to(clock.time_of_cycle(1'000'150));
  EXPECT_EQ(clock.cycles(), 1'000'150u);
}

TEST(MachineClock, RealtimeGoesOnByItself) {
  MachineClock clock(ClockMode::kRealtime);
  const base::Ticks start = clock.now();
  while (clock.now() == start) {
  }
  EXPECT_GT(clock.now(), start);
}

TEST(MachineClock, RealtimeFollowsTheHostUpToTheLimit) {
  std::uint64_t host = 5'000'000;
  MachineClock clock(ClockMode::kRealtime, [&host] { return host; });
  EXPECT_EQ(clock.now(), 0u);
  host += 1'000'000;
  EXPECT_EQ(clock.now(), base::kTicksPerMillisecond);
  EXPECT_FALSE(clock.held_back());
  clock.set_limit(3 * base::kTicksPerMillisecond);
  host += 2'000'000;
  EXPECT_EQ(clock.now(), 3 * base::kTicksPerMillisecond);
  EXPECT_FALSE(clock.held_back());
  host += 1'000'000'000;
  EXPECT_EQ(clock.now(), 3 * base::kTicksPerMillisecond);
  EXPECT_TRUE(clock.held_back());
  clock.set_limit(base::kNever);
  EXPECT_EQ(clock.now(), 1003 * base::kTicksPerMillisecond);
  clock.set_limit(7);
  EXPECT_EQ(clock.now(), 1003 * base::kTicksPerMillisecond) << "a limit in the past holds the clock, no more";
}

TEST(MachineClock, HeldTimeStandsStillAndGoesOnWhereItWas) {
  std::uint64_t host = 5'000'000;
  MachineClock clock(ClockMode::kRealtime, [&host] { return host; });
  host += 1'000'000;
  clock.hold();
  host += 4'000'000;
  clock.hold();
  EXPECT_EQ(clock.now(), base::kTicksPerMillisecond);
  clock.release();
  EXPECT_EQ(clock.now(), base::kTicksPerMillisecond);
  host += 1'000'000;
  EXPECT_EQ(clock.now(), 2 * base::kTicksPerMillisecond);
  clock.release();
  EXPECT_EQ(clock.now(), 2 * base::kTicksPerMillisecond);
}

TEST(MachineClock, ASkewedClockRunsFastOrSlowFromThenOn) {
  std::uint64_t host = 5'000'000;
  MachineClock clock(ClockMode::kRealtime, [&host] { return host; });
  host += 10'000'000;
  clock.set_skew(100'000);
  EXPECT_EQ(clock.now(), 10 * base::kTicksPerMillisecond) << "it does not jump";
  host += 10'000'000;
  EXPECT_EQ(clock.now(), 21 * base::kTicksPerMillisecond);
  EXPECT_EQ(clock.host_span(11 * base::kTicksPerMillisecond), 10'000'000u);
  clock.set_skew(-500'000);
  host += 10'000'000;
  EXPECT_EQ(clock.now(), 26 * base::kTicksPerMillisecond);
  clock.hold();
  host += 10'000'000;
  clock.set_skew(0);
  host += 10'000'000;
  EXPECT_EQ(clock.now(), 26 * base::kTicksPerMillisecond);
  clock.release();
  EXPECT_EQ(clock.now(), 26 * base::kTicksPerMillisecond);
  host += 10'000'000;
  EXPECT_EQ(clock.now(), 36 * base::kTicksPerMillisecond);
  EXPECT_EQ(clock.host_span(base::kTicksPerMillisecond), 1'000'000u);
}

TEST(MachineClock, ALoadedClockGoesOnFromItsTime) {
  MachineClock saved(ClockMode::kWarp);
  saved.advance_to(480'000'000);
  saved.set_cpu_frequency(160'000'000);
  base::Archive out = base::Archive::saving();
  saved.archive(out);
  MachineClock loaded(ClockMode::kWarp);
  base::Archive in = base::Archive::loading(out.bytes());
  loaded.archive(in);
  EXPECT_EQ(loaded.now(), saved.now());
  EXPECT_EQ(loaded.cycles(), saved.cycles());
  EXPECT_EQ(loaded.cpu_frequency(), 160'000'000u);
}

}  // namespace
}  // namespace espalier::esp32
