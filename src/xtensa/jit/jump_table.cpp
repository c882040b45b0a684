#include "xtensa/jit/jump_table.h"

#include <set>

namespace espalier::xtensa::jit {
namespace {

constexpr std::uint32_t kMaxEntries = 256;
// A table of more cases is not followed: each region that begins at one of them would take in as many as it
// can hold.
constexpr std::size_t kMaxTargets = 64;

}  // namespace

std::vector<std::uint32_t> jump_table_targets(const CodeSource& source, std::uint32_t table,
                                              std::uint32_t jx) {
  if (table % 4 != 0) return {};
  std::set<std::uint32_t> targets;
  for (std::uint32_t n = 0; n < kMaxEntries; ++n) {
    const auto target = source.word(table + 4 * n);
    // Where the table ends is not known: what is no address of the function's is something else.
    if (!target || *target - jx + kJumpReach > 2 * kJumpReach) break;
    if (source.has_run(*target)) targets.insert(*target);
  }
  if (targets.size() > kMaxTargets) return {};
  return {targets.begin(), targets.end()};
}

}  // namespace espalier::xtensa::jit
