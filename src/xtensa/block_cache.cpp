#include "xtensa/block_cache.h"

#include <algorithm>

namespace espalier::xtensa {
namespace {

constexpr unsigned kPageBits = 12;
// What the arena holds when there are no blocks.
constexpr std::size_t kUnlinkedBytes = sizeof(Block);
static_assert(kUnlinkedBytes % alignof(Block) == 0);

// Which of a block's two lists is the one of page `number`.
unsigned list_of(const Block& block, std::uint32_t number) {
  return block.pc >> kPageBits == number ? 0 : 1;
}

}  // namespace

BlockCache::BlockCache() {
  forget_all();
}

// Leaves an empty table, and the unlinked block alone in the arena.
void BlockCache::forget_all() {
  pages_.clear();
  used_ = 0;
  blocks_ = 0;
  Block* const unlinked = allocate(sizeof(Block));
  *unlinked = Block{};
  unlinked->cost = Block::kDead;
}

Block* BlockCache::find(std::uint32_t pc) const {
  for (std::size_t slot = slot_of(pc); table()[slot] != 0; slot = (slot + 1) % kTableSize) {
    Block* const block = block_at(table()[slot]);
    if (block->pc == pc) return block->dead() ? nullptr : block;
  }
  return nullptr;
}

Block* BlockCache::allocate(std::size_t bytes) {
  bytes = (bytes + alignof(Block) - 1) / alignof(Block) * alignof(Block);
  if (used_ + bytes > kArenaBytes || blocks_ >= kMaxBlocks) return nullptr;
  Block* const block = block_at(static_cast<std::uint32_t>(used_));
  used_ += bytes;
  return block;
}

void BlockCache::insert(Block* block) {
  std::size_t slot = slot_of(block->pc);
  while (table()[slot] != 0 && block_at(table()[slot])->pc != block->pc) slot = (slot + 1) % kTableSize;
  if (table()[slot] == 0) ++blocks_;
  table()[slot] = offset_of(block);
  watch(block);
}

void BlockCache::watch(Block* block) {
  const std::uint32_t first = block->pc >> kPageBits;
  const std::uint32_t last = (block->pc + block->size - 1) >> kPageBits;
  add_to_page(first, block, 0);
  if (last != first) add_to_page(last, block, 1);
}

void BlockCache::add_to_page(std::uint32_t number, Block* block, unsigned list) {
  Page& page = pages_[number];
  block->next_in_page[list] = page.first;
  page.first = block;
  for (std::uint32_t i = 0; i < block->size; ++i) {
    const std::uint32_t address = block->pc + i;
    if (address >> kPageBits == number) page.pieces.set(address >> 4 & 0xff);
  }
}

bool BlockCache::invalidate(std::uint32_t address, std::uint32_t size) {
  if (size == 0 || pages_.empty()) return false;
  const std::uint64_t end = std::uint64_t{address} + size;
  const std::uint64_t first = address >> kPageBits;
  const std::uint64_t last = (end - 1) >> kPageBits;
  bool any = false;
  if (last - first >= pages_.size()) {
    for (auto& [number, page] : pages_) {
      if (number >= first && number <= last) any |= invalidate_in_page(number, page, address, end);
    }
  } else {
    for (std::uint64_t number = first; number <= last; ++number) {
      const auto page = pages_.find(static_cast<std::uint32_t>(number));
      if (page != pages_.end()) any |= invalidate_in_page(page->first, page->second, address, end);
    }
  }
  return any;
}

bool BlockCache::invalidate_in_page(std::uint32_t number, Page& page, std::uint64_t begin,
                                    std::uint64_t end) {
  const std::uint64_t page_begin = std::uint64_t{number} << kPageBits;
  const std::uint64_t from = std::max(begin, page_begin) - page_begin;
  const std::uint64_t to = std::min(end, page_begin + (1u << kPageBits)) - page_begin;  // > from
  bool touched = false;
  for (std::uint64_t piece = from >> 4; piece <= (to - 1) >> 4 && !touched; ++piece)
    touched = page.pieces[piece];
  if (!touched) return false;

  bool any = false;
  page.pieces.reset();
  Block** at = &page.first;
  while (Block* block = *at) {
    const unsigned list = list_of(*block, number);
    if (!block->dead() && block->pc < end && std::uint64_t{block->pc} + block->size > begin) {
      block->cost = Block::kDead;
      any = true;
    }
    if (block->dead()) {
      *at = block->next_in_page[list];
      continue;
    }
    for (std::uint32_t i = 0; i < block->size; ++i) {
      const std::uint32_t address = block->pc + i;
      if (address >> kPageBits == number) page.pieces.set(address >> 4 & 0xff);
    }
    at = &block->next_in_page[list];
  }
  return any;
}

bool BlockCache::has_code(std::uint32_t address, std::uint32_t size) const {
  if (size == 0) return false;
  const std::uint32_t last = (address + (size - 1)) >> kPageBits;
  for (std::uint32_t number = address >> kPageBits; number <= last; ++number) {
    const auto page = pages_.find(number);
    if (page != pages_.end() && page->second.pieces.any()) return true;
  }
  return false;
}

void BlockCache::flush() {
  if (used_ == kUnlinkedBytes) return;  // a core's reset flushes what has never been used
  memory_.clear(0, memory_.size());
  forget_all();
}

}  // namespace espalier::xtensa
