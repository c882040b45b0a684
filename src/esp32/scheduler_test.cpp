// Both cores of a machine in warp: how they share its time.
#include "esp32/scheduler.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "esp32/guest_program_test_support.h"
#include "esp32/machine.h"

namespace espalier::esp32 {
namespace {

constexpr std::uint32_t kFlag = 0x3ffb0000, kSeen = 0x3ffb0004, kReady = 0x3ffb0008, kDone = 0x3ffb000c;

// The PRO CPU turns its watchdogs off, starts the APP CPU at `app` and waits until it is there; then comes
// the test's part. a8 points to the words above: flag, seen, ready, done.
const std::string kStart = std::string(testing_support::kWithoutWatchdogs) + R"(
         l32r a8, ram
         s32i a2, a8, 0
         s32i a2, a8, 4
         s32i a2, a8, 8
         s32i a2, a8, 12
)" + std::string(testing_support::kStartsAppCpu) +
                           R"(
ready:   l32i a4, a8, 8
         beqz a4, ready
)";

// Ends the PRO CPU's part with a6, which is not 0, and begins the APP CPU's.
const std::string kApp = R"(
         s32i a6, a8, 12
stay:    j stay
app:     l32r a8, ram
         movi a6, 1
         s32i a6, a8, 8
)";

std::string forty(const std::string& line) {
  std::string lines;
  for (int i = 0; i < 40; ++i) lines += line;
  return lines;
}

class SchedulerTest : public testing::Test {
 protected:
  void boot(const std::string& program) {
    static const auto rom = std::make_shared<SharedRom>(rom::Rom());
    MachineOptions options;
    options.rom = rom;
    options.flash = testing_support::flash_with(kStart + program);
    options.clock = ClockMode::kWarp;
    machine_ = Machine::create(options).value();
  }
  std::uint32_t word(std::uint32_t address) {
    std::uint32_t value = 0;
    std::memcpy(&value, machine_->memory().plain(0, address), 4);
    return value;
  }
  void run_to(std::uint64_t instructions) {
    while (word(kDone) == 0 && machine_->instructions() < instructions && !machine_->halted()) {
      if (machine_->run_round() == Machine::Progress::kIdle && !machine_->skip_idle()) break;
    }
  }
  // Runs until the APP CPU has come to its program, and from there to the end; what turns that took.
  SchedulerStats turns_to(std::uint64_t instructions) {
    while (word(kReady) == 0 && machine_->instructions() < instructions) machine_->run_round();
    const SchedulerStats before = machine_->scheduler().stats();
    run_to(instructions);
    SchedulerStats taken = machine_->scheduler().stats();
    taken.turns -= before.turns;
    taken.polling_turns -= before.polling_turns;
    return taken;
  }
  // The PRO CPU counts 100 << `shift` down, two instructions each; the APP CPU does `app` meanwhile.
  SchedulerStats count_beside(unsigned shift, const std::string& app) {
    boot(fmt::format(R"(
         movi a5, 100
         slli a5, a5, {}
count:   addi a5, a5, -1
         bnez a5, count
         movi a6, 1
)",
                     shift) +
         kApp + app);
    return turns_to(20'000'000);
  }
  std::unique_ptr<Machine> machine_;
};

const std::string kSpin = R"(
up:      memw
         l32i a4, a8, 0
         beqz a4, up
stay2:   j stay2
)";

// What ESP-IDF's esp_dport_access_stall_other_cpu_end() and the next call's start do: a flag that the other
// core polls is up for some dozens of instructions only.
TEST_F(SchedulerTest, ACoreThatSpinsSeesAFlagThatIsSoonDownAgain) {
  const std::string busy = forty("addi a9, a9, 1\n");
  boot(R"(
         movi a5, 0
         movi a6, 1
         movi a7, 500
turn:    s32i a6, a8, 0
)" + busy +
       R"(
         s32i a2, a8, 0
         addi a5, a5, 1
wait:    memw
         l32i a4, a8, 4
         bne a4, a5, wait
         beq a5, a7, over
         j turn
over:
)" + kApp +
       R"(
         movi a5, 0
up:      memw
         l32i a4, a8, 0
         beqz a4, up
         addi a5, a5, 1
         s32i a5, a8, 4
down:    memw
         l32i a4, a8, 0
         bnez a4, down
         j up
)");
  run_to(20'000'000);
  EXPECT_EQ(word(kDone), 1u);
  EXPECT_EQ(word(kSeen), 500u);
}

