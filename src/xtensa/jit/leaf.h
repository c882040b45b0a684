// Functions so small that a region takes them in where it calls them.
//
// Such a function calls nothing, has no loop and touches neither windows nor special registers. Its registers
// are then the caller's higher ones, and the window that it would open need not be opened: only where control
// leaves in the middle of it is the state made what it would be.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "xtensa/jit/region.h"

namespace espalier::xtensa::jit {

struct Leaf {
  std::vector<Step> steps;             // in the order of their addresses, in the function's own terms
  std::vector<std::uint32_t> leaders;  // where its blocks begin, sorted
  std::uint32_t end_pc = 0;
  unsigned panes = 0;  // windows above its own that it uses
};

// The function that begins at `pc`, if it is one: ENTRY, forward branches, RETW.
std::optional<Leaf> find_leaf(const CodeSource& source, std::uint32_t pc);

// An instruction with its AR operands `count` registers higher.
Instruction moved_up(Instruction in, int count);

}  // namespace espalier::xtensa::jit
