// Random programs, run whole, one instruction at a time and in pieces of any length: nothing may be
// different.
//
// ESPALIER_RANDOM_PROGRAMS=N runs N of them, from seed ESPALIER_RANDOM_SEED on, instead of those that belong
// to the tests.
#include <gtest/gtest.h>

#include <cstdlib>

#include "xtensa/testing/program_comparison.h"
#include "xtensa/testing/program_generator.h"

namespace espalier::xtensa {
namespace {

using testing::ProgramComparison;
using testing::RandomProgram;
using testing::Side;
using testing::Slicing;

std::vector<Side> sides(std::uint64_t seed) {
  testing::Random random(seed + 3);
  std::vector<Side> all = {{"whole", Slicing::kWhole, {}}};
  all.push_back(random.chance(30) ? Side{"single", Slicing::kSingle, {}}
                                  : Side{"pieces", Slicing::kRandom, {}});
  return all;
}

void run_programs(std::uint64_t first, std::uint64_t count) {
  constexpr unsigned kEnough = 3;
  ProgramComparison comparison(sides);
  unsigned failures = 0;
  for (std::uint64_t seed = first; seed < first + count && failures < kEnough; ++seed) {
    if (const auto report = comparison.run(seed)) {
      ADD_FAILURE() << *report;
      ++failures;
    }
  }
  EXPECT_TRUE(comparison.surroundings_intact());
  ::testing::Test::RecordProperty("instructions", std::to_string(comparison.instructions()));
}

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 0);
}

class GeneratedPrograms : public ::testing::TestWithParam<unsigned> {};
constexpr std::uint64_t kShards = 10;

TEST_P(GeneratedPrograms, TheSameHoweverTheyAreCutUp) {
  const std::uint64_t count = number_from("ESPALIER_RANDOM_PROGRAMS", 100'000) / kShards;
  run_programs(number_from("ESPALIER_RANDOM_SEED", 0) + GetParam() * count, count);
}
INSTANTIATE_TEST_SUITE_P(Shards, GeneratedPrograms, ::testing::Range(0u, unsigned{kShards}));

// That a difference is found, and made so small that one sees what it is: here CCOUNT is ahead by one.
TEST(ProgramComparison, FindsADifferenceAndShowsWhatItIs) {
  const auto ahead = [](Core& core) {
    static_cast<testing::TestMachine&>(core.environment()).cycle_base = 1;
  };
  ProgramComparison comparison([&](std::uint64_t) {
    return std::vector<Side>{{"right", Slicing::kWhole, {}}, {"wrong", Slicing::kWhole, ahead}};
  });
  unsigned found = 0;
  for (std::uint64_t seed = 0; seed < 200 && found < 3; ++seed) {
    const auto report = comparison.run(seed);
    if (!report) continue;
    ++found;
    const std::string small = report->substr(report->find("made smaller"));
    EXPECT_NE(small.find("ccount"), std::string::npos) << small;
    std::size_t instructions = 0;
    for (std::size_t at = 0; (at = small.find("\n  ", at)) != std::string::npos; ++at) ++instructions;
    EXPECT_LE(instructions, 8u) << *report;
  }
  EXPECT_EQ(found, 3u);
}

}  // namespace
}  // namespace espalier::xtensa
