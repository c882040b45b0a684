#include "xtensa/waiting_loop.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "xtensa/decoder.h"
#include "xtensa/testing/assembler.h"
#include "xtensa/testing/test_machine.h"

namespace espalier::xtensa {
namespace {

Awaits of(std::string_view text, bool innermost = true) {
  const testing::Program program = testing::assemble(text, testing::kCode);
  std::vector<Instruction> loop;
  for (std::size_t at = 0; at < program.bytes.size(); at += loop.back().length)
    loop.push_back(decode(testing::kCode + static_cast<std::uint32_t>(at), program.bytes.data() + at));
  return awaited_by(loop, innermost);
}

TEST(WaitingLoop, ThatPollsAwaitsMemory) {
  EXPECT_EQ(of("loop: l32i a3, a2, 0; beqz a3, loop"), Awaits::kMemory);
  EXPECT_EQ(of("loop: memw; l8ui a3, a2, 5; bnei a3, 1, loop"), Awaits::kMemory);
  // With a limit.
  EXPECT_EQ(of("loop: addi a4, a4, -1; beqz a4, 0x40080100; l32i.n a3, a2, 0; beqz a3, loop"),
            Awaits::kMemory);
  // Where the place's address is found anew each round.
  EXPECT_EQ(of("loop: l32r a2, 0x4007fff0; l32i a3, a2, 0; beqz a3, loop"), Awaits::kMemory);
  EXPECT_EQ(of("loop: addi a5, a2, 16; l32i a3, a5, 0; beqz a3, loop"), Awaits::kMemory);
  EXPECT_EQ(of("loop: l32i a5, a2, 0; l32i a3, a5, 0; beqz a3, loop"), Awaits::kMemory);
  // What it was a round before is read, but has been the same then.
  EXPECT_EQ(of("loop: l32i a3, a5, 0; addi a5, a2, 4; beqz a3, loop"), Awaits::kMemory);
  EXPECT_EQ(of("loop: rsr a3, 226; beqz a3, loop"), Awaits::kMemory);
  EXPECT_EQ(of("loop: lsi f1, a2, 0; un.s b0, f0, f1; bt b0, loop"), Awaits::kMemory);
}

TEST(WaitingLoop, ThatGetsOnAwaitsNothing) {
  EXPECT_EQ(of("loop: addi a2, a2, -1; bnez a2, loop"), Awaits::kNothing);
  EXPECT_EQ(of("loop: j loop"), Awaits::kNothing);
  EXPECT_EQ(of("loop: rsr.ccount a3; bltu a3, a2, loop"), Awaits::kNothing);
  // A copy, a sum, a table at an index that changes, a list.
  EXPECT_EQ(of("loop: l32i a3, a2, 0; s32i a3, a4, 0; addi a2, a2, 4; addi a4, a4, 4; bne a2, a5, loop"),
            Awaits::kNothing);
  EXPECT_EQ(of("l16ui a3, a2, 0; add a4, a4, a3; addi a2, a2, 2"), Awaits::kNothing);
  EXPECT_EQ(of("loop: addx4 a5, a3, a2; l32i a6, a5, 0; addi a3, a3, 1; blt a3, a4, loop"), Awaits::kNothing);
  EXPECT_EQ(of("loop: l32i a2, a2, 4; bnez a2, loop"), Awaits::kNothing);
  EXPECT_EQ(of("ldinc m0, a2; mula.dd.hl.ldinc m1, a3, m0, m2"), Awaits::kNothing);
  EXPECT_EQ(of("lsip f1, a2, 4; madd.s f0, f1, f2"), Awaits::kNothing);
  // From register to register.
  EXPECT_EQ(of("loop: or a3, a4, a4; l32i a5, a3, 0; addi a4, a3, 4; bnez a5, loop"), Awaits::kNothing);
}

TEST(WaitingLoop, OfACompareAndSwapAwaitsALock) {
  EXPECT_EQ(of("loop: movi a3, 1; s32c1i a3, a2, 0; bnez a3, loop"), Awaits::kLock);
  EXPECT_EQ(of("loop: l32i a3, a2, 8; wsr.scompare1 a3; addi a4, a3, 1; s32c1i a4, a2, 8; bne a3, a4, loop"),
            Awaits::kLock);
  // It looks at another word, too.
  EXPECT_EQ(of("loop: l32i a3, a2, 4; movi a4, 1; s32c1i a4, a2, 8; bnez a4, loop"), Awaits::kMemory);
  EXPECT_EQ(of("loop: l32i a3, a5, 8; movi a4, 1; s32c1i a4, a2, 8; bnez a4, loop"), Awaits::kMemory);
}

// A round with a call in it, as esp_cpu_compare_and_set() is called.
TEST(WaitingLoop, OfACalledCompareAndSwapAwaitsALock) {
  testing::TestMachine machine;
  const auto awaits = [&machine](std::string_view text) {
    const testing::Program program = testing::assemble(text, testing::kCode);
    machine.write(testing::kCode, program.bytes);
    std::vector<std::uint32_t> round;
    for (std::size_t at = 0; at < program.bytes.size();
         at += decode(testing::kCode, program.bytes.data() + at).length)
      round.push_back(testing::kCode + static_cast<std::uint32_t>(at));
    return awaits_lock(machine.core(), round);
  };
  EXPECT_TRUE(
      awaits("or a10, a2, a2; call8 0x40080100; entry a1, 32; wsr.scompare1 a3; s32c1i a4, a2, 0; retw.n;"
             "s32i a4, a2, 8; rsr.ps a5; beqz a10, 0x40080000"));
  EXPECT_FALSE(awaits("or a10, a2, a2; call8 0x40080100; entry a1, 32; retw.n; beqz a10, 0x40080000"));
  for (const std::string_view looks :
       {"l32i a5, a2, 0", "l8ui a5, a2, 1", "l32r a5, 0x4007fff0", "lsi f1, a2, 0", "l32e a5, a2, -16",
        "ldinc m0, a2", "rsr a5, 226", "rer a5, a2", "ill", "waiti 0"})
    EXPECT_FALSE(awaits("s32c1i a4, a2, 0; " + std::string(looks))) << looks;
  // Nobody can read the code.
  const std::uint32_t nowhere[] = {0x10};
  EXPECT_FALSE(awaits_lock(machine.core(), nowhere));
}

TEST(WaitingLoop, ThatIsNotUnderstoodAwaitsMemory) {
  for (const char* text : {"loop: callx8 a3; j loop", "jx a3", "loop: waiti 0; j loop",
                           "loop: rer a3, a2; beqz a3, loop", "entry a1, 32", "retw"})
    EXPECT_EQ(of(text), Awaits::kMemory) << text;
}

// A counter in memory is the loop's own; what is only answered, or waited for in a loop within, is not.
TEST(WaitingLoop, ThatWritesTheWordBackDoesNotAwaitIt) {
  EXPECT_EQ(of("loop: l32i a3, a2, 0; addi a3, a3, 1; s32i a3, a2, 0; addi a4, a4, -1; bnez a4, loop"),
            Awaits::kNothing);
  EXPECT_EQ(of("loop: l32i a3, a2, 0; addi a3, a3, 1; s32i a3, a2, 4; addi a4, a4, -1; bnez a4, loop"),
            Awaits::kMemory);
  EXPECT_EQ(of("loop: l8ui a3, a2, 0; addi a3, a3, 1; s32i a3, a2, 0; addi a4, a4, -1; bnez a4, loop"),
            Awaits::kMemory);
  EXPECT_EQ(of("loop: l32i a3, a2, 0; addi a2, a5, 1; s32i a3, a2, 0; addi a4, a4, -1; bnez a4, loop"),
            Awaits::kMemory);
  EXPECT_EQ(of("loop: l32i a3, a2, 0; beqz a3, loop; s32i a4, a2, 0; j loop"), Awaits::kMemory);
  EXPECT_EQ(of("loop: l32i a3, a2, 0; addi a3, a3, 1; s32i a3, a2, 0; bnez a4, loop", false),
            Awaits::kMemory);
}

class WaitingLoopAround : public ::testing::Test {
 protected:
  // Around the label `here`.
  SmallLoop around(std::string_view text) {
    program_ = machine_.load_program(text);
    machine_.state().pc = program_.at("here");
    return loop_around(machine_.core());
  }
  void expect(std::string_view text, Awaits awaits, bool innermost = true) {
    const SmallLoop loop = around(text);
    EXPECT_EQ(loop.first, program_.at("first")) << text;
    EXPECT_EQ(loop.last, program_.at("last")) << text;
    EXPECT_EQ(loop.awaits, awaits) << text;
    EXPECT_EQ(loop.innermost, innermost) << text;
  }
  testing::TestMachine machine_;
  testing::Program program_;
};

TEST_F(WaitingLoopAround, IsTheInnermost) {
  expect("addi a3, a3, 1; first: addi a2, a2, -1; here: nop; last: bnez a2, first; l32i a3, a2, 0; ret",
         Awaits::kNothing);
  expect("out: l32i a3, a5, 0; first: nop; here: addi a2, a2, -1; last: bnez a2, first; bnez a3, out",
         Awaits::kNothing);
  expect("first: l32i a3, a5, 0; in: addi a2, a2, -1; bnez a2, in; here: nop; last: bnez a3, first",
         Awaits::kMemory, false);
}

TEST_F(WaitingLoopAround, MayBeOneJump) {
  const SmallLoop loop = around("here: j here");
  EXPECT_EQ(loop.last, program_.at("here"));
  EXPECT_EQ(loop.awaits, Awaits::kNothing);
  EXPECT_TRUE(loop.innermost);
}

// What a branch in the middle leads back from is not all of it.
TEST_F(WaitingLoopAround, GoesUpToTheLastBranchBack) {
  expect("first: addi a2, a2, -1; here: bnez a2, first; l32i a3, a5, 0; last: beqz a3, first; ret",
         Awaits::kMemory);
}

TEST_F(WaitingLoopAround, MayBeOneOfLoopsRegisters) {
  const std::string_view text = "first: l32i a3, a2, 0; here: nop; last: addi a2, a2, 4; end: ret";
  program_ = machine_.load_program(text);
  machine_.state().lbeg = program_.at("first");
  machine_.state().lend = program_.at("end");
  machine_.state().lcount = 3;
  machine_.state().ps = 0;
  expect(text, Awaits::kNothing);
  machine_.state().lcount = 0;
  EXPECT_EQ(around(text).awaits, Awaits::kMemory) << "no loop";
}

TEST_F(WaitingLoopAround, IsSmallWhateverTheGuestWritesToLbeg) {
  std::string text;
  for (unsigned at = 0; at < kSmallLoopBytes; at += 3) text += "nop; ";
  text += "here: addi a2, a2, 4; end: ret";
  program_ = machine_.load_program(text);
  machine_.state().lbeg = testing::kCode;
  machine_.state().lend = program_.at("end");
  machine_.state().lcount = 3;
  machine_.state().ps = 0;
  const SmallLoop loop = around(text);
  EXPECT_EQ(loop.first, loop.last);
}

TEST_F(WaitingLoopAround, IsNoneWhereThereIsNone) {
  for (const char* text : {"here: addi a2, a2, 1; ret", "here: bnez a2, on; nop; on: ret", "here: jx a2"}) {
    const SmallLoop loop = around(text);
    EXPECT_EQ(loop.first, loop.last) << text;
    EXPECT_EQ(loop.awaits, Awaits::kMemory) << text;
  }
  machine_.state().pc = 0x10;
  EXPECT_EQ(loop_around(machine_.core()).awaits, Awaits::kMemory) << "no code there";
}

}  // namespace
}  // namespace espalier::xtensa
