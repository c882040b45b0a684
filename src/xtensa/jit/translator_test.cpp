// What went wrong in translated code once.
#include <gtest/gtest.h>

#include <cfenv>
#include <string>
#include <string_view>

#include "xtensa/fp_host.h"
#include "xtensa/testing/translated_machine.h"

namespace espalier::xtensa {
namespace {

class Translated : public testing::TranslatedTest {
 protected:
  // For programs that end in a loop: with less budget than a block needs, the interpreter runs it.
  void run_translated() {
    const std::uint64_t before = machine_.core().engine_stats().entries;
    machine_.core().run(40);
    EXPECT_GT(machine_.core().engine_stats().entries, before);
  }
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

// A device's code runs with the host's own rounding mode; the guest's comes back for the rest of the block,
// and FP registers keep their values.
TEST_F(Translated, ADeviceIsReadBetweenFloatingPointInstructions) {
  start(R"(
      wur.fcr a5
      add.s f2, f0, f1
      l32i a4, a3, 0
      sub.s f3, f2, f1
      add.s f4, f0, f1
      rur.fsr a6
      wur.fcr a7
      add.s f5, f0, f1
    end: j end
  )");
  machine_.core().set_a(3, testing::kDevice);
  machine_.core().set_a(5, 2);  // up
  machine_.core().set_a(7, 3);  // down
  machine_.state().cpenable = 1;
  machine_.state().fr[0] = 0x3f800000;  // 1
  machine_.state().fr[1] = 0x30000000;  // 2^-31
  int mode = -1;
  machine_.on_device_load = [&mode](std::uint32_t, unsigned) {
    mode = std::fegetround();
    return 0x1234u;
  };
  run_translated();
  EXPECT_EQ(mode, FE_TONEAREST);
  EXPECT_EQ(machine_.core().a(4), 0x1234u);
  EXPECT_EQ(machine_.state().fr[2], 0x3f800001u);
  EXPECT_EQ(machine_.state().fr[3], 0x3f800001u);
  EXPECT_EQ(machine_.state().fr[4], 0x3f800001u);
  EXPECT_EQ(machine_.state().fr[5], 0x3f800000u);
  EXPECT_EQ(machine_.core().a(6), kFsrInexact);
  EXPECT_EQ(std::fegetround(), FE_TONEAREST);
}

// What translated code knows of CPENABLE holds until it is left.
TEST_F(Translated, CoprocessorIsDisabledBetweenTwoRunsOfTheSameCode) {
  const testing::Program program = start(R"(
    again: add.s f2, f0, f1
      mov.s f3, f2
      addi a4, a4, 1
      j again
  )");
  machine_.state().cpenable = 1;
  run_translated();
  machine_.state().cpenable = 0;
  run_translated();
  EXPECT_EQ(machine_.state().epc[1], program.base);
  EXPECT_EQ(machine_.state().exccause, static_cast<std::uint32_t>(Cause::kCoprocessor0Disabled));
}

// ACCHI has 8 bits, whatever is added, and is sign-extended where it is read.
TEST_F(Translated, AccumulatorWrapsAt40Bits) {
  start(R"(
      wsr.acclo a2
      wsr.acchi a3
      mula.aa.ll a4, a4
      rsr.acclo a5
      rsr.acchi a6
      muls.aa.ll a4, a4
      rsr.acchi a7
      xsr.acchi a4
      umul.aa.hh a2, a2
      rsr.acclo a9
      wsr.acclo a2
      wsr.acchi a2
      mula.aa.ll a8, a8
    end: j end
  )");
  machine_.core().set_a(2, 0xffffffff);
  machine_.core().set_a(3, 0x17f);
  machine_.core().set_a(4, 1);
  machine_.core().set_a(8, 1);
  run_translated();
  EXPECT_EQ(machine_.core().a(5), 0u);
  EXPECT_EQ(machine_.core().a(6), 0xffffff80u);
  EXPECT_EQ(machine_.core().a(7), 0x7fu);
  EXPECT_EQ(machine_.core().a(4), 0x7fu);
  EXPECT_EQ(machine_.core().a(9), 0xfffe0001u);
  EXPECT_EQ(machine_.state().acclo, 0u);
  EXPECT_EQ(machine_.state().acchi, 0u);
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

// The last instruction of a loop ends an exception's mode, in which no loop ends: it goes back at once.
TEST_F(Translated, ALoopEndsWhereItsLastInstructionClearsExcm) {
  start(R"(
    again: loop a3, over
      addi a4, a4, 1
      wsr.ps a6
      addi a9, a9, 1
      wsr.ps a5
    over: addi a8, a8, 1
      j again
  )");
  machine_.core().set_a(3, 3);
  for (const unsigned reg : {4, 8, 9}) machine_.core().set_a(reg, 0);
  machine_.core().set_a(5, kPsWoe | kPsUm);
  machine_.core().set_a(6, kPsWoe | kPsUm | kPsExcm);
  constexpr unsigned kRounds = 100;
  machine_.core().run(kRounds * (1 + 3 * 4 + 2));
  EXPECT_EQ(machine_.core().a(8), kRounds);
  EXPECT_EQ(machine_.core().a(4), 3 * kRounds);
  EXPECT_EQ(machine_.core().a(9), 3 * kRounds);
}

// Translated code goes on behind these, unless there is an interrupt to be taken.
TEST_F(Translated, AnInterruptIsEnabledWithinABlock) {
  for (const char* const enables : {"wsr.intenable a3", "xsr.intenable a3"}) {
    SCOPED_TRACE(enables);
    const testing::Program program = start("wsr.intset a2\naddi a4, a4, 1\n" + std::string(enables) +
                                           "\nenabled: addi a4, a4, 1\nend: j end\n");
    machine_.core().invalidate_all_code();
    machine_.state().ps = kPsWoe | kPsUm;
    machine_.state().intenable = 0;
    machine_.core().set_a(2, 0xffffffff);
    constexpr std::uint32_t kSoftware = 1u << 7;
    machine_.core().set_a(3, kSoftware);
    machine_.core().set_a(4, 0);
    run_translated();
    EXPECT_EQ(machine_.core().a(4), 1u);
    EXPECT_EQ(machine_.state().interrupt, kSoftware | 1u << 29);  // what software can raise
    EXPECT_EQ(machine_.state().epc[1], program.at("enabled"));
    EXPECT_EQ(machine_.state().exccause, static_cast<std::uint32_t>(Cause::kLevel1Interrupt));
  }
}

// Bits that a level or a timer holds stay.
TEST_F(Translated, LatchedInterruptsAreClearedWithinABlock) {
  start("wsr.intclear a3\naddi a4, a4, 1\nend: j end\n");
  machine_.core().set_a(3, 0xffffffff);
  machine_.state().interrupt = 0xffffffff & ~kNmiLine;
  run_translated();
  EXPECT_EQ(machine_.state().interrupt & kClearableInterrupts, 0u);
  EXPECT_EQ(machine_.state().interrupt, ~kClearableInterrupts);
}

// The same where PS's level falls below it, and not before.
TEST_F(Translated, AnInterruptIsUnmaskedWithinABlock) {
  constexpr std::uint32_t kSoftware = 1u << 29;  // level 3
  for (const char* const lowers : {"rsil a5, 2", "wsr.ps a6", "xsr.ps a6"}) {
    SCOPED_TRACE(lowers);
    const testing::Program program =
        start("rsil a5, 3\naddi a4, a4, 1\n" + std::string(lowers) + "\nlow: addi a4, a4, 1\nend: j end\n");
    machine_.state().ps = kPsWoe | kPsUm | 4;
    machine_.state().intenable = machine_.state().interrupt = kSoftware;
    machine_.core().set_a(4, 0);
    machine_.core().set_a(6, kPsWoe | kPsUm | 2);
    run_translated();
    EXPECT_EQ(machine_.core().a(4), 1u);
    EXPECT_EQ(machine_.state().epc[3], program.at("low"));
    EXPECT_EQ(machine_.state().eps[3], kPsWoe | kPsUm | 2);
  }
}

// A return may let an interrupt in that has waited for it: before the first instruction.
TEST_F(Translated, AnInterruptIsUnmaskedByAReturn) {
  constexpr std::uint32_t kSoftware = 1u << 29;  // level 3
  for (const char* const returns : {"rfe", "rfi 4"}) {
    SCOPED_TRACE(returns);
    const testing::Program program =
        start("j go\ngo: " + std::string(returns) + "\nback: addi a4, a4, 1\nend: j end\n");
    machine_.core().invalidate_all_code();
    machine_.state().intenable = kSoftware;
    machine_.core().set_a(4, 0);
    // It has been there before: the way is known without a look for it.
    for (const std::uint32_t pending : {0u, 0u, 0u, 0u, 0u, kSoftware}) {
      machine_.state().pc = program.base;
      machine_.state().ps = kPsWoe | kPsUm | kPsExcm;
      machine_.state().interrupt = pending;
      machine_.state().epc[1] = machine_.state().epc[4] = program.at("back");
      machine_.state().eps[4] = kPsWoe | kPsUm | 2;
      run_translated();
    }
    EXPECT_EQ(machine_.core().a(4), 5u);
    EXPECT_EQ(machine_.state().epc[3], program.at("back"));
  }
}

// A table is a hint: the guest may change it, and jump to what has not been seen in it.
TEST_F(Translated, ASwitchGoesWhereItsTableSaysNow) {
  const testing::Program program = start(R"(
      j begin
      .align 4
    table: .word one
      .word two
    pointer: .word table
    begin: l32r a5, pointer
    again: extui a3, a2, 0, 1
      addi a2, a2, 1
      addx4 a3, a3, a5
      l32i a3, a3, 0
      jx a3
    one: addi a6, a6, 1
      j again
    two: addi a7, a7, 1
      j again
    three: addi a8, a8, 1
      j again
  )");
  constexpr unsigned kRound = 7;
  for (const unsigned reg : {2u, 6u, 7u, 8u}) machine_.core().set_a(reg, 0);
  machine_.core().run(2 + 8 * kRound);
  machine_.core().invalidate_all_code();  // it is translated anew, now that the core has been at both
  machine_.core().run(100 * kRound);
  EXPECT_EQ(machine_.core().a(6), 54u);
  EXPECT_EQ(machine_.core().a(7), 54u);
  machine_.write32(program.at("table") + 4, program.at("three"));
  machine_.core().run(100 * kRound);
  EXPECT_EQ(machine_.core().a(6), 104u);
  EXPECT_EQ(machine_.core().a(7), 54u);
  EXPECT_EQ(machine_.core().a(8), 50u);
  EXPECT_EQ(machine_.state().pc, program.at("again"));
}

// A window is looked at where PS says so, behind a WSR as well: a frame is where the code has its a8.
TEST_F(Translated, WindowsAreLookedAtAsTheLatestPsSays) {
  struct {
    std::uint32_t before, after;
    bool looked;
  } const cases[] = {
      {kPsWoe, kPsWoe | kPsExcm, false},  {kPsWoe, 0, false},
      {kPsWoe | kPsExcm, kPsWoe, true},   {0, kPsWoe, true},
      {kPsExcm, kPsWoe | kPsExcm, false}, {kPsWoe, kPsWoe | 2, true},
  };
  constexpr std::uint32_t kStack = testing::kData + 0x800;
  for (const auto& test : cases) {
    start("wsr.ps a3\naddi a8, a8, 1\nend: j end\n");
    machine_.core().invalidate_all_code();
    machine_.core().rotate_to(0);
    machine_.state().windowstart = 0x15;
    for (unsigned n = 4; n < 64; ++n) machine_.core().set_physical(n, kStack);
    machine_.write32(kStack - 12, kStack);
    machine_.state().ps = test.before | kPsUm;
    machine_.core().set_a(3, test.after | kPsUm);
    run_translated();
    EXPECT_EQ(machine_.state().windowstart, test.looked ? 0x11u : 0x15u)
        << std::hex << test.before << " " << test.after;
  }
}

// L32AI and S32RI raise an exception for an unaligned address, whether or not other instructions have taken
// it.
TEST_F(Translated, UnalignedAccessBeforeL32ai) {
  const testing::Program program = start(R"(
      l32i a4, a3, 0
    load: l32ai a5, a3, 4
    end: j end
  )");
  machine_.core().set_a(3, testing::kData + 1);
  run_translated();
  EXPECT_EQ(machine_.state().epc[1], program.at("load"));
  EXPECT_EQ(machine_.state().excvaddr, testing::kData + 5);
  EXPECT_EQ(machine_.state().exccause, static_cast<std::uint32_t>(Cause::kLoadStoreAlignment));
}

// Who comes into a loop from outside has not seen the windows that it relies on from before it: in the second
// round there is a frame where it has its a8.
TEST_F(Translated, ALoopIsEnteredWithAFrameInItsWay) {
  const testing::Program program = start(R"(
      addi a8, a8, 1
    head: addi a8, a8, 1
      bnez a2, head
    end: j end
  )");
  constexpr std::uint32_t kStack = testing::kData + 0x800;
  machine_.core().set_a(2, 1);
  run_translated();
  ASSERT_TRUE(machine_.run_to(program.at("head")));
  machine_.state().windowstart = 0x15;
  for (unsigned n = 9; n < 64; ++n) machine_.state().ar[n] = kStack;
  machine_.write32(kStack - 12, kStack);
  const std::uint32_t saved = machine_.state().ar[8];
  run_translated();
  EXPECT_EQ(machine_.state().windowstart, 0x11u);
  EXPECT_EQ(machine_.read32(kStack - 16), saved);
  EXPECT_EQ(machine_.state().epc[1], program.at("head"));
}

// A turn that begins in code which has hardly run so far, but belongs to what has been translated.
class ATurnThatBeginsBeside : public Translated, public ::testing::WithParamInterface<unsigned> {};

TEST_P(ATurnThatBeginsBeside, EntersTranslatedCodeWhereItCan) {
  constexpr unsigned kThreshold = 30, kStraight = 36;
  machine_.core().set_jit_threshold(kThreshold);
  std::string no_other_entry;
  for (unsigned n = 0; n < kStraight; ++n) no_other_entry += "addi a2, a2, 1\n";
  const testing::Program program = start(R"(
    again: beqz a5, plain
      call8 one
    )" + no_other_entry + R"(
    plain: addi a4, a4, 1
      j again
      .align 4
    one: entry a1, 32
      call8 nothing
    out: retw
      .align 4
    nothing: entry a1, 32
      retw
  )");
  machine_.core().set_a(1, testing::kData + 0x800);
  machine_.core().set_a(5, 1);
  for (unsigned rounds = 0; rounds < GetParam(); ++rounds) {
    ASSERT_TRUE(machine_.run_to(program.at("plain")));
    machine_.core().run(1);
  }
  machine_.core().set_a(5, 0);
  machine_.core().run(3 * 2 * kThreshold);
  EXPECT_GT(machine_.core().engine_stats().translated_regions, 0u);
  machine_.core().set_a(5, 1);
  ASSERT_TRUE(machine_.run_to(program.at("out")));
  const std::uint64_t before = machine_.core().engine_stats().entries;
  machine_.core().run(1 + kStraight + 2);
  EXPECT_EQ(machine_.core().engine_stats().entries, before + 1);
}
INSTANTIATE_TEST_SUITE_P(CodeThatHasRun, ATurnThatBeginsBeside, ::testing::Values(0u, 3u));

class GoesOn : public Translated {
 protected:
  static constexpr std::uint32_t kSoftware = 1u << 7;
  // Translated code is left for nothing but the end of the budget.
  void expect_no_way_out() {
    machine_.core().run(1'000);
    const EngineStats before = machine_.core().engine_stats();
    machine_.core().run(10'000);
    EXPECT_LT(machine_.core().engine_stats().entries - before.entries, 10u);
    resumes_ = machine_.core().engine_stats().resumes - before.resumes;
  }
  std::uint64_t resumes_ = 0;  // in those
};

TEST_F(GoesOn, WithAMaskedInterrupt) {
  start(R"(
    again: rsil a5, 15
      wsr.ps a5
      addi a4, a4, 1
      j again
  )");
  machine_.state().ps |= 1;
  machine_.state().interrupt = machine_.state().intenable = kSoftware;
  expect_no_way_out();
  EXPECT_EQ(machine_.state().epc[1], 0u);
}

TEST_F(GoesOn, BehindAChangeOfMode) {
  start(R"(
    again: wsr.ps a5
      addi a4, a4, 1
      wsr.ps a6
      addi a4, a4, 1
      j again
  )");
  machine_.core().set_a(5, kPsWoe | kPsUm | kPsExcm);
  machine_.core().set_a(6, kPsWoe | kPsUm);
  expect_no_way_out();
  EXPECT_LT(resumes_, 10u);
}

// What PS masks does not make it ask: a level up to 3 in an exception's mode, one up to PS.INTLEVEL
// elsewhere.
TEST_F(GoesOn, BehindAChangeOfModeWithAMaskedInterrupt) {
  constexpr std::uint32_t kLevel1 = 1u << 7, kLevel3 = 1u << 29;
  start(R"(
    again: wsr.ps a5
      addi a4, a4, 1
      wsr.ps a6
      addi a4, a4, 1
      j again
  )");
  machine_.core().set_a(5, kPsWoe | kPsUm | kPsExcm);
  machine_.core().set_a(6, kPsWoe | kPsUm | 3);
  machine_.state().ps |= 3;
  machine_.state().interrupt = machine_.state().intenable = kLevel1 | kLevel3;
  expect_no_way_out();
  EXPECT_LT(resumes_, 10u);
  EXPECT_EQ(machine_.state().epc[3], 0u);
  // One that nothing masks any longer comes at once.
  machine_.core().set_a(6, kPsWoe | kPsUm | 2);
  machine_.core().run(100);
  EXPECT_EQ(machine_.state().eps[3], kPsWoe | kPsUm | 2);
}

// And where each of the levels is just above what is masked.
TEST_F(GoesOn, IntoAnotherModeUnlessAnInterruptComesFirst) {
  struct {
    unsigned line;
    std::uint32_t level, ps;  // PS behind the change
    bool comes;
  } const cases[] = {
      {29, 3, kPsExcm, false},     {29, 3, kPsExcm | 2, false}, {29, 3, 2, true},
      {29, 3, 3, false},           {26, 5, kPsExcm, true},      {26, 5, kPsExcm | 4, true},
      {26, 5, kPsExcm | 5, false},
  };
  for (const auto& test : cases) {
    SCOPED_TRACE(::testing::Message() << test.line << " " << std::hex << test.ps);
    // From a mode that is neither: no windows.
    const testing::Program program = start("wsr.ps a5\nbehind: addi a4, a4, 1\nend: j end\n");
    machine_.core().invalidate_all_code();
    for (const std::uint32_t pending : {0u, 0u, 0u, 1u << test.line}) {
      machine_.state().pc = program.base;
      machine_.state().ps = kPsUm | 15;
      machine_.state().epc[test.level] = 0;
      machine_.state().interrupt = pending;
      machine_.state().intenable = 1u << test.line;
      machine_.core().set_a(5, kPsWoe | kPsUm | test.ps);
      run_translated();
    }
    EXPECT_EQ(machine_.state().epc[test.level], test.comes ? program.at("behind") : 0u);
  }
}

// A function that handlers call returns without windows.
TEST_F(GoesOn, WhereAReturnWithoutWindowsLeads) {
  start(R"(
    again: call0 function
      addi a4, a4, 1
      j again
      .align 4
    function: addi a5, a5, 1
      ret
  )");
  machine_.state().ps = kPsUm | kPsExcm;
  expect_no_way_out();
  EXPECT_LT(resumes_, 10u);
}

TEST_F(GoesOn, BehindAWriteOfCpenable) {
  const testing::Program program = start(R"(
    again: wsr.cpenable a5
      add.s f2, f0, f1
      wsr.cpenable a6
      addi a4, a4, 1
      wsr.cpenable a5
      add.s f3, f0, f1
      j again
  )");
  machine_.core().set_a(5, 0x1ff);
  machine_.core().set_a(6, 0);
  expect_no_way_out();
  EXPECT_LT(resumes_, 10u);
  ASSERT_TRUE(machine_.run_to(program.base));
  EXPECT_EQ(machine_.state().cpenable, 0xffu);
}

TEST_F(Translated, CpenableIsLookedAtBehindTheInstructionThatWritesIt) {
  const testing::Program program = start(R"(
      wsr.cpenable a5
      add.s f2, f0, f1
      wsr.cpenable a6
    off: add.s f3, f0, f1
    end: j end
  )");
  machine_.core().set_a(5, 1);
  machine_.core().set_a(6, 0xfe);
  for (unsigned n = 0; n < 4; ++n) {
    machine_.state().pc = program.base;
    machine_.state().ps = kPsWoe | kPsUm;
    machine_.state().epc[1] = 0;
    run_translated();
    EXPECT_EQ(machine_.state().epc[1], program.at("off"));
    EXPECT_EQ(machine_.state().exccause, static_cast<std::uint32_t>(Cause::kCoprocessor0Disabled));
  }
}

// It may be the last instruction of a loop.
TEST_F(Translated, ALoopEndsWhereItsLastInstructionWritesCpenable) {
  start(R"(
    again: loop a3, over
      addi a4, a4, 1
      wsr.cpenable a5
    over: addi a8, a8, 1
      j again
  )");
  machine_.core().set_a(3, 10);
  machine_.core().set_a(4, 0);
  machine_.core().set_a(8, 0);
  machine_.core().run(23 * 20);
  EXPECT_EQ(machine_.core().a(4), 200u);
  EXPECT_EQ(machine_.core().a(8), 20u);
}

TEST_F(GoesOn, BehindALendThatStaysWhatItIs) {
  start(R"(
    again: wsr.lend a5
      addi a4, a4, 1
      j again
  )");
  machine_.state().lend = 0x40080400;
  machine_.core().set_a(5, 0x40080400);
  expect_no_way_out();
}

// All 16 windows, so that some change sides on the way.
TEST_F(GoesOn, WhereWindowsRotate) {
  const testing::Program program = start(R"(
    again: rotw 3
      rotw -2
      rotw 7
      rotw -3
      addi a3, a3, 1
      j again
  )");
  machine_.state().ps = kPsUm;
  machine_.state().ar.fill(0);
  expect_no_way_out();
  ASSERT_TRUE(machine_.run_to(program.base));
  const std::uint32_t rounds = (machine_.core().instructions() - 1) / 6;
  for (unsigned window = 0; window < 16; ++window)
    EXPECT_NEAR(machine_.core().physical(4 * window + 3), rounds / 16.0, 1) << window;
}

TEST_F(GoesOn, WhereAnInterruptAndTheReturnFromItLead) {
  base::Tracer tracer;  // each machine has one
  machine_.core().set_tracer(&tracer);
  start(R"(
    again: wsr.intset a3
      addi a4, a4, 1
      j again
  )");
  machine_.write(testing::kVectors + kVecUser, testing::assemble(R"(
      wsr.intclear a3
      addi a5, a5, 1
      rfe
  )",
                                                                 testing::kVectors + kVecUser)
                                                   .bytes);
  machine_.core().invalidate_all_code();
  machine_.core().set_a(3, kSoftware);
  machine_.core().set_a(4, 0);
  machine_.core().set_a(5, 0);
  machine_.state().intenable = kSoftware;
  expect_no_way_out();
  // Six instructions a round.
  EXPECT_NEAR(machine_.core().a(4), 11'000 / 6.0, 2);
  EXPECT_NEAR(machine_.core().a(5), machine_.core().a(4), 1);

  const std::uint32_t before = machine_.core().a(5);
  std::uint32_t returns = 0;
  tracer.set_sink([&returns](const base::TraceRecord&) { ++returns; });
  ASSERT_TRUE(tracer.enable("cpu_return", true));
  machine_.core().run(10'000);
  EXPECT_EQ(returns, machine_.core().a(5) - before);
}

}  // namespace
}  // namespace espalier::xtensa
