#include "debug/execution_counts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "esp32/guest_program_test_support.h"
#include "image/image_test_support.h"

namespace espalier::debug {
namespace {

// Eleven frames deep, so that windows overflow and underflow: the instructions that raise that come twice.
constexpr std::string_view kProgram = R"(
    main:
      entry a1, 32
      movi a2, 0
      wsr.intenable a2
      movi a3, 500
    again:
      movi a10, 10
      call8 deep
      addi a3, a3, -1
      bnez a3, again
      movi a4, 40
      loop a4, loop_end
      addi a5, a5, 1
      addi a5, a5, 1
    loop_end:
      beqz a2, skip
    never:
      addi a5, a5, 1
    skip:
      movi a6, 3
    faults:
      l32i a7, a2, 0
    behind:
      j behind
      .align 4
    deep:
      entry a1, 48
      beqz a2, bottom
      addi a10, a2, -1
    calls:
      call8 deep
    returns:
      retw
    bottom:
      movi a2, 7
      call8 twice
    bottom_returns:
      retw.n
      .align 4
    twice:
      entry a1, 32
      addi a8, a2, 1
      retw
)";

class ExecutionCountsTest : public ::testing::TestWithParam<xtensa::Engine> {
 protected:
  ExecutionCountsTest() {
    esp32::MachineOptions options;
    options.rom = std::make_shared<esp32::SharedRom>(rom::Rom());
    options.flash = esp32::testing_support::flash_with(kProgram);
    options.clock = esp32::ClockMode::kWarp;
    options.engine = GetParam();
    machine = esp32::Machine::create(options).value();
  }
  // The program as its ELF file has it: with `functions`, each up to the next.
  std::shared_ptr<const image::ElfFile> elf(std::vector<std::string> functions = {"main", "deep", "twice"}) {
    image::Bytes code(program.bytes.begin(), program.bytes.end());
    std::vector<image::test::TestElfSymbol> symbols;
    for (std::size_t n = 0; n < functions.size(); ++n) {
      const std::uint32_t begin = program.at(functions[n]);
      const std::uint32_t end = n + 1 < functions.size() ? program.at(functions[n + 1]) : program.end();
      symbols.push_back({.name = functions[n], .value = begin, .size = end - begin});
    }
    return std::make_shared<image::ElfFile>(
        image::ElfFile::parse(image::test::make_elf({{.name = ".text",
                                                      .address = esp32::testing_support::kEntry,
                                                      .data = code,
                                                      .flags = SHF_ALLOC | SHF_EXECINSTR}},
                                                    symbols))
            .value());
  }
  void run_ms(std::uint64_t ms) {
    const base::Ticks until = machine->clock().now() + ms * base::kTicksPerMillisecond;
    while (machine->clock().now() < until)
      if (machine->run_round() == esp32::Machine::Progress::kIdle && !machine->skip_idle()) break;
  }

  xtensa::testing::Program program = xtensa::testing::assemble(kProgram, esp32::testing_support::kEntry);
  std::unique_ptr<esp32::Machine> machine;
};

// Every address, those within instructions too.
std::vector<std::uint32_t> all_of(const xtensa::testing::Program& program) {
  std::vector<std::uint32_t> addresses;
  for (std::uint32_t at = esp32::testing_support::kEntry; at < program.end(); ++at) addresses.push_back(at);
  return addresses;
}

TEST_P(ExecutionCountsTest, AreExact) {
  const ExecutionCounts counts(*machine, elf(), all_of(program));
  run_ms(60);
  if (GetParam() == xtensa::Engine::kJit) {
    ASSERT_GT(machine->core(0).engine_stats().translated_regions, 0u);
    ASSERT_GT(machine->core(0).engine_stats().window_steps, 0u) << "windows were full";
  }
  const auto count = [&](std::string_view label, std::uint32_t past = 0) {
    return counts.at(program.at(label) + past);
  };
  EXPECT_EQ(count("main"), 1u);
  EXPECT_EQ(count("again"), 500u);
  EXPECT_EQ(count("deep"), 500u * 11);
  EXPECT_EQ(count("calls"), 500u * 10);
  EXPECT_EQ(count("returns"), 500u * 10);
  EXPECT_EQ(count("bottom"), 500u);
  EXPECT_EQ(count("bottom_returns"), 500u);
  EXPECT_EQ(count("twice"), 500u);
  EXPECT_EQ(count("twice", 3), 500u);
  EXPECT_EQ(counts.at(program.at("loop_end") - 3), 40u);
  EXPECT_EQ(count("loop_end"), 1u);
  EXPECT_EQ(count("never"), 0u);
  // The load raises an exception in the middle of its block.
  EXPECT_EQ(count("skip"), 1u);
  EXPECT_EQ(count("faults"), 1u);
  EXPECT_EQ(count("behind"), 0u);
  EXPECT_EQ(count("again", 1), 0u) << "no instruction begins there";
}

INSTANTIATE_TEST_SUITE_P(Engines, ExecutionCountsTest,
                         ::testing::Values(xtensa::Engine::kInterpreter, xtensa::Engine::kJit),
                         [](const auto& the) {
                           return the.param == xtensa::Engine::kJit ? "Translated" : "Interpreted";
                         });

}  // namespace
}  // namespace espalier::debug
