// What went wrong in translated code once.
#include <gtest/gtest.h>

#include <string_view>

#include "xtensa/testing/test_machine.h"
#include "xtensa/testing/vectors.h"

namespace espalier::xtensa {
namespace {

using testing::kCode;
using testing::kVectors;
using testing::TestMachine;

// A machine whose code is translated at once.
class Translated : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!machine_.core().set_engine(Engine::kJit)) GTEST_SKIP() << "nothing is translated on this host";
    machine_.core().set_jit_threshold(1);
    machine_.write(kVectors, testing::assemble(testing::kVectorProgram, kVectors).bytes);
    machine_.state().ps = kPsWoe | kPsUm;
  }
  testing::Program start(std::string_view text) { return machine_.load_program(text); }

  TestMachine machine_;
};

// Two calls, decoded from two beginnings, that come back to the same place: with a7 at least 64 the code is
// entered in the middle of what the other way takes for two instructions.
TEST_F(Translated, TwoCallsThatComeBackToTheSamePlace) {
  const testing::Program program = start(R"(
      bltui a7, 64, over
      .byte 0xf8; .byte 0xc2; .byte 0x82
    over: mov.n a14, a2
      call12 function
    back: slli a7, a2, 27
      .align 4
    function: entry a1, 112
      rotw 2
      rotw -2
      retw
  )");
  machine_.core().set_a(2, testing::kData);
  machine_.core().set_a(7, 1);
  machine_.core().run(7);
  EXPECT_EQ(machine_.state().pc, program.at("back"));
  EXPECT_EQ(machine_.state().windowbase, 0u);
  EXPECT_EQ(machine_.state().windowstart, 1u);
}

// ICOUNT begins to count where PS.INTLEVEL falls below ICOUNTLEVEL.
TEST_F(Translated, IcountBeginsWithinABlock) {
  start(R"(
      movi.n a13, 4
      wsr.icountlevel a13
      rsil a8, 15
      wsr.ps a8
      rsr.lbeg a11
  )");
  machine_.core().run(5);
  EXPECT_EQ(machine_.state().icount, 2u);
}

// What is written to LEND counts from the next instruction on, whether or not it was the end of a loop
// before.
TEST_F(Translated, LendIsNotLookedAtBehindTheInstructionThatWritesIt) {
  const testing::Program program = start(R"(
      j code
      .align 4
    end: .word behind
    code: movi a5, 100
      loop a5, over
      l32r a8, end
      wsr.lend a8
    behind: movi a6, 1
    over: movi a7, 1
  )");
  for (unsigned n = 0; n < 2; ++n) {
    machine_.state().pc = program.base;
    machine_.core().run(5);
    EXPECT_EQ(machine_.state().pc, program.at("behind"));
  }
}

}  // namespace
}  // namespace espalier::xtensa
