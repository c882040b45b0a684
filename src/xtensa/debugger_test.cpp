// Breakpoints and steps of a debugger on the host, by both engines.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "xtensa/testing/vector_machine.h"

namespace espalier::xtensa {
namespace {

using testing::kCode;
using testing::kData;
using testing::kVectors;

class DebuggerTest : public ::testing::TestWithParam<Engine>, public testing::VectorMachine {
 protected:
  DebuggerTest() {
    core.set_jit_threshold(1);
    (void)core.set_engine(GetParam());  // where there is no translator both are the interpreter
    machine.on_debugger_stop = [this](Core& at, DebuggerEvent event) {
      events.push_back(event);
      pcs.push_back(at.state().pc);
    };
  }
  // One step, in as many turns as it takes. False if the core has not come to the end of it.
  bool step(std::uint64_t budget = 1000) {
    const std::size_t before = events.size();
    core.step();
    const Stop stop = core.run(budget);
    if (events.size() == before) return false;
    EXPECT_EQ(stop, Stop::kRequested);
    EXPECT_EQ(events.back(), DebuggerEvent::kStep);
    EXPECT_EQ(pcs.back(), state.pc);
    return true;
  }

  std::vector<DebuggerEvent> events;
  std::vector<std::uint32_t> pcs;
};

TEST_P(DebuggerTest, ABreakpointStopsBeforeTheInstructionEachTime) {
  machine.load_program("again: addi a2, a2, 1; addi a3, a3, 1; j again");
  core.run(3000);  // hot by now
  EXPECT_EQ(core.a(3), 1000u);
  core.set_breakpoint(kCode + 3, true);
  EXPECT_EQ(core.run(3000), Stop::kRequested);
  EXPECT_EQ(core.a(2), 1001u);
  EXPECT_EQ(core.a(3), 1000u);
  EXPECT_EQ(state.pc, kCode + 3);
  EXPECT_EQ(core.instructions(), 3001u);
  for (unsigned turn = 1; turn < 10; ++turn) {
    EXPECT_EQ(core.run(3000), Stop::kRequested);
    EXPECT_EQ(core.a(3), 1000 + turn);
    EXPECT_EQ(core.instructions(), 3001 + 3 * turn);
  }
  EXPECT_EQ(events, std::vector(10, DebuggerEvent::kBreakpoint));
  core.set_breakpoint(kCode + 3, false);
  EXPECT_EQ(core.run(3000), Stop::kBudget);
  EXPECT_EQ(core.a(3), 2009u);
  // Nothing of it can be seen in the state.
  EXPECT_EQ(state.debugcause, 0u);
  EXPECT_EQ(state.ibreakenable, 0u);
}

TEST_P(DebuggerTest, ABreakpointIsNoPartOfTheGuestsMemory) {
  machine.load_program("addi a2, a2, 1; l32r a3, 0x40080000; addi a2, a2, 1");
  const std::uint32_t word = machine.read32(kCode);
  core.set_breakpoint(kCode, true);
  core.run(1);
  core.run(2);
  EXPECT_EQ(core.a(3), word);
}

TEST_P(DebuggerTest, CodeBesideABreakpointStaysTranslated) {
  machine.load_program(R"(
    outer: movi a2, 0
    inner: addi a2, a2, 1
    blti a2, 64, inner
    addi a3, a3, 1
    j outer
    never: nop)");
  core.run(30'000);
  const EngineStats before = core.engine_stats();
  core.set_breakpoint(kCode + 17, true);
  core.run(30'000);
  EngineStats after = core.engine_stats();
  EXPECT_EQ(after.flushes, before.flushes);
  EXPECT_EQ(after.translated_regions, before.translated_regions);
  EXPECT_TRUE(events.empty());
  // One where the outer loop comes by: the inner one is translated without it.
  core.set_breakpoint(kCode + 3 + 3 + 3, true);
  for (int n = 0; n < 20; ++n) EXPECT_EQ(core.run(30'000), Stop::kRequested);
  EXPECT_EQ(events.size(), 20u);
  after = core.engine_stats();
  if (core.engine() == Engine::kJit) {
    EXPECT_GT(after.translated_regions, before.translated_regions);
  }
}

TEST_P(DebuggerTest, ABreakpointBehindEntry) {
  machine.load_program(R"(
    again: call8 function
    j again
    .align 4
    function: entry a1, 32
    addi a2, a2, 1
    retw)");
  core.run(2000);
  const std::uint32_t body = kCode + 8 + 3;
  core.set_breakpoint(body, true);
  for (int n = 0; n < 5; ++n) {
    EXPECT_EQ(core.run(2000), Stop::kRequested);
    EXPECT_EQ(state.pc, body);
    EXPECT_EQ(state.windowbase, 2u);
  }
}

TEST_P(DebuggerTest, ABreakpointAtANativeFunction) {
  const std::uint32_t native = kCode + 0x100;
  machine.native_pcs = {native};
  machine.native = [](Core& at, std::uint32_t) {
    at.set_window_relative(10, 7);
    at.state().pc = (at.window_relative(8) & 0x3fffffff) | 0x40000000;
  };
  machine.load_program("again: call8 0x40080100; addi a2, a2, 1; j again");
  core.run(3000);
  const std::uint32_t before = core.a(2);
  core.set_breakpoint(native, true);
  for (std::uint32_t n = 0; n < 5; ++n) {
    EXPECT_EQ(core.run(3000), Stop::kRequested);
    EXPECT_EQ(state.pc, native);
    EXPECT_EQ(core.a(2), before + n);
  }
  core.set_breakpoint(native, false);
  EXPECT_EQ(core.run(400), Stop::kBudget);
  EXPECT_EQ(events.size(), 5u);
}

TEST_P(DebuggerTest, AStepIsOneInstruction) {
  machine.load_program("addi a2, a2, 1; j over; addi a2, a2, 1; over: addi.n a3, a3, 1; addi a2, a2, 1");
  for (const std::uint32_t pc : {3u, 9u, 11u, 14u}) {
    EXPECT_TRUE(step());
    EXPECT_EQ(state.pc, kCode + pc);
  }
  EXPECT_EQ(core.a(2), 2u);
  EXPECT_EQ(core.instructions(), 4u);
  EXPECT_EQ(state.icount, 0u);
}

TEST_P(DebuggerTest, AStepFromABreakpointAndToOne) {
  machine.load_program("addi a2, a2, 1; addi a2, a2, 1; addi a2, a2, 1; addi a2, a2, 1");
  for (const std::uint32_t pc : {0u, 3u, 6u}) core.set_breakpoint(kCode + pc, true);
  EXPECT_TRUE(step());
  EXPECT_EQ(state.pc, kCode + 3);
  EXPECT_TRUE(step());
  EXPECT_EQ(state.pc, kCode + 6);
  // The debugger knows where it is: going on does not report the breakpoint again.
  EXPECT_EQ(core.run(2), Stop::kBudget);
  EXPECT_EQ(core.a(2), 4u);
}

TEST_P(DebuggerTest, AStepAtTheEndOfALoopGoesBack) {
  machine.load_program("movi a2, 2; loop a2, end; addi a3, a3, 1; nop; end: addi a4, a4, 1");
  std::vector<std::uint32_t> way;
  while (core.a(4) == 0) {
    ASSERT_TRUE(step());
    way.push_back(state.pc - kCode);
  }
  EXPECT_EQ(way, (std::vector<std::uint32_t>{3, 6, 9, 6, 9, 12, 15}));
}

TEST_P(DebuggerTest, AStepOverEntryAndReturnGoesThroughTheWindowHandlers) {
  // Deep enough that ENTRY overflows, and RETW underflows on the way back.
  machine.load_program(R"(
    movi a10, 8
    call8 function
    done: j done
    .align 4
    function: entry a1, 32
    beqz a2, leave
    addi a10, a2, -1
    call8 function
    leave: retw)");
  const std::uint32_t function = kCode + 12;
  machine.write32(core.a(1) - 12, kData + 0x1800);  // the outermost frame's caller
  unsigned overflows = 0, underflows = 0;
  for (int n = 0; n < 200 && state.pc != kCode + 6; ++n) {
    const std::uint64_t before = core.instructions();
    const std::uint32_t pc = state.pc;
    const std::uint32_t a0 = core.a(0);
    ASSERT_TRUE(step());
    if (core.instructions() == before + 1) continue;
    if (pc == function + 12) {  // RETW
      ++underflows;
      EXPECT_EQ(state.pc & 0x3fffffff, a0 & 0x3fffffff);
    } else {
      ++overflows;
      EXPECT_EQ(state.pc, pc + 3);
    }
  }
  EXPECT_EQ(state.pc, kCode + 6);
  EXPECT_GT(overflows, 0u);
  EXPECT_EQ(underflows, overflows);
}

TEST_P(DebuggerTest, AnInterruptThatComesFirstIsHandledToItsEnd) {
  machine.load_program("addi a2, a2, 1; addi a2, a2, 1; addi a2, a2, 1; addi a2, a2, 1");
  // Level 2; its handler counts in MISC0.
  machine.load_program(
      "wsr.excsave2 a4; rsr.misc0 a4; addi a4, a4, 1; wsr.misc0 a4; movi a4, -1;"
      "wsr.intclear a4; rsr.excsave2 a4; rfi 2",
      kVectors + kVecLevel2);
  state.pc = kCode;
  state.intenable = 1u << 19;
  EXPECT_TRUE(step());
  machine.core().set_interrupt(19, true);
  machine.on_debugger_stop = nullptr;
  // The wire is level-triggered: let go once the handler runs.
  core.step();
  EXPECT_EQ(core.run(2), Stop::kBudget);
  EXPECT_EQ(state.pc, kVectors + kVecLevel2 + 6);
  core.set_interrupt(19, false);
  EXPECT_EQ(core.run(100), Stop::kRequested);
  EXPECT_EQ(state.pc, kCode + 6);
  EXPECT_EQ(core.a(2), 2u);
  EXPECT_EQ(state.misc[0], 1u);
}

TEST_P(DebuggerTest, AnInterruptBehindTheInstructionWaits) {
  machine.load_program("s32i a2, a6, 0; addi a2, a2, 1; addi a2, a2, 1");
  core.set_a(6, testing::kDevice);
  state.intenable = 1u << 19;
  machine.on_device_store = [this](std::uint32_t, unsigned, std::uint32_t) { core.set_interrupt(19, true); };
  EXPECT_TRUE(step());
  EXPECT_EQ(state.pc, kCode + 3);
  EXPECT_EQ(state.epc[2], 0u);
}

TEST_P(DebuggerTest, RaisingTheLevelEndsAStepToo) {
  machine.load_program("rsil a3, 5; addi a2, a2, 1; wsr.ps a3; addi a2, a2, 1");
  for (const std::uint32_t pc : {3u, 6u, 9u, 12u}) {
    ASSERT_TRUE(step(4));
    EXPECT_EQ(state.pc, kCode + pc);
  }
}

TEST_P(DebuggerTest, AStepOfWaitiEndsBehindIt) {
  machine.load_program("waiti 0; addi a2, a2, 1");
  ASSERT_TRUE(step());
  EXPECT_EQ(state.pc, kCode + 3);
  EXPECT_TRUE(core.waiting());
  core.step();
  EXPECT_EQ(core.run(10), Stop::kWaiti);
  EXPECT_TRUE(core.stepping());
}

TEST_P(DebuggerTest, ABreakpointInAHandlerEndsTheStep) {
  machine.load_program("syscall; addi a2, a2, 1");
  core.set_breakpoint(kVectors + kVecKernel, true);
  core.step();
  EXPECT_EQ(core.run(100), Stop::kRequested);
  EXPECT_EQ(state.pc, kVectors + kVecKernel);
  EXPECT_EQ(events, std::vector{DebuggerEvent::kBreakpoint});
  EXPECT_FALSE(core.stepping());
}

TEST_P(DebuggerTest, ABreakpointInAWindowHandlerIsMet) {
  machine.load_program(R"(
    again: movi a10, 20
    call8 function
    j again
    .align 4
    function: entry a1, 32
    beqz a2, leave
    addi a10, a2, -1
    call8 function
    leave: retw)");
  machine.write32(core.a(1) - 12, kData + 0x1800);
  EXPECT_EQ(core.run(100'000), Stop::kBudget);
  for (const std::uint32_t handler : {kVecWindowOverflow8, kVecWindowUnderflow8 + 6}) {
    core.set_breakpoint(kVectors + handler, true);
    for (int n = 0; n < 5; ++n) {
      ASSERT_EQ(core.run(100'000), Stop::kRequested);
      EXPECT_EQ(state.pc, kVectors + handler);
    }
    core.set_breakpoint(kVectors + handler, false);
    EXPECT_EQ(core.run(100'000), Stop::kBudget);
  }
}

TEST_P(DebuggerTest, AStepCanBeCancelled) {
  machine.load_program("addi a2, a2, 1; addi a2, a2, 1");
  core.step();
  core.cancel_step();
  EXPECT_EQ(core.run(2), Stop::kBudget);
  EXPECT_TRUE(events.empty());
}

INSTANTIATE_TEST_SUITE_P(Engines, DebuggerTest, ::testing::Values(Engine::kInterpreter, Engine::kJit),
                         [](const auto& engine) {
                           return engine.param == Engine::kJit ? "Translated" : "Interpreted";
                         });

}  // namespace
}  // namespace espalier::xtensa
