// Which lines of a program's sources have been executed, and how often.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <string>

#include "debug/execution_counts.h"
#include "debug/symbols.h"

namespace espalier::debug {

// An lcov tracefile (geninfo(1)) of all that has code in the program: TN, SF, FN, FNDA, FNF, FNH, DA, LF, LH.
// `count` says how often the instruction at an address has been executed.
//
// A line mostly has several places in the code. Within one function, of which they are parts, its count is
// that of the place which was executed most often: of the condition of a `for` loop, not of its beginning.
// The counts in different functions, into which it has been inlined, are added.
std::string lcov_tracefile(const Symbols& symbols,
                           const std::function<std::uint64_t(std::uint32_t address)>& count);

// Counts from now on.
class Coverage {
 public:
  // Where the program has no line numbers the error says so, in half a sentence.
  static std::expected<std::unique_ptr<Coverage>, std::string> start(esp32::Machine& machine,
                                                                     std::shared_ptr<const Symbols> symbols);
  std::string tracefile() const {
    return lcov_tracefile(*symbols_, [this](std::uint32_t address) { return counts_.at(address); });
  }

 private:
  Coverage(esp32::Machine& machine, std::shared_ptr<const Symbols> symbols);

  std::shared_ptr<const Symbols> symbols_;
  ExecutionCounts counts_;
};

}  // namespace espalier::debug
