// What a generator writes a random program with: instructions, labels and a pool of literals.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <vector>

#include "xtensa/testing/random.h"
#include "xtensa/testing/random_instruction.h"
#include "xtensa/testing/random_program.h"

namespace espalier::xtensa::testing {

class ProgramBuilder {
 public:
  explicit ProgramBuilder(std::uint64_t seed) : random(seed) { program.seed = seed; }

  Random random;
  RandomProgram program;

  // Instructions without a target; with one (the operand of the target may have any value).
  void emit(Op op, std::initializer_list<std::int64_t> operands = {});
  void emit_word(std::uint32_t word, unsigned length);
  void emit_to(Op op, std::initializer_list<std::int32_t> operands, Label label, std::int32_t offset = 0);
  void emit_random(Op op, const Registers& registers);
  void emit_item(const Item& item) { code_.push_back(item); }
  void align() { code_.push_back(Item{.kind = Item::Kind::kAlign}); }

  // A label at this point of the code; or one that was taken before with new_label().
  Label here();
  void place(Label label);
  std::size_t code_size() const { return code_.size(); }
  const Item& code_item(std::size_t index) const { return code_[index]; }
  Label label_at(std::size_t index);

  // Words in the pool in front of the code; those of consecutive calls lie one behind the other.
  Label literal(std::uint32_t value);
  Label literal_address(Label of, std::int32_t offset = 0);
  Label literal_item(Item item);
  void load_literal(unsigned a, std::uint32_t value) {
    emit_to(Op::L32R, {static_cast<int>(a), 0}, literal(value));
  }
  void load_address(unsigned a, Label of, std::int32_t offset = 0) {
    emit_to(Op::L32R, {static_cast<int>(a), 0}, literal_address(of, offset));
  }
  // a = value, by the shortest way.
  void load_number(unsigned a, std::int32_t value);

  // AR registers that random instructions leave alone: a bit each.
  std::uint16_t reserved = 0x0007;
  std::uint16_t writable() const { return static_cast<std::uint16_t>(~reserved); }
  Registers registers();
  // A register for a value that is needed for a moment.
  unsigned temporary(std::uint16_t besides = 0) {
    return random_register(random, static_cast<std::uint16_t>(writable() & ~besides));
  }

  // Puts pool and code together, somewhere around a page's end in instruction or mixed memory.
  RandomProgram take();

 private:
  std::vector<Item> pool_, code_;
  std::vector<bool> in_pool_;  // by label
};

}  // namespace espalier::xtensa::testing
