#include "esp32/debug_port.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <memory>

#include "esp32/guest_program_test_support.h"
#include "esp32/machine.h"

namespace espalier::esp32 {
namespace {

using testing_support::kEntry;
using xtensa::Engine;
using xtensa::testing::assemble;

constexpr std::uint32_t kData = kSram2 + 0x10000;
constexpr std::uint32_t kCode = kSram0 + 0x8000;

class DebugPortTest : public ::testing::TestWithParam<Engine> {
 protected:
  DebugPortTest() {
    MachineOptions options;
    options.rom = std::make_shared<SharedRom>(rom::Rom());
    options.flash = testing_support::flash_with("self: j self");
    options.psram_size = 2 * kMiB;
    options.clock = ClockMode::kWarp;
    options.engine = GetParam();
    machine = Machine::create(options).value();
    for (unsigned cpu = 0; cpu < 2; ++cpu) machine->core(cpu).set_jit_threshold(1);
    machine->debug().attach(
        [this](std::span<const DebugStop> told) { stops.assign(told.begin(), told.end()); });
    while (machine->core(0).state().pc != kEntry && machine->clock().now() < base::kTicksPerSecond)
      if (machine->run_round() == Machine::Progress::kIdle) machine->skip_idle();
    EXPECT_EQ(machine->core(0).state().pc, kEntry);
  }
  // Puts code into IRAM and lets core `cpu` run it, with a3 = kData. No interrupts.
  void start(unsigned cpu, std::string_view program, std::uint32_t at = kCode) {
    EXPECT_TRUE(testing_support::start_at(*machine, cpu, program, at, kData));
  }
  bool run_to_stop(int rounds = 1000) {
    stops.clear();
    for (unsigned cpu = 0; cpu < 2; ++cpu) machine->debug().hold(cpu, false);
    while (stops.empty() && rounds-- > 0) machine->run_round();
    return !stops.empty();
  }
  std::uint32_t word(std::uint32_t address, unsigned cpu = 0) {
    std::array<std::uint8_t, 4> bytes{};
    EXPECT_EQ(machine->peek(cpu, address, bytes), 4u) << std::hex << address;
    std::uint32_t value;
    std::memcpy(&value, bytes.data(), 4);
    return value;
  }
  void expect_stop(unsigned cpu, DebugStop::Kind kind, std::uint32_t pc) {
    ASSERT_EQ(stops.size(), 1u);
    EXPECT_EQ(stops[0].cpu, cpu);
    EXPECT_EQ(stops[0].kind, kind);
    EXPECT_EQ(machine->core(cpu).state().pc, pc);
  }

