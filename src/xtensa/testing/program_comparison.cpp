#include "xtensa/testing/program_comparison.h"

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>

#include "xtensa/testing/program_generator.h"

namespace espalier::xtensa::testing {
namespace {

constexpr std::string_view kKilled = "killed by signal ";

// Times at which the sides are compared: a few on the way, and the end.
std::vector<std::uint64_t> checkpoints(const RandomProgram& program) {
  Random random(program.seed + 1);
  std::vector<std::uint64_t> times;
  for (unsigned i = random.below(4); i != 0; --i)
    times.push_back(random.below(static_cast<std::uint32_t>(program.instructions) + 1));
  times.push_back(program.instructions);
  std::ranges::sort(times);
  return times;
}

}  // namespace

RandomRun& ProgramComparison::run_of(std::size_t side) {
  while (runs_.size() <= side) runs_.push_back(std::make_unique<RandomRun>());
  return *runs_[side];
}

bool ProgramComparison::surroundings_intact() const {
  return std::ranges::all_of(runs_, [](const auto& run) { return run->surroundings_intact(); });
}

std::string ProgramComparison::difference(const RandomProgram& program, const std::vector<Side>& sides) {
  const Image image = layout(program);
  Random slices(program.seed + 2);
  for (std::size_t i = 0; i < sides.size(); ++i) run_of(i).start(program, image, sides[i].configure);
  for (const std::uint64_t time : checkpoints(program)) {
    for (std::size_t i = 0; i < sides.size(); ++i) {
      run_of(i).advance(time, sides[i].slicing, slices);
      if (i == 0) continue;
      std::string text = run_of(0).difference(run_of(i), sides[0].name, sides[i].name);
      if (!text.empty()) return fmt::format("at {}:\n{}", time, text);
    }
  }
  instructions_ += run_of(0).machine().core().instructions();
  return {};
}

std::string ProgramComparison::difference_in_child(const RandomProgram& program,
                                                   const std::vector<Side>& sides) {
  constexpr unsigned kSeconds = 10;
  int pipe_ends[2];
  if (pipe(pipe_ends) != 0) throw std::runtime_error("no pipe");
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error("no process");
  if (child == 0) {
    alarm(kSeconds);
    const std::string text = difference(program, sides);
    const bool written = write(pipe_ends[1], text.data(), text.size()) == static_cast<ssize_t>(text.size());
    _exit(written ? 0 : 1);
  }
  close(pipe_ends[1]);
  std::string text;
  char buffer[4096];
  for (ssize_t n = 0; (n = read(pipe_ends[0], buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(n));
  close(pipe_ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) return fmt::format("{}{}\n", kKilled, WTERMSIG(status));
  if (status != 0) return "the process failed\n";
  return text;
}

std::optional<std::string> ProgramComparison::run(std::uint64_t seed) {
  return run(generate_program(seed));
}

std::optional<std::string> ProgramComparison::run(const RandomProgram& program) {
  const std::vector<Side> sides = choose_(program.seed);
  const std::string first = isolated_ ? difference_in_child(program, sides) : difference(program, sides);
  if (first.empty()) return std::nullopt;
  // A crash that turns up on the way is another matter than a difference.
  const auto fails = [&](const RandomProgram& candidate) {
    const std::string text = difference_in_child(candidate, sides);
    return !text.empty() && text.starts_with(kKilled) == first.starts_with(kKilled);
  };
  if (!fails(program)) {
    return fmt::format("seed {:#x}: different the first time only, so something outlives a core\n{}",
                       program.seed, first);
  }
  const RandomProgram small = minimise(program, fails);
  return fmt::format("seed {:#x}: {}\nmade smaller, {}{}", program.seed, first,
                     difference_in_child(small, sides), to_text(small));
}

namespace {

// Takes away parts of `size` items, then of half of that, as long as the program still fails.
bool drop_items(RandomProgram& program, const std::function<bool(const RandomProgram&)>& fails) {
  bool any = false;
  std::vector<std::size_t> present;
  const auto collect = [&] {
    present.clear();
    for (std::size_t i = 0; i < program.items.size(); ++i) {
      if (!program.items[i].dropped) present.push_back(i);
    }
  };
  collect();
  for (std::size_t size = std::max<std::size_t>(1, present.size() / 2);; size /= 2) {
    for (std::size_t begin = 0; begin < present.size();) {
      RandomProgram candidate = program;
      const std::size_t end = std::min(begin + size, present.size());
      for (std::size_t i = begin; i < end; ++i) candidate.items[present[i]].dropped = true;
      if (fails(candidate)) {
        program = std::move(candidate);
        any = true;
        collect();
      } else {
        begin = end;
      }
    }
    if (size <= 1) return any;
  }
}

bool drop_events(RandomProgram& program, const std::function<bool(const RandomProgram&)>& fails) {
  bool any = false;
  for (std::size_t i = program.events.size(); i-- != 0;) {
    RandomProgram candidate = program;
    candidate.events.erase(candidate.events.begin() + static_cast<std::ptrdiff_t>(i));
    if (!fails(candidate)) continue;
    program = std::move(candidate);
    any = true;
  }
  return any;
}

// Sets a value to another if the program fails with that as well.
template <typename T>
bool try_value(RandomProgram& program, const std::function<bool(const RandomProgram&)>& fails,
               const std::function<T&(RandomProgram&)>& where, T value) {
  if (where(program) == value) return false;
  RandomProgram candidate = program;
  where(candidate) = value;
  if (!fails(candidate)) return false;
  program = std::move(candidate);
  return true;
}

void simplify_state(RandomProgram& program, const std::function<bool(const RandomProgram&)>& fails) {
  using Word = std::function<std::uint32_t&(RandomProgram&)>;
  std::vector<Word> words;
  for (unsigned n = 0; n < 64; ++n)
    words.push_back([n](RandomProgram & p) -> auto& { return p.state.ar[n]; });
  for (unsigned n = 0; n < 16; ++n)
    words.push_back([n](RandomProgram & p) -> auto& { return p.state.fr[n]; });
  for (unsigned n = 0; n < 4; ++n) words.push_back([n](RandomProgram & p) -> auto& { return p.state.m[n]; });
  words.push_back([](RandomProgram & p) -> auto& { return p.state.sar; });
  words.push_back([](RandomProgram & p) -> auto& { return p.state.br; });
  words.push_back([](RandomProgram & p) -> auto& { return p.state.acclo; });
  words.push_back([](RandomProgram & p) -> auto& { return p.state.acchi; });
  words.push_back([](RandomProgram & p) -> auto& { return p.state.fcr; });
  words.push_back([](RandomProgram & p) -> auto& { return p.state.intenable; });
  for (const Word& word : words) try_value<std::uint32_t>(program, fails, word, 0);
  try_value<unsigned>(
      program, fails, [](RandomProgram & p) -> auto& { return p.debugger; }, 0);
}

// The shortest run that fails, by halves.
void shorten(RandomProgram& program, const std::function<bool(const RandomProgram&)>& fails) {
  for (std::uint64_t step = program.instructions / 2; step != 0; step /= 2) {
    while (program.instructions > step) {
      RandomProgram candidate = program;
      candidate.instructions -= step;
      if (!fails(candidate)) break;
      program = std::move(candidate);
    }
  }
}

}  // namespace

RandomProgram minimise(RandomProgram program, const std::function<bool(const RandomProgram&)>& fails) {
  shorten(program, fails);
  do {
    drop_events(program, fails);
  } while (drop_items(program, fails));
  simplify_state(program, fails);
  shorten(program, fails);
  drop_items(program, fails);
  return program;
}

}  // namespace espalier::xtensa::testing
