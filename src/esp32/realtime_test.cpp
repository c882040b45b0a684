// A machine in realtime, on a host whose clock the test turns: what the guest sees of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <string_view>

#include "esp32/guest_program_test_support.h"
#include "esp32/machine.h"
#include "esp32/snapshot.h"

namespace espalier::esp32 {
namespace {

constexpr std::uint32_t kPeriod = 409'600;  // cycles of the guest's tick: 10.24 ms at the crystal's 40 MHz
constexpr std::uint32_t kTicks = 0x3ffb0000, kFirst = 0x3ffb0004, kLatest = 0x3ffb0008,
                        kBackwards = 0x3ffb000c;

// Counts matches of CCOMPARE0 as an operating system does: each time it moves the register one period on.
// Feeds the watchdogs at each. Notes in RAM the ticks, CCOUNT at the start, the most by which CCOUNT has been
// read behind a match that was not delivered yet, and how often CCOUNT went back.
constexpr std::string_view kTicker = R"(
         j start
         .align 4
feed_rtc: .word 0x3ff480a0
feed_main: .word 0x3ff5f060
key:     .word 0x50d83aa1
ram:     .word 0x3ffb0000
start:   entry a1, 32
         movi a2, 0
         wsr.intenable a2
         l32r a8, feed_rtc
         l32r a9, feed_main
         l32r a10, key
         l32r a11, ram
         s32i a10, a8, 4           # both WDTWPROTECT lie behind WDTFEED
         s32i a10, a9, 4
         movi a4, 400
         slli a4, a4, 10
         movi a6, 0                # ticks
         s32i a6, a11, 0
         s32i a6, a11, 8
         s32i a6, a11, 12
         rsr.ccount a3
         s32i a3, a11, 4
         or a12, a3, a3
         add a3, a3, a4
         wsr.ccompare0 a3
wait:    rsr.ccount a7
         rsr.interrupt a5
         bbsi a5, 6, match
         sub a13, a7, a12          # since the last look
         or a12, a7, a7
         bgez a13, forward
         l32i a13, a11, 12
         addi a13, a13, 1
         s32i a13, a11, 12
forward: sub a13, a7, a3           # behind the match
         l32i a14, a11, 8
         bge a14, a13, wait
         s32i a13, a11, 8
         j wait
match:   add a3, a3, a4
         wsr.ccompare0 a3
         addi a6, a6, 1
         s32i a6, a11, 0
         movi a5, -1               # RTC_CNTL_WDT_FEED is bit 31
         s32i a5, a8, 0
         s32i a5, a9, 0
         j wait
)";

class RealtimeTest : public testing::Test {
 protected:
  void SetUp() override { start(kTicker); }
  // Boots a program and runs it until it has counted.
  void start(std::string_view program) {
    MachineOptions options;
    options.rom = rom();
    options.flash = testing_support::flash_with(program);
    options.clock = ClockMode::kRealtime;
    options.host_clock = host_clock();
    machine_ = Machine::create(options).value();
    while (word(kTicks) == 0 && host_ns_ < 5'000'000'000) round();
    ASSERT_GE(word(kTicks), 1u) << "the guest has not started";
  }
  static std::shared_ptr<const SharedRom> rom() {
    static const auto shared = std::make_shared<SharedRom>(rom::Rom());
    return shared;
  }
  MachineClock::HostClock host_clock() {
    return [this] { return ++looks_, host_ns_ += look_ns_; };
  }
  // A round of the machine, which takes the host some time.
  void round() {
    ASSERT_EQ(machine_->run_round(), Machine::Progress::kRan);
    host_ns_ += 20'000;
  }
  std::uint32_t word(std::uint32_t address) {
    std::uint32_t value = 0;
    std::memcpy(&value, machine_->memory().plain(0, address), 4);
    return value;
  }
  std::uint32_t ccount() { return machine_->core(0).read_special(xtensa::Sr::CCOUNT); }
  // The most cycles that go by from a look at CCOUNT to the end of `looks`, which leave the last one in a6,
  // on a host that needs five milliseconds for each and never catches up.
  std::uint32_t most_that_passes_until(std::string_view looks) {
    start(std::string(testing_support::kWithoutWatchdogs) + R"(
         l32r a11, ram
         movi a7, 0                # the most so far
         movi a8, 0
turn:    rsr.ccount a5
)" + std::string(looks) +
          R"(
         sub a6, a6, a5
         maxu a7, a7, a6
         s32i a7, a11, 8
         addi a8, a8, 1
         s32i a8, a11, 0
         movi a4, 1000
busy:    addi a4, a4, -1
         bnez a4, busy
         j turn
)");
    look_ns_ = 5'000'000;
    for (int n = 0; n < 300; ++n) round();
    EXPECT_GT(word(kTicks), 100u);
    EXPECT_GT(word(kLatest), 0u);
    return word(kLatest);
  }
  void expect_in_step() {
    const std::uint32_t passed = (ccount() - word(kFirst)) / kPeriod;
    EXPECT_LE(passed - word(kTicks), 1u) << "ticks are delivered, none is lost";
    EXPECT_EQ(machine_->resets(), 0u) << "a watchdog has fired";
    EXPECT_EQ(word(kBackwards), 0u);
    EXPECT_EQ(word(kLatest), 0u) << "CCOUNT has been read behind a match that had not come";
  }

