#include "xtensa/testing/program_builder.h"

#include <algorithm>

#include "xtensa/testing/assembler.h"

namespace espalier::xtensa::testing {

void ProgramBuilder::emit(Op op, std::initializer_list<std::int64_t> operands) {
  emit_word(encode(op, operands, 0), instruction_row(op).length);
}

void ProgramBuilder::emit_word(std::uint32_t word, unsigned length) {
  code_.push_back(
      Item{.kind = Item::Kind::kInstruction, .length = static_cast<std::uint8_t>(length), .word = word});
}

void ProgramBuilder::emit_to(Op op, std::initializer_list<std::int32_t> operands, Label label,
                             std::int32_t offset) {
  Item item{.kind = Item::Kind::kTargeted,
            .op = op,
            .length = instruction_row(op).length,
            .label = label,
            .offset = offset};
  std::copy(operands.begin(), operands.end(), item.operands.begin());
  code_.push_back(item);
}

void ProgramBuilder::emit_random(Op op, const Registers& from) {
  emit_word(random_word(random, op, from), instruction_row(op).length);
}

Label ProgramBuilder::here() {
  return label_at(code_.size());
}

Label ProgramBuilder::label_at(std::size_t index) {
  const Label label = program.new_label();
  program.labels[label] = static_cast<std::uint32_t>(index);
  return label;
}

void ProgramBuilder::place(Label label) {
  program.labels[label] = static_cast<std::uint32_t>(code_.size());
}

Label ProgramBuilder::literal_item(Item item) {
  const Label label = program.new_label();
  program.labels[label] = static_cast<std::uint32_t>(pool_.size());
  in_pool_.resize(label + 1);
  in_pool_[label] = true;
  pool_.push_back(item);
  return label;
}

Label ProgramBuilder::literal(std::uint32_t value) {
  return literal_item(Item{.kind = Item::Kind::kWord, .word = value});
}

Label ProgramBuilder::literal_address(Label of, std::int32_t offset) {
  return literal_item(Item{.kind = Item::Kind::kAddress, .label = of, .offset = offset});
}

void ProgramBuilder::load_number(unsigned a, std::int32_t value) {
  if (value >= -32 && value < 96 && random.chance(50)) {
    emit(Op::MOVI_N, {a, value});
  } else if (value >= -2048 && value < 2048) {
    emit(Op::MOVI, {a, value});
  } else {
    load_literal(a, static_cast<std::uint32_t>(value));
  }
}

// Seldom a register that others rely on: then it gets wild.
Registers ProgramBuilder::registers() {
  return {.read = 0xffff, .write = random.below(400) == 0 ? std::uint16_t{0xffff} : writable()};
}

RandomProgram ProgramBuilder::take() {
  in_pool_.resize(program.labels.size());
  for (std::size_t label = 0; label < program.labels.size(); ++label) {
    if (!in_pool_[label]) program.labels[label] += static_cast<std::uint32_t>(pool_.size());
  }
  program.items = std::move(pool_);
  program.items.insert(program.items.end(), code_.begin(), code_.end());

  const bool mixed = random.chance(20);
  const std::uint32_t region = mixed ? kMixed : kCode;
  program.base = region;
  const auto size = static_cast<std::uint32_t>(layout(program).bytes.size());
  program.base = region + 0x1000 - std::min(0x1000u, random.below(size + 1)) / 4 * 4;
  // Too long for what is left: what lies behind the end has to go.
  const std::uint32_t limit = region + (mixed ? kRandomMixedSize : kRandomCodeSize);
  const Image image = layout(program);
  for (std::size_t i = program.items.size(); i-- != 0 && image.items[i + 1] > limit;)
    program.items[i].dropped = true;
  return std::move(program);
}

}  // namespace espalier::xtensa::testing
