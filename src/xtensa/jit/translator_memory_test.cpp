// What becomes of the memory that translations take, and who is told of them.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "xtensa/testing/translated_machine.h"

namespace espalier::xtensa {
namespace {

class TranslatorObserver : public testing::TranslatedTest {};

// Functions that are hot by turns, more of them than there is memory for.
std::string many_functions(unsigned count, unsigned additions) {
  std::string text = "  .align 4\n table:\n";
  for (unsigned n = 0; n < count; ++n) text += fmt::format("  .word function{}\n", n);
  text += R"(
    first: .word table
      .align 4
    main:
      movi a2, 1
      movi a3, 20
    turn:
      l32r a4, first
      movi a5, )" +
          std::to_string(count) + R"(
    each:
      l32i a6, a4, 0
      mov.n a10, a2
      callx8 a6
      mov.n a2, a10
      addi a4, a4, 4
      addi a5, a5, -1
      bnez a5, each
      addi a3, a3, -1
      bnez a3, turn
    end: j end
  )";
  for (unsigned n = 0; n < count; ++n) {
    text += fmt::format("  .align 4\n function{}: entry a1, 32\n", n);
    for (unsigned i = 0; i < additions; ++i)
      text += fmt::format("  addmi a2, a2, 256; addx4 a2, a2, a2; xor a2, a2, a1; addi a2, a2, {}\n",
                          (n + i) % 100);
    text += "  retw.n\n";
  }
  return text;
}

class TranslatorMemory : public TranslatorObserver {
 protected:
  // What the program leaves in a2.
  std::uint32_t result_of(const std::string& text) {
    const testing::Program program = start(text);
    machine_.core().reset(program.at("main"));
    machine_.state().ps = kPsWoe | kPsUm;
    machine_.core().set_a(1, testing::kData + 0x8000);
    machine_.core().run(20'000'000);
    EXPECT_EQ(machine_.state().pc, program.at("end"));
    return machine_.core().a(2);
  }
  void expect_right_with(std::size_t memory, const std::string& text) {
    Core& core = machine_.core();
    ASSERT_TRUE(core.set_engine(Engine::kInterpreter));
    const std::uint32_t right = result_of(text);
    core.set_jit_memory(memory);
    ASSERT_TRUE(core.set_engine(Engine::kJit));
    EXPECT_EQ(result_of(text), right);
  }
};

TEST_F(TranslatorMemory, IsUsedAgainWhenItHasRunOut) {
  expect_right_with(Core::kLeastJitMemory, many_functions(300, 8));
  const EngineStats stats = machine_.core().engine_stats();
  EXPECT_GT(stats.code_bytes, 3u * Core::kLeastJitMemory);
  EXPECT_GT(stats.flushes, 3u);
  EXPECT_GT(stats.translated_regions, 300u);
}

TEST_F(TranslatorMemory, ThatIsEnoughIsFilledOnce) {
  expect_right_with(Core::kDefaultJitMemory, many_functions(300, 8));
  const EngineStats stats = machine_.core().engine_stats();
  EXPECT_LT(stats.flushes, 3u);
  EXPECT_LT(stats.translated_regions, 400u);
}

TEST_F(TranslatorObserver, HearsOfEachTranslation) {
  std::vector<std::uint32_t> begins;
  std::size_t bytes = 0;
  machine_.core().on_translated([&](const void* host, std::size_t size, std::uint32_t pc) {
    EXPECT_NE(host, nullptr);
    bytes += size;
    begins.push_back(pc);
  });
  const testing::Program program = start("turn: addi a2, a2, 1; addi a3, a3, -1; bnez a3, turn; end: j end");
  machine_.core().set_a(3, 1000);
  machine_.core().run(5000);
  EXPECT_EQ(machine_.core().a(2), 1000u);
  EXPECT_EQ(begins.size(), machine_.core().engine_stats().translated_regions);
  EXPECT_EQ(bytes, machine_.core().engine_stats().code_bytes);
  ASSERT_FALSE(begins.empty());
  EXPECT_EQ(begins[0], program.at("turn"));
}

}  // namespace
}  // namespace espalier::xtensa
