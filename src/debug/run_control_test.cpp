#include "debug/run_control.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "esp32/guest_program_test_support.h"

namespace espalier::debug {
namespace {

using esp32::Machine;
using testing::ElementsAre;

// Counts in a2, or resets the chip where `reset` says so.
class RunControlTest : public testing::Test {
 protected:
  void start(std::string_view program, bool paused) {
    esp32::MachineOptions options;
    options.rom = std::make_shared<esp32::SharedRom>(rom::Rom());
    options.flash = esp32::testing_support::flash_with(program);
    options.clock = esp32::ClockMode::kWarp;
    machine = Machine::create(options).value();
    control = std::make_unique<RunControl>(*machine, paused);
    watch = control->observe([this](RunEvent event) { events.push_back(event); });
  }
  // As whoever drives the machine does.
  void run(int rounds) {
    for (int i = 0; i < rounds && control->running(); ++i)
      if (machine->run_round() == Machine::Progress::kIdle) machine->skip_idle();
  }

  std::unique_ptr<Machine> machine;
  std::unique_ptr<RunControl> control;
  std::shared_ptr<void> watch;
  std::vector<RunEvent> events;
};

constexpr std::string_view kCount = R"(
  movi a2, 0
again:
  addi a2, a2, 1
  j again
)";

// RTC_CNTL_OPTIONS0_REG: SW_SYS_RST.
constexpr std::string_view kReset = R"(
  movi a2, 0x3ff
  slli a2, a2, 20
  movi a3, 0x48
  slli a3, a3, 12
  or a2, a2, a3
  movi a3, 1
  slli a3, a3, 31
  s32i a3, a2, 0
again:
  j again
)";

TEST_F(RunControlTest, PausesResumesAndTells) {
  start(kCount, false);
  run(3);
  const std::uint64_t before = machine->instructions();
  EXPECT_GT(before, 0u);
  control->pause();
  control->pause();
  EXPECT_EQ(control->state(), RunState::kPaused);
  run(3);
  EXPECT_EQ(machine->instructions(), before);
  control->resume();
  control->resume();
  run(3);
  EXPECT_GT(machine->instructions(), before);
  EXPECT_THAT(events, ElementsAre(RunEvent::kStop, RunEvent::kResume));
}

TEST_F(RunControlTest, APausedStartIsPrelaunchUntilItResumes) {
  start(kCount, true);
  EXPECT_EQ(run_state_name(control->state()), "prelaunch");
  run(3);
  EXPECT_EQ(machine->instructions(), 0u);
  control->resume();
  run(1);
  EXPECT_GT(machine->instructions(), 0u);
  control->pause(RunState::kDebug);
  EXPECT_EQ(run_state_name(control->state()), "debug");
}

TEST_F(RunControlTest, ResetsARunningAndAPausedMachine) {
  start(kCount, false);
  run(20);
  control->system_reset();
  run(1);
  EXPECT_EQ(machine->resets(), 1u);
  control->pause();
  control->system_reset();
  EXPECT_EQ(machine->resets(), 2u);
  EXPECT_EQ(machine->core(0).state().pc, xtensa::kResetVector);
  EXPECT_EQ(machine->chip().rtc_cntl.reset_cause(0), devices::ResetCause::kPowerOn);
  EXPECT_THAT(events, ElementsAre(RunEvent::kReset, RunEvent::kStop, RunEvent::kReset));
}

TEST_F(RunControlTest, AFirmwaresResetIsToldApartAndMayEndTheMachine) {
  start(kReset, false);
  for (int i = 0; i < 10'000 && machine->resets() < 2; ++i) run(1);
  EXPECT_THAT(events, ElementsAre(RunEvent::kGuestReset, RunEvent::kGuestReset));
  control->no_reboot(true);
  const std::uint64_t resets = machine->resets();
  run(10'000);
  EXPECT_EQ(control->state(), RunState::kShutdown);
  EXPECT_EQ(machine->resets(), resets + 1);
  EXPECT_THAT(events, ElementsAre(RunEvent::kGuestReset, RunEvent::kGuestReset, RunEvent::kGuestShutdown));
  control->resume();
  EXPECT_EQ(control->state(), RunState::kShutdown) << "for good";
}

TEST_F(RunControlTest, NoShutdownPausesInstead) {
  start(kCount, false);
  control->no_shutdown(true);
  control->shut_down();
  EXPECT_EQ(control->state(), RunState::kPaused);
  EXPECT_THAT(events, ElementsAre(RunEvent::kStop, RunEvent::kShutdown));
  control->no_shutdown(false);
  control->shut_down();
  EXPECT_EQ(control->state(), RunState::kShutdown);
}

TEST_F(RunControlTest, AnObserverThatIsGoneHearsNothing) {
  start(kCount, false);
  watch.reset();
  control->pause();
  EXPECT_TRUE(events.empty());
}

}  // namespace
}  // namespace espalier::debug
