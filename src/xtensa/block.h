// Decoded code: a run of instructions as micro-operations that the interpreter's handlers execute one after
// another.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

namespace espalier::xtensa {

struct Block;

// One micro-operation, mostly one guest instruction. Which fields mean what is the handler's business; where
// an instruction's own fields will do they are Instruction's.
struct Uop {
  const void* handler;
  std::uint8_t r, s, t;
  std::uint8_t rest;  // how many instructions of the block come after this one
  std::uint32_t imm;
};

// Where a block goes on. Follows the micro-operation that uses it.
struct Link {
  Block* target;  // the block at `pc`, or the cache's `unlinked` block until someone has looked
  std::uint32_t pc;
  std::uint32_t unused;
};

union Slot {
  Uop uop;
  Link link;
};
static_assert(sizeof(Slot) == 16);

// Header of a block; its slots follow it in memory, then one byte for each instruction: its distance from
// `pc`.
struct Block {
  // `cost` of a block that must not be entered: more than any budget, so the test for the budget sorts it
  // out.
  static constexpr std::int32_t kDead = std::numeric_limits<std::int32_t>::max();

  std::uint32_t pc;
  std::int32_t cost;   // instructions charged on entry
  std::uint8_t panes;  // windows above the present one that it uses up to its first side exit
  std::uint8_t count;  // instructions
  std::uint16_t slot_count;
  std::uint32_t size;      // bytes of guest code
  Block* next_in_page[2];  // lists of the page it begins in and, if it is another, the page it ends in
  Block* checked;          // the same code for when `panes` are not free, once that has happened
  std::int32_t heat;       // entries until it is hot
  std::uint32_t unused;

  Slot* slots() { return reinterpret_cast<Slot*>(this + 1); }
  std::uint16_t* first_slots() { return reinterpret_cast<std::uint16_t*>(slots() + slot_count); }
  std::uint8_t* offsets() { return reinterpret_cast<std::uint8_t*>(first_slots() + count); }
  static constexpr std::size_t bytes(unsigned slot_count, unsigned count) {
    return sizeof(Block) + slot_count * sizeof(Slot) + count * (sizeof(std::uint16_t) + 1);
  }
  bool dead() const { return cost == kDead; }

  // The address of the instruction after which `rest` more come, and of the one behind it (rest > 0).
  std::uint32_t pc_of(unsigned rest) { return pc + offsets()[count - 1 - rest]; }
  std::uint32_t pc_after(unsigned rest) { return pc + offsets()[count - rest]; }
};
static_assert(sizeof(Block) % alignof(Slot) == 0);

}  // namespace espalier::xtensa
