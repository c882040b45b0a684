// Register windows: calls, ENTRY, returns, overflow, underflow, rotation.
#include <gtest/gtest.h>

#include <string>

#include "xtensa/testing/instruction_case.h"
#include "xtensa/testing/test_machine.h"
#include "xtensa/testing/vectors.h"

namespace espalier::xtensa {
namespace {

using testing::InstructionCase;
using testing::kCode;
using testing::kData;
using testing::kVectors;
using testing::TestMachine;

constexpr InstructionCase kCases[] = {
    // PS.CALLINC and the return address with the increment on top.
    {"call4 over; .align 4; over:", "", "a4=0x40080003 ps=0x50000 pc=code+4", 1},
    {"call8 over; .align 4; over:", "", "a8=0x80080003 ps=0x60000 pc=code+4", 1},
    {"call12 over; .align 4; over:", "", "a12=0xc0080003 ps=0x70000 pc=code+4", 1},
    {"callx4 a2", "a2=code+0x40", "a4=0x40080003 ps=0x50000 pc=code+0x40"},
    {"callx8 a2", "a2=code+0x40 ps=0x70000", "a8=0x80080003 ps=0x60000 pc=code+0x40"},
    {"callx12 a2", "a2=code+0x40", "a12=0xc0080003 ps=0x70000 pc=code+0x40"},
    // The target may be in the register that is written.
    {"callx8 a8", "a8=code+0x40", "a8=0x80080003 ps=0x60000 pc=code+0x40"},
    {"callx12 a12", "a12=code+0x40", "a12=0xc0080003 ps=0x70000 pc=code+0x40"},
    {"call8 over; .align 4; over:", "windowbase=14 windowstart=0x4000", "ar0=0x80080003 ps=0x60000 pc=code+4",
     1},

    {"entry a1, 32", "a1=0x1000 ps=0x60000", "a9=0xfe0 windowbase=2 windowstart=5"},
    {"entry a3, 32760", "a3=0x8000 ps=0x50000", "a7=8 windowbase=1 windowstart=3"},
    {"entry a1, 0", "a1=0x1000 ps=0x70000", "a13=0x1000 windowbase=3 windowstart=9"},
    {"entry a1, 32", "a1=0x1000 ps=0x40000", "a1=0xfe0"},
    {"entry a1, 32", "windowbase=14 windowstart=0x4000 a1=0x1000 ps=0x60000",
     "ar1=0xfe0 windowbase=0 windowstart=0x4001"},
    {"entry a1, 32", "windowbase=15 windowstart=0x8000 a1=0x1000 ps=0x70000",
     "ar9=0xfe0 windowbase=2 windowstart=0x8004"},
    // Illegal: the register is none of the first four, or windows are off.
    {"entry a4, 32", "ps=0x60000", "exccause=0 epc1=code ps=0x60010 pc=vec+0x300", 1},
    {"entry a1, 32", "ps=0x20000", "exccause=0 epc1=code ps=0x20010 pc=vec+0x300", 1},
    {"entry a1, 32", "ps=0x60010", "exccause=0 depc=code pc=vec+0x3c0", 1},
    // The window that ENTRY opens holds another frame: that one is saved first.
    {"entry a1, 32", "ps=0x60000 windowstart=5", "epc1=code ps=0x60010 windowbase=2 pc=vec+0x100", 1},
    {"entry a1, 32", "ps=0x60000 windowstart=3", "epc1=code ps=0x60010 windowbase=1 pc=vec+0x100", 1},
    {"entry a1, 32", "ps=0x50000 windowstart=5", "a5=0xa10100e1 windowbase=1 windowstart=7"},

    {"retw", "windowbase=2 windowstart=5 a0=0x80080123", "windowbase=0 windowstart=1 pc=0x40080123"},
    {"retw.n", "windowbase=1 windowstart=3 a0=0x40080123", "windowbase=0 windowstart=1 pc=0x40080123"},
    {"retw", "windowbase=1 windowstart=0x4002 a0=0xc0080123",
     "windowbase=14 windowstart=0x4000 pc=0x40080123"},
    // Underflow: no frame below; the caller's window becomes the present one, for the handler.
    {"retw", "windowbase=5 windowstart=0x20 a0=0x80080123", "epc1=code ps=0x40510 windowbase=3 pc=vec+0xc0"},
    {"retw", "windowbase=5 windowstart=0x20 a0=0x40080123", "epc1=code ps=0x40510 windowbase=4 pc=vec+0x40"},
    {"retw.n", "windowbase=1 windowstart=2 a0=0xc0080123", "epc1=code ps=0x40110 windowbase=14 pc=vec+0x140"},
    {"retw", "windowbase=5 windowstart=0x21 a0=0x80080123", "epc1=code ps=0x40510 windowbase=3 pc=vec+0xc0"},
    // Illegal: a0 says no increment, or another one than WINDOWSTART; windows off.
    {"retw", "windowbase=2 windowstart=5 a0=0x00080123", "exccause=0 epc1=code ps=0x40010 pc=vec+0x300"},
    {"retw", "windowbase=2 windowstart=6 a0=0x80080123", "exccause=0 epc1=code ps=0x40010 pc=vec+0x300"},
    {"retw", "windowbase=2 windowstart=5 a0=0x80080123 ps=0", "exccause=0 epc1=code ps=0x10 pc=vec+0x300"},

    {"movsp a1, a3", "windowbase=3 windowstart=9 a3=5", "a1=5"},
    {"movsp a1, a3", "windowbase=3 windowstart=10 a3=5", "a1=5"},
    {"movsp a1, a3", "windowbase=3 windowstart=12 a3=5", "a1=5"},
    {"movsp a1, a3", "windowbase=1 windowstart=0x4002 a3=5", "a1=5"},
    {"movsp a1, a3", "windowbase=3 windowstart=8", "exccause=5 epc1=code ps=0x40010 pc=vec+0x300"},
    {"movsp a1, a3", "windowbase=4 windowstart=0x11", "exccause=5 epc1=code ps=0x40010 pc=vec+0x300"},

    {"rotw 1", "", "windowbase=1"},
    {"rotw -1", "", "windowbase=15"},
    {"rotw 7", "windowbase=12 windowstart=0x1000", "windowbase=3"},
    {"rotw -8", "windowbase=3 windowstart=8", "windowbase=11"},
    {"rfwo", "windowbase=3 windowstart=9 ps=0x40010 epc1=code+0x50",
     "windowbase=0 windowstart=1 ps=0x40000 pc=code+0x50"},
    {"rfwu", "windowbase=3 windowstart=0x20 ps=0x40510 epc1=code+0x50",
     "windowbase=5 windowstart=0x28 ps=0x40500 pc=code+0x50"},

    // Use of a register whose window holds another frame. WINDOWBASE moves to that frame; the distance to the
    // next
    // tells how many registers it has.
    {"movi a4, 1", "windowstart=3", "epc1=code ps=0x40010 windowbase=1 pc=vec+0x100"},
    {"movi a4, 1", "windowstart=7", "epc1=code ps=0x40010 windowbase=1 pc=vec"},
    {"movi a4, 1", "windowstart=11", "epc1=code ps=0x40010 windowbase=1 pc=vec+0x80"},
    {"movi a8, 1", "windowstart=3", "epc1=code ps=0x40010 windowbase=1 pc=vec+0x100"},
    {"movi a8, 1", "windowstart=13", "epc1=code ps=0x40010 windowbase=2 pc=vec"},
    {"movi a3, 1", "windowstart=0xffff", "a3=1"},
    {"movi a7, 1", "windowstart=5", "a7=1"},
    {"movi a11, 1", "windowstart=9", "a11=1"},
    {"movi a15, 1", "windowstart=0x11", "a15=1"},
    {"movi a12, 1", "windowstart=9", "epc1=code ps=0x40010 windowbase=3 pc=vec+0x100"},
    {"movi a4, 1", "windowbase=15 windowstart=0x8001", "epc1=code ps=0x40f10 windowbase=0 pc=vec+0x100"},
    {"movi a12, 1", "windowbase=14 windowstart=0x4002", "epc1=code ps=0x40e10 windowbase=1 pc=vec+0x100"},
    // Reading is use, too; so is what a call writes.
    {"add a2, a3, a4", "windowstart=3", "epc1=code ps=0x40010 windowbase=1 pc=vec+0x100"},
    {"s32i a4, a2, 0", "windowstart=3", "epc1=code ps=0x40010 windowbase=1 pc=vec+0x100"},
    {"call8 over; .align 4; over:", "windowstart=5", "epc1=code ps=0x40010 windowbase=2 pc=vec+0x100", 1},
    {"call4 over; .align 4; over:", "windowstart=5", "a4=0x40080003 ps=0x50000 pc=code+4", 1},
    // Nothing is checked without WOE or within an exception.
    {"movi a4, 1", "windowstart=3 ps=0", "a4=1"},
    {"movi a4, 1", "windowstart=3 ps=0x40010", "a4=1"},
    // The instructions before the first use are executed.
    {"movi a2, 1; movi a3, 2; movi a4, 3", "windowstart=3",
     "a2=1 a3=2 epc1=code+6 ps=0x40010 windowbase=1 pc=vec+0x100"},
    {"movi a2, 0; beqz a2, over; movi a4, 3; over: movi a3, 5", "windowstart=3", "a2=0 a3=5", 3},
    {"movi a2, 1; beqz a2, over; movi a4, 3; over: movi a3, 5", "windowstart=3",
     "a2=1 epc1=code+6 ps=0x40010 windowbase=1 pc=vec+0x100", 3},
};

TEST(Window, Cases) {
  testing::run_cases(kCases);
}

TEST(Window, RegistersOfEveryWindowAreTheSameFromWithinAndWithout) {
  TestMachine machine;
  Core& core = machine.core();
  for (unsigned n = 0; n < 64; ++n) core.set_physical(n, n * 1000);
  for (unsigned from = 0; from < 16; ++from) {
    core.rotate_to(from);
    for (unsigned to = 0; to < 16; ++to) {
      core.rotate_to(to);
      for (unsigned n = 0; n < 64; ++n) ASSERT_EQ(core.physical(n), n * 1000) << from << " to " << to;
      for (unsigned n = 0; n < 16; ++n)
        ASSERT_EQ(core.a(n), (to * 4 + n) % 64 * 1000) << from << " to " << to;
      for (unsigned n = 0; n < 20; ++n) ASSERT_EQ(core.window_relative(n), (to * 4 + n) % 64 * 1000);
      // A value set through the window is there from outside, and the other way round.
      core.set_a(15, 7);
      ASSERT_EQ(core.physical((to * 4 + 15) % 64), 7u);
      core.set_physical((to * 4 + 15) % 64, 8);
      ASSERT_EQ(core.a(15), 8u);
      core.set_a(15, (to * 4 + 15) % 64 * 1000);
      core.rotate_to(from);
    }
  }
}

std::string fibonacci(unsigned increment) {
  std::string text = R"(
      mov.n aX, a2
      callN fib
      mov.n a2, aX
      waiti 0
      .align 4
    fib:
      entry a1, 64
      bgei a2, 2, more
      retw.n
    more:
      addi aX, a2, -1
      callN fib
      addi a2, a2, -2
      mov.n a3, aX
      mov.n aX, a2
      callN fib
      add.n a2, a3, aX
      retw.n
  )";
  const auto replace = [&text](const std::string& from, const std::string& to) {
    for (std::size_t at = 0; (at = text.find(from)) != std::string::npos;) text.replace(at, from.size(), to);
  };
  replace("aX", "a" + std::to_string(4 * increment + 2));
  replace("callN", "call" + std::to_string(4 * increment));
  return text;
}

void prepare(TestMachine& machine, const std::string& program, std::uint32_t argument) {
  machine.load_program(testing::kVectorProgram, kVectors);
  machine.load_program(program);
  machine.state().ps = kPsWoe;
  machine.core().set_a(1, kData + 0x8000);
  machine.core().set_a(2, argument);
  // The outermost frame's caller, whose save area its own registers go to.
  machine.write32(kData + 0x8000 - 12, kData + 0x8100);
}

class WindowCalls : public ::testing::TestWithParam<unsigned> {};

TEST_P(WindowCalls, RecursionThroughOverflowAndUnderflow) {
  for (std::uint32_t start = 0; start < 16; ++start) {
    TestMachine machine;
    machine.core().rotate_to(start);
    machine.state().windowstart = 1u << start;
    prepare(machine, fibonacci(GetParam()), 20);
    ASSERT_EQ(machine.core().run(10'000'000), Stop::kWaiti);
    EXPECT_EQ(machine.core().a(2), 6765u);
    EXPECT_EQ(machine.state().windowbase, start);
    EXPECT_EQ(machine.state().windowstart, 1u << start);
    EXPECT_EQ(machine.core().a(1), kData + 0x8000);
  }
}

TEST_P(WindowCalls, OneInstructionAtATimeIsTheSame) {
  TestMachine whole;
  prepare(whole, fibonacci(GetParam()), 17);
  TestMachine stepped;
  prepare(stepped, fibonacci(GetParam()), 17);
  ASSERT_EQ(whole.core().run(1'000'000), Stop::kWaiti);
  Stop stop = Stop::kBudget;
  std::uint64_t steps = 0;
  while (stop == Stop::kBudget && steps < 1'000'000) {
    stop = stepped.core().run(1);
    ++steps;
    if (stop == Stop::kBudget) {
      ASSERT_EQ(stepped.core().instructions(), steps);
    }
  }
  EXPECT_EQ(stop, Stop::kWaiti);
  EXPECT_EQ(whole.core().instructions(), stepped.core().instructions());
  EXPECT_EQ(whole.core().a(2), 1597u);
  EXPECT_EQ(whole.state().ar, stepped.state().ar);
}

INSTANTIATE_TEST_SUITE_P(Increments, WindowCalls, ::testing::Values(1u, 2u, 3u));

// Overflow in every possible place: a chain of calls that alternate in size, from every window.
TEST(Window, MixedIncrements) {
  const std::string program = R"(
      mov.n a10, a2
      call8 f8
      mov.n a2, a10
      waiti 0
      .align 4
  )" + std::string(testing::kMixedCallFunctions);
  for (std::uint32_t depth = 0; depth < 40; ++depth) {
    TestMachine machine;
    prepare(machine, program, depth);
    ASSERT_EQ(machine.core().run(100'000), Stop::kWaiti);
    EXPECT_EQ(machine.core().a(2), depth);
    EXPECT_EQ(machine.state().windowstart, 1u);
  }
}

}  // namespace

std::span<const InstructionCase> testing::window_cases() {
  return kCases;
}

}  // namespace espalier::xtensa