// The same where the core that spins was alone until a timer woke the other, which then is not to miss it.
TEST_F(SchedulerTest, ACoreThatSpunAloneSeesAFlagThatIsSoonDownAgain) {
  const std::string busy = forty("addi a9, a9, 1\n");
  boot(R"(
         movi a5, 0
         movi a7, 100
wait:    memw
         l32i a4, a8, 0
         beqz a4, wait
         addi a5, a5, 1
         s32i a5, a8, 4
down:    memw
         l32i a4, a8, 0
         bnez a4, down
         beq a5, a7, over
         j wait
over:    movi a6, 1
)" + kApp +
       R"(
         j go
         .align 4
vecs:    .word 0x40081400
go:      movi a2, 0
         movi a5, 0
         l32r a4, vecs
         wsr.vecbase a4
         movi a4, 1
         slli a4, a4, 15           # CCOMPARE1, of level 3
         wsr.intenable a4
         rsync
asleep:  rsr.ccount a4
         addmi a4, a4, 0x1000
         wsr.ccompare1 a4
         waiti 0
         s32i a6, a8, 0
)" + busy +
       R"(
         s32i a2, a8, 0
         addi a5, a5, 1
seen:    memw
         l32i a4, a8, 4
         bne a4, a5, seen
         j asleep
         .org 0x400815c0
         wsr.ccompare1 a2
         rfi 3
)");
  run_to(5'000'000);
  EXPECT_EQ(word(kDone), 1u);
  EXPECT_EQ(word(kSeen), 100u);
}

TEST_F(SchedulerTest, ACoreThatSpinsLeavesItsTimeToTheOther) {
  count_beside(11, kSpin);
  ASSERT_EQ(word(kDone), 1u);
  EXPECT_LT(machine_->core(1).instructions(), 120'000u)
      << "a round of its loop for 24 instructions of the other";
}

// Once its patience is up it does not keep the other's turns short.
TEST_F(SchedulerTest, ACoreThatSpinsForLongLeavesTheOtherLongTurns) {
  const SchedulerStats taken = count_beside(12, kSpin);
  ASSERT_EQ(word(kDone), 1u);
  EXPECT_LT(taken.turns, 1'600u) << "of 0.8 million cycles";
}

TEST_F(SchedulerTest, StraightCodeHasLongTurns) {
  const std::string straight = forty("addi.n a9, a9, 1\n");
  boot(R"(
         movi a5, 100
         slli a5, a5, 7
         movi a6, 1
count:   addi a5, a5, -1
)" + straight +
       R"(
         bnez a5, count
)" + kApp +
       "up:\n" + straight +
       R"(
         j up
)");
  run_to(20'000'000);
  ASSERT_EQ(word(kDone), 1u);
  EXPECT_LT(machine_->scheduler().stats().turns, 300u) << "of 1.1 million cycles";
}

// Both work for 3,000 instructions and then wait for each other: who waits loses no more than about what both
// have done since they did last.
TEST_F(SchedulerTest, TurnsStayShortWhereCoresWaitForEachOther) {
  const auto meet = [](int own, int others) {
    return fmt::format(R"(
         movi a7, 1500
work{0}:  addi a7, a7, -1
         bnez a7, work{0}
         addi a5, a5, 1
         s32i a5, a8, {0}
wait{0}:  memw
         l32i a4, a8, {1}
         blt a4, a5, wait{0}
)",
                       own, others);
  };
  boot("movi a5, 0\nmovi a6, 100\nturn:\n" + meet(0, 4) + R"(
         blt a5, a6, turn
         rsr.ccount a6
)" + kApp +
       "movi a5, 0\nturn2:\n" + meet(4, 0) + "j turn2");
  run_to(20'000'000);
  EXPECT_GE(word(kSeen), 100u);
  EXPECT_LT(word(kDone), 100u * 9'000) << "cycles, 3,000 of them each time at least";
}

// Loops that look at no place twice wait for nobody.
TEST_F(SchedulerTest, SmallLoopsThatGetOnHaveLongTurns) {
  boot(R"(
         movi a5, 100
         slli a5, a5, 12
         or a9, a8, a8
count:   addi a5, a5, -1
         l32i a4, a9, 64
         addi a9, a9, 4
         extui a9, a9, 0, 8
         add a9, a9, a8
         bnez a5, count
         movi a6, 1
)" + kApp +
       R"(
up:      addi a5, a5, 1
         xor a4, a4, a5
         j up
)");
  const SchedulerStats taken = turns_to(20'000'000);
  ASSERT_EQ(word(kDone), 1u);
  EXPECT_LT(taken.polling_turns, 60u);
  EXPECT_LT(taken.turns, 2'600u) << "of 2.4 million cycles";
}

