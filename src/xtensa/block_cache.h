// Where a core keeps its decoded blocks: found by pc, forgotten by address.
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "base/zero_pages.h"
#include "xtensa/block.h"

namespace espalier::xtensa {

class BlockCache {
 public:
  BlockCache();

  // The block at `pc` if it is in its first place in the table; otherwise some other block. Its `pc` tells.
  Block* guess(std::uint32_t pc) const { return block_at(table()[slot_of(pc)]); }
  // The block at `pc`; null if there is none.
  Block* find(std::uint32_t pc) const;

  // Memory for a block, `bytes` long. Null if the cache is full: flush() then, and try again.
  Block* allocate(std::size_t bytes);
  // Makes a block findable by pc, in the place of a dead one if there is one.
  void insert(Block* block);
  // Lets invalidate() know of a block (insert() does).
  void watch(Block* block);

  // Kills the blocks that hold bytes of [address, address + size). True if there were any.
  bool invalidate(std::uint32_t address, std::uint32_t size);
  // Whether a live block touches the pages of [address, address + size).
  bool has_code(std::uint32_t address, std::uint32_t size) const;
  // Forgets everything and takes the memory back: no block may be in use.
  void flush();

  // Stands in for what a link does not know yet: entering it always fails.
  Block* unlinked() const { return block_at(0); }

 private:
  // Blocks of a 4 KiB page, and which of its 16-byte pieces they touch.
  struct Page {
    Block* first = nullptr;
    std::bitset<256> pieces;
  };

  static constexpr std::size_t kArenaBytes = 1536 * 1024;
  static constexpr unsigned kTableBits = 14;
  static constexpr std::size_t kTableSize = std::size_t{1} << kTableBits;
  static constexpr std::size_t kTableBytes = kTableSize * sizeof(std::uint32_t);
  static constexpr std::size_t kMaxBlocks = kTableSize * 3 / 4;

  static std::size_t slot_of(std::uint32_t pc) { return pc * 0x9e3779b1u >> (32 - kTableBits); }
  std::uint32_t* table() const { return reinterpret_cast<std::uint32_t*>(memory_.data()); }
  Block* block_at(std::uint32_t offset) const {
    return reinterpret_cast<Block*>(memory_.data() + kTableBytes + offset);
  }
  std::uint32_t offset_of(const Block* block) const {
    return static_cast<std::uint32_t>(reinterpret_cast<const std::byte*>(block) - memory_.data() -
                                      kTableBytes);
  }
  void forget_all();
  bool invalidate_in_page(std::uint32_t number, Page& page, std::uint64_t begin, std::uint64_t end);
  void add_to_page(std::uint32_t number, Block* block, unsigned list);

  // The table, of offsets in the arena, and behind it the arena, which begins with the unlinked block: so an
  // empty table is zeros, and a machine that executes little costs little memory.
  base::ZeroPages memory_{kTableBytes + kArenaBytes};
  std::size_t used_ = 0;
  std::size_t blocks_ = 0;
  std::unordered_map<std::uint32_t, Page> pages_;
};

}  // namespace espalier::xtensa
