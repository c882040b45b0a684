#include "xtensa/jit/versions.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

#include "xtensa/testing/translated_machine.h"

namespace espalier::xtensa::jit {
namespace {

class VersionsTest : public testing::TranslatedTest {
 protected:
  Region region_of(std::string_view text, Mode mode = {.windows = true, .loops = true}) {
    program_ = machine_.load_program(text);
    Region region = discover(code_source(), program_.base, mode);
    analyse(region);
    originals_ = region.blocks.size();
    make_versions(region, [](std::uint32_t) { return std::nullopt; });
    return region;
  }
  // The first block that begins at the label.
  int block_at(const Region& region, std::string_view label) const {
    for (std::size_t i = 0; i < region.blocks.size(); ++i)
      if (region.blocks[i].pc == program_.at(std::string(label))) return static_cast<int>(i);
    return Target::kOutside;
  }
  static const Block& at(const Region& region, int block) {
    return region.blocks.at(static_cast<std::size_t>(block));
  }

  testing::Program program_;
  std::size_t originals_ = 0;
};

TEST_F(VersionsTest, AskOnceWhetherAddressesAreAligned) {
  const Region region = region_of(R"(
      mov.n a2, a7
    loop: l32i a4, a2, 0
      s32i a4, a3, 8
      addi a2, a2, 4
      addi a3, a3, -8
      bne a2, a5, loop
    end: ret
  )");
  const int first = block_at(region, "loop"), later = at(region, first).taken.block;
  ASSERT_NE(later, first);
  EXPECT_EQ(at(region, later).version_of, first);
  EXPECT_EQ(at(region, later).known.aligned, 1u << 2 | 1u << 3);
  EXPECT_FALSE(at(region, later).entry);
  EXPECT_EQ(at(region, later).taken.block, later);
  EXPECT_EQ(at(region, later).next.block, block_at(region, "end"));
  EXPECT_EQ(at(region, first).known.aligned, 0u);
  EXPECT_EQ(region.blocks.size(), originals_ + 1);
}

TEST_F(VersionsTest, AreMadeWhereTheySaveSomething) {
  for (const char* text : {
           "loop: add a2, a2, a3; addi a4, a4, -1; bnez a4, loop; ret",             // nothing is asked
           "l32i a4, a2, 0; l32i a5, a2, 4; beqz a5, on; l32i a4, a2, 8; on: ret",  // no loop
           "loop: l32i a2, a2, 0; bnez a2, loop; ret",                              // always another
           "loop: l32i a4, a2, 0; add a2, a2, a3; bnez a4, loop; ret",              // by who knows what
           "loop: l32i a4, a2, 0; addi a2, a2, 2; bnez a4, loop; ret",              // half as far
           "loop: l16ui a4, a2, 0; addx2 a2, a3, a2; bnez a4, loop; ret",           //
           "loop: l32i a4, a2, 0; mov.n a8, a2; callx8 a4; bnez a4, loop; ret",  // memory remembers nothing
       }) {
    region_of(text);
    EXPECT_EQ(region_of(text).blocks.size(), originals_) << text;
  }
}

TEST_F(VersionsTest, FollowAddressesThroughArithmetic) {
  for (const char* step :
       {"addi a2, a2, 4", "addmi a2, a2, 256", "addi.n a6, a2, 4; mov.n a2, a6", "add a2, a2, a3",
        "add.n a2, a3, a2", "sub a2, a2, a3", "addx4 a2, a4, a2", "addx8 a2, a4, a2", "subx4 a2, a4, a2",
        "subx8 a2, a4, a2", "slli a2, a4, 2", "slli a2, a4, 31", "movi a6, -4; and a2, a4, a6",
        "moveqz a2, a3, a4", "movnez a2, a3, a4", "movltz a2, a3, a4", "movgez a2, a3, a4",
        "movi a2, 256; movi a2, 64", "or a2, a3, a3"}) {
    const Region region =
        region_of(fmt::format("loop: l32i a4, a2, 0; l32i a5, a3, 0; {}; bnez a5, loop; ret", step));
    ASSERT_GT(region.blocks.size(), originals_) << step;
    EXPECT_EQ(region.blocks.back().known.aligned, 1u << 2 | 1u << 3) << step;
  }
  for (const char* step :
       {"addi a2, a2, 1", "addx2 a2, a4, a2", "subx2 a2, a2, a2", "slli a2, a4, 1", "and a2, a4, a5",
        "or a2, a3, a4", "xor a2, a3, a3", "moveqz a2, a4, a4", "movi a2, 65", "l8ui a2, a7, 0",
        "sub a2, a4, a3", "mull a2, a3, a3", "srli a2, a3, 2"}) {
    const Region region =
        region_of(fmt::format("loop: l32i a4, a2, 0; l32i a5, a3, 0; {}; bnez a5, loop; ret", step));
    ASSERT_GT(region.blocks.size(), originals_) << step;
    for (const Block& block : region.blocks) EXPECT_EQ(block.known.aligned & 1u << 2, 0u) << step;
  }
}

// The data bus ends somewhere.
TEST_F(VersionsTest, AskAgainAfterSomeStepsWhetherBytesMayBeAccessed) {
  const Region region = region_of("loop: l8ui a4, a2, 255; addi a2, a2, -128; bnez a4, loop; ret");
  const int first = block_at(region, "loop");
  unsigned rounds = 0;
  for (int block = first; rounds == 0 || block != first; block = at(region, block).taken.block) {
    EXPECT_EQ(at(region, block).known.room(2), rounds == 0 ? 0 : Facts::kMostRoom - rounds);
    ASSERT_LE(++rounds, Facts::kMostRoom);
  }
  EXPECT_EQ(rounds, Facts::kMostRoom);
  for (const char* far :
       {"addmi a2, a2, 256", "add a2, a2, a3", "addi a2, a2, 100; addi a2, a2, 100; addi a2, a2, 100"}) {
    const std::string text = fmt::format("loop: l8ui a4, a2, 255; {}; bnez a4, loop; ret", far);
    EXPECT_EQ(region_of(text).blocks.size(), originals_) << far;
  }
}

TEST_F(VersionsTest, KnowOfWindowsThatHaveBeenFoundFree) {
  constexpr std::string_view kText =
      "j middle; loop: add a9, a9, a2; middle: addi a2, a2, -1; bnez a2, loop; ret";
  const Region region = region_of(kText);
  const int first = block_at(region, "loop");
  EXPECT_EQ(at(region, first).known.panes, 0u);
  EXPECT_TRUE(std::any_of(region.blocks.begin(), region.blocks.end(), [&](const Block& block) {
    return block.version_of == first && block.known.panes == 2;
  }));
  region_of(kText, {.windows = false, .loops = true});
  EXPECT_EQ(region_of(kText, {.windows = false, .loops = true}).blocks.size(), originals_);
}

TEST_F(VersionsTest, AreNoMoreThanARegionCanBear) {
  std::string text = "loop:\n";
  for (unsigned n = 0; n < 12; ++n) {
    for (unsigned reg = 2; reg < 8; ++reg) text += fmt::format("  l8ui a10, a{}, {}\n", reg, n);
    text += fmt::format("  addi a{}, a{}, 1\n  beqz a10, on{}\n  addi a{}, a{}, 1\n on{}:\n", 2 + n % 6,
                        2 + n % 6, n, 2 + (n + 1) % 6, 2 + (n + 1) % 6, n);
  }
  const Region region = region_of(text + "  bnez a8, loop\n ret\n");
  unsigned steps = 0;
  std::vector<unsigned> count(originals_);
  for (std::size_t i = originals_; i < region.blocks.size(); ++i) {
    steps += region.blocks[i].count;
    ++count[static_cast<std::size_t>(region.blocks[i].version_of)];
  }
  EXPECT_GT(region.blocks.size(), originals_);
  EXPECT_LE(steps, 300u);
  EXPECT_LE(*std::max_element(count.begin(), count.end()), 5u);
}

class VersionsRun : public VersionsTest {
 protected:
  static constexpr std::uint32_t kRounds = 1000;
  // Runs the loop with `address` in a2. Returns how many of its instructions were the slow path's.
  std::uint64_t slow_accesses(std::string_view loop, std::uint32_t address) {
    const testing::Program program = start(fmt::format("{}; end: j end", loop));
    machine_.core().reset(program.base);
    machine_.state().ps = kPsWoe | kPsUm;
    machine_.core().set_a(2, address);
    machine_.core().set_a(3, kRounds);
    const std::uint64_t before = machine_.core().engine_stats().slow_accesses;
    machine_.core().run(50 * kRounds);
    EXPECT_EQ(machine_.state().pc, program.at("end"));
    EXPECT_EQ(machine_.core().a(3), 0u);
    return machine_.core().engine_stats().slow_accesses - before;
  }
};

// The slow path does the access, as the data bus does. Nobody may take that for an aligned address.
TEST_F(VersionsRun, AnAddressThatIsNotAlignedIsFoundOutEachTime) {
  std::vector<std::uint8_t> bytes(4 * kRounds + 8);
  std::iota(bytes.begin(), bytes.end(), std::uint8_t{0});
  machine_.write(testing::kData, bytes);
  constexpr std::string_view kLoop =
      "loop: l32i a4, a2, 0; addi a2, a2, 4; addi a3, a3, -1; add a5, a5, a4; bnez a3, loop";
  EXPECT_EQ(slow_accesses(kLoop, testing::kData), 0u);
  EXPECT_GE(slow_accesses(kLoop, testing::kData + 1), kRounds / 2);
  std::uint32_t sum = 0;
  for (std::uint32_t n = 1; n < 4 * kRounds; n += 4)
    sum += (n & 0xff) | ((n + 1) & 0xff) << 8 | ((n + 2) & 0xff) << 16 | ((n + 3) & 0xff) << 24;
  EXPECT_EQ(machine_.core().a(5), sum);
}

TEST_F(VersionsRun, AnAddressBeyondTheDataBusIsFoundOutEachTime) {
  constexpr std::string_view kLoop =
      "loop: l8ui a4, a2, 0; addi a2, a2, 1; addi a3, a3, -1; add a5, a5, a4; bnez a3, loop";
  EXPECT_EQ(slow_accesses(kLoop, testing::kData), 0u);
  EXPECT_GE(slow_accesses(kLoop, testing::kMixed), kRounds / 2);
  // One that is the block's last.
  constexpr std::string_view kLast =
      "j loop; loop: addi a2, a2, 1; addi a3, a3, -1; add a5, a5, a4; l8ui a4, a2, 0; on: bnez a3, loop; "
      "bnez a2, go; "
      "j on; go:";
  EXPECT_EQ(slow_accesses(kLast, testing::kData), 0u);
  EXPECT_GE(slow_accesses(kLast, testing::kMixed), kRounds / 2);
}

// Each turn ends somewhere in the loop.
TEST_F(VersionsRun, ATurnThatResumesWithinALoopBeginsNoTranslationThere) {
  std::vector<std::uint32_t> begins;
  machine_.core().on_translated([&](const void*, std::size_t, std::uint32_t pc) { begins.push_back(pc); });
  const testing::Program program =
      start("loop: addi a2, a2, 1; addi a3, a3, 1; addi a4, a4, 1; addi a5, a5, 1; j loop");
  for (unsigned turn = 0; turn < 200; ++turn) machine_.core().run(101);
  EXPECT_EQ(machine_.core().a(2), 200 * 101 / 5);
  EXPECT_EQ(begins, std::vector{program.at("loop")});
}

}  // namespace
}  // namespace espalier::xtensa::jit
