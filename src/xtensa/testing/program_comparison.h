// Runs random programs on several engines (or by several ways of cutting up time), compares everything that
// can be seen, and makes small what is different.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "xtensa/testing/random_program.h"
#include "xtensa/testing/random_run.h"

namespace espalier::xtensa::testing {

// One way to run a program.
struct Side {
  std::string name;
  Slicing slicing = Slicing::kWhole;
  std::function<void(Core&)> configure;  // called for each new core, before it runs
};

class ProgramComparison {
 public:
  // `choose` names the ways in which the program of a seed is run; the first is the reference.
  using Choose = std::function<std::vector<Side>(std::uint64_t seed)>;
  explicit ProgramComparison(Choose choose) : choose_(std::move(choose)) {}

  // Every program in a process of its own, so that a crash or a hang is a difference like any other. Slow.
  void isolate() { isolated_ = true; }

  // What was different, as a report for a person: the registers, and a program as short as it can be made.
  // Nothing if all sides agree.
  std::optional<std::string> run(std::uint64_t seed);
  std::optional<std::string> run(const RandomProgram& program);

  // Instructions that the reference has executed so far.
  std::uint64_t instructions() const { return instructions_; }
  // Whether all memory beside that of the programs is as it was.
  bool surroundings_intact() const;

 private:
  std::string difference(const RandomProgram& program, const std::vector<Side>& sides);
  std::string difference_in_child(const RandomProgram& program, const std::vector<Side>& sides);
  RandomRun& run_of(std::size_t side);

  Choose choose_;
  std::vector<std::unique_ptr<RandomRun>> runs_;
  std::uint64_t instructions_ = 0;
  bool isolated_ = false;
};

// The smallest part of `program` that can be found for which `fails` still holds: instructions, events,
// registers and time that do not matter are taken away.
RandomProgram minimise(RandomProgram program, const std::function<bool(const RandomProgram&)>& fails);

}  // namespace espalier::xtensa::testing
