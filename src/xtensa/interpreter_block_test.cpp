// What must not show: that code runs in blocks. Budgets, self-modifying code, native functions, recycled
// memory, several cores at once.
#include <gtest/gtest.h>

#include <random>
#include <thread>

#include "xtensa/instruction_table.h"
#include "xtensa/testing/test_machine.h"
#include "xtensa/testing/vectors.h"

namespace espalier::xtensa {
namespace {

using testing::encode;
using testing::kCode;
using testing::kData;
using testing::kDevice;
using testing::kMixed;
using testing::kVectors;
using testing::TestMachine;

// Members that a run leaves behind, as bytes.
std::vector<std::uint8_t> saved(TestMachine& machine) {
  auto archive = base::Archive::saving();
  machine.core().archive(archive);
  return archive.bytes();
}

void expect_same_state(TestMachine& a, TestMachine& b) {
  EXPECT_EQ(a.state().pc, b.state().pc);
  for (unsigned n = 0; n < 64; ++n) EXPECT_EQ(a.core().physical(n), b.core().physical(n)) << "ar" << n;
  EXPECT_EQ(a.core().instructions(), b.core().instructions());
  EXPECT_EQ(saved(a), saved(b));
}

TEST(Block, BudgetIsExact) {
  for (std::uint64_t budget = 0; budget < 40; ++budget) {
    TestMachine machine;
    machine.load_program(
        "again: addi a2, a2, 1; beqz a3, skip; addi a4, a4, 1; skip: addi a2, a2, 1; j again");
    machine.state().ps = kPsWoe;
    EXPECT_EQ(machine.core().run(budget), Stop::kBudget);
    EXPECT_EQ(machine.core().instructions(), budget);
  }
}

TEST(Block, BudgetsBeyondASlice) {
  TestMachine machine;
  machine.native_pcs = {kCode};
  machine.native = [](Core& core, std::uint32_t) { core.charge(0x3ffffff0); };
  EXPECT_EQ(machine.core().run(0), Stop::kBudget);
  machine.state().pc = kCode;
  EXPECT_EQ(machine.core().run(5'000'000'000), Stop::kBudget);
  EXPECT_GE(machine.core().instructions(), 5'000'000'000u);
  EXPECT_LT(machine.core().instructions(), 5'000'000'000u + 0x40000000);
}

// Programs made at random from everything that is harmless, run whole, in pieces, and one by one.
class RandomPrograms : public ::testing::TestWithParam<unsigned> {};

std::string random_program(std::mt19937& random) {
  const auto pick = [&random](unsigned n) { return random() % n; };
  const auto reg = [&] { return "a" + std::to_string(2 + pick(6)); };
  const auto number = [&](int low, int high) {
    return std::to_string(low + static_cast<int>(pick(high - low + 1)));
  };
  std::string text = "start:\n";
  unsigned labels = 0;
  for (unsigned i = 0; i < 60; ++i) {
    switch (pick(16)) {
      case 0:
        text += "add " + reg() + ", " + reg() + ", " + reg() + "\n";
        break;
      case 1:
        text += "addi " + reg() + ", " + reg() + ", " + number(-128, 127) + "\n";
        break;
      case 2:
        text += "xor " + reg() + ", " + reg() + ", " + reg() + "\n";
        break;
      case 3:
        text += "ssr " + reg() + "\nsrl " + reg() + ", " + reg() + "\n";
        break;
      case 4:
        text += "mull " + reg() + ", " + reg() + ", " + reg() + "\n";
        break;
      case 5:
        text += "l32i " + reg() + ", a14, " + std::to_string(4 * pick(60)) + "\n";
        break;
      case 6:
        text += "s32i " + reg() + ", a14, " + std::to_string(4 * pick(60)) + "\n";
        break;
      case 7:
        text += "l16si " + reg() + ", a14, " + std::to_string(2 * pick(60)) + "\n";
        break;
      case 8:
        text += "s8i " + reg() + ", a14, " + std::to_string(pick(200)) + "\n";
        break;
      case 9: {
        const std::string label = "l" + std::to_string(labels++);
        text += "bbsi " + reg() + ", " + std::to_string(pick(32)) + ", " + label + "\naddi " + reg() + ", " +
                reg() + ", 3\n" + label + ":\n";
        break;
      }
      case 10: {
        const std::string label = "l" + std::to_string(labels++);
        text += "movi a8, " + number(1, 9) + "\nloop a8, " + label + "\nadd " + reg() + ", " + reg() +
                ", a8\naddi a9, a9, 1\n" + label + ":\n";
        break;
      }
      case 11:
        text += "rsil a10, " + std::to_string(pick(4)) + "\nwsr.ps a10\nrsync\n";
        break;
      case 12:
        text += "mov.n a12, " + reg() + "\ncall8 leaf\n";
        break;
      case 13:
        text += "l32i " + reg() + ", a15, 0\n";  // a device
        break;
      case 14:
        text += "s32i " + reg() + ", a15, 4\n";
        break;
      default:
        text += "rsr.ccount " + reg() + "\n";
        break;
    }
  }
  return text + R"(
      j start
      .align 4
    leaf:
      entry a1, 32
      addx2 a2, a3, a4
      bltz a2, negative
      call8 inner
    negative:
      retw.n
      .align 4
    inner:
      entry a1, 32
      addi a2, a2, 1
      retw.n
  )";
}

void prepare(TestMachine& machine, const std::string& program) {
  machine.load_program(testing::kVectorProgram, kVectors);
  machine.load_program(program);
  machine.state().vecbase = kVectors;
  machine.state().ps = kPsWoe;
  for (unsigned n = 0; n < 16; ++n) machine.core().set_a(n, n * 0x1234567);
  machine.core().set_a(1, kData + 0x8000);
  machine.core().set_a(14, kData);
  machine.core().set_a(15, kDevice);
  machine.write32(kData + 0x8000 - 12, kData + 0x8100);
  auto reads = std::make_shared<std::uint32_t>(0);
  machine.on_device_load = [reads](std::uint32_t, unsigned) { return ++*reads; };
}

TEST_P(RandomPrograms, TheSameHoweverTheyAreCutUp) {
  std::mt19937 random(GetParam());
  const std::string program = random_program(random);
  constexpr std::uint64_t kInstructions = 5000;
  TestMachine whole;
  prepare(whole, program);
  EXPECT_EQ(whole.core().run(kInstructions), Stop::kBudget);

  TestMachine stepped;
  prepare(stepped, program);
  for (std::uint64_t i = 0; i < kInstructions; ++i) ASSERT_EQ(stepped.core().run(1), Stop::kBudget);
  expect_same_state(whole, stepped);

  TestMachine pieces;
  prepare(pieces, program);
  for (std::uint64_t left = kInstructions; left != 0;) {
    const std::uint64_t piece = std::min<std::uint64_t>(left, random() % 30);
    ASSERT_EQ(pieces.core().run(piece), Stop::kBudget);
    left -= piece;
    if (random() % 8 == 0) pieces.core().invalidate_all_code();
  }
  expect_same_state(whole, pieces);
  for (std::uint32_t at = 0; at < 256; at += 4)
    EXPECT_EQ(whole.read32(kData + at), pieces.read32(kData + at));

  // ICOUNT single-steps and changes nothing else.
  TestMachine counted;
  prepare(counted, program);
  counted.core().write_special(Sr::ICOUNTLEVEL, 15);
  counted.core().run(kInstructions);
  EXPECT_EQ(counted.state().icount, kInstructions);
  counted.state().icount = counted.state().icountlevel = 0;
  expect_same_state(whole, counted);

  // So does a data breakpoint that is never hit.
  TestMachine watched;
  prepare(watched, program);
  watched.core().write_special(Sr::DBREAKC0, 0xc000003f);
  watched.core().run(kInstructions);
  watched.core().write_special(Sr::DBREAKC0, 0);
  watched.state().dbreakc[0] = 0;
  expect_same_state(whole, watched);
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomPrograms, ::testing::Range(0u, 30u));

// A store into the block that is running: the new bytes are executed, were it the very next instruction.
TEST(Block, SelfModifyingCode) {
  for (const std::uint32_t base : {kCode, kMixed}) {
    TestMachine machine;
    const auto program = machine.load_program(R"(
        movi a2, 0
        nop.n
        s32i a4, a3, 0
      patched:
        addi a2, a2, 1
        addi.n a2, a2, 1
        waiti 0
    )",
                                              base);
    // Three bytes of the new instruction, and the first of the old ADDI.N behind it.
    const std::uint32_t word = encode(Op::ADDI, {2, 2, 100}, 0) | encode(Op::ADDI_N, {2, 2, 1}, 0) << 24;
    machine.state().ps = kPsWoe;
    machine.core().set_a(3, program.at("patched"));
    machine.core().set_a(4, word);
    EXPECT_EQ(machine.core().run(100), Stop::kWaiti);
    EXPECT_EQ(machine.core().a(2), 101u);
  }
}

TEST(Block, CodeRewrittenAgainAndAgain) {
  TestMachine machine;
  const auto program = machine.load_program(R"(
      again:
        s32i a4, a3, 0
        addi a4, a4, 0
        add a4, a4, a5
        j patched
        .align 4
      patched:
        movi a2, 0
        .byte 0x3d
        .byte 0xf0
        add a6, a6, a2
        addi a7, a7, -1
        bnez a7, again
        waiti 0
  )");
  machine.state().ps = kPsWoe;
  Core& core = machine.core();
  core.set_a(3, program.at("patched"));
  core.set_a(4, encode(Op::MOVI, {2, 1}, 0) | 0x3d000000);
  core.set_a(5, 1 << 16);  // the immediate goes up by one each time
  core.set_a(6, 0);
  core.set_a(7, 100);
  EXPECT_EQ(core.run(10'000), Stop::kWaiti);
  EXPECT_EQ(core.a(6), 5050u);
}

TEST(Block, InvalidatedWhileLinkedFromElsewhere) {
  TestMachine machine;
  const auto program = machine.load_program(R"(
      again: addi a3, a3, 1
      call0 function
      j again
      .align 4
      function: movi a2, 1
      add a4, a4, a2
      ret
  )");
  machine.state().ps = kPsWoe;
  Core& core = machine.core();
  core.set_a(4, 0);
  core.run(6 * 100);
  EXPECT_EQ(core.a(4), 100u);
  machine.write32(program.at("function"),
                  encode(Op::MOVI, {2, 10}, 0) | machine.read32(program.at("function")) << 24 >> 24 << 24);
  machine.byte(program.at("function") + 3) = static_cast<std::uint8_t>(encode(Op::ADD, {4, 4, 2}, 0));
  core.run(6 * 10);
  EXPECT_EQ(core.a(4), 200u);
}

TEST(Block, InvalidationTouchesNothingElse) {
  TestMachine machine;
  machine.load_program("again: addi a2, a2, 1; j again");
  machine.state().ps = kPsWoe;
  machine.core().set_a(2, 0);
  machine.core().run(20);
  machine.core().invalidate_code(kCode + 6, 100);
  machine.core().invalidate_code(kCode - 100, 100);
  machine.core().invalidate_code(0, 0xffffffff);
  machine.core().invalidate_code(kCode, 0);
  machine.core().run(20);
  EXPECT_EQ(machine.core().a(2), 20u);
}

TEST(Block, NativeFunctions) {
  TestMachine machine;
  const auto program = machine.load_program(R"(
      movi a10, 20
      movi a11, 22
      call8 native
      mov.n a2, a10
      waiti 0
      .align 4
      native: ill
  )");
  machine.native_pcs = {program.at("native")};
  unsigned calls = 0;
  machine.native = [&](Core& core, std::uint32_t pc) {
    ++calls;
    EXPECT_EQ(pc, program.at("native"));
    EXPECT_EQ(core.state().pc, pc);
    EXPECT_EQ(core.instructions(), 3u);
    // A windowed call before its ENTRY: the callee's a2 is the caller's a10.
    const std::uint32_t increment = (core.state().ps & kPsCallinc) >> kPsCallincShift;
    ASSERT_EQ(increment, 2u);
    core.set_window_relative(10, core.window_relative(10) + core.window_relative(11));
    core.charge(1000);
    core.state().pc = (pc & 0xc0000000) | (core.window_relative(8) & 0x3fffffff);
  };
  machine.state().ps = kPsWoe;
  EXPECT_EQ(machine.core().run(10'000), Stop::kWaiti);
  EXPECT_EQ(machine.core().a(2), 42u);
  EXPECT_EQ(calls, 1u);
  EXPECT_EQ(machine.core().instructions(), 3u + 1 + 1000 + 2);
}

TEST(Block, NativeFunctionThatCodeRunsInto) {
  TestMachine machine;
  machine.load_program("addi a2, a2, 1; addi a2, a2, 1; addi a2, a2, 1; waiti 0");
  machine.native_pcs = {kCode + 3};
  machine.native = [](Core& core, std::uint32_t pc) {
    core.set_a(2, core.a(2) + 100);
    core.state().pc = pc + 3;
  };
  machine.state().ps = kPsWoe;
  machine.core().set_a(2, 0);
  EXPECT_EQ(machine.core().run(100), Stop::kWaiti);
  EXPECT_EQ(machine.core().a(2), 102u);
}

TEST(Block, NativeFunctionThatStopsRaisesOrWaits) {
  TestMachine machine;
  machine.load_program("call0 function; .align 4; function: nop");
  machine.native_pcs = {kCode + 4};
  State& state = machine.state();
  state.ps = kPsWoe;
  state.vecbase = kVectors;
  machine.native = [](Core& core, std::uint32_t) { core.halt(); };
  EXPECT_EQ(machine.core().run(100), Stop::kHalted);
  EXPECT_EQ(state.pc, kCode + 4);
  machine.core().resume();
  machine.native = [](Core& core, std::uint32_t) { core.raise(Cause::kLoadProhibited, 0x1234); };
  machine.core().run(1);
  EXPECT_EQ(state.pc, kVectors + kVecKernel);
  EXPECT_EQ(state.epc[1], kCode + 4);
  EXPECT_EQ(state.excvaddr, 0x1234u);
  // One that stays where it is uses up the budget all the same.
  state.pc = kCode + 4;
  state.ps = kPsWoe;
  machine.native = [](Core&, std::uint32_t) {};
  EXPECT_EQ(machine.core().run(1000), Stop::kBudget);
}

TEST(Block, NativeFunctionRotatesAndJumps) {
  TestMachine machine;
  machine.load_program("call0 function; .align 4; function: nop; nop.n; addi a2, a2, 1; waiti 0");
  machine.native_pcs = {kCode + 4};
  machine.state().ps = kPsWoe;
  machine.native = [](Core& core, std::uint32_t) {
    core.rotate_to(14);
    core.state().windowstart = 1u << 14;
    core.set_a(2, 7);
    core.state().pc = kCode + 9;
  };
  EXPECT_EQ(machine.core().run(100), Stop::kWaiti);
  EXPECT_EQ(machine.core().a(2), 8u);
  EXPECT_EQ(machine.state().windowbase, 14u);
}

TEST(Block, ArchiveRestoresEverything) {
  std::mt19937 random(7);
  const std::string program = random_program(random);
  TestMachine original;
  prepare(original, program);
  original.core().run(1234);
  original.core().rotate_to(15);
  original.core().set_interrupt(3, true);
  const auto bytes = saved(original);

  TestMachine copy;
  prepare(copy, program);
  copy.core().run(10);
  auto archive = base::Archive::loading(bytes);
  copy.core().archive(archive);
  EXPECT_FALSE(archive.failed());
  EXPECT_TRUE(archive.at_end());
  expect_same_state(original, copy);
  EXPECT_EQ(copy.core().instructions(), 1234u);
  EXPECT_EQ(copy.core().a(15), original.core().a(15));
}

TEST(Block, ADamagedArchiveIsHarmless) {
  TestMachine machine;
  auto bytes = saved(machine);
  bytes.resize(bytes.size() / 2);
  auto archive = base::Archive::loading(bytes);
  machine.core().archive(archive);
  EXPECT_TRUE(archive.failed());
  machine.core().run(100);
}

// More code than the cache holds: it is recycled, and everything still runs.
TEST(Block, CacheIsRecycled) {
  TestMachine machine;
  // 256 KiB of `addi a2, a2, 1; j .+3` with a jump back at its end: a block every six bytes.
  std::vector<std::uint8_t> bytes;
  constexpr std::uint32_t kSize = 0x3fff0;
  const auto put = [&bytes](std::uint32_t word, unsigned length) {
    for (unsigned i = 0; i < length; ++i) bytes.push_back(static_cast<std::uint8_t>(word >> 8 * i));
  };
  unsigned additions = 0;
  while (bytes.size() + 12 < kSize) {
    put(encode(Op::ADDI, {2, 2, 1}, 0), 3);
    const std::uint32_t pc = kCode + static_cast<std::uint32_t>(bytes.size());
    put(encode(Op::J, {std::int64_t{pc} + 3}, pc), 3);
    ++additions;
  }
  put(encode(Op::JX, {3}, 0), 3);
  machine.write(kCode, bytes);
  machine.state().pc = kCode;
  machine.state().ps = kPsWoe;
  machine.core().set_a(2, 0);
  machine.core().set_a(3, kCode);
  machine.core().run((2 * additions + 1) * 2);
  std::mt19937 random(1);
  for (std::uint64_t left = 2 * additions + 1; left != 0;) {  // and once more in small pieces
    const std::uint64_t piece = std::min<std::uint64_t>(left, 1 + random() % 5);
    machine.core().run(piece);
    left -= piece;
  }
  EXPECT_EQ(machine.core().a(2), 3 * additions);
  EXPECT_EQ(machine.state().pc, kCode);
}

TEST(Block, ManyDifferentLoopEnds) {
  TestMachine machine;
  machine.load_program(R"(
      again: wsr.lend a2
      addi a2, a2, 1
      addi a3, a3, -1
      bnez a3, again
      waiti 0
  )");
  machine.state().ps = kPsWoe;
  machine.core().set_a(2, kCode + 0x1000);
  machine.core().set_a(3, 30'000);
  EXPECT_EQ(machine.core().run(1'000'000), Stop::kWaiti);
}

TEST(Block, CoresInSeveralThreads) {
  std::vector<std::thread> threads;
  std::array<std::uint32_t, 4> results{};
  for (unsigned i = 0; i < results.size(); ++i) {
    threads.emplace_back([i, &results] {
      TestMachine machine;
      machine.load_program(
          "movi a2, 0; movi a3, 0x700; again: add a2, a2, a4; addi a3, a3, -1; bnez a3, again; waiti 0");
      machine.state().ps = kPsWoe;
      machine.core().set_a(4, i + 1);
      machine.core().run(1'000'000);
      results[i] = machine.core().a(2);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (unsigned i = 0; i < results.size(); ++i) EXPECT_EQ(results[i], 0x700 * (i + 1));
}

TEST(Block, RandomBytesDoNoHarm) {
  std::mt19937 random(1);
  for (unsigned round = 0; round < 50; ++round) {
    TestMachine machine;
    machine.load_program(testing::kVectorProgram, kVectors);
    std::vector<std::uint8_t> bytes(0x4000);
    for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random());
    machine.write(kCode, bytes);
    State& state = machine.state();
    state.vecbase = kVectors;
    state.cpenable = 1;
    state.intenable = random();
    for (unsigned n = 0; n < 64; ++n) {
      machine.core().set_physical(n,
                                  random() % 2 != 0 ? kCode + random() % 0x4000 : kData + random() % 0x1000);
    }
    // Whatever it runs into, an exception starts it again elsewhere.
    for (unsigned attempt = 0; attempt < 200; ++attempt) {
      state.pc = kCode + random() % 0x4000;
      state.ps = kPsWoe;
      if (state.windowstart == 0) state.windowstart = 1u << state.windowbase;
      machine.core().run(200);
      machine.core().set_interrupt(random() % 32, random() % 2 != 0);
    }
  }
}

}  // namespace
}  // namespace espalier::xtensa
