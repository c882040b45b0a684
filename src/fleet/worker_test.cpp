#include "fleet/worker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <thread>

namespace espalier::fleet {
namespace {

constexpr std::uint64_t kForever = base::EventLoop::kForever;

void spin(std::uint64_t ns) {
  const std::uint64_t end = base::EventLoop::now_ns() + ns;
  while (base::EventLoop::now_ns() < end) {
  }
}

// Counts its turns; each takes `work` and asks for `wait`.
class Counter final : public Runnable {
 public:
  Counter(Worker& worker, std::uint64_t work, std::uint64_t wait)
      : Runnable(worker), work_(work), wait_(wait) {}
  std::atomic<int> turns{0};
  std::atomic<int> quiet_turns{0};

 private:
  std::uint64_t advance(bool quiet) override {
    ++turns;
    quiet_turns += quiet;
    if (work_ != 0) spin(work_);
    return wait_;
  }
  std::uint64_t work_;
  std::uint64_t wait_;
};

// Waits for a condition that another thread brings about.
template <class Condition>
bool eventually(Condition condition) {
  for (int i = 0; i < 20'000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return false;
}

class WorkerTest : public testing::Test {
 protected:
  Worker worker;
  std::vector<std::unique_ptr<Counter>> counters;

  Counter& add(std::uint64_t work, std::uint64_t wait) {
    worker.call([&] {
      counters.push_back(std::make_unique<Counter>(worker, work, wait));
      counters.back()->wake();
    });
    return *counters.back();
  }
  void TearDown() override {
    worker.call([&] { counters.clear(); });
  }
};

TEST_F(WorkerTest, TasksRunInTheOrderOfPosting) {
  std::vector<int> order;
  std::thread::id thread;
  for (int i = 0; i < 5; ++i) worker.post([&, i] { order.push_back(i); });
  worker.call([&] { thread = std::this_thread::get_id(); });
  EXPECT_THAT(order, testing::ElementsAre(0, 1, 2, 3, 4));
  EXPECT_NE(thread, std::this_thread::get_id());
  EXPECT_EQ(worker.call([] { return 42; }), 42);
}

TEST_F(WorkerTest, TasksThatWereThereAtTheEndAreRun) {
  bool ran = false;
  {
    Worker other;
    other.post([&] { ran = true; });
  }
  EXPECT_TRUE(ran);
}

TEST_F(WorkerTest, WhatSleepsCostsNoTurns) {
  Counter& asleep = add(0, kForever);
  ASSERT_TRUE(eventually([&] { return asleep.turns == 1; }));
  Counter& busy = add(0, 0);
  ASSERT_TRUE(eventually([&] { return busy.turns > 1000; }));
  EXPECT_EQ(asleep.turns, 1);
  worker.call([&] { asleep.wake(); });
  EXPECT_TRUE(eventually([&] { return asleep.turns == 2; }));
}

TEST_F(WorkerTest, DeadlinesAreKept) {
  Counter& ticking = add(0, 1'000'000);
  EXPECT_TRUE(eventually([&] { return ticking.turns >= 5; }));
  EXPECT_GE(ticking.quiet_turns, 3);
}

TEST_F(WorkerTest, TheBusyShareTheThreadEvenly) {
  Counter& one = add(20'000, 0);
  Counter& two = add(20'000, 0);
  ASSERT_TRUE(eventually([&] { return one.turns + two.turns > 2000; }));
  worker.call([&] {  // between turns
    EXPECT_LE(std::abs(one.turns - two.turns), one.turns / 4 + 2);
  });
}

// One that has been woken does not wait for a round of all that are busy, and those get their turns all the
// same.
TEST_F(WorkerTest, TheWokenComeBeforeTheBusy) {
  for (int i = 0; i < 50; ++i) add(100'000, 0);
  Counter& woken = add(0, kForever);
  ASSERT_TRUE(eventually([&] { return woken.turns == 1; }));
  const auto turns = [&] {
    int sum = 0;
    for (const auto& counter : counters) sum += counter->turns;
    return sum;
  };
  int before = 0;
  worker.call([&] {
    woken.wake();
    before = turns();
  });
  ASSERT_TRUE(eventually([&] { return woken.turns == 2; }));
  int between = 0;
  worker.call([&] { between = turns() - before; });
  EXPECT_LT(between, 50) << "it has waited for its turn among the busy";
}

TEST_F(WorkerTest, LimitsProcessorTime) {
  const auto began = std::chrono::steady_clock::now();
  Counter& limited = add(100'000, 0);
  worker.call([&] { limited.limit_cpu(0.1); });
  Counter& free = add(100'000, 0);
  // What it may have saved up is used by then.
  ASSERT_TRUE(eventually([&] { return worker.call([&] { return free.cpu_ns() > 400'000'000; }); }));
  worker.call([&] {
    // A busy host may leave the other one little more than that part of a core.
    const std::chrono::nanoseconds passed = std::chrono::steady_clock::now() - began;
    const auto most = static_cast<std::uint64_t>(passed.count()) * 15 / 100;
    EXPECT_LT(limited.cpu_ns(), std::max(free.cpu_ns() / 3, most));
    EXPECT_GT(limited.cpu_ns(), 0u);
  });
}

TEST_F(WorkerTest, TheStartGateLetsOneInAtATime) {
  Counter& one = add(0, kForever);
  Counter& two = add(0, kForever);
  Counter& three = add(0, kForever);
  ASSERT_TRUE(eventually([&] { return one.turns == 1 && two.turns == 1 && three.turns == 1; }));
  worker.call([&] {
    StartGate& gate = worker.start_gate();
    EXPECT_TRUE(gate.enter(one));
    EXPECT_TRUE(gate.enter(one));
    EXPECT_FALSE(gate.enter(two));
    EXPECT_FALSE(gate.enter(three));
    gate.leave(two);  // gives up
    gate.leave(one);
  });
  EXPECT_TRUE(eventually([&] { return three.turns == 2; }));
  EXPECT_EQ(two.turns, 1);
  worker.call([&] {
    EXPECT_TRUE(worker.start_gate().enter(three));
    worker.start_gate().leave(three);
    EXPECT_TRUE(worker.start_gate().enter(two));
    worker.start_gate().leave(two);
  });
}

// With fifty that are busy it would else have a fiftieth of the thread. They get every fourth turn.
TEST_F(WorkerTest, WhoStartsComesBeforeTheBusy) {
  for (int i = 0; i < 50; ++i) add(100'000, 0);
  Counter& starting = add(100'000, 0);
  ASSERT_TRUE(eventually([&] { return starting.turns >= 1; }));
  ASSERT_TRUE(worker.call([&] { return worker.start_gate().enter(starting); }));
  const auto turns = [&] {
    int sum = 0;
    for (const auto& counter : counters) sum += counter->turns;
    return sum;
  };
  const int own = starting.turns, all = turns();
  ASSERT_TRUE(eventually([&] { return turns() > all + 400; }));
  worker.call([&] {  // between turns
    EXPECT_GT(starting.turns - own, 200);
    EXPECT_GT(turns() - all - (starting.turns - own), 50);
    worker.start_gate().leave(starting);
  });
}

TEST_F(WorkerTest, ALimitedOneThatSleepsForeverCanStillBeWoken) {
  Counter& limited = add(50'000'000, kForever);
  worker.call([&] { limited.limit_cpu(0.5); });
  worker.call([&] { limited.wake(); });
  ASSERT_TRUE(eventually([&] { return limited.turns >= 2; }));
  const int before = limited.turns;
  EXPECT_TRUE(eventually([&] {
    worker.call([&] { limited.wake(); });
    return limited.turns > before + 1;
  }));
}

}  // namespace
}  // namespace espalier::fleet
