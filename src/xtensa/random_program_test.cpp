// Random programs, run whole, one instruction at a time and in pieces of any length: nothing may be
// different.
//
// ESPALIER_RANDOM_PROGRAMS says how many, ESPALIER_RANDOM_SEED the first one's seed; with
// ESPALIER_RANDOM_ISOLATED each runs in a process of its own.
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "xtensa/testing/program_comparison.h"
#include "xtensa/testing/program_generator.h"

namespace espalier::xtensa {
namespace {

using testing::ProgramComparison;
using testing::RandomProgram;
using testing::Side;
using testing::Slicing;
using testing::TestMachine;

// Translated code, made at once or where it has become warm.
void translate(Core& core, unsigned threshold) {
  core.set_jit_threshold(threshold);
  (void)core.set_engine(Engine::kJit);  // a host without it compares the interpreter with itself
}

std::vector<Side> engines(std::uint64_t seed) {
  testing::Random random(seed + 5);
  const unsigned threshold = random.chance(50) ? 1 : 2 + static_cast<unsigned>(random.next64() % 20);
  return {{"interpreted", Slicing::kWhole, {}},
          {"translated", random.chance(50) ? Slicing::kWhole : Slicing::kRandom,
           [threshold](Core& core) { translate(core, threshold); }}};
}

TestMachine& machine_of(Core& core) {
  return static_cast<TestMachine&>(core.environment());
}

// A debugger on the host has breakpoints everywhere, and steps, and goes on. The program cannot tell.
std::vector<Side> debugged(std::uint64_t seed) {
  const auto breakpoints = [seed](Core& core) {
    testing::Random random(seed + 7);
    for (std::uint32_t pc = testing::kCode; pc < testing::kCode + 0x800; ++pc)
      if (random.chance(10)) core.set_breakpoint(pc, true);
    const bool steps = random.chance(30);
    machine_of(core).on_debugger_stop = [steps](Core& at, DebuggerEvent event) {
      if (steps && event == DebuggerEvent::kBreakpoint) at.step();
    };
  };
  return {{"alone", Slicing::kWhole, {}},
          {"with breakpoints", Slicing::kWhole, breakpoints},
          {"translated, with breakpoints", Slicing::kWhole,
           [breakpoints](Core& core) {
             translate(core, 1);
             breakpoints(core);
           }},
          {"stepped", Slicing::kWhole, [](Core& core) {
             machine_of(core).on_debugger_stop = [](Core& at, DebuggerEvent) { at.step(); };
             core.step();
           }}};
}

std::vector<Side> sides(std::uint64_t seed) {
  testing::Random random(seed + 3);
  std::vector<Side> all = {{"whole", Slicing::kWhole, {}}};
  all.push_back(random.chance(30) ? Side{"single", Slicing::kSingle, {}}
                                  : Side{"pieces", Slicing::kRandom, {}});
  return all;
}

// A sanitizer has more to say about a crash.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

// If a program takes the whole process with it, one has to know which.
std::atomic<std::uint64_t> running_seed;

const pid_t main_process = getpid();

void name_seed(int signal) {
  char text[64] = "\nkilled by the random program of seed ";
  std::size_t length = std::strlen(text);
  for (std::uint64_t rest = running_seed, power = 10'000'000'000'000'000'000u; power != 0; power /= 10)
    if (rest >= power || power == 1) text[length++] = static_cast<char>('0' + rest / power % 10);
  text[length++] = '\n';
  // A child that is killed is reported by its parent.
  [[maybe_unused]] const ssize_t written = getpid() == main_process ? write(STDERR_FILENO, text, length) : 0;
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

void run_programs(const ProgramComparison::Choose& choose, std::uint64_t first, std::uint64_t count) {
  constexpr unsigned kEnough = 3;
  ProgramComparison comparison(choose);
  if (std::getenv("ESPALIER_RANDOM_ISOLATED") != nullptr) {
    comparison.isolate();
  } else if (!kSanitized) {
    for (const int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT}) std::signal(signal, name_seed);
  }
  unsigned failures = 0;
  for (std::uint64_t seed = first; seed < first + count && failures < kEnough; ++seed) {
    running_seed = seed;
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

constexpr std::uint64_t kShards = 10;

class GeneratedPrograms : public ::testing::TestWithParam<unsigned> {
 protected:
  // This shard's part of `all` programs.
  static void run_shard(const ProgramComparison::Choose& choose, std::uint64_t all) {
    all = number_from("ESPALIER_RANDOM_PROGRAMS", all);
    const std::uint64_t begin = all * GetParam() / kShards, end = all * (GetParam() + 1) / kShards;
    run_programs(choose, number_from("ESPALIER_RANDOM_SEED", 0) + begin, end - begin);
  }
};

TEST_P(GeneratedPrograms, TheSameHoweverTheyAreCutUp) {
  run_shard(sides, kSanitized ? 5'000 : 20'000);
}
TEST_P(GeneratedPrograms, TheSameWhenTranslated) {
  run_shard(engines, kSanitized ? 5'000 : 100'000);
}
TEST_P(GeneratedPrograms, TheSameWithADebugger) {
  run_shard(debugged, kSanitized ? 1'000 : 10'000);
}
INSTANTIATE_TEST_SUITE_P(Shards, GeneratedPrograms, ::testing::Range(0u, unsigned{kShards}));

// That a difference is found, and made so small that one sees what it is: here CCOUNT is ahead by one.
TEST(ProgramComparison, FindsADifferenceAndShowsWhatItIs) {
  const auto ahead = [](Core& core) { machine_of(core).cycle_base = 1; };
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

TEST(ProgramComparison, ACrashIsADifferenceLikeAnyOther) {
  const auto crash = [](Core&) { std::raise(SIGKILL); };
  ProgramComparison comparison([&](std::uint64_t) {
    return std::vector<Side>{{"right", Slicing::kWhole, {}}, {"wrong", Slicing::kWhole, crash}};
  });
  comparison.isolate();
  const auto report = comparison.run(1);
  ASSERT_TRUE(report.has_value());
  EXPECT_NE(report->find("killed by signal 9"), std::string::npos) << *report;
}

}  // namespace
}  // namespace espalier::xtensa
