// What a region's registers, windows and loops are like: in which blocks control may enter, what may differ
// from memory, what matters, how often it is used.
#include <algorithm>
#include <vector>

#include "xtensa/instruction_traits.h"
#include "xtensa/jit/region.h"

namespace espalier::xtensa::jit {
namespace {

constexpr unsigned kMaxDepth = 4;

std::vector<int> successors(const Region& region, const Block& block) {
  if (block.end == End::kJumpX) return region.cases;
  std::vector<int> all;
  for_each_way(block, [&all](int to) { all.push_back(to); });
  return all;
}

void find_entries(Region& region) {
  region.blocks[0].entry = true;
  for (std::size_t i = 0; i < region.blocks.size(); ++i) {
    Block& block = region.blocks[i];
    if ((block.end == End::kCall || block.end == End::kCallX || block.end == End::kResume) &&
        block.next.block != Target::kOutside)
      region.blocks[static_cast<std::size_t>(block.next.block)].entry = true;
    // A turn may end in a loop: its head is a place to come back to.
    for (const int to : successors(region, block)) {
      Block& target = region.blocks[static_cast<std::size_t>(to)];
      if (block.window != 0 || target.window != 0 || target.pc > block.pc || target.count == 0) continue;
      target.entry = true;
      for (Block& inside : region.blocks)
        if (inside.window == 0 && inside.pc >= target.pc && inside.pc <= block.pc)
          inside.depth = std::min(inside.depth + 1, kMaxDepth);
    }
  }
}

// As deep as the calls.
void find_leaf_depths(Region& region) {
  unsigned depth = 0;
  for (Block& block : region.blocks) {
    if (block.leaf != Target::kOutside) depth = block.depth;
    if (block.window != 0) block.depth = depth;
  }
}

void find_dirty(Region& region) {
  for (bool changed = true; changed;) {
    changed = false;
    for (const Block& block : region.blocks) {
      const RegisterSet out = dirty_after(region, block, block.count);
      for (const int to : successors(region, block)) {
        Block& target = region.blocks[static_cast<std::size_t>(to)];
        if ((out & ~target.dirty_in) == 0) continue;
        target.dirty_in |= out;
        changed = true;
      }
    }
  }
}

// Where control may leave, every register that may be dirty is stored: that is a use of it.
void find_live(Region& region) {
  for (bool changed = true; changed;) {
    changed = false;
    for (std::size_t i = region.blocks.size(); i-- > 0;) {
      Block& block = region.blocks[i];
      // Every block may be left at its begin (no budget), most at their end.
      RegisterSet live = dirty_after(region, block, block.count);
      for (const int to : successors(region, block))
        live |= region.blocks[static_cast<std::size_t>(to)].live_in;
      if (block.end == End::kLoopEnd) live |= bit(kLcount);
      for (unsigned n = block.count; n-- > 0;) {
        const Instruction& in = region.steps[block.first + n].in;
        const RegisterUse& use = region.steps[block.first + n].use;
        const bool exact = needs_exact_state(in) || panes_of(in) > block.known.panes;
        if (exact) live |= dirty_after(region, block, n + 1);
        live = (live & ~use.writes) | use.reads;
        if (exact) live |= dirty_after(region, block, n);
      }
      live |= block.dirty_in;
      if (live == block.live_in) continue;
      block.live_in = live;
      changed = true;
    }
  }
}

// Windows do not move within a region: what has been found free stays free. Who enters it where that is
// relied on has to look.
void find_panes(Region& region) {
  constexpr unsigned kAll = 6;
  constexpr unsigned kMostLooked = 3;  // at an entry: those that JitRegisters tells of for every window
  const auto for_each_way_on = [&region](const Block& block, const auto& visit) {
    for (const int to : successors(region, block)) visit(region.blocks[static_cast<std::size_t>(to)]);
    // What a call has used is free again when it comes back.
    if ((block.end == End::kCall || block.end == End::kCallX) && block.next.block != Target::kOutside)
      visit(region.blocks[static_cast<std::size_t>(block.next.block)]);
  };
  for (const Block& block : region.blocks)
    for_each_way_on(block, [](Block& target) { target.known.panes = target.entry ? kMostLooked : kAll; });
  if (region.opens_window) region.blocks[0].known.panes = 0;
  for (bool changed = true; changed;) {
    changed = false;
    for (const Block& block : region.blocks) {
      unsigned out = block.known.panes;
      for (unsigned n = 0; n < block.count; ++n)
        out = std::max(out, panes_of(region.steps[block.first + n].in));
      if (block.leaf != Target::kOutside) out = std::max(out, block.leaf_panes);
      for_each_way_on(block, [&](Block& target) {
        if (out >= target.known.panes) return;
        target.known.panes = out;
        changed = true;
      });
    }
  }
}

void find_weights(Region& region) {
  region.weights.assign(kRegisters, 0);
  const auto count = [&](RegisterSet set, std::uint32_t weight) {
    for (unsigned reg = 0; reg < kRegisters; ++reg)
      if ((set & bit(reg)) != 0) region.weights[reg] += weight;
  };
  for (const Block& block : region.blocks) {
    std::uint32_t weight = 1;
    for (unsigned i = 0; i < block.depth; ++i) weight *= 8;
    if (block.end == End::kLoopEnd) count(bit(kLcount), 2 * weight);
    for (unsigned n = 0; n < block.count; ++n) {
      const RegisterUse& use = region.steps[block.first + n].use;
      count(use.reads, weight);
      count(use.writes, weight);
    }
  }
}

}  // namespace

RegisterSet dirty_after(const Region& region, const Block& block, unsigned steps) {
  RegisterSet dirty = block.dirty_in;
  for (unsigned n = 0; n < steps; ++n) dirty |= region.steps[block.first + n].use.writes;
  if (block.end == End::kLoopEnd) dirty |= bit(kLcount);
  return dirty;
}

void analyse(Region& region) {
  find_entries(region);
  find_leaf_depths(region);
  find_dirty(region);
  find_panes(region);
  find_live(region);
  find_weights(region);
}

}  // namespace espalier::xtensa::jit
