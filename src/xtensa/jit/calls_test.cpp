// How translated code calls, and comes back.
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "xtensa/testing/translated_machine.h"

namespace espalier::xtensa {
namespace {

// A call of what a literal says goes there at once; the literal may change.
class CallsThroughALiteral : public testing::TranslatedTest {
 protected:
  static constexpr std::string_view kText = R"(
      j again
      .align 4
    target: .word 0
    again: l32r a8, target
      callx8 a8
      add a2, a2, a10
      j again
      .align 4
    first: entry a1, 32
      movi a2, 1
      retw
      .align 4
    second: entry a1, 32
      movi a2, 16
      retw
  )";
  void SetUp() override {
    TranslatedTest::SetUp();
    if (IsSkipped()) return;
    program_ = start(kText);
    aim_at("first");
    machine_.core().run(1);
    machine_.core().set_a(2, 0);
  }
  void aim_at(std::string_view label) {
    const std::uint32_t at = program_.at("target");
    machine_.write32(at, program_.at(label));
    machine_.core().invalidate_code(at, 4);
  }

  testing::Program program_;
};

TEST_F(CallsThroughALiteral, GoWhereItSaysNow) {
  constexpr unsigned kRound = 7;
  machine_.core().run(5 * kRound);
  EXPECT_EQ(machine_.core().a(2), 5u);
  aim_at("second");
  machine_.core().run(3 * kRound);
  EXPECT_EQ(machine_.core().a(2), 5u + 3 * 16);
  EXPECT_EQ(machine_.state().pc, program_.at("again"));
}

TEST_F(CallsThroughALiteral, ReachNativeFunctionsWithoutLeaving) {
  machine_.native_pcs = {program_.at("first")};
  machine_.core().invalidate_all_code();
  machine_.native = [](Core& core, std::uint32_t pc) {
    core.set_window_relative(8 + 2, 3);
    core.state().pc = (core.window_relative(8) & 0x3fffffff) | (pc & 0xc0000000);
  };
  constexpr unsigned kRound = 5;
  machine_.core().run(100 * kRound);
  EXPECT_EQ(machine_.core().a(2), 300u);
  EXPECT_EQ(machine_.state().pc, program_.at("again"));
  EXPECT_LT(machine_.core().engine_stats().entries, 10u);
}

// Functions that call others, as those that do not are taken in where they are called.
class Calls : public testing::TranslatedTest {
 protected:
  static constexpr std::string_view kFunctions = R"(
      .align 4
    one: entry a1, 32
      call8 nothing
      addi a2, a2, 1
      retw
      .align 4
    sixteen: entry a1, 32
      call8 nothing
      addi a2, a2, 16
      retw
      .align 4
    nothing: entry a1, 32
      retw
  )";
  testing::Program start_with_functions(std::string_view text) {
    const testing::Program program = start(std::string(text) + std::string(kFunctions));
    machine_.core().set_a(1, testing::kData + 0x800);
    return program;
  }
  // A round is from `again` to there. All but the first are one turn, as short ones are not translated.
  void run_rounds(const testing::Program& program, unsigned rounds) {
    const std::uint64_t before = machine_.core().instructions();
    machine_.core().run(1);
    ASSERT_TRUE(machine_.run_to(program.at("again")));
    const std::uint64_t length = machine_.core().instructions() - before;
    machine_.core().run((rounds - 1) * length);
    ASSERT_EQ(machine_.state().pc, program.at("again"));
  }
  std::uint64_t entries() { return machine_.core().engine_stats().entries; }
  // That translated code is entered for so many instructions, once it knows all ways.
  std::uint64_t entries_of(std::uint64_t instructions) {
    machine_.core().run(2'000);
    const std::uint64_t before = entries();
    machine_.core().run(instructions);
    return entries() - before;
  }
};

TEST_F(Calls, LeadToTheirFunctionAndBackWithoutLeaving) {
  start_with_functions(R"(
    again: mov.n a10, a2
      call8 one
      mov.n a2, a10
      j again
  )");
  machine_.core().set_a(2, 0);
  EXPECT_LT(entries_of(10'000), 10u);
  EXPECT_NEAR(machine_.core().a(2), 12'000 / 10.0, 2);
}

TEST_F(Calls, LeadWhereARegisterSaysWithoutLeaving) {
  const testing::Program program = start_with_functions(R"(
    again: mov.n a10, a2
      callx8 a3
      mov.n a2, a10
      mov.n a5, a3
      mov.n a3, a4
      mov.n a4, a5
      j again
  )");
  machine_.core().set_a(2, 0);
  machine_.core().set_a(3, program.at("one"));
  machine_.core().set_a(4, program.at("sixteen"));
  EXPECT_LT(entries_of(12'000), 10u);
  EXPECT_NEAR(machine_.core().a(2), 14'000 / 13.0 * 17 / 2, 20);
}

// A function is translated for the increment of the call by which it is come to first.
TEST_F(Calls, OfOneFunctionWithEachIncrement) {
  const testing::Program program = start_with_functions(R"(
    again: mov.n a10, a2
      call8 one
      mov.n a6, a10
      call4 one
      mov.n a14, a6
      call12 one
      mov.n a10, a14
      callx8 a3
      mov.n a6, a10
      callx4 a3
      mov.n a14, a6
      callx12 a3
      mov.n a2, a14
      j again
  )");
  machine_.core().set_a(2, 0);
  machine_.core().set_a(3, program.at("one"));
  run_rounds(program, 100);
  EXPECT_EQ(machine_.core().a(2), 600u);
  EXPECT_EQ(machine_.state().windowbase, 0u);
  EXPECT_EQ(machine_.state().windowstart, 1u);
}

// The window is not opened, and the way back is a jump. The next call of that increment opens the same one.
TEST_F(Calls, OfCodeWithoutEntry) {
  const testing::Program program = start_with_functions(R"(
    again: mov.n a10, a2
      call8 without
    back: call8 one
      mov.n a2, a10
      callx8 a4
      j again
      .align 4
    without: addi a10, a10, 1
      call0 over
      .align 4
    over: jx a3
  )");
  machine_.core().set_a(2, 0);
  machine_.core().set_a(3, program.at("back"));
  machine_.core().set_a(4, program.at("one"));
  run_rounds(program, 100);
  EXPECT_EQ(machine_.core().a(2), 200u);
  EXPECT_EQ(machine_.state().windowstart, 1u);
}

TEST_F(Calls, OfAFunctionThatIsRewritten) {
  const testing::Program program = start_with_functions(R"(
    again: mov.n a10, a2
      call8 one
      callx8 a3
      mov.n a2, a10
      j again
  )");
  machine_.core().set_a(2, 0);
  machine_.core().set_a(3, program.at("one"));
  run_rounds(program, 50);
  EXPECT_EQ(machine_.core().a(2), 100u);
  const std::uint32_t one = program.at("one");
  const auto other = testing::assemble("entry a1, 32\n movi a2, 7\n retw", one).bytes;
  machine_.write(one, other);
  machine_.core().invalidate_code(one, static_cast<std::uint32_t>(other.size()));
  run_rounds(program, 1);
  EXPECT_EQ(machine_.core().a(2), 7u);
  run_rounds(program, 50);
  EXPECT_EQ(machine_.core().a(2), 7u);
}

// Who comes back to where another call would have: what is looked up finds two places 4 KiB apart in turn.
TEST_F(Calls, ComeBackToPlacesThatShareABucket) {
  constexpr std::uint32_t kApart = 4096;
  const testing::Program program = start_with_functions(R"(
    again: call8 first
    back: addi a2, a2, 1
      j again
      .align 4
    literals: .word 0
      .word 0
    first: entry a1, 32
      l32r a0, literals
      retw
  )");
  const std::uint32_t there = program.at("back") + kApart;
  const std::string text = R"(
    other: call8 second
    back: addi a3, a3, 1
      j other
      .align 4
    literal: .word 0
    second: entry a1, 32
      l32r a0, literal
      retw
  )";
  const testing::Program beyond = testing::assemble(text, there - 3);
  ASSERT_EQ(beyond.at("back"), there);
  machine_.write(there - 3, beyond.bytes);
  const auto returning_to = [](std::uint32_t pc) { return (pc & 0x3fffffff) | 2u << 30; };
  machine_.write32(program.at("literals"), returning_to(there));
  machine_.write32(beyond.at("literal"), returning_to(program.at("back")));
  machine_.core().set_a(2, 0);
  machine_.core().set_a(3, 0);
  constexpr unsigned kRound = 12;
  machine_.core().run(1'000 * kRound);
  EXPECT_NEAR(machine_.core().a(2), 1'000, 1);
  EXPECT_NEAR(machine_.core().a(3), 1'000, 1);
  const std::uint64_t before = machine_.core().engine_stats().resumes;
  machine_.core().run(1'000 * kRound);
  EXPECT_LT(machine_.core().engine_stats().resumes - before, 10u);
}

}  // namespace
}  // namespace espalier::xtensa