  std::uint64_t host_ns_ = 1'000'000'000;
  std::uint64_t looks_ = 0;     // at the host's clock
  std::uint64_t look_ns_ = 50;  // that a look at the host's clock takes
  std::unique_ptr<Machine> machine_;
};

TEST_F(RealtimeTest, EachTickIsDelivered) {
  const std::uint32_t before = ccount();
  const std::uint64_t host = host_ns_;
  while (host_ns_ - host < 300'000'000) round();
  expect_in_step();
  EXPECT_NEAR(ccount() - before, (host_ns_ - host) / 25, 40'000)
      << "the guest's clock is the host's, within 1 ms";
  EXPECT_GE(word(kTicks), 29u);
}

TEST_F(RealtimeTest, AHostThatTakesThreeQuartersAwayLosesNoTick) {
  const std::uint32_t before = ccount();
  const std::uint64_t host = host_ns_;
  while (host_ns_ - host < 400'000'000) {
    for (int i = 0; i < 150; ++i) round();  // 3 ms
    host_ns_ += 9'000'000;
  }
  // Within a tick of the host's clock even right after 9 ms of somebody else.
  EXPECT_NEAR(ccount() - before, (host_ns_ - host) / 25, kPeriod);
  for (int i = 0; i < 150; ++i) round();
  EXPECT_NEAR(ccount() - before, (host_ns_ - host) / 25, 40'000);
  expect_in_step();
}

TEST_F(RealtimeTest, AHostThatStandsStillForSecondsFiresNoWatchdog) {
  const std::uint32_t before = ccount(), ticks = word(kTicks);
  const std::uint64_t host = host_ns_;
  host_ns_ += 2'000'000'000;
  while (ccount() - before < (host_ns_ - host) / 25 - 40'000 && host_ns_ - host < 4'000'000'000) round();
  EXPECT_LT(host_ns_ - host, 3'000'000'000u) << "the guest's clock has caught up";
  expect_in_step();
  EXPECT_GE(word(kTicks) - ticks, 194u);
}

// Devices ask for the time whenever they come to need it.
TEST_F(RealtimeTest, TheHostsClockIsAskedOnceForAnAccess) {
  constexpr std::uint32_t kAccesses = 1000;
  start(R"(
         j start
         .align 4
uart:    .word 0x3ff40000
ram:     .word 0x3ffb0000
start:   entry a1, 32
         l32r a8, uart
         l32r a11, ram
         movi a6, 0
again:   s32i a6, a8, 0            # UART_FIFO_REG
         addi a6, a6, 1
         s32i a6, a11, 0
         j again
)");
  const std::uint32_t before = word(kTicks);
  const std::uint64_t looks = looks_;
  std::uint64_t rounds = 0;
  for (; word(kTicks) - before < kAccesses; ++rounds) round();
  EXPECT_GE(looks_ - looks, std::uint64_t{word(kTicks) - before});
  EXPECT_LE(looks_ - looks, (word(kTicks) - before) + 20 * rounds);
  EXPECT_LT(20 * rounds, kAccesses);
}

// FreeRTOS reads CCOUNT and arms its first tick from there; once this had passed by then, it had no ticks.
TEST_F(RealtimeTest, NoTickPassesBetweenTwoInstructions) {
  EXPECT_LE(most_that_passes_until("rsr.ccount a6"), 20'000u) << "half a millisecond at 40 MHz";
}

// And some forty instructions later starts its scheduler, which the tick must not come before. Each look at
// the time was the last of its turn where the host was late, and the next turn gave it half a millisecond.
TEST_F(RealtimeTest, NoTickPassesWithinAFewLooksAtTheTime) {
  EXPECT_LE(most_that_passes_until(R"(
         rsr.ccount a6
         rsr.ccount a6
         rsr.ccount a6
         rsr.ccount a6
         rsr.ccount a6
)"),
            40'000u)
      << "a turn ends in between, no more";
}

// FreeRTOS's handler moves the register by a period, and looks whether CCOUNT is more than one past the old
// match. A whole one behind, both were equal: where time is caught up with in steps of half a millisecond,
// and stands still between the two, a tick of 1 ms was lost for 2^32 cycles.
TEST_F(RealtimeTest, AMatchAtTheVeryTimeOfItsWritingIsNotLost) {
  look_ns_ = 0;
  xtensa::Core& core = machine_->core(0);
  core.write_special(xtensa::Sr::CCOMPARE1, ccount() + 1'000);
  const std::uint32_t line = 1u << xtensa::kTimerInterrupt[1];
  EXPECT_EQ(core.state().interrupt & line, 0u);
  core.write_special(xtensa::Sr::CCOMPARE1, ccount());
  EXPECT_EQ(core.state().interrupt & line, line);
}

// While the other core polled, turns were of 24 instructions, and as much time passed in each as in one of
// 256: a tick of 1 ms came 350 instructions after it was armed, before FreeRTOS had started its scheduler,
// and the boot stood still. The host never catches up here.
TEST_F(RealtimeTest, TimeThatIsCaughtUpWithLeavesShortTurnsTheirInstructions) {
  start(std::string(testing_support::kWithoutWatchdogs) + std::string(testing_support::kStartsAppCpu) + R"(
         l32r a11, ram
         movi a6, 0
again:   addi a6, a6, 1
         s32i a6, a11, 0
         movi a4, 10
work:    addi a4, a4, -1
         rsr.ccount a7
         bnez a4, work
         j again
app:     l32r a11, ram
         movi a5, 0
poll:    memw
         l32i a4, a11, 0
         beq a4, a5, poll
         or a5, a4, a4
         j poll
)");
  look_ns_ = 5'000'000;
  for (int n = 0; n < 200; ++n) round();
  const std::uint32_t passed = ccount();
  const std::uint64_t executed = machine_->core(0).instructions();
  const std::uint64_t turns = machine_->scheduler().stats().polling_turns;
  for (int n = 0; n < 10'000; ++n) round();
  ASSERT_GT(machine_->scheduler().stats().polling_turns - turns, 15'000u) << "of 20,000";
  EXPECT_LE(ccount() - passed, 33 * (machine_->core(0).instructions() - executed));
}

// A turn costs as much whatever its length, and ends some instructions short of what translated code could
// do: where the host is quick, a lone core has longer ones, but none that keeps a timer waiting for long.
TEST_F(RealtimeTest, ALoneCoresTurnsGrowWhereTheHostIsQuick) {
  start(std::string(testing_support::kWithoutWatchdogs) + R"(
         l32r a11, ram
         movi a6, 1
         s32i a6, a11, 0
busy:    addi a6, a6, 1
         addi a6, a6, -1
         j busy
)");
  look_ns_ = 0;
  xtensa::Core& core = machine_->core(0);
  // Of the last of some rounds, on a host that executes so many million instructions a second.
  const auto turn_at = [&](std::uint64_t mips) {
    std::uint64_t executed = 0;
    for (int n = 0; n < 10; ++n) {
      const std::uint64_t before = core.instructions();
      EXPECT_EQ(machine_->run_round(), Machine::Progress::kRan);
      executed = core.instructions() - before;
      host_ns_ += executed * 1'000 / mips;
    }
    return executed;
  };
  EXPECT_EQ(turn_at(2'500), 80'000u);
  EXPECT_EQ(turn_at(1'500), 40'000u) << "53 us would be too long";
  EXPECT_EQ(turn_at(50'000), 80'000u) << "no longer, whatever the host";
  EXPECT_EQ(turn_at(100), 20'000u);
}

// The tick of a core was due within the time that a busy host took to load it, and was lost for all of
// CCOUNT's round: clones of ESP-IDF's MQTT example were reset by their interrupt watchdogs.
TEST_F(RealtimeTest, ASnapshotThatTakesTheHostLongToLoadLosesNoTick) {
  auto taken = Snapshot::take(*machine_, {.program = "test 1", .image = "ticks"});
  ASSERT_TRUE(taken) << taken.error();
  look_ns_ = 20'000'000;
  auto made = taken.value()->clone(
      {.rom = rom(), .clock = ClockMode::kRealtime, .host_clock = host_clock(), .reset_limit = {}});
  ASSERT_TRUE(made) << made.error();
  look_ns_ = 50;
  machine_ = std::move(made.value());
  const std::uint64_t host = host_ns_;
  while (host_ns_ - host < 300'000'000) round();
  expect_in_step();
  EXPECT_GE(word(kTicks), 29u);
}

// A match is due and not delivered yet when the CPU's clock changes.
TEST_F(RealtimeTest, AChangeOfTheCpuClockLosesNoTick) {
  for (const std::uint32_t hz : {80'000'000u, 40'000'000u, 80'000'000u}) {
    const std::uint32_t before = word(kTicks);
    while (machine_->core(0).state().ccompare[0] - ccount() > 60'000) round();
    host_ns_ += 4'000'000;
    machine_->chip().on_clocks({.cpu_hz = hz, .apb_hz = 40'000'000});
    for (int n = 0; n < 50; ++n) round();
    EXPECT_GT(word(kTicks), before);
  }
  expect_in_step();
}

TEST_F(RealtimeTest, AGuestThatDoesNotFeedItIsStillResetByItsWatchdog) {
  machine_->core(0).halt();
  const std::uint64_t host = host_ns_;
  while (machine_->resets() == 0 && host_ns_ - host < 5'000'000'000) {
    machine_->run_round();
    host_ns_ += 1'000'000;
  }
  EXPECT_EQ(machine_->resets(), 1u);
}

}  // namespace
}  // namespace espalier::esp32
