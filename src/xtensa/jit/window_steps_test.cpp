// Window overflow and underflow in one step are what the guest's handlers would have done, instruction for
// instruction: the interpreter, which runs the handlers, says what that is.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/trace.h"
#include "xtensa/testing/test_machine.h"
#include "xtensa/testing/vectors.h"

namespace espalier::xtensa {
namespace {

using testing::kData;
using testing::kDevice;
using testing::kVectors;
using testing::TestMachine;

constexpr std::uint32_t kStack = kData + 0x8000;
constexpr std::uint32_t kStackSize = 0x2000;

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
  return text;
}

// Recursion to a depth of a2, again and again; a6 counts.
std::string recursion(unsigned increment) {
  const std::string text = R"(
    again:
      movi aX, 24
      callN sum
      add a3, a3, aX
      addi a6, a6, 1
      j again
      .align 4
    sum:
      entry a1, 64
      mov.n a4, a2
      beqz a2, done
      addi aX, a2, -1
      callN sum
      add a2, a4, aX
    done: retw.n
  )";
  return replaced(replaced(text, "aX", fmt::format("a{}", 4 * increment + 2)), "callN",
                  fmt::format("call{}", 4 * increment));
}

// Calls of all sizes.
const std::string kMixedCalls = R"(
    again:
      movi a10, 30
      call8 f8
      addi a6, a6, 1
      j again
      .align 4
)" + std::string(testing::kMixedCallFunctions);

// One machine that interprets, one that translates at once.
class WindowSteps : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!translated_.core().set_engine(Engine::kJit)) GTEST_SKIP() << "nothing is translated on this host";
    translated_.core().set_jit_threshold(1);
    on_both([](TestMachine& machine) {
      machine.write(kVectors, testing::assemble(testing::kVectorProgram, kVectors).bytes);
      machine.state().ps = kPsWoe | kPsUm;
      machine.core().set_a(1, kStack);
      machine.write32(kStack - 12, kStack + 0x100);
    });
  }

  void on_both(const std::function<void(TestMachine&)>& what) {
    what(interpreted_);
    what(translated_);
  }
  // Puts a program into both and begins it with one frame, that of the first window.
  void load(const std::string& program, std::uint32_t window = 0, std::uint32_t stack = kStack) {
    on_both([&](TestMachine& machine) {
      machine.load_program(program);
      machine.core().rotate_to(window);
      machine.state().windowstart = 1u << window;
      machine.state().ps = kPsWoe | kPsUm;
      machine.core().set_a(1, stack);
      // Its caller's, whose save area its own registers go to.
      if (stack % 4 == 0 && stack >= kData + 16 && stack <= kStack)
        machine.write32(stack - 12, stack + 0x100);
    });
  }
  void write_vectors(const std::string& from, const std::string& to) {
    const std::string text = replaced(testing::kVectorProgram, from, to);
    ASSERT_NE(text, testing::kVectorProgram);
    on_both([&](TestMachine& machine) { machine.write(kVectors, testing::assemble(text, kVectors).bytes); });
  }
  // Runs both for as many instructions: they have to be the same behind it.
  void run(std::uint64_t budget) {
    const Stop stop = interpreted_.core().run(budget);
    EXPECT_EQ(translated_.core().run(budget), stop);
    compare();
  }
  void compare() {
    const State &a = interpreted_.state(), &b = translated_.state();
    ASSERT_EQ(a.pc, b.pc);
    ASSERT_EQ(interpreted_.core().instructions(), translated_.core().instructions());
    for (unsigned n = 0; n < 64; ++n)
      ASSERT_EQ(interpreted_.core().physical(n), translated_.core().physical(n)) << "ar" << n;
    ASSERT_EQ(a.windowbase, b.windowbase);
    ASSERT_EQ(a.windowstart, b.windowstart);
    ASSERT_EQ(a.ps, b.ps);
    ASSERT_EQ(a.epc, b.epc);
    ASSERT_EQ(a.depc, b.depc);
    ASSERT_EQ(a.exccause, b.exccause);
    ASSERT_EQ(a.excvaddr, b.excvaddr);
    for (std::uint32_t at = kStack - kStackSize; at < kStack + 0x100; at += 4)
      ASSERT_EQ(interpreted_.read32(at), translated_.read32(at)) << fmt::format("{:#x}", at);
  }
  std::uint64_t steps() { return translated_.core().engine_stats().window_steps; }

  TestMachine interpreted_, translated_;
};

