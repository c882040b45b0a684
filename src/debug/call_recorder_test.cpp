#include "debug/call_recorder.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "debug/call_report.h"
#include "esp32/guest_program_test_support.h"
#include "image/image_test_support.h"

namespace espalier::debug {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// main calls outer for ever, which calls leaf three times and, ten deep, deep; windows are full then.
constexpr std::string_view kProgram = R"(
    main:
      entry a1, 32
      movi a2, 0
      wsr.intenable a2
    again:
      call8 outer
      addi a2, a2, 1
      j again
      .align 4
    outer:
      entry a1, 32
      call8 leaf
      call8 leaf
      call8 leaf
      movi a10, 10
      call8 deep
      retw
      .align 4
    leaf:
      entry a1, 32
      movi a2, 7
      retw
      .align 4
    deep:
      entry a1, 48
      beqz a2, bottom
      addi a10, a2, -1
      call8 deep
      retw
    bottom:
      retw
)";

class CallRecorderTest : public ::testing::TestWithParam<xtensa::Engine> {
 protected:
  CallRecorderTest() : machine(create()) {
    // Past the ROM, and until code is hot.
    while (machine->core(0).state().pc - program.at("main") >= program.bytes.size()) machine->run_round();
    for (int n = 0; n < 100; ++n) machine->run_round();
  }
  static std::unique_ptr<esp32::Machine> create() {
    esp32::MachineOptions options;
    options.rom = std::make_shared<esp32::SharedRom>(rom::Rom());
    options.flash = esp32::testing_support::flash_with(kProgram);
    options.clock = esp32::ClockMode::kWarp;
    options.engine = GetParam();
    return esp32::Machine::create(options).value();
  }
  Symbols symbols_of() const {
    std::vector<image::test::TestElfSymbol> functions;
    const char* const names[] = {"main", "outer", "leaf", "deep"};
    for (std::size_t n = 0; n < std::size(names); ++n)
      functions.push_back({.name = names[n],
                           .value = program.at(names[n]),
                           .size = (n + 1 < std::size(names) ? program.at(names[n + 1]) : program.end()) -
                                   program.at(names[n])});
    const image::Bytes code(program.bytes.begin(), program.bytes.end());
    return Symbols(std::make_shared<image::ElfFile>(
        image::ElfFile::parse(image::test::make_elf({{.name = ".text",
                                                      .address = esp32::testing_support::kEntry,
                                                      .data = code,
                                                      .flags = SHF_ALLOC | SHF_EXECINSTR}},
                                                    functions))
            .value()));
  }
  CallRecording record(int rounds) {
    CallRecorder recorder(*machine, symbols);
    recorder.start();
    for (int n = 0; n < rounds; ++n) machine->run_round();
    return recorder.stop();
  }

  xtensa::testing::Program program = xtensa::testing::assemble(kProgram, esp32::testing_support::kEntry);
  std::unique_ptr<esp32::Machine> machine;
  Symbols symbols = symbols_of();
};

// "outer(leaf leaf deep(deep))"
std::string shape(const CallRecording& recording, std::uint32_t number) {
  const RecordedCall& call = recording.calls[number];
  std::string text = recording.functions[call.function].name;
  if (!call.children.empty()) {
    text += "(";
    for (const std::uint32_t child : call.children)
      text += (text.ends_with('(') ? "" : " ") + shape(recording, child);
    text += ")";
  }
  return text;
}

TEST_P(CallRecorderTest, RecordsCallsAndReturns) {
  const CallRecording recording = record(3);
  ASSERT_EQ(recording.slices.size(), 1u);
  EXPECT_EQ(recording.slices[0].context, "program");
  EXPECT_FALSE(recording.slices[0].interrupt);
  // It begins wherever the core was; sooner or later that returns to main.
  const RecordedCall* main = nullptr;
  for (const std::uint32_t number : recording.slices[0].calls)
    if (recording.functions[recording.calls[number].function].name == "main") main = &recording.calls[number];
  ASSERT_NE(main, nullptr);
  ASSERT_GT(main->children.size(), 10u);
  std::string deep = "deep";
  for (int n = 0; n < 10; ++n) deep = "deep(" + deep + ")";
  const std::string outer = "outer(leaf leaf leaf " + deep + ")";
  for (std::size_t n = 0; n + 1 < main->children.size(); ++n)
    ASSERT_EQ(shape(recording, main->children[n]), outer);
}

