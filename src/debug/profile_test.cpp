#include "debug/profile.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <sstream>

#include "esp32/guest_program_test_support.h"

namespace espalier::debug {
namespace {

using ::testing::HasSubstr;

// main calls short, which goes round some times, and long, which goes round three times as often; then, ten
// calls deep, leaf. Then it waits for ever.
constexpr std::string_view kProgram = R"(
    main:
      entry a1, 32
      movi a3, 20
      movi a4, 957
    again:
      slli a10, a4, 5
      call8 short
      slli a10, a4, 5
      call8 long
      addi a3, a3, -1
      bnez a3, again
      movi a10, 10
      call8 deep
      movi a2, 0
      wsr.intenable a2
    wait:
      waiti 0
      j wait
      .align 4
    short:
      entry a1, 32
    short_loop:
      addi a2, a2, -1
      bnez a2, short_loop
      retw
      .align 4
    long:
      entry a1, 32
      or a3, a2, a2
      add a2, a2, a3
      add a2, a2, a3
    long_loop:
      addi a2, a2, -1
      bnez a2, long_loop
      retw
      .align 4
    deep:
      entry a1, 48
      beqz a2, bottom
      addi a10, a2, -1
      call8 deep
      retw
    bottom:
      call8 leaf
      retw
      .align 4
    leaf:
      entry a1, 32
      movi a2, 2000
      slli a2, a2, 7
    leaf_loop:
      addi a2, a2, -1
      bnez a2, leaf_loop
      retw
)";

class ProfileTest : public ::testing::TestWithParam<xtensa::Engine> {
 protected:
  ProfileTest() {
    esp32::MachineOptions options;
    options.rom = std::make_shared<esp32::SharedRom>(rom::Rom());
    options.flash = esp32::testing_support::flash_with(kProgram);
    options.clock = esp32::ClockMode::kWarp;
    options.engine = GetParam();
    machine = esp32::Machine::create(options).value();
    const auto program = xtensa::testing::assemble(kProgram, esp32::testing_support::kEntry);
    for (const char* name : {"main", "short", "long", "deep", "leaf"}) functions[program.at(name)] = name;
    end = program.end();
  }
  std::string name_of(std::uint32_t address) const {
    const auto after = functions.upper_bound(address);
    return after == functions.begin() || address >= end ? std::string() : std::prev(after)->second;
  }
  std::unique_ptr<Profile> profile(std::optional<FreeRtosSymbols> symbols = {}) {
    return std::make_unique<Profile>(
        *machine, [this](std::uint32_t address) { return name_of(address); }, symbols);
  }
  void run_ms(std::uint64_t ms) {
    const base::Ticks until = machine->clock().now() + ms * base::kTicksPerMillisecond;
    while (machine->clock().now() < until)
      if (machine->run_round() == esp32::Machine::Progress::kIdle && !machine->skip_idle()) break;
  }
  // The microseconds of each stack.
  static std::map<std::string, double> parsed(const std::string& folded) {
    std::map<std::string, double> times;
    std::istringstream lines(folded);
    for (std::string line; std::getline(lines, line);) {
      const std::size_t space = line.rfind(' ');
      times[line.substr(0, space)] = std::stod(line.substr(space));
    }
    return times;
  }

  std::unique_ptr<esp32::Machine> machine;
  std::map<std::uint32_t, std::string> functions;
  std::uint32_t end = 0;
};

TEST_P(ProfileTest, TimeGoesToTheFunctionsThatTakeIt) {
  const auto profiled = profile();
  run_ms(200);  // before a watchdog begins it all again
  const auto times = parsed(profiled->folded());
  ASSERT_TRUE(times.contains("PRO CPU;main;short")) << profiled->folded();
  ASSERT_TRUE(times.contains("PRO CPU;main;long")) << profiled->folded();
  EXPECT_NEAR(times.at("PRO CPU;main;long") / times.at("PRO CPU;main;short"), 3, 0.3);
  EXPECT_THAT(profiled->summary(3), HasSubstr("leaf"));
}

// Eleven frames and more have been spilled to the stack by then.
TEST_P(ProfileTest, FindsCallersWhoseWindowsAreSpilled) {
  const auto profiled = profile();
  run_ms(200);  // before a watchdog begins it all again
  std::string stack = "PRO CPU;main";
  for (int n = 0; n < 11; ++n) stack += ";deep";
  const auto times = parsed(profiled->folded());
  ASSERT_TRUE(times.contains(stack + ";leaf")) << profiled->folded();
  // 256,000 times two instructions at the crystal's 40 MHz.
  const double cycle = 1e6 / machine->clock().cpu_frequency();
  EXPECT_NEAR(times.at(stack + ";leaf"), 512'000 * cycle, 500);  // a turn is 20,000 cycles
}

// Nothing is lost: what a core executed and what it waited is the time that has passed.
TEST_P(ProfileTest, TheTimesAddUp) {
  const auto profiled = profile();
  run_ms(3000);
  double all = 0;
  for (const auto& [stack, us] : parsed(profiled->folded()))
    if (stack.starts_with("PRO CPU")) all += us;
  const double passed = static_cast<double>(machine->clock().now()) / base::kTicksPerMicrosecond;
  EXPECT_NEAR(all, passed, passed * 0.01);
  EXPECT_TRUE(parsed(profiled->folded()).contains("PRO CPU;(waits)"));
}

TEST_P(ProfileTest, TasksAreNamed) {
  constexpr std::uint32_t kPointer = 0x3ffb1000, kTcb = 0x3ffb1100;
  const auto profiled = profile(FreeRtosSymbols{.current_tcbs = kPointer, .cores = 1});
  run_ms(20);  // the ROM has come to main, and clears no memory behind our back
  const std::uint32_t tcb = kTcb;
  std::memcpy(machine->memory().writable(0, kPointer, 4), &tcb, 4);
  std::memcpy(machine->memory().writable(0, kTcb + 0x34, 6), "httpd", 6);
  run_ms(200);  // before a watchdog begins it all again
  EXPECT_THAT(profiled->folded(), HasSubstr("PRO CPU;task httpd;main;long "));
}

INSTANTIATE_TEST_SUITE_P(Engines, ProfileTest,
                         ::testing::Values(xtensa::Engine::kInterpreter, xtensa::Engine::kJit),
                         [](const auto& the) {
                           return the.param == xtensa::Engine::kJit ? "Translated" : "Interpreted";
                         });

}  // namespace
}  // namespace espalier::debug