TEST_F(WindowSteps, UsualHandlersOfAllSizesFromAllWindows) {
  for (unsigned increment = 1; increment <= 3; ++increment) {
    for (std::uint32_t window = 0; window < 16; ++window) {
      load(recursion(increment), window);
      const std::uint64_t before = steps();
      run(20'000);
      if (HasFatalFailure()) return;
      EXPECT_GT(steps(), before + 100) << "call" << 4 * increment;
    }
  }
}

TEST_F(WindowSteps, CallsOfMixedSizes) {
  load(kMixedCalls);
  run(50'000);
  EXPECT_GT(steps(), 100u);
}

TEST_F(WindowSteps, BudgetsThatEndAnywhere) {
  for (std::uint64_t piece = 30; piece < 230; ++piece) {
    load(piece % 2 == 0 ? kMixedCalls : recursion(1 + piece % 3));
    for (unsigned n = 0; n < 40; ++n) {
      run(piece);
      if (HasFatalFailure()) return;
    }
  }
  EXPECT_GT(steps(), 100u);
}

TEST_F(WindowSteps, HandlersWithAnInstructionChangedAreRun) {
  const std::pair<const char*, const char*> changes[] = {
      {"s32e a2, a9, -8\n", "s32e a3, a9, -8\n"},    // another register
      {"s32e a5, a0, -28\n", "s32e a5, a0, -32\n"},  // another place
      {"s32e a7, a0, -20\n", "addi a7, a7, 0\n"},    // something else
  };
  for (const auto& [from, to] : changes) {
    write_vectors(from, to);
    // The other way back is the usual one.
    load(recursion(2));
    const std::uint64_t before = steps();
    run(20'000);
    EXPECT_GT(steps(), before + 100);
    const std::string neither =
        replaced(replaced(testing::kVectorProgram, from, to), "l32e a6, a7, -24\n", "l32e a6, a7, -28\n");
    on_both(
        [&](TestMachine& machine) { machine.write(kVectors, testing::assemble(neither, kVectors).bytes); });
    load(recursion(2));
    const std::uint64_t after = steps();
    run(20'000);
    EXPECT_EQ(steps(), after);
  }
}

TEST_F(WindowSteps, StackInADevice) {
  std::map<std::uint32_t, std::uint32_t> registers[2];
  std::vector<std::pair<std::uint32_t, std::uint32_t>> stores[2];
  unsigned index = 0;
  on_both([&](TestMachine& machine) {
    const unsigned n = index++;
    machine.on_device_load = [&registers, n](std::uint32_t address, unsigned) {
      return registers[n][address];
    };
    machine.on_device_store = [&registers, &stores, n](std::uint32_t address, unsigned, std::uint32_t value) {
      stores[n].emplace_back(address, value);
      registers[n][address] = value;
    };
    registers[n][kDevice + 0xe00 - 12] = kDevice + 0xf00;
  });
  load(recursion(2), 0, kDevice + 0xe00);
  run(20'000);
  EXPECT_EQ(steps(), 0u);
  EXPECT_GT(stores[0].size(), 100u);
  EXPECT_EQ(stores[0], stores[1]);
}

// The frames' save areas reach the end of memory one after the other, by less than a frame at a time.
TEST_F(WindowSteps, StackThatLeavesMemory) {
  for (unsigned increment = 1; increment <= 3; ++increment) {
    for (std::uint32_t room = 0; room < 0x180; room += 4) {
      load(recursion(increment), 0, kData + room);
      run(2000);
      ASSERT_EQ(interpreted_.state().pc, kVectors + 0x3c0);
      for (std::uint32_t at = kData; at < kData + 0x400; at += 4)
        ASSERT_EQ(interpreted_.read32(at), translated_.read32(at)) << fmt::format("{:#x}", at);
      if (HasFatalFailure()) return;
    }
  }
}

// The first half of a frame can be saved, the rest of it cannot.
TEST_F(WindowSteps, SecondHalfOfAFrameFaults) {
  for (const std::uint32_t bad : {0u, kDevice, 0x60000000u, kData + 0x4002}) {
    for (std::uint64_t piece = 40; piece < 120; ++piece) {
      load(recursion(2));
      on_both([&](TestMachine& machine) {
        machine.write32(kStack - 12, bad);
        machine.core().set_a(0, static_cast<std::uint32_t>(piece));
      });
      for (std::uint64_t done = 0; done < 600; done += piece) run(piece);
      if (HasFatalFailure()) return;
    }
  }
}

TEST_F(WindowSteps, UnalignedStackPointer) {
  load(recursion(2), 0, kStack + 2);
  run(10'000);
  EXPECT_EQ(steps(), 0u);
}

// Save areas begin in plain memory and end in a page that is to be asked for.
TEST_F(WindowSteps, SaveAreasThatReachIntoAnotherPage) {
  constexpr std::uint32_t kPage = 0x1000, kFrame = 2 * kPage, kFrames = 30, kTop = kData + kFrames * kFrame;
  for (std::uint32_t page = kData; page <= kTop; page += kFrame)
    on_both([page](TestMachine& machine) { machine.set_attributes(page, kPage, 0); });
  for (std::uint32_t reach = 4; reach < 16; reach += 4) {
    load(replaced(recursion(2), "entry a1, 64", fmt::format("entry a1, {}", kFrame)), 0, kTop + reach);
    on_both([reach](TestMachine& machine) { machine.write32(kTop + reach - 12, kTop + 0x100); });
    run(20'000);
    EXPECT_EQ(steps(), 0u);
    for (std::uint32_t page = kData + kFrame; page < kTop; page += kFrame)
      for (std::uint32_t at = page - 12; at < page + 16; at += 4)
        ASSERT_EQ(interpreted_.read32(at), translated_.read32(at)) << fmt::format("{:#x}", at);
    if (HasFatalFailure()) return;
  }
}

TEST_F(WindowSteps, InterruptsThatAreMaskedAndInterruptsThatAreNot) {
  constexpr std::uint32_t kSoftware = 1u << 7;
  write_vectors("user: j user", R"(
      wsr.excsave1 a0
      movi a0, 128
      wsr.intclear a0
      rsr.excsave1 a0
      rfe)");
  load(kMixedCalls);
  on_both([](TestMachine& machine) {
    machine.state().ps = kPsWoe | kPsUm | 1;
    machine.state().intenable = kSoftware;
    machine.state().interrupt = kSoftware;
  });
  run(20'000);
  EXPECT_GT(steps(), 100u);
  for (std::uint64_t piece = 60; piece < 260; ++piece) {
    on_both([](TestMachine& machine) {
      machine.state().ps &= ~kPsIntlevel;
      machine.core().write_special(Sr::INTERRUPT, kSoftware);
    });
    run(piece);
    if (HasFatalFailure()) return;
  }
}

TEST_F(WindowSteps, HandlersAreRewrittenFromOutside) {
  load(recursion(2));
  run(20'000);
  const std::uint64_t before = steps();
  EXPECT_GT(before, 100u);
  EXPECT_TRUE(translated_.core().has_code(kVectors + 0x80, 4));
  on_both([](TestMachine& machine) {
    const std::string text =
        replaced(replaced(testing::kVectorProgram, "s32e a2, a9, -8\n", "s32e a3, a9, -8\n"),
                 "l32e a6, a7, -24\n", "l32e a6, a7, -28\n");
    machine.write(kVectors, testing::assemble(text, kVectors).bytes);
  });
  run(20'000);
  EXPECT_EQ(steps(), before);
  // And they are the usual ones again.
  on_both([](TestMachine& machine) {
    machine.write(kVectors, testing::assemble(testing::kVectorProgram, kVectors).bytes);
  });
  run(20'000);
  EXPECT_GT(steps(), before + 100);
}

// The guest's own store, to code that nothing but the one step has looked at.
TEST_F(WindowSteps, HandlersAreRewrittenByTheGuest) {
  load(replaced(recursion(2), "addi a6, a6, 1\n", "addi a6, a6, 1\n bnei a6, 32, again\n s32i a5, a7, 0\n"));
  on_both([](TestMachine& machine) {
    const std::string text = replaced(testing::kVectorProgram, "s32e a0, a9, -16\n", "s32e a3, a9, -16\n");
    const testing::Program other = testing::assemble(text, kVectors);
    std::uint32_t word = 0;
    for (unsigned n = 0; n < 4; ++n) word |= std::uint32_t{other.bytes[0x80 + n]} << 8 * n;
    machine.core().set_a(5, word);
    machine.core().set_a(7, kVectors + 0x80);
    machine.core().set_a(6, 0);
  });
  for (unsigned n = 0; n < 200; ++n) {
    run(300);
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(steps(), 100u);
  // The handler that forgets a0 has been used: returns lead nowhere.
  EXPECT_EQ(interpreted_.state().pc, kVectors + 0x340);
}

TEST_F(WindowSteps, VecbaseMoves) {
  load(recursion(3));
  run(10'000);
  const std::uint64_t before = steps();
  EXPECT_GT(before, 50u);
  on_both([](TestMachine& machine) {
    constexpr std::uint32_t kOther = kVectors + 0x1000;
    const std::string text =
        replaced(replaced(testing::kVectorProgram, "s32e a2, a13, -8\n", "s32e a3, a13, -8\n"),
                 "l32e a6, a11, -40\n", "l32e a6, a11, -44\n");
    machine.write(kOther, testing::assemble(text, kVectors).bytes);
    machine.core().write_special(Sr::VECBASE, kOther);
  });
  run(10'000);
  EXPECT_EQ(steps(), before);
  on_both([](TestMachine& machine) { machine.core().write_special(Sr::VECBASE, kVectors); });
  run(10'000);
  EXPECT_GT(steps(), before);
}

TEST_F(WindowSteps, HandlersRunWhileWindowsAreTraced) {
  for (const char* const event : {"cpu_window", "cpu_window_return"}) {
    base::Tracer tracer;
    on_both([&](TestMachine& machine) { machine.core().set_tracer(&tracer); });
    std::uint64_t seen = 0;
    tracer.set_sink([&seen](const base::TraceRecord&) { ++seen; });
    load(recursion(2));
    std::uint64_t before = steps();
    run(5'000);
    EXPECT_GT(steps(), before + 20);
    EXPECT_EQ(seen, 0u);
    ASSERT_TRUE(tracer.enable(event, true));
    before = steps();
    run(5'000);
    EXPECT_EQ(steps(), before);
    EXPECT_GT(seen, 40u);
    ASSERT_TRUE(tracer.enable(event, false));
    run(5'000);
    EXPECT_GT(steps(), before + 20);
    on_both([](TestMachine& machine) { machine.core().set_tracer(nullptr); });
  }
}

// A debugger's breakpoint in a handler has to be met.
TEST_F(WindowSteps, BreakpointInAHandler) {
  load(recursion(2));
  run(5'000);
  on_both([](TestMachine& machine) { machine.core().set_breakpoint(kVectors + 0x83, true); });
  run(5'000);
  EXPECT_EQ(translated_.state().pc, kVectors + 0x83);
  on_both([](TestMachine& machine) { machine.core().set_breakpoint(kVectors + 0x83, false); });
  const std::uint64_t before = steps();
  run(5'000);
  EXPECT_GT(steps(), before + 20);
}

}  // namespace
}  // namespace espalier::xtensa
