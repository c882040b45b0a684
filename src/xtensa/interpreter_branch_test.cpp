// Branches, jumps and zero-overhead loops.
#include <gtest/gtest.h>

#include "xtensa/testing/instruction_case.h"
#include "xtensa/testing/test_machine.h"

namespace espalier::xtensa {
namespace {

using testing::InstructionCase;
using testing::kCode;
using testing::TestMachine;

// Each jumps over one instruction of three bytes if it is taken.
constexpr InstructionCase kCases[] = {
    {"beqz a2, over; nop; over:", "a2=0", "pc=end", 1},
    {"beqz a2, over; nop; over:", "a2=1", "pc=code+3", 1},
    {"bnez a2, over; nop; over:", "a2=0x80000000", "pc=end", 1},
    {"bnez a2, over; nop; over:", "a2=0", "pc=code+3", 1},
    {"bgez a2, over; nop; over:", "a2=0", "pc=end", 1},
    {"bgez a2, over; nop; over:", "a2=-1", "pc=code+3", 1},
    {"bltz a2, over; nop; over:", "a2=-1", "pc=end", 1},
    {"bltz a2, over; nop; over:", "a2=0", "pc=code+3", 1},
    {"beqz.n a2, over; nop; nop; over:", "a2=0", "pc=end", 1},
    {"beqz.n a2, over; nop; nop; over:", "a2=7", "pc=code+2", 1},
    {"bnez.n a2, over; nop; nop; over:", "a2=7", "pc=end", 1},
    {"bnez.n a2, over; nop; nop; over:", "a2=0", "pc=code+2", 1},
    {"beqi a2, -1, over; nop; over:", "a2=-1", "pc=end", 1},
    {"beqi a2, 256, over; nop; over:", "a2=256", "pc=end", 1},
    {"beqi a2, 10, over; nop; over:", "a2=9", "pc=code+3", 1},
    {"bnei a2, 12, over; nop; over:", "a2=9", "pc=end", 1},
    {"bnei a2, 12, over; nop; over:", "a2=12", "pc=code+3", 1},
    {"bgei a2, -1, over; nop; over:", "a2=-1", "pc=end", 1},
    {"bgei a2, 1, over; nop; over:", "a2=-1", "pc=code+3", 1},
    {"blti a2, 1, over; nop; over:", "a2=0x80000000", "pc=end", 1},
    {"blti a2, 1, over; nop; over:", "a2=1", "pc=code+3", 1},
    {"bgeui a2, 32768, over; nop; over:", "a2=-1", "pc=end", 1},
    {"bgeui a2, 65536, over; nop; over:", "a2=65535", "pc=code+3", 1},
    {"bltui a2, 65536, over; nop; over:", "a2=65535", "pc=end", 1},
    {"bltui a2, 2, over; nop; over:", "a2=-1", "pc=code+3", 1},
    {"beq a2, a3, over; nop; over:", "a2=5 a3=5", "pc=end", 1},
    {"beq a2, a3, over; nop; over:", "a2=5 a3=6", "pc=code+3", 1},
    {"bne a2, a3, over; nop; over:", "a2=5 a3=6", "pc=end", 1},
    {"bne a2, a3, over; nop; over:", "a2=5 a3=5", "pc=code+3", 1},
    {"bge a2, a3, over; nop; over:", "a2=5 a3=-5", "pc=end", 1},
    {"bge a2, a3, over; nop; over:", "a2=-5 a3=5", "pc=code+3", 1},
    {"blt a2, a3, over; nop; over:", "a2=-5 a3=5", "pc=end", 1},
    {"blt a2, a3, over; nop; over:", "a2=5 a3=5", "pc=code+3", 1},
    {"bgeu a2, a3, over; nop; over:", "a2=-5 a3=5", "pc=end", 1},
    {"bgeu a2, a3, over; nop; over:", "a2=5 a3=-5", "pc=code+3", 1},
    {"bltu a2, a3, over; nop; over:", "a2=5 a3=-5", "pc=end", 1},
    {"bltu a2, a3, over; nop; over:", "a2=-5 a3=5", "pc=code+3", 1},
    {"bany a2, a3, over; nop; over:", "a2=6 a3=4", "pc=end", 1},
    {"bany a2, a3, over; nop; over:", "a2=6 a3=9", "pc=code+3", 1},
    {"bnone a2, a3, over; nop; over:", "a2=6 a3=9", "pc=end", 1},
    {"bnone a2, a3, over; nop; over:", "a2=6 a3=2", "pc=code+3", 1},
    {"ball a2, a3, over; nop; over:", "a2=7 a3=5", "pc=end", 1},
    {"ball a2, a3, over; nop; over:", "a2=3 a3=5", "pc=code+3", 1},
    {"ball a2, a3, over; nop; over:", "a2=0 a3=0", "pc=end", 1},
    {"bnall a2, a3, over; nop; over:", "a2=3 a3=5", "pc=end", 1},
    {"bnall a2, a3, over; nop; over:", "a2=7 a3=5", "pc=code+3", 1},
    {"bbc a2, a3, over; nop; over:", "a2=1 a3=33", "pc=end", 1},
    {"bbc a2, a3, over; nop; over:", "a2=2 a3=33", "pc=code+3", 1},
    {"bbs a2, a3, over; nop; over:", "a2=0x80000000 a3=31", "pc=end", 1},
    {"bbs a2, a3, over; nop; over:", "a2=0x7fffffff a3=31", "pc=code+3", 1},
    {"bbci a2, 31, over; nop; over:", "a2=0x7fffffff", "pc=end", 1},
    {"bbci a2, 0, over; nop; over:", "a2=1", "pc=code+3", 1},
    {"bbsi a2, 31, over; nop; over:", "a2=0x80000000", "pc=end", 1},
    {"bbsi a2, 15, over; nop; over:", "a2=0x00007fff", "pc=code+3", 1},
    {"bt b3, over; nop; over:", "br=8", "pc=end", 1},
    {"bt b3, over; nop; over:", "br=0xfff7", "pc=code+3", 1},
    {"bf b15, over; nop; over:", "br=0x7fff", "pc=end", 1},
    {"bf b15, over; nop; over:", "br=0x8000", "pc=code+3", 1},
    {"j over; nop; over:", "", "pc=end", 1},
    {"j back; back: j back", "", "pc=code+3", 50},
    {"jx a2", "a2=code+0x123", "pc=code+0x123"},
    {"call0 over; .align 4; over:", "", "a0=code+3 pc=code+4", 1},
    {"callx0 a2", "a2=code+0x100", "a0=code+3 pc=code+0x100"},
    {"callx0 a0", "a0=code+0x100", "a0=code+3 pc=code+0x100"},
    {"ret", "a0=code+0x100", "pc=code+0x100"},
    {"ret.n", "a0=code+0x100", "pc=code+0x100"},
    {"nop; nop.n", "", ""},
};

TEST(Branch, Cases) {
  testing::run_cases(kCases);
}

constexpr InstructionCase kLoopCases[] = {
    {"loop a2, done; addi a3, a3, 1; done:", "a2=5 a3=0", "a3=5 lcount=0 lbeg=code+3 lend=end pc=end", 6},
    {"loopnez a2, done; addi a3, a3, 1; done:", "a2=5 a3=0", "a3=5 lcount=0 lbeg=code+3 lend=end pc=end", 6},
    {"loopgtz a2, done; addi a3, a3, 1; done:", "a2=1 a3=0", "a3=1 lcount=0 lbeg=code+3 lend=end pc=end", 2},
    // None to be done; the registers are set all the same.
    {"loopnez a2, done; addi a3, a3, 1; done:", "a2=0", "lcount=-1 lbeg=code+3 lend=end pc=end", 1},
    {"loopgtz a2, done; addi a3, a3, 1; done:", "a2=0", "lcount=-1 lbeg=code+3 lend=end pc=end", 1},
    {"loopgtz a2, done; addi a3, a3, 1; done:", "a2=-3", "lcount=-4 lbeg=code+3 lend=end pc=end", 1},
    // LOOP with 0 is 2^32 times.
    {"loop a2, done; addi a3, a3, 1; done:", "a2=0 a3=0",
     "a3=10 lcount=0xfffffff5 lbeg=code+3 lend=end pc=code+3", 11},
    {"loopnez a2, done; addi a3, a3, 1; done:", "a2=-1 a3=0",
     "a3=10 lcount=0xfffffff4 lbeg=code+3 lend=end pc=code+3", 11},
    // PS.EXCM switches loops off.
    {"loop a2, done; addi a3, a3, 1; done:", "a2=5 a3=0 ps=0x40010",
     "a3=1 lcount=4 lbeg=code+3 lend=end pc=end", 2},
    // A branch at the end: taken it leaves the loop, not taken it goes round.
    {"loop a2, done; addi a3, a3, -1; beqz a3, out; done: nop; out:", "a2=9 a3=3",
     "a3=0 lcount=6 lbeg=code+3 lend=code+9 pc=end", 7},
    // A taken branch to LEND does not go back.
    {"loop a2, done; bnez a3, done; nop; done: nop", "a2=9 a3=1",
     "lcount=8 lbeg=code+3 lend=code+9 pc=code+9", 2},
    // The loop's end written by hand.
    {"wsr.lbeg a2; wsr.lend a3; wsr.lcount a4; nop; nop; nop", "a2=code+9 a3=code+15 a4=2",
     "lbeg=code+9 lend=code+15 lcount=0 pc=code+15", 9},
    {"nop; nop; nop; nop", "lbeg=code lend=code+6 lcount=3", "lcount=0 pc=code+6", 8},
    // One that is over: LCOUNT 0.
    {"nop; nop; nop", "lbeg=code lend=code+6 lcount=0", ""},
    // LEND within an instruction is never met.
    {"nop; nop; nop", "lbeg=code lend=code+5 lcount=3", ""},
};

TEST(Loop, Cases) {
  testing::run_cases(kLoopCases);
}

TEST(Loop, NestedByHand) {
  TestMachine machine;
  // The inner loop's registers are saved around it, as compilers never do but interrupt handlers must.
  machine.load_program(R"(
    movi a3, 0
    movi a2, 4
    loop a2, outer_end
    rsr.lbeg a5
    rsr.lend a6
    rsr.lcount a7
    movi a4, 3
    loop a4, inner_end
    addi a3, a3, 1
  inner_end:
    wsr.lbeg a5
    wsr.lend a6
    wsr.lcount a7
    nop
  outer_end:
    waiti 0
  )");
  machine.state().ps = kPsWoe;
  EXPECT_EQ(machine.core().run(1000), Stop::kWaiti);
  EXPECT_EQ(machine.core().a(3), 12u);
}

TEST(Loop, EndNotedAfterTheBodyWasDecoded) {
  TestMachine machine;
  // The body runs once straight through before anything says that a loop ends in the middle of it.
  const auto program = machine.load_program(R"(
    first: addi a3, a3, 1
    addi a4, a4, 1
    middle: addi a5, a5, 1
    j setup
    setup: bnez a6, leave
    movi a6, 1
    movi a2, 5
    wsr.lcount a2
    wsr.lbeg a7
    wsr.lend a8
    j first
    leave: waiti 0
  )");
  State& state = machine.state();
  state.ps = kPsWoe;
  for (unsigned n = 3; n < 7; ++n) machine.core().set_a(n, 0);
  machine.core().set_a(7, program.at("first"));
  machine.core().set_a(8, program.at("middle"));
  EXPECT_EQ(machine.core().run(1000), Stop::kWaiti);
  EXPECT_EQ(machine.core().a(3), 1u + 6u);
  EXPECT_EQ(machine.core().a(4), 1u + 6u);
  EXPECT_EQ(machine.core().a(5), 2u);
}

TEST(Loop, BodyThatSpansTwoPages) {
  TestMachine machine;
  machine.load_program(
      ".org 0x40080ff4; loop a2, done; addi a3, a3, 1; addi a4, a4, 1; addi a5, a5, 1; addi a3, a3, 1; done: "
      "waiti 0");
  machine.state().pc = kCode + 0xff4;
  machine.state().ps = kPsWoe;
  machine.core().set_a(2, 100);
  for (unsigned n = 3; n < 6; ++n) machine.core().set_a(n, 0);
  EXPECT_EQ(machine.core().run(10000), Stop::kWaiti);
  EXPECT_EQ(machine.core().a(3), 200u);
  EXPECT_EQ(machine.core().a(4), 100u);
  EXPECT_EQ(machine.core().instructions(), 402u);
}

}  // namespace

std::span<const InstructionCase> testing::branch_cases() {
  return kCases;
}
std::span<const InstructionCase> testing::loop_cases() {
  return kLoopCases;
}

}  // namespace espalier::xtensa