TEST_F(SchedulerTest, WhoStaysInPlaceForEverLeavesTheOtherLongTurns) {
  const SchedulerStats taken = count_beside(10, "stay2: j stay2");
  ASSERT_EQ(word(kDone), 1u);
  EXPECT_LT(taken.polling_turns, 60u);
  EXPECT_LT(taken.turns, 300u) << "of 0.2 million cycles";
}

// Both cores take a spin lock 20,000 times each and count under it; the first to be done counts on to keep
// the other waiting. `done` is what the PRO CPU found counted at its end.
class LockTest : public SchedulerTest {
 protected:
  // `take` takes it, or goes back to its label of that name. Fewer than `polling_turns` are short.
  void count_under_lock(const std::string& take, const std::string& functions, std::uint64_t polling_turns);
};

// The lock is where the flag is elsewhere.
TEST_F(LockTest, ChangesHandsWithoutShortTurnsAllAlong) {
  count_under_lock(R"(
take:    movi a4, 1
         wsr.scompare1 a2
         s32c1i a4, a8, 0
         bnez a4, take
)",
                   "", 100);
}

// ESP-IDF's esp_cpu_compare_and_set() is a function.
TEST_F(LockTest, OfAFunctionChangesHandsWithoutShortTurnsAllAlong) {
  count_under_lock(R"(
take:    movi a4, 1
         call0 swap
         bnez a4, take
)",
                   R"(
         .align 4
swap:    wsr.scompare1 a2
         s32c1i a4, a8, 0
         ret
)",
                   300);
}

void LockTest::count_under_lock(const std::string& take, const std::string& functions,
                                std::uint64_t polling_turns) {
  const std::string locked = take + R"(
         l32i a4, a8, 4
         addi a4, a4, 1
         addi a9, a9, 1
         addi a9, a9, 1
         addi a9, a9, 1
         addi a9, a9, 1
         s32i a4, a8, 4
         memw
         s32i a2, a8, 0
)";
  std::string other = locked;
  other.replace(other.find("take"), 4, "tak2").replace(other.find(" take"), 5, " tak2");
  boot("movi a5, 1250\nslli a5, a5, 4\n" + locked + R"(
         addi a5, a5, -1
         bnez a5, take
         l32i a4, a8, 4
         s32i a4, a8, 12
stay:    j stay
app:     l32r a8, ram
         movi a2, 0
         movi a6, 1
         s32i a6, a8, 8
)" + other +
       "j tak2\n" + functions);
  const SchedulerStats taken = turns_to(20'000'000);
  const std::uint32_t counted = word(kDone);
  EXPECT_GT(counted, 26'000u) << "the APP CPU has had its share";
  EXPECT_LT(counted, 80'000u);
  EXPECT_LT(taken.polling_turns, polling_turns);
  EXPECT_LT(taken.turns, 2'000u);
}

// The APP CPU sleeps, counts its interrupts in `seen` and answers each with one for the PRO CPU. That one's
// part stands between kWakeTurn and kWakeRest; in the end `done` holds the cycles of 100 turns, plus 1.
const std::string kWakeTurn = R"(
         j go
         .align 4
pro_vecs: .word 0x40081000
app_vecs: .word 0x40081400
dport2:  .word 0x3ff00000
ram2:    .word 0x3ffb0000
go:
         movi a4, 19               # a line of level 2
         s32i a4, a3, 0x168        # DPORT_PRO_CPU_INTR_FROM_CPU_1_MAP
         l32r a4, pro_vecs
         wsr.vecbase a4
         movi a4, 1
         slli a4, a4, 19
         wsr.intenable a4
         rsync
         movi a5, 100
         slli a4, a5, 6
sleepy:  addi a4, a4, -1           # the APP CPU is asleep after this
         bnez a4, sleepy
         movi a6, 0
         rsr.ccount a9
turn:    movi a4, 1
         addi a6, a6, 1
         s32i a4, a3, 0xdc         # DPORT_CPU_INTR_FROM_CPU_0
)";
const std::string kWakeRest = R"(
         blt a6, a5, turn
         rsr.ccount a7
         sub a7, a7, a9
         addi a7, a7, 1
         s32i a7, a8, 12
stay:    j stay
app:     l32r a8, ram2
         l32r a3, dport2
         movi a2, 0
         movi a5, 0
         movi a4, 19
         s32i a4, a3, 0x278        # DPORT_APP_CPU_INTR_FROM_CPU_0_MAP
         l32r a4, app_vecs
         wsr.vecbase a4
         movi a4, 1
         slli a4, a4, 19
         wsr.intenable a4
         rsync
         movi a6, 1
         s32i a6, a8, 8
asleep:  waiti 0
         j asleep
         .org 0x40081180
         s32i a2, a3, 0xe0         # DPORT_CPU_INTR_FROM_CPU_1
         l32i a10, a8, 4
         rfi 2
         .org 0x40081580
         s32i a2, a3, 0xdc
         addi a5, a5, 1
         s32i a5, a8, 4
         s32i a6, a3, 0xe0
         rfi 2
)";

