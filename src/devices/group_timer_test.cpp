#include "devices/group_timer.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "devices/device_test_support.h"

namespace espalier::devices {
namespace {

constexpr std::uint32_t kEn = 1u << 31, kUp = 1u << 30, kReload = 1u << 29, kEdge = 1u << 12,
                        kLevel = 1u << 11, kAlarmEn = 1u << 10;
constexpr std::uint32_t divide(std::uint32_t by) {
  return (by & 0xffff) << 13;
}

struct Alarm {
  base::Ticks at;
  bool level, edge;
  bool operator==(const Alarm&) const = default;
};

class GroupTimerTest : public ::testing::Test {
 protected:
  GroupTimerTest() { timer.set_apb_hz(80'000'000); }
  void write64(GroupTimer::Register low, std::uint64_t value) {
    timer.write(low, static_cast<std::uint32_t>(value));
    timer.write(static_cast<GroupTimer::Register>(low + 1), static_cast<std::uint32_t>(value >> 32));
  }
  void load(std::uint64_t value) {
    write64(GroupTimer::kLoadLo, value);
    timer.write(GroupTimer::kLoad, 1);
  }
  std::uint64_t count() {
    timer.write(GroupTimer::kUpdate, 1);
    return timer.read(GroupTimer::kLo) | std::uint64_t{timer.read(GroupTimer::kHi)} << 32;
  }
  void config(std::uint32_t value) { timer.write(GroupTimer::kConfig, value); }

