// Where a JX may lead: compilers make switches and computed gotos of a table of addresses.
#pragma once

#include <cstdint>
#include <vector>

#include "xtensa/jit/region.h"

namespace espalier::xtensa::jit {

// So far away at most are the cases of a switch.
inline constexpr std::uint32_t kJumpReach = 2048;

// The addresses near the JX at `jx` in the table at `table`, as far as the core has been there: in order,
// each once. No more than a hint, since the guest may change the table.
std::vector<std::uint32_t> jump_table_targets(const CodeSource& source, std::uint32_t table,
                                              std::uint32_t jx);

}  // namespace espalier::xtensa::jit
