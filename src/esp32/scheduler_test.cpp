// Both cores of a machine in warp: how they share its time.
#include "esp32/scheduler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "esp32/guest_program_test_support.h"
#include "esp32/machine.h"

namespace espalier::esp32 {
namespace {

constexpr std::uint32_t kFlag = 0x3ffb0000, kSeen = 0x3ffb0004, kDone = 0x3ffb000c;

// The PRO CPU turns its watchdogs off, starts the APP CPU at `app` and waits until it is there; then comes
// the test's part. a8 points to the words above: flag, seen, ready, done.
const std::string kStart = R"(
         j start
         .align 4
dport:   .word 0x3ff00000
timg0:   .word 0x3ff5f048
rtcwdt:  .word 0x3ff4808c
key:     .word 0x50d83aa1
ram:     .word 0x3ffb0000
app_at:  .word app
start:   entry a1, 32
         movi a2, 0
         wsr.intenable a2
         l32r a10, key
         l32r a3, timg0
         s32i a10, a3, 0x1c        # TIMG_WDTWPROTECT
         s32i a2, a3, 0            # TIMG_WDTCONFIG0
         l32r a3, rtcwdt
         s32i a10, a3, 0x18        # RTC_CNTL_WDTWPROTECT
         s32i a2, a3, 0            # RTC_CNTL_WDTCONFIG0
         l32r a8, ram
         s32i a2, a8, 0
         s32i a2, a8, 4
         s32i a2, a8, 8
         s32i a2, a8, 12
         l32r a3, dport
         l32r a4, app_at
         s32i a4, a3, 0x38         # APPCPU_CTRL_D: where it goes on
         movi a4, 1
         s32i a4, a3, 0x30         # APPCPU_CTRL_B: its clock
         s32i a2, a3, 0x34         # APPCPU_CTRL_C: not stalled
         s32i a2, a3, 0x2c         # APPCPU_CTRL_A: out of reset
ready:   l32i a4, a8, 8
         beqz a4, ready
)";

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
  std::unique_ptr<Machine> machine_;
};

// What ESP-IDF's esp_dport_access_stall_other_cpu_end() and the next call's start do: a flag that the other
// core polls is up for some dozens of instructions only.
TEST_F(SchedulerTest, ACoreThatSpinsSeesAFlagThatIsSoonDownAgain) {
  std::string busy;
  for (int i = 0; i < 40; ++i) busy += "addi a9, a9, 1\n";
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
over:    s32i a6, a8, 12
stay:    j stay
app:     l32r a8, ram
         movi a6, 1
         movi a5, 0
         s32i a6, a8, 8
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

TEST_F(SchedulerTest, ACoreThatSpinsLeavesItsTimeToTheOther) {
  boot(R"(
         movi a5, 200
         slli a5, a5, 10
count:   addi a5, a5, -1
         bnez a5, count
         movi a6, 1
         s32i a6, a8, 12
stay:    j stay
app:     l32r a8, ram
         movi a6, 1
         s32i a6, a8, 8
up:      memw
         l32i a4, a8, 0
         beqz a4, up
stay2:   j stay2
)");
  run_to(20'000'000);
  ASSERT_EQ(word(kDone), 1u);
  EXPECT_LT(machine_->core(1).instructions(), 120'000u)
      << "a round of its loop for 24 instructions of the other";
}

TEST_F(SchedulerTest, StraightCodeHasLongTurns) {
  std::string straight;
  for (int i = 0; i < 40; ++i) straight += "addi.n a9, a9, 1\n";
  boot(R"(
         movi a5, 100
         slli a5, a5, 7
         movi a6, 1
count:   addi a5, a5, -1
)" + straight +
       R"(
         bnez a5, count
         s32i a6, a8, 12
stay:    j stay
app:     l32r a8, ram
         movi a6, 1
         s32i a6, a8, 8
up:
)" + straight +
       R"(
         j up
)");
  run_to(20'000'000);
  ASSERT_EQ(word(kDone), 1u);
  EXPECT_LT(machine_->scheduler().stats().turns, 2'500u);
}

TEST_F(SchedulerTest, TheSharesRepeatExactly) {
  const std::string program = R"(
         movi a5, 100
         slli a5, a5, 8
count:   addi a5, a5, -1
         l32i a4, a8, 4
         bnez a5, count
         s32i a6, a8, 12
stay:    j stay
app:     l32r a8, ram
         movi a6, 1
         movi a5, 0
         s32i a6, a8, 8
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
