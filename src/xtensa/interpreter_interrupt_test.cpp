// Interrupts: kinds, levels, masks, WAITI, and that they are taken between any two instructions.
#include <gtest/gtest.h>

#include "xtensa/testing/vector_machine.h"

namespace espalier::xtensa {
namespace {

using testing::kCode;
using testing::kData;
using testing::kDevice;
using testing::kVectors;
using testing::TestMachine;

struct InterruptTest : ::testing::Test, testing::VectorMachine {
  InterruptTest() { machine.load_program("again: addi a2, a2, 1; addi a3, a3, 1; j again"); }
};

TEST_F(InterruptTest, EveryLineAtItsLevel) {
  constexpr std::uint32_t kVector[] = {0,          kVecKernel, kVecLevel2, kVecLevel3,
                                       kVecLevel4, kVecLevel5, 0,          kVecNmi};
  for (unsigned line = 0; line < 32; ++line) {
    SCOPED_TRACE(line);
    core.reset(kCode);
    state.vecbase = kVectors;
    state.ps = kPsWoe;
    state.intenable = 1u << line;
    const InterruptLine& kind = kInterruptLines[line];
    core.run(3);
    switch (kind.kind) {
      case InterruptKind::kTimer:
        for (unsigned n = 0; n < 3; ++n) {
          if (kTimerInterrupt[n] == line) core.timer_match(n);
        }
        break;
      case InterruptKind::kSoftware:
        core.write_special(Sr::INTERRUPT, 1u << line);
        break;
      default:
        core.set_interrupt(line, true);
        break;
    }
    EXPECT_TRUE(core.interrupt_ready());
    const std::uint32_t pc = state.pc;
    core.run(1);
    EXPECT_EQ(state.pc, kVectors + kVector[kind.level]);  // it has run the vector's jump to itself
    EXPECT_EQ(state.epc[kind.level], pc);
    if (kind.level == 1) {
      EXPECT_EQ(state.exccause, 4u);
      EXPECT_EQ(state.ps, kPsWoe | kPsExcm);
    } else {
      EXPECT_EQ(state.eps[kind.level], kPsWoe);
      EXPECT_EQ(state.ps, kPsWoe | kPsExcm | kind.level);
    }
    core.set_interrupt(line, false);
  }
}

TEST_F(InterruptTest, LevelFollowsTheWireAndEdgeLatches) {
  core.set_interrupt(0, true);
  EXPECT_EQ(core.read_special(Sr::INTERRUPT), 1u);
  core.set_interrupt(0, false);
  EXPECT_EQ(core.read_special(Sr::INTERRUPT), 0u);

  core.set_interrupt(10, true);
  core.set_interrupt(10, false);
  EXPECT_EQ(core.read_special(Sr::INTERRUPT), 1u << 10);
  core.write_special(Sr::INTCLEAR, 1u << 10);
  EXPECT_EQ(core.read_special(Sr::INTERRUPT), 0u);
  core.set_interrupt(10, true);
  core.write_special(Sr::INTCLEAR, 1u << 10);
  core.set_interrupt(10, true);  // still high: no new edge
  EXPECT_EQ(core.read_special(Sr::INTERRUPT), 0u);

  core.set_interrupt(6, true);  // a timer's and a software interrupt have no wire
  core.set_interrupt(7, true);
  EXPECT_EQ(core.read_special(Sr::INTERRUPT), 0u);
}

TEST_F(InterruptTest, MasksOfPs) {
  state.intenable = ~0u;
  core.set_interrupt(19, true);  // level 2
  for (std::uint32_t level = 0; level < 16; ++level) {
    state.ps = level;
    EXPECT_EQ(core.interrupt_ready(), level < 2) << level;
  }
  state.ps = kPsExcm;  // masks up to level 3
  EXPECT_FALSE(core.interrupt_ready());
  core.set_interrupt(23, true);  // level 3
  EXPECT_FALSE(core.interrupt_ready());
  core.set_interrupt(24, true);  // level 4
  EXPECT_TRUE(core.interrupt_ready());
  state.intenable = ~(1u << 24);
  EXPECT_FALSE(core.interrupt_ready());
}

TEST_F(InterruptTest, TheHighestLevelWins) {
  state.intenable = ~0u;
  core.set_interrupt(0, true);
  core.set_interrupt(19, true);
  core.set_interrupt(24, true);
  core.set_interrupt(22, true);
  core.run(1);
  EXPECT_EQ(state.pc, kVectors + kVecLevel4);
  EXPECT_EQ(state.ps & kPsIntlevel, 4u);
}

TEST_F(InterruptTest, NmiCannotBeMaskedAndComesOncePerEdge) {
  state.ps = kPsWoe | kPsExcm | 15;
  state.intenable = 0;
  core.set_interrupt(14, true);
  core.run(1);
  EXPECT_EQ(state.pc, kVectors + kVecNmi);
  EXPECT_EQ(state.eps[7], kPsWoe | kPsExcm | 15);
  EXPECT_EQ(state.ps & kPsIntlevel, 7u);
  EXPECT_EQ(core.read_special(Sr::INTERRUPT), 0u);
  core.run(10);
  EXPECT_EQ(state.epc[7], kCode);
}

TEST_F(InterruptTest, UserModeGoesToTheUserVector) {
  state.ps = kPsWoe | kPsUm;
  state.intenable = 1;
  core.set_interrupt(0, true);
  core.run(1);
  EXPECT_EQ(state.pc, kVectors + kVecUser);
}

// The program writes a register of a device, the device pulls the wire: the next instruction is the
// handler's.
TEST_F(InterruptTest, RaisedByAStoreIsTakenBeforeTheNextInstruction) {
  machine.load_program("s32i a4, a5, 0; addi a2, a2, 1; addi a2, a2, 1; addi a2, a2, 1");
  core.set_a(5, kDevice);
  state.intenable = 1;
  machine.on_device_store = [&](std::uint32_t, unsigned, std::uint32_t) { core.set_interrupt(0, true); };
  core.run(10);
  EXPECT_EQ(state.epc[1], kCode + 3);
  EXPECT_EQ(core.a(2), 0u);
}

TEST_F(InterruptTest, RaisedByTheLastStoreOfALoop) {
  machine.load_program("loop a4, done; addi a2, a2, 1; s32i a2, a5, 0; done: addi a3, a3, 1");
  core.set_a(4, 10);
  core.set_a(5, kDevice);
  state.intenable = 1;
  machine.on_device_store = [&](std::uint32_t, unsigned, std::uint32_t value) {
    if (value == 4) core.set_interrupt(0, true);
  };
  core.run(30);
  EXPECT_EQ(state.epc[1], kCode + 3);  // back at LBEG
  EXPECT_EQ(state.lcount, 5u);
  EXPECT_EQ(core.a(2), 4u);
}

// WSR, RSIL, RFE... that let a pending interrupt through do so at once.
TEST_F(InterruptTest, UnmaskedByAnInstruction) {
  struct {
    const char* program;
    std::uint32_t ps, epc, eps_or_zero;
  } const cases[] = {
      {"nop; wsr.intenable a4; addi a2, a2, 1", kPsWoe, kCode + 6, 0},
      {"nop; xsr.intenable a4; addi a2, a2, 1", kPsWoe, kCode + 6, 0},
      {"nop; wsr.ps a6; addi a2, a2, 1", kPsWoe | 3, kCode + 6, 0},
      {"nop; xsr.ps a6; addi a2, a2, 1", kPsWoe | 3, kCode + 6, 0},
      {"nop; rsil a5, 0; addi a2, a2, 1", kPsWoe | 3, kCode + 6, 0},
      {"nop; rfi 3; addi a2, a2, 1", kPsWoe | 3, kCode + 0x40, 0},
      {"nop; rfe; addi a2, a2, 1", kPsWoe | kPsExcm, kCode + 0x40, 0},
  };
  for (const auto& test : cases) {
    SCOPED_TRACE(test.program);
    core.reset(kCode);
    state.vecbase = kVectors;
    machine.load_program(test.program);
    state.ps = test.ps;
    state.epc[3] = state.epc[1] = kCode + 0x40;
    state.eps[3] = kPsWoe;
    core.set_a(2, 0);
    core.set_a(4, 1);
    core.set_a(6, kPsWoe);
    core.set_interrupt(0, true);
    if (std::string_view(test.program).find("intenable") == std::string_view::npos) state.intenable = 1;
    core.run(1);
    EXPECT_EQ(state.pc, kCode + 3);
    core.run(2);
    EXPECT_EQ(state.pc, kVectors + kVecKernel);
    EXPECT_EQ(state.epc[1], test.epc);
    EXPECT_EQ(core.a(2), 0u);
    core.set_interrupt(0, false);
  }
}

TEST_F(InterruptTest, SoftwareInterruptFromTheProgram) {
  machine.load_program("wsr.intset a4; addi a2, a2, 1");
  core.set_a(4, 1u << 29);
  state.intenable = 1u << 29;
  core.run(2);
  EXPECT_EQ(state.pc, kVectors + kVecLevel3);
  EXPECT_EQ(state.epc[3], kCode + 3);
}

TEST_F(InterruptTest, WaitiWaits) {
  machine.load_program("waiti 2; addi a2, a2, 1; again: j again");
  state.intenable = 3u | 1u << 19 | 1u << 23;
  EXPECT_EQ(core.run(100), Stop::kWaiti);
  EXPECT_TRUE(core.waiting());
  EXPECT_EQ(core.instructions(), 1u);
  EXPECT_EQ(state.ps & kPsIntlevel, 2u);
  EXPECT_EQ(core.run(100), Stop::kWaiti);
  EXPECT_EQ(core.instructions(), 1u);
  core.set_interrupt(19, true);  // level 2 is masked
  EXPECT_TRUE(core.waiting());
  EXPECT_EQ(core.run(100), Stop::kWaiti);
  core.set_interrupt(23, true);
  EXPECT_FALSE(core.waiting());
  EXPECT_EQ(core.run(1), Stop::kBudget);
  EXPECT_EQ(state.epc[3], kCode + 3);
  EXPECT_EQ(state.pc, kVectors + kVecLevel3);
  EXPECT_EQ(core.a(2), 0u);
}

TEST_F(InterruptTest, WaitiWithOnePendingGoesOn) {
  machine.load_program("waiti 0; addi a2, a2, 1");
  state.ps = kPsWoe | 5;
  state.intenable = 1;
  core.set_interrupt(0, true);
  EXPECT_EQ(core.run(2), Stop::kBudget);
  EXPECT_EQ(state.epc[1], kCode + 3);
  EXPECT_FALSE(core.waiting());
}

TEST_F(InterruptTest, WaitiAtTheEndOfALoop) {
  machine.load_program("loop a4, done; addi a2, a2, 1; waiti 0; done: nop");
  core.set_a(4, 3);
  EXPECT_EQ(core.run(100), Stop::kWaiti);
  EXPECT_EQ(state.pc, kCode + 3);
  EXPECT_EQ(state.lcount, 1u);
}

TEST_F(InterruptTest, RequestStopEndsTheRunBeforeTheNextInstruction) {
  machine.load_program("s32i a4, a5, 0; addi a2, a2, 1; j 0x40080003");
  core.set_a(5, kDevice);
  machine.on_device_store = [&](std::uint32_t, unsigned, std::uint32_t) { core.request_stop(); };
  EXPECT_EQ(core.run(100), Stop::kRequested);
  EXPECT_EQ(state.pc, kCode + 3);
  EXPECT_EQ(core.instructions(), 1u);
  EXPECT_EQ(core.run(5), Stop::kBudget);
  EXPECT_EQ(core.instructions(), 6u);
}

TEST_F(InterruptTest, HaltStopsUntilResumed) {
  machine.load_program("s32i a4, a5, 0; addi a2, a2, 1; j 0x40080003");
  core.set_a(5, kDevice);
  machine.on_device_store = [&](std::uint32_t, unsigned, std::uint32_t) { core.halt(); };
  EXPECT_EQ(core.run(100), Stop::kHalted);
  EXPECT_TRUE(core.halted());
  EXPECT_EQ(core.run(100), Stop::kHalted);
  EXPECT_EQ(core.instructions(), 1u);
  core.resume();
  EXPECT_EQ(core.run(100), Stop::kBudget);
}

TEST_F(InterruptTest, ResetFromWithinAStore) {
  machine.load_program("addi a2, a2, 1; s32i a4, a5, 0; addi a2, a2, 1; addi a2, a2, 1", kCode + 0x100);
  core.set_a(5, kDevice);
  core.set_interrupt(1, true);
  machine.on_device_store = [&](std::uint32_t, unsigned, std::uint32_t) { core.reset(kCode); };
  core.run(2 + 3);
  EXPECT_EQ(core.a(2), 1u);  // the loop at kCode has begun
  EXPECT_EQ(state.pc, kCode);
  EXPECT_EQ(state.ps, 0x1fu);
  EXPECT_EQ(core.read_special(Sr::INTERRUPT), 2u);  // the wire is still up
}

// A windowed program with an interrupt at every single instruction gives the same result as without.
TEST_F(InterruptTest, AtEveryInstructionOfAWindowedProgram) {
  const char* program = R"(
      mov.n a10, a2
      call8 fib
      mov.n a2, a10
      waiti 15
      .align 4
    fib:
      entry a1, 64
      bgei a2, 2, more
      movi a3, 3
      loop a3, done
      addi a4, a3, 1
    done:
      retw.n
    more:
      addi a10, a2, -1
      call8 fib
      addi a2, a2, -2
      mov.n a3, a10
      mov.n a10, a2
      call8 fib
      add.n a2, a3, a10
      retw.n
  )";
  // A level 5 handler: uses registers of the interrupted window and LCOUNT, and puts them back.
  const char* handler = R"(
      wsr.excsave5 a0
      rsr.lcount a0
      wsr.misc0 a0
      movi a0, 0
      wsr.lcount a0
      rsr.misc1 a0
      addi a0, a0, 1
      wsr.misc1 a0
      rsr.misc0 a0
      wsr.lcount a0
      rsr.excsave5 a0
      rfi 5
  )";
  const auto prepare = [&](TestMachine& m) {
    m.load_program(testing::kVectorProgram, kVectors);
    m.load_program(handler, kVectors + kVecLevel5);
    m.load_program(program);
    m.state().vecbase = kVectors;
    m.state().ps = kPsWoe;
    m.core().set_a(1, kData + 0x8000);
    m.core().set_a(2, 12);
    m.write32(kData + 0x8000 - 12, kData + 0x8100);
    m.state().intenable = 1u << 31;
  };
  TestMachine quiet;
  prepare(quiet);
  ASSERT_EQ(quiet.core().run(1'000'000), Stop::kWaiti);
  EXPECT_EQ(quiet.core().a(2), 144u);

  TestMachine disturbed;
  prepare(disturbed);
  unsigned taken = 0;
  for (unsigned i = 0; i < 1'000'000; ++i) {
    disturbed.core().set_interrupt(31, true);
    const Stop first = disturbed.core().run(1);  // the first instruction of the handler, or none
    disturbed.core().set_interrupt(31, false);
    if (first == Stop::kWaiti) break;
    ASSERT_EQ(disturbed.core().run(11), Stop::kBudget);
    ++taken;
    if (disturbed.core().run(1) == Stop::kWaiti) break;  // one instruction of the program
  }
  EXPECT_EQ(disturbed.core().a(2), 144u);
  EXPECT_EQ(taken, disturbed.state().misc[1]);
  EXPECT_GT(taken, 3000u);
  EXPECT_EQ(disturbed.core().instructions() - 12 * taken, quiet.core().instructions());
  EXPECT_EQ(quiet.state().ar[10], disturbed.state().ar[10]);
}

}  // namespace
}  // namespace espalier::xtensa
