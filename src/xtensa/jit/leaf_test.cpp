#include "xtensa/jit/leaf.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <string_view>

#include "xtensa/testing/translated_machine.h"

namespace espalier::xtensa::jit {
namespace {

class LeafTest : public testing::TranslatedTest {
 protected:
  std::optional<Leaf> leaf_of(std::string_view text) {
    const testing::Program program = machine_.load_program(text);
    CodeSource source = code_source();
    source.is_breakpoint = [this](std::uint32_t pc) { return breakpoints_.contains(pc); };
    source.is_loop_end = [this](std::uint32_t pc) { return loop_ends_.contains(pc); };
    return find_leaf(source, program.at("function"));
  }

  std::set<std::uint32_t> breakpoints_, loop_ends_;
};

TEST_F(LeafTest, IsAFunctionThatCallsNothing) {
  const auto leaf = leaf_of(R"(
    function: entry a1, 32
      bltz a2, negative
      add a2, a2, a3
      retw
    negative: l32i a10, a3, 0
      mov.n a2, a10
      retw
  )");
  ASSERT_TRUE(leaf);
  EXPECT_EQ(leaf->steps.size(), 7u);
  EXPECT_EQ(leaf->leaders.size(), 4u);  // the last one is its end
  EXPECT_EQ(leaf->leaders.front(), testing::kCode);
  EXPECT_EQ(leaf->end_pc, leaf->leaders.back());
  EXPECT_EQ(leaf->panes, 2u);
}

TEST_F(LeafTest, IsNoFunctionThatCallsLoopsOrTouchesWhatIsNotItsOwn) {
  for (const char* body : {
           "call8 function",                          // calls
           "callx4 a5",                               //
           "again: addi a2, a2, -1; bnez a2, again",  // goes back
           "loop a2, over; nop; over: nop",           // a hardware loop
           "mov.n a0, a2",                            // comes back elsewhere
           "movsp a1, a2",                            // windows
           "rsr.sar a3",                              // special registers
           "wsr.ps a3", "rsil a2, 3",                 //
           "add.s f0, f1, f2",                        // coprocessors
           "jx a2", "ret", "ill",                     //
           "entry a1, 32",                            // a second one
       }) {
    EXPECT_FALSE(leaf_of(std::string("function: entry a1, 32; ") + body + "; retw")) << body;
  }
  EXPECT_FALSE(leaf_of("function: movi a2, 1; retw"));
  EXPECT_FALSE(leaf_of("function: entry a0, 32; movi a2, 1; retw"));  // a0 is where it comes back
  EXPECT_TRUE(leaf_of("function: entry a1, 32; movi a2, 1; retw"));
}

TEST_F(LeafTest, IsNotTooLarge) {
  const auto function = [](unsigned steps) {
    std::string text = "function: entry a1, 32; ";
    for (unsigned n = 0; n < steps; ++n) text += "addi a2, a2, 1; ";
    return text + "retw";
  };
  EXPECT_TRUE(leaf_of(function(22)));
  EXPECT_FALSE(leaf_of(function(23)));
}

TEST_F(LeafTest, ABreakpointOrTheEndOfALoopBelongsToWhoLooksForIt) {
  const char* const text = "function: entry a1, 32; movi a2, 1; retw";
  breakpoints_ = {testing::kCode + 3};
  EXPECT_FALSE(leaf_of(text));
  breakpoints_ = {};
  loop_ends_ = {testing::kCode + 6};
  EXPECT_FALSE(leaf_of(text));
}

TEST_F(LeafTest, RegistersMoveUpAndOtherFieldsStay) {
  const Instruction in = {.op = Op::EXTUI, .length = 3, .r = 2, .s = 5, .t = 3, .imm = 5, .imm2 = 4};
  const Instruction up = moved_up(in, 8);
  EXPECT_EQ(up.r, 10u);
  EXPECT_EQ(up.t, 11u);
  EXPECT_EQ(up.s, 5u);  // no register
  EXPECT_EQ(up.imm, 5);
  const Instruction down = moved_up(up, -8);
  EXPECT_EQ(down.r, in.r);
  EXPECT_EQ(down.t, in.t);
}

// What the caller's translation holds of the function is not entered when its code has become another.
TEST_F(LeafTest, ItsCodeChanges) {
  const testing::Program program = start(R"(
    begin: movi a10, 5
      call8 function
      mov.n a3, a10
      j begin
      .align 4
    function: entry a1, 32
      addi a2, a2, 1
      retw
  )");
  machine_.core().run(200);
  EXPECT_EQ(machine_.state().ar[3], 6u);
  const std::uint32_t at = program.at("function");
  // The immediate of ADDI is its third byte.
  machine_.byte(at + 5) = 9;
  machine_.core().invalidate_code(at + 3, 3);
  machine_.core().run(200);
  EXPECT_EQ(machine_.state().ar[3], 14u);
}

// An exception in the middle of it finds the function's window open.
TEST_F(LeafTest, AnExceptionInTheMiddleOfIt) {
  const testing::Program program = start(R"(
    begin: movi a10, 5
      call8 function
      j begin
      .align 4
    function: entry a1, 32
      l32i a4, a3, 0
      retw
  )");
  machine_.core().set_a(11, testing::kData);
  machine_.core().run(400);
  ASSERT_TRUE(machine_.run_to(program.at("begin")));
  machine_.core().set_a(11, 0x10);
  const std::uint32_t faults = program.at("function") + 3;
  // Enough for the function, whose exception leaves some for the vector, which spins.
  machine_.core().run(5);
  EXPECT_EQ(machine_.state().epc[1], faults);
  EXPECT_EQ(machine_.state().windowbase, 2u);
  EXPECT_EQ(machine_.state().windowstart, 5u);
  EXPECT_EQ(machine_.state().excvaddr, 0x10u);
}

// Its higher registers are not behind the caller's where its window would not be in one piece: there it is
// called. They were taken for what lies behind all registers, BR among it.
TEST_F(LeafTest, WhereItsWindowIsNotInOnePiece) {
  constexpr std::uint32_t kRounds = 10, kTable = testing::kData + 0x400;
  const testing::Program program = start(R"(
      .align 4
    address: .word 0x40080010
    begin: any4 b7, b0
      l32r a10, address
      callx12 a10
      bnez a3, begin
      .align 4
    function: entry a1, 80
      mula.da.lh.ldinc m3, a12, m0, a14
      retw
  )");
  ASSERT_EQ(program.at("function"), 0x40080010u);
  Core& core = machine_.core();
  State& state = machine_.state();
  for (std::uint32_t window = 0; window < kWindows; ++window)
    for (const std::uint32_t from : {5u, 13u}) {  // each is in one piece in one row only
      core.rotate_to(from);
      core.rotate_to(window);
      state.windowstart = 1u << window;
      state.br = 0x4c78;
      state.sar = 9;
      state.scompare1 = 77;
      for (unsigned n = 0; n < 64; ++n) core.set_physical(n, 1000 + n);
      const unsigned table = (4 * window + 24) % 64;  // the callee's a12
      core.set_physical(table, kTable);
      machine_.write32(kTable + 4 * kRounds, window + 1);
      state.pc = program.at("begin");
      core.run(7 * kRounds);
      EXPECT_EQ(state.pc, program.at("begin"));
      EXPECT_EQ(core.physical(table), kTable + 4 * kRounds) << window;
      EXPECT_EQ(state.m[3], window + 1);
      EXPECT_EQ(state.br, 0x4cf8u);
      EXPECT_EQ(state.sar, 9u);
      EXPECT_EQ(state.scompare1, 77u);
      for (unsigned n = 0; n < 64; ++n) {
        if (n == table || (n + 64 - 4 * window) % 64 == 10 || (n + 64 - 4 * window) % 64 == 12 ||
            (n + 64 - 4 * window) % 64 == 13)
          continue;  // and what the call and ENTRY write
        ASSERT_EQ(core.physical(n), 1000 + n) << window;
      }
    }
}

// RETW then finds no frame below.
TEST_F(LeafTest, TheCallersWindowHoldsNoFrame) {
  const testing::Program program = start(R"(
    begin: call4 function
      j begin
      .align 4
    function: entry a1, 32
      retw
  )");
  machine_.core().run(400);
  ASSERT_TRUE(machine_.run_to(program.at("begin")));
  machine_.state().windowstart = 1u << 8;
  machine_.core().run(6);
  EXPECT_EQ(machine_.state().epc[1], program.at("function") + 3);
}

}  // namespace
}  // namespace espalier::xtensa::jit