  std::unique_ptr<Machine> machine;
  std::vector<DebugStop> stops;
};

constexpr std::string_view kStores = "again: addi a2, a2, 1; s32i a2, a3, 8; l32i a4, a3, 8; j again";

TEST_P(DebugPortTest, BreakpointsOnBothCores) {
  start(0, "again: addi a2, a2, 1; j again");
  start(1, "again: addi a2, a2, 1; nop; j again", kCode + 0x1000);
  EXPECT_FALSE(run_to_stop(20));
  machine->debug().set_breakpoint(kCode + 0x1003, true);
  for (int n = 0; n < 5; ++n) {
    ASSERT_TRUE(run_to_stop());
    expect_stop(1, DebugStop::Kind::kBreakpoint, kCode + 0x1003);
    EXPECT_TRUE(machine->debug().held(1));
    EXPECT_FALSE(machine->debug().held(0));
  }
  machine->debug().set_breakpoint(kCode + 0x1003, false);
  machine->debug().set_breakpoint(kCode + 3, true);
  ASSERT_TRUE(run_to_stop());
  expect_stop(0, DebugStop::Kind::kBreakpoint, kCode + 3);
}

TEST_P(DebugPortTest, ACoreThatIsSteppedDoesNotStarveTheOther) {
  start(0, "again: addi a2, a2, 1; j again");
  start(1, "again: addi a2, a2, 1; j again", kCode + 0x1000);
  for (const unsigned stepped : {0u, 1u}) {
    std::array<std::uint32_t, 2> before{};
    for (unsigned cpu = 0; cpu < 2; ++cpu) before[cpu] = machine->core(cpu).a(2);
    for (int n = 0; n < 200; ++n) {
      machine->debug().step(stepped);
      ASSERT_TRUE(run_to_stop());
      ASSERT_EQ(stops[0].kind, DebugStop::Kind::kStep);
    }
    EXPECT_EQ(machine->core(stepped).a(2), before[stepped] + 100);
    EXPECT_NEAR(machine->core(1 - stepped).a(2), before[1 - stepped] + 100, 2);
  }
}

TEST_P(DebugPortTest, ACoreThatIsHeldStandsStill) {
  start(0, "again: addi a2, a2, 1; j again");
  start(1, "again: addi a2, a2, 1; j again", kCode + 0x1000);
  machine->debug().hold(0, true);
  for (int n = 0; n < 10; ++n) machine->run_round();
  EXPECT_EQ(machine->core(0).a(2), 0u);
  EXPECT_GT(machine->core(1).a(2), 100u);
  machine->debug().detach();
  for (int n = 0; n < 10; ++n) machine->run_round();
  EXPECT_GT(machine->core(0).a(2), 100u);
}

TEST_P(DebugPortTest, AWatchedStoreStopsBehindIt) {
  start(0, kStores);
  EXPECT_FALSE(run_to_stop(20));  // hot
  machine->debug().set_watchpoints({{kData + 8, 4, false, true}});
  std::uint32_t last = machine->core(0).a(2);
  for (int n = 0; n < 5; ++n) {
    ASSERT_TRUE(run_to_stop());
    expect_stop(0, DebugStop::Kind::kWatchpoint, kCode + 6);
    EXPECT_EQ(stops[0].address, kData + 8);
    EXPECT_EQ(word(kData + 8), machine->core(0).a(2));
    EXPECT_LE(machine->core(0).a(2), last + 1);
    last = machine->core(0).a(2);
  }
  // Beside it, on the same page: no stop, and the store is done.
  machine->debug().set_watchpoints({{kData + 12, 4, false, true}});
  EXPECT_FALSE(run_to_stop(20));
  machine->debug().set_watchpoints({});
  EXPECT_FALSE(run_to_stop(20));
  EXPECT_GT(word(kData + 8), last + 1000);
}

TEST_P(DebugPortTest, AWatchedLoadAndAccess) {
  start(1, kStores);
  machine->debug().hold(0, true);
  for (int n = 0; n < 20; ++n) machine->run_round();  // hot
  machine->debug().set_watchpoints({{kData + 11, 1, true, false}});
  ASSERT_TRUE(run_to_stop());
  expect_stop(1, DebugStop::Kind::kWatchpoint, kCode + 9);
  EXPECT_EQ(machine->core(1).a(4), machine->core(1).a(2));  // the load is done
  machine->debug().set_watchpoints({{kData + 8, 1, true, true}});
  ASSERT_TRUE(run_to_stop());
  expect_stop(1, DebugStop::Kind::kWatchpoint, kCode + 6);
  ASSERT_TRUE(run_to_stop());
  expect_stop(1, DebugStop::Kind::kWatchpoint, kCode + 9);
}

TEST_P(DebugPortTest, WatchedMemoryStillReadsAndWritesAsBefore) {
  // Code, ROM, and external RAM as it is without a cache.
  start(0, "again: l32r a2, 0x40077ffc; l32i a5, a4, 0; j again");
  machine->core(0).set_a(4, kRomCode + 0x400);
  EXPECT_FALSE(run_to_stop(20));
  machine->debug().set_watchpoints({{kCode - 4, 4, true, true}});
  ASSERT_TRUE(run_to_stop());
  expect_stop(0, DebugStop::Kind::kWatchpoint, kCode + 3);
  machine->debug().set_watchpoints({{kRomCode + 0x402, 1, true, false}, {kRomData + 4, 4, true, false}});
  ASSERT_TRUE(run_to_stop());
  expect_stop(0, DebugStop::Kind::kWatchpoint, kCode + 6);
  EXPECT_EQ(machine->core(0).a(5), word(kRomCode + 0x400));
  (void)word(kRomData + 4);
}

TEST_P(DebugPortTest, AWatchedRegister) {
  start(0, "again: s32i a2, a3, 0; j again");
  machine->core(0).set_a(3, 0x3ff44004);  // GPIO_OUT_REG
  machine->core(0).set_a(2, 0x5a);
  machine->debug().set_watchpoints({{0x3ff44004, 4, false, true}});
  ASSERT_TRUE(run_to_stop());
  expect_stop(0, DebugStop::Kind::kWatchpoint, kCode + 3);
  EXPECT_EQ(word(0x3ff44004), 0x5au);
}

TEST_P(DebugPortTest, ABreakInstructionStopsAtItOnce) {
  start(0, "addi a2, a2, 1; break 1, 15; addi a2, a2, 1; self: j self");
  ASSERT_TRUE(run_to_stop());
  expect_stop(0, DebugStop::Kind::kInstruction, kCode + 3);
  EXPECT_FALSE(run_to_stop(5));
  EXPECT_EQ(machine->core(0).a(2), 2u);
  EXPECT_EQ(machine->core(0).state().pc, kCode + 9);
  // With nobody there it is the guest's.
  machine->debug().detach();
  machine->core(0).state().pc = kCode + 3;
  machine->run_round();
  EXPECT_EQ(machine->core(0).state().debugcause, xtensa::kDebugBreak);
}

TEST_P(DebugPortTest, MemoryAsACoreSeesIt) {
  // SRAM1's words are in reversed order on the instruction bus.
  const std::vector<std::uint8_t> bytes = {1, 2, 3, 4, 5, 6, 7, 8};
  EXPECT_EQ(machine->debug().write(0, kSram1Code, bytes), 8u);
  EXPECT_EQ(word(kSram1Code + 4), 0x08070605u);
  EXPECT_EQ(word(kSram1Data + kSram1Size - 4), 0x04030201u);
  // RTC fast memory is the PRO CPU's.
  std::array<std::uint8_t, 8> out{};
  EXPECT_EQ(machine->peek(0, kRtcFastData, out), 8u);
  EXPECT_EQ(machine->peek(1, kRtcFastData, out), 0u);
  // Up to where something is.
  EXPECT_EQ(machine->peek(0, kRtcSlow + kRtcSlowSize - 3, out), 3u);
  EXPECT_EQ(machine->peek(0, 0, out), 0u);
  EXPECT_EQ(machine->peek(0, 0xfffffffc, out), 0u);
  EXPECT_EQ(machine->debug().write(0, kSram2 + kSram2Size + kSram1Size - 2, bytes), 2u);
  // ROM and flash are not to be written.
  EXPECT_EQ(machine->debug().write(0, kRomCode, bytes), 0u);
  EXPECT_EQ(machine->debug().write(0, kDromBase, bytes), 0u);
}

TEST_P(DebugPortTest, WrittenCodeIsWhatRunsNext) {
  start(0, "again: addi a2, a2, 1; j again");
  EXPECT_FALSE(run_to_stop(20));
  const std::uint32_t before = machine->core(0).a(2);
  const auto code = assemble("addi a2, a2, 0", kCode).bytes;
  EXPECT_EQ(machine->debug().write(1, kCode, code), code.size());
  EXPECT_FALSE(run_to_stop(20));
  EXPECT_LE(machine->core(0).a(2), before + 1);
}

INSTANTIATE_TEST_SUITE_P(Engines, DebugPortTest, ::testing::Values(Engine::kInterpreter, Engine::kJit),
                         [](const auto& engine) {
                           return engine.param == Engine::kJit ? "Translated" : "Interpreted";
                         });

}  // namespace
}  // namespace espalier::esp32
