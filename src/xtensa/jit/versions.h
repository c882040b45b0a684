// Blocks in loops once more, for those who come with facts: what the first round has asked of an address,
// later rounds need not ask.
#pragma once

#include "xtensa/jit/known_values.h"
#include "xtensa/jit/region.h"

namespace espalier::xtensa::jit {

// Behind analyse(): appends versions to the region's blocks, and lets ways within the region lead to them.
// Who comes from outside finds the blocks that assume nothing.
void make_versions(Region& region, const ReadLiteral& literal);

}  // namespace espalier::xtensa::jit
