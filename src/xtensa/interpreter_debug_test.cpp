// ICOUNT, instruction and data breakpoints, BREAK, and the debugger's first look at them.
#include <gtest/gtest.h>

#include "xtensa/testing/vector_machine.h"

namespace espalier::xtensa {
namespace {

using testing::kCode;
using testing::kData;
using testing::kVectors;

struct DebugTest : ::testing::Test, testing::VectorMachine {
  void expect_debug(std::uint32_t cause, std::uint32_t pc, std::uint32_t ps = kPsWoe) {
    EXPECT_EQ(state.debugcause, cause);
    EXPECT_EQ(state.epc[6], pc);
    EXPECT_EQ(state.eps[6], ps);
    EXPECT_EQ(state.pc, kVectors + kVecDebug);
    EXPECT_EQ(state.ps, (ps & ~kPsIntlevel) | kPsExcm | 6);
  }
};

TEST_F(DebugTest, IcountStopsAfterSoManyInstructions) {
  machine.load_program("addi a2, a2, 1; addi a2, a2, 1; addi a2, a2, 1; addi a2, a2, 1");
  core.write_special(Sr::ICOUNT, static_cast<std::uint32_t>(-3));
  core.write_special(Sr::ICOUNTLEVEL, 1);
  core.run(3);  // two instructions, then the exception
  EXPECT_EQ(core.a(2), 2u);
  expect_debug(kDebugIcount, kCode + 6);
  EXPECT_EQ(core.instructions(), 3u);
}

TEST_F(DebugTest, IcountCountsBelowItsLevelOnly) {
  machine.load_program(
      "addi a2, a2, 1; rsil a3, 2; addi a2, a2, 1; rsil a3, 0; addi a2, a2, 1; addi a2, a2, 1");
  core.write_special(Sr::ICOUNT, 100);
  core.write_special(Sr::ICOUNTLEVEL, 2);
  core.run(6);
  EXPECT_EQ(state.icount, 104u);
  EXPECT_EQ(core.a(2), 4u);
}

TEST_F(DebugTest, InstructionBreakpointComesBeforeTheInstruction) {
  machine.load_program("again: addi a2, a2, 1; addi a3, a3, 1; j again");
  core.run(30);
  const std::uint32_t before = core.a(2);
  core.write_special(Sr::IBREAKA1, kCode + 3);
  core.run(3);
  EXPECT_EQ(core.a(2), before + 1);  // not enabled yet
  core.write_special(Sr::IBREAKENABLE, 2);
  core.run(2);
  EXPECT_EQ(core.a(2), before + 2);
  expect_debug(kDebugIbreak, kCode + 3);
  // Off again, the decoded code forgets it.
  core.write_special(Sr::IBREAKENABLE, 0);
  state.pc = kCode + 3;
  state.ps = kPsWoe;
  EXPECT_EQ(core.run(30), Stop::kBudget);
  EXPECT_EQ(core.a(2), before + 12);
}

TEST_F(DebugTest, InstructionBreakpointIsQuietAtDebugLevel) {
  machine.load_program("addi a2, a2, 1; addi a2, a2, 1");
  core.write_special(Sr::IBREAKA0, kCode + 3);
  core.write_special(Sr::IBREAKENABLE, 1);
  state.ps = kPsWoe | 6;
  core.run(2);
  EXPECT_EQ(core.a(2), 2u);
}

// The ISA's priorities of exceptions: an instruction breakpoint is there before the instruction, a window
// overflow when it is known which registers it uses.
TEST_F(DebugTest, InstructionBreakpointComesBeforeAWindowOverflow) {
  for (const bool stepped : {false, true}) {
    SCOPED_TRACE(stepped);
    core.reset();
    state.vecbase = kVectors;
    state.ps = kPsWoe;
    state.windowstart = 0x0009;  // the window that a12 to a15 belong to is another frame's
    machine.load_program("addi a12, a12, 1; addi a2, a2, 1");
    core.write_special(Sr::IBREAKA0, kCode);
    core.write_special(Sr::IBREAKENABLE, 1);
    if (stepped) core.step();
    core.run(1);
    expect_debug(kDebugIbreak, kCode);
    EXPECT_EQ(state.windowbase, 0u);
    // Without the breakpoint it overflows.
    core.cancel_step();
    core.write_special(Sr::IBREAKENABLE, 0);
    state.pc = kCode;
    state.ps = kPsWoe;
    if (stepped) core.step();
    core.run(1);
    EXPECT_EQ(state.epc[1], kCode);
    EXPECT_EQ(state.pc, kVectors + kVecWindowOverflow12);
  }
}

struct Watch {
  const char* program;
  std::uint32_t address, control;  // DBREAKA, DBREAKC
  bool hits;
};

TEST_F(DebugTest, DataBreakpoints) {
  constexpr std::uint32_t kLoad = 1u << 30, kStore = 1u << 31, kWord = 0x3c, kByte = 0x3f, kAll64 = 0;
  const Watch cases[] = {
      {"l32i a4, a5, 8", kData + 8, kLoad | kWord, true},
      {"l32i a4, a5, 8", kData + 8, kStore | kWord, false},
      {"s32i a4, a5, 8", kData + 8, kStore | kWord, true},
      {"s32i a4, a5, 8", kData + 8, kLoad | kWord, false},
      {"s32i a4, a5, 4", kData + 8, kStore | kWord, false},
      {"s32i a4, a5, 12", kData + 8, kStore | kWord, false},
      {"s32i a4, a5, 60", kData + 8, kStore | kAll64, true},
      {"s32i a4, a5, 64", kData + 8, kStore | kAll64, false},
      {"s8i a4, a5, 10", kData + 10, kStore | kByte, true},
      {"s8i a4, a5, 11", kData + 10, kStore | kByte, false},
      {"s32i a4, a5, 8", kData + 11, kStore | kByte, true},
      {"l16ui a4, a5, 10", kData + 11, kLoad | kByte, true},
      {"l16si a4, a5, 8", kData + 10, kLoad | kByte, false},
      {"l8ui a4, a5, 10", kData + 8, kLoad | kWord, true},
      {"s32c1i a4, a5, 8", kData + 8, kStore | kWord, true},
      {"s32c1i a4, a5, 8", kData + 8, kLoad | kWord, true},
      {"ldinc m0, a5", kData + 4, kLoad | kWord, true},
      {"lddec m0, a5", kData - 4, kLoad | kWord, true},
      {"mula.da.ll.lddec m0, a5, m1, a4", kData - 4, kLoad | kWord, true},
      {"mula.da.ll.ldinc m0, a5, m1, a4", kData, kLoad | kWord, false},
      {"lsi f0, a5, 8", kData + 8, kLoad | kWord, true},
      {"lsip f0, a5, 8", kData, kLoad | kWord, true},
      {"lsip f0, a5, 8", kData + 8, kLoad | kWord, false},
      {"lsx f0, a5, a6", kData + 8, kLoad | kWord, true},
      {"lsxp f0, a5, a6", kData, kLoad | kWord, true},
      {"ssi f0, a5, 8", kData + 8, kStore | kWord, true},
      {"ssip f0, a5, 8", kData, kStore | kWord, true},
      {"ssx f0, a5, a6", kData + 8, kStore | kWord, true},
      {"ssxp f0, a5, a6", kData, kStore | kWord, true},
      {"l32r a4, 0x40080000", kCode, kLoad | kWord, true},
      {"add a4, a5, a6", kData + 8, kLoad | kStore | kAll64, false},
  };
  for (const Watch& watch : cases) {
    for (std::uint32_t n = 0; n < 2; ++n) {
      SCOPED_TRACE(watch.program);
      core.reset();
      state.vecbase = kVectors;
      state.ps = kPsWoe;
      state.cpenable = 1;
      machine.load_program(watch.program, kCode + 0x40);
      core.set_a(5, kData);
      core.set_a(6, 8);
      core.write_special(n == 0 ? Sr::DBREAKA0 : Sr::DBREAKA1, watch.address);
      core.write_special(n == 0 ? Sr::DBREAKC0 : Sr::DBREAKC1, watch.control);
      const State before = state;
      core.run(1);
      if (watch.hits) {
        expect_debug(kDebugDbreak | n << 8, kCode + 0x40);
        EXPECT_EQ(state.ar, before.ar);
        EXPECT_EQ(state.fr, before.fr);
      } else {
        EXPECT_EQ(state.debugcause, 0u);
        EXPECT_NE(state.pc, kVectors + kVecDebug);
      }
    }
  }
}

TEST_F(DebugTest, DataBreakpointSwitchedOnByTheProgram) {
  machine.load_program("s32i a2, a5, 0; wsr.dbreakc0 a6; addi a2, a2, 1; s32i a2, a5, 0; addi a2, a2, 1");
  core.set_a(6, 0x8000003f);
  state.dbreaka[0] = kData;
  core.run(4);
  expect_debug(kDebugDbreak, kCode + 9);
  EXPECT_EQ(machine.read32(kData), 0u);
}

TEST_F(DebugTest, TheDebuggerMayTakeTheBreak) {
  machine.load_program("addi a2, a2, 1; break 1, 1; addi a2, a2, 1; simcall; addi a2, a2, 1");
  std::vector<std::uint32_t> seen;
  machine.on_debug_break = [&](Core& at, std::uint32_t cause) {
    EXPECT_EQ(at.state().pc, kCode + (seen.empty() ? 3u : 9u));
    seen.push_back(cause);
    return true;
  };
  core.run(5);
  EXPECT_EQ(core.a(2), 3u);
  EXPECT_EQ(seen, (std::vector<std::uint32_t>{kDebugBreak, 0}));
}

TEST_F(DebugTest, ADebuggerThatStopsFindsThePcAtTheBreak) {
  machine.load_program("addi a2, a2, 1; break 1, 1; addi a2, a2, 1");
  machine.on_debug_break = [&](Core& at, std::uint32_t) {
    at.request_stop();
    return true;
  };
  EXPECT_EQ(core.run(5), Stop::kRequested);
  EXPECT_EQ(state.pc, kCode + 3);

  core.write_special(Sr::IBREAKA0, kCode);
  core.write_special(Sr::IBREAKENABLE, 1);
  state.pc = kCode;
  const std::uint64_t before = core.instructions();
  EXPECT_EQ(core.run(5), Stop::kRequested);
  EXPECT_EQ(state.pc, kCode);
  EXPECT_EQ(core.a(2), 1u);
  EXPECT_EQ(core.instructions(), before);
}

}  // namespace
}  // namespace espalier::xtensa
