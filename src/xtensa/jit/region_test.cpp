#include "xtensa/jit/region.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "xtensa/jit/jump_table.h"
#include "xtensa/testing/translated_machine.h"

namespace espalier::xtensa::jit {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class RegionTest : public testing::TranslatedTest {
 protected:
  void SetUp() override {
    TranslatedTest::SetUp();
    source_ = code_source();
    source_.literal = source_.word = [this](std::uint32_t address) -> std::optional<std::uint32_t> {
      if (address - testing::kCode >= 0x1000) return std::nullopt;
      return machine_.read32(address);
    };
    source_.is_entry = [this](std::uint32_t pc, Mode) { return entries_.contains(pc); };
    source_.ar = [this](unsigned reg) { return machine_.core().a(reg); };
    source_.has_run = [this](std::uint32_t pc) { return !never_run_.contains(pc); };
  }
  void load(std::string_view text) { program_ = machine_.load_program(text); }
  std::uint32_t at(const char* label) const { return program_.at(label); }
  // The addresses where its blocks begin.
  std::vector<std::uint32_t> blocks_from(std::uint32_t pc) {
    std::vector<std::uint32_t> begins;
    for (const Block& block : discover(source_, pc, kMode).blocks) begins.push_back(block.pc);
    return begins;
  }
  std::vector<std::uint32_t> cases_from(std::uint32_t pc) {
    const Region region = discover(source_, pc, kMode);
    std::vector<std::uint32_t> cases;
    for (const int one : region.cases) cases.push_back(region.blocks[static_cast<std::size_t>(one)].pc);
    return cases;
  }

  static constexpr Mode kMode = {.windows = true, .loops = true};
  testing::Program program_;
  CodeSource source_;
  std::set<std::uint32_t> entries_, never_run_;
};

TEST_F(RegionTest, EndsWhereAnotherOneCanBeEntered) {
  load(R"(
    begin: beqz a2, over
      addi a3, a3, 1
    loop: addi a3, a3, 1
      bnez a3, loop
    over: j begin
  )");
  EXPECT_THAT(blocks_from(at("begin")), ElementsAre(at("begin"), at("begin") + 3, at("loop"), at("over")));
  entries_ = {at("loop")};
  EXPECT_THAT(blocks_from(at("begin")), ElementsAre(at("begin"), at("begin") + 3, at("over")));
  entries_ = {at("begin")};
  EXPECT_THAT(blocks_from(at("loop")), ElementsAre(at("loop"), at("over")));
}

// Its loops keep their registers in the places that the function has given them.
TEST_F(RegionTest, OfAFunctionIsWhole) {
  load(R"(
    function: entry a1, 32
    loop: addi a3, a3, 1
      bnez a3, loop
      retw
  )");
  entries_ = {at("loop")};
  EXPECT_THAT(blocks_from(at("function")), ElementsAre(at("loop"), at("loop") + 6));
}

// Else RETW would have to look for its way each time.
TEST_F(RegionTest, KeepsWhereItsCallsComeBackTo) {
  load(R"(
    begin: call8 begin
    back: addi a3, a3, 1
    next: bnez a3, begin
      retw
  )");
  entries_ = {at("back")};
  EXPECT_EQ(blocks_from(at("begin")).at(1), at("back"));
}

TEST_F(RegionTest, LeadsBackInALoopThatItBeginsIn) {
  load(R"(
      loop a2, end
    body: addi a3, a3, 1
      addi a4, a4, 1
    end: nop
      j body
  )");
  source_.is_loop_end = [this](std::uint32_t pc) { return pc == at("end"); };
  const auto round = [this] {
    for (const Block& block : discover(source_, at("body"), kMode).blocks)
      if (block.end == End::kLoopEnd) return block.taken.block;
    return -2;
  };
  EXPECT_EQ(round(), Target::kOutside);
  source_.loop = [this] { return std::pair{at("body"), at("end")}; };
  EXPECT_EQ(round(), 0);
}

constexpr std::string_view kSwitch = R"(
      j begin
      .align 4
    table: .word one
      .word two
      .word one
      .word three
      .word 0
      .word two
    pointer: .word table
    begin: l32r a3, pointer
      addx4 a3, a2, a3
      l32i a3, a3, 0
      jx a3
    one: retw
    two: addi a4, a4, 1
    three: retw
)";

TEST_F(RegionTest, HasTheCasesOfASwitch) {
  load(kSwitch);
  EXPECT_THAT(cases_from(at("begin")), ElementsAre(at("one"), at("two"), at("three")));
  never_run_ = {at("two")};
  EXPECT_THAT(cases_from(at("begin")), ElementsAre(at("one"), at("three")));
  // Part of another region: it is entered there.
  entries_ = {at("three")};
  EXPECT_THAT(cases_from(at("begin")), ElementsAre(at("one")));
}

TEST_F(RegionTest, FindsATableThatALoopKeepsInARegister) {
  load(kSwitch);
  EXPECT_THAT(cases_from(at("begin") + 3), IsEmpty());
  machine_.core().set_a(3, at("table"));
  EXPECT_THAT(cases_from(at("begin") + 3), ElementsAre(at("one"), at("two"), at("three")));
}

TEST_F(RegionTest, TakesNothingElseForATable) {
  load(kSwitch);
  const std::uint32_t jx = at("begin") + 9;
  EXPECT_THAT(jump_table_targets(source_, at("table"), jx), ElementsAre(at("one"), at("two"), at("three")));
  EXPECT_THAT(jump_table_targets(source_, at("table") + 1, jx), IsEmpty());
  EXPECT_THAT(jump_table_targets(source_, at("table") + 16, jx), IsEmpty());
  EXPECT_THAT(jump_table_targets(source_, at("table"), jx + 2 * kJumpReach), IsEmpty());
  source_.word = [](std::uint32_t) { return std::nullopt; };
  EXPECT_THAT(jump_table_targets(source_, at("table"), jx), IsEmpty());
}

// Each region that begins at one of so many cases would take in as many of the others as it can hold.
TEST_F(RegionTest, FollowsNoTableOfTooManyCases) {
  load(kSwitch);
  const std::uint32_t jx = at("begin") + 9;
  source_.word = [&](std::uint32_t address) { return jx + (address - at("table")) / 4 % 64; };
  EXPECT_EQ(jump_table_targets(source_, at("table"), jx).size(), 64u);
  source_.word = [&](std::uint32_t address) { return jx + (address - at("table")) / 4 % 65; };
  EXPECT_THAT(jump_table_targets(source_, at("table"), jx), IsEmpty());
}

}  // namespace
}  // namespace espalier::xtensa::jit