TEST_F(SchedulerTest, ACoreThatWakesTheOtherAndPollsIsAnsweredSoon) {
  boot(kWakeTurn + R"(
         rsil a4, 2
wait:    l32i a4, a8, 4
         bne a4, a6, wait
)" + kWakeRest);
  run_to(20'000'000);
  EXPECT_EQ(word(kSeen), 100u);
  ASSERT_NE(word(kDone), 0u);
  EXPECT_LT(word(kDone), 100u * 200) << "cycles";
}

TEST_F(SchedulerTest, CoresThatWakeEachOtherAndSleepLoseNoTime) {
  boot(kWakeTurn + R"(
wait:    rsil a4, 2
         l32i a4, a8, 4
         beq a4, a6, seen
         waiti 0
         j wait
seen:    rsil a4, 0
)" + kWakeRest);
  run_to(20'000'000);
  EXPECT_EQ(word(kSeen), 100u);
  ASSERT_NE(word(kDone), 0u);
  EXPECT_LT(word(kDone), 100u * 200) << "cycles";
}

// A core in ets_delay_us() goes round in a small loop, but what it waits for is no other's to bring about.
TEST_F(SchedulerTest, WhoWaitsForTimeAloneLeavesTheOtherItsTurns) {
  const std::string work = forty("addi a5, a5, 1\n");
  boot("movi a5, 0\ncount: " + work + R"(
         l32i a4, a8, 12
         beqz a4, count
         s32i a5, a8, 4
stay:    j stay
         .align 4
delay:   .word 0x40008534          # ets_delay_us
app:     l32r a2, ram
         movi a6, 1
         s32i a6, a2, 8
         l32r a3, delay
         movi a10, 2000
         rsr.ccount a4
         callx8 a3
         rsr.ccount a5
         sub a5, a5, a4
         s32i a5, a2, 12
stay2:   j stay2
)");
  run_to(1'000'000);
  const std::uint32_t cycles = word(kDone);
  constexpr std::uint32_t kTicksPerUs = 13;  // what the ROM knows of the APP CPU's clock
  ASSERT_GE(cycles, 2000 * kTicksPerUs);
  EXPECT_LT(cycles, 2000 * kTicksPerUs + 100);
  const std::uint64_t executed = machine_->core(1).instructions();
  EXPECT_GE(executed, cycles) << "an instruction takes a cycle";
  run_to(executed);
  const SchedulerStats& stats = machine_->scheduler().stats();
  EXPECT_LT(stats.polling_turns, 300u);
  // What the other core has done in that time.
  machine_->run_round();
  EXPECT_GT(word(kSeen), cycles * 9 / 10);
}

TEST_F(SchedulerTest, TheSharesRepeatExactly) {
  const std::string program = R"(
         movi a5, 100
         slli a5, a5, 8
count:   addi a5, a5, -1
         l32i a4, a8, 4
         bnez a5, count
)" + kApp + R"(
         movi a5, 0
up:      addi a5, a5, 1
         s32i a5, a8, 4
         l32i a4, a8, 0
         beqz a4, up
stay2:   j stay2
)";
  boot(program);
  run_to(1'000'000);
  const auto first = std::pair(machine_->core(0).instructions(), machine_->core(1).instructions());
  const std::uint32_t seen = word(kSeen);
  boot(program);
  run_to(1'000'000);
  EXPECT_EQ(first, std::pair(machine_->core(0).instructions(), machine_->core(1).instructions()));
  EXPECT_EQ(seen, word(kSeen));
}

}  // namespace
}  // namespace espalier::esp32