  testing::Bench bench;
  std::vector<Alarm> alarms;
  GroupTimer timer{bench.events(), 0x60002000, 0xFFFFFC00, [this](bool level, bool edge) {
                     alarms.push_back({bench.now(), level, edge});
                   }};
};

TEST_F(GroupTimerTest, ResetState) {
  EXPECT_EQ(timer.read(GroupTimer::kConfig), 0x60002000u);
  bench.run(1'000'000);
  EXPECT_EQ(count(), 0u);
  EXPECT_TRUE(alarms.empty());
}

TEST_F(GroupTimerTest, CountsDividedApbCycles) {
  config(kEn | kUp | divide(80));
  bench.run(base::kTicksPerMillisecond);
  EXPECT_EQ(count(), 1000u);
  EXPECT_EQ(timer.read(GroupTimer::kUpdate), 0u);
}

TEST_F(GroupTimerTest, SmallestAndLargestDividers) {
  for (const auto& [field, by] :
       std::vector<std::pair<unsigned, unsigned>>{{0, 65536}, {1, 2}, {2, 2}, {3, 3}}) {
    config(kUp | divide(field));
    load(0);
    config(kEn | kUp | divide(field));
    bench.run(65536ull * 6 * 3);
    EXPECT_EQ(count(), 65536ull * 3 / by) << field;
    config(0);
  }
}

TEST_F(GroupTimerTest, ReadsTheLatchedCountOnly) {
  config(kEn | kUp | divide(2));
  bench.run(1200);
  EXPECT_EQ(timer.read(GroupTimer::kLo), 0u);
  EXPECT_EQ(count(), 100u);
  bench.run(1200);
  EXPECT_EQ(timer.read(GroupTimer::kLo), 100u);
}

TEST_F(GroupTimerTest, LoadsAndCountsDownAcross32Bits) {
  load(0x1'0000'0001);
  config(kEn | divide(2));
  bench.run(24);
  EXPECT_EQ(count(), 0xffff'ffffu);
  EXPECT_EQ(timer.read(GroupTimer::kLoadHi), 1u);
}

TEST_F(GroupTimerTest, StoppingHoldsTheCount) {
  config(kEn | kUp | divide(2));
  bench.run(120);
  config(kUp | divide(2));
  bench.run(5000);
  EXPECT_EQ(count(), 10u);
}

TEST_F(GroupTimerTest, AlarmFiresOnceAndDisarms) {
  write64(GroupTimer::kAlarmLo, 100);
  config(kEn | kUp | kLevel | kAlarmEn | divide(2));
  bench.run(1199);
  EXPECT_TRUE(alarms.empty());
  bench.run(10'000);
  EXPECT_EQ(alarms, (std::vector<Alarm>{{1200, true, false}}));
  EXPECT_FALSE(timer.read(GroupTimer::kConfig) & kAlarmEn);
  EXPECT_EQ(count(), 11199u / 12);  // no reload
}

TEST_F(GroupTimerTest, AlarmCountingDown) {
  load(50);
  write64(GroupTimer::kAlarmLo, 20);
  config(kEn | kEdge | kAlarmEn | divide(2));
  bench.run(360);
  EXPECT_EQ(alarms, (std::vector<Alarm>{{360, false, true}}));
}

TEST_F(GroupTimerTest, ReloadKeepsAnExactPeriodHoweverLateItIsSeen) {
  write64(GroupTimer::kAlarmLo, 100);
  config(kEn | kUp | kReload | kLevel | kAlarmEn | divide(2));
  bench.skip(1200 + 240);  // the event queue runs late
  EXPECT_TRUE(alarms.empty());
  timer.settle();
  ASSERT_EQ(alarms.size(), 1u);
  EXPECT_EQ(count(), 20u);
  config(timer.read(GroupTimer::kConfig) | kAlarmEn);
  bench.run(1200 - 240);
  EXPECT_EQ(alarms.back().at, 2400u);
}

TEST_F(GroupTimerTest, AlarmInThePastFiresAtOnce) {
  config(kEn | kUp | divide(2));
  bench.run(12'000);
  write64(GroupTimer::kAlarmLo, 10);
  config(kEn | kUp | kLevel | kAlarmEn | divide(2));
  EXPECT_EQ(alarms, (std::vector<Alarm>{{12'000, true, false}}));
}

TEST_F(GroupTimerTest, NoAlarmWhileStopped) {
  config(kUp | kLevel | kAlarmEn | divide(2));  // count 0, alarm 0
  bench.run(1000);
  EXPECT_TRUE(alarms.empty());
}

TEST_F(GroupTimerTest, ChangingTheAlarmMovesIt) {
  write64(GroupTimer::kAlarmLo, 1000);
  config(kEn | kUp | kLevel | kAlarmEn | divide(2));
  bench.run(120);
  write64(GroupTimer::kAlarmLo, 20);
  bench.run(120);
  EXPECT_EQ(alarms, (std::vector<Alarm>{{240, true, false}}));
}

TEST_F(GroupTimerTest, ApbChangeSlowsTheAlarmToo) {
  write64(GroupTimer::kAlarmLo, 100);
  config(kEn | kUp | kLevel | kAlarmEn | divide(2));
  bench.run(600);                // 50
  timer.set_apb_hz(40'000'000);  // 24 ticks a step
  bench.run(1200);
  EXPECT_EQ(alarms, (std::vector<Alarm>{{1800, true, false}}));
  timer.set_apb_hz(0);
  bench.run(10'000);
  EXPECT_EQ(count(), 100u);
}

TEST_F(GroupTimerTest, ResetStopsAndClears) {
  load(77);
  write64(GroupTimer::kAlarmLo, 5000);
  config(kEn | kUp | kAlarmEn | divide(7));
  bench.run(100);
  timer.reset();
  bench.run(1'000'000);
  EXPECT_TRUE(alarms.empty());
  EXPECT_EQ(count(), 0u);
  EXPECT_EQ(timer.read(GroupTimer::kConfig), 0x60002000u);
  EXPECT_EQ(timer.read(GroupTimer::kLoadLo), 0u);
  EXPECT_EQ(timer.read(GroupTimer::kAlarmLo), 0u);
}

TEST_F(GroupTimerTest, ArchiveRestoresThePendingAlarm) {
  write64(GroupTimer::kAlarmLo, 100);
  config(kEn | kUp | kLevel | kAlarmEn | divide(2));
  bench.run(600);
  base::Archive out = base::Archive::saving();
  timer.archive(out);
  timer.reset();
  base::Archive in = base::Archive::loading(out.bytes());
  timer.archive(in);
  EXPECT_FALSE(in.failed());
  bench.run(600);
  EXPECT_EQ(alarms, (std::vector<Alarm>{{1200, true, false}}));
}

}  // namespace
}  // namespace espalier::devices