TEST_P(CallRecorderTest, TimesAddUp) {
  const CallRecording recording = record(3);
  base::Ticks self = 0;
  for (const RecordedCall& call : recording.calls) {
    base::Ticks children = 0;
    for (const std::uint32_t child : call.children)
      children += recording.calls[child].end - recording.calls[child].begin;
    EXPECT_EQ(call.end - call.begin, call.self + children);
    self += call.self;
  }
  EXPECT_EQ(self, recording.slices[0].end - recording.slices[0].begin);
  EXPECT_NEAR(static_cast<double>(self), static_cast<double>(recording.end - recording.begin), 100);
}

// One that is observed and one that is not come to the same state at the same time.
TEST_P(CallRecorderTest, TheGuestNoticesNothing) {
  const auto other = create();
  record(10);
  while (other->instructions() < machine->instructions()) other->run_round();
  EXPECT_EQ(other->instructions(), machine->instructions());
  EXPECT_EQ(other->clock().now(), machine->clock().now());
  EXPECT_EQ(other->core(0).state().pc, machine->core(0).state().pc);
  EXPECT_EQ(other->core(0).state().ar, machine->core(0).state().ar);
  EXPECT_EQ(other->core(0).state().windowstart, machine->core(0).state().windowstart);
  // And afterwards code runs as fast as before.
  if (GetParam() != xtensa::Engine::kJit) return;
  const std::uint64_t entries = machine->core(0).engine_stats().entries;
  for (int n = 0; n < 10; ++n) machine->run_round();
  EXPECT_GT(machine->core(0).engine_stats().entries, entries);
}

TEST_P(CallRecorderTest, IsPrintedWithRepetitionAsOneLine) {
  const CallRecording recording = record(3);
  const std::string text = format_call_trace(recording, {{recording.begin, "a frame"}}, symbols, 3);
  EXPECT_THAT(text, HasSubstr("      0.00            == a frame\n"));
  EXPECT_THAT(text, HasSubstr("  -- PRO CPU: program\n"));
  EXPECT_THAT(text, HasSubstr("    back in main ...\n"));
  EXPECT_THAT(text, HasSubstr("        leaf x3\n"));
  EXPECT_THAT(text, HasSubstr("        deep\n"));
  EXPECT_THAT(text, ::testing::Not(HasSubstr("          deep\n"))) << "too deep";
  EXPECT_THAT(text, HasSubstr("layer\n"));
  EXPECT_THAT(text, HasSubstr("PRO CPU idle, of "));
}

TEST(CallReport, LayersAreComponentsOrFiles) {
  EXPECT_EQ(layer_of_source("/esp-idf/components/freertos/FreeRTOS-Kernel/tasks.c"), "freertos");
  EXPECT_EQ(layer_of_source("/esp-idf/components/lwip/lwip/src/core/ipv4/ip4.c"), "lwip/core");
  EXPECT_EQ(layer_of_source("/esp-idf/components/lwip/lwip/src/api/sockets.c"), "lwip/api");
  EXPECT_EQ(layer_of_source("/esp-idf/components/lwip/port/freertos/sys_arch.c"), "lwip/port");
  EXPECT_EQ(layer_of_source("/home/me/project/main/main.c"), "main/main.c");
  EXPECT_EQ(layer_of_source("./guest/http_server/eth.c"), "http_server/eth.c");
  EXPECT_EQ(layer_of_source("main.c"), "main.c");
  EXPECT_EQ(layer_of_source(""), "");
}

INSTANTIATE_TEST_SUITE_P(Engines, CallRecorderTest,
                         ::testing::Values(xtensa::Engine::kInterpreter, xtensa::Engine::kJit),
                         [](const auto& the) {
                           return the.param == xtensa::Engine::kJit ? "Translated" : "Interpreted";
                         });

}  // namespace
}  // namespace espalier::debug
