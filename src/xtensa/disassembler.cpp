#include "xtensa/disassembler.h"

#include <fmt/format.h>

#include <iterator>

#include "xtensa/instruction_table.h"
#include "xtensa/register_names.h"

namespace espalier::xtensa {
namespace {

std::int32_t value_of(const Instruction& instruction, Place place) {
  switch (place) {
    case Place::kR:
      return instruction.r;
    case Place::kS:
      return instruction.s;
    case Place::kT:
      return instruction.t;
    case Place::kImm:
      return instruction.imm;
    case Place::kImm2:
      return instruction.imm2;
  }
  return 0;
}

std::string register_text(const Operand& operand, std::int32_t number) {
  const auto from = static_cast<unsigned>(number);
  switch (operand.file) {
    case RegisterFile::kAr:
      return fmt::format("a{}", from);
    case RegisterFile::kFr:
      return fmt::format("f{}", from);
    case RegisterFile::kMr:
      return fmt::format("m{}", from);
    case RegisterFile::kBr:
      break;
    case RegisterFile::kNone:
      return {};
  }
  // Groups begin at a multiple of their size; the low bits of the field are ignored.
  const unsigned first = from & ~(operand.group - 1u);
  std::string text = fmt::format("b{}", first);
  for (unsigned i = 1; i < operand.group; ++i) text += fmt::format(":b{}", first + i);
  return text;
}

// Small numbers in decimal, large ones as 32 bits in hexadecimal.
std::string number_text(std::int32_t value) {
  if (value > -256 && value < 256) return fmt::format("{}", value);
  return fmt::format("{:#x}", static_cast<std::uint32_t>(value));
}

}  // namespace

std::string address_text(std::uint32_t address, const DisassemblyContext& context) {
  if (context.symbol) {
    if (const auto name = context.symbol(address)) return fmt::format("{:x} <{}>", address, *name);
  }
  return fmt::format("{:#x}", address);
}

std::string disassemble(const Instruction& instruction, const DisassemblyContext& context) {
  if (instruction.op == Op::kInvalid) return ".byte";
  const InstructionRow& row = instruction_row(instruction.op);
  std::string mnemonic(row.mnemonic);
  std::string operands;
  const auto add = [&](const std::string& text) {
    if (!operands.empty()) operands += ", ";
    operands += text;
  };
  for (unsigned i = 0; i < row.operand_count; ++i) {
    const Operand& operand = row.operands[i];
    const std::int32_t value = value_of(instruction, operand.place);
    if (operand.immediate == nullptr) {
      add(register_text(operand, value));
      continue;
    }
    const auto number = static_cast<std::uint8_t>(value);
    switch (operand.print) {
      case Print::kNumber:
        add(number_text(value));
        break;
      case Print::kTarget:
        add(address_text(static_cast<std::uint32_t>(value), context));
        break;
      // Register numbers are part of the mnemonic.
      case Print::kSpecialRegister:
        mnemonic +=
            fmt::format(".{}", special_register_name(row.op, number).value_or(fmt::to_string(number)));
        break;
      case Print::kUserRegister:
        mnemonic += fmt::format(".{}", user_register_name(number).value_or(fmt::to_string(number)));
        break;
    }
  }
  if (instruction.op == Op::L32R && context.word) {
    if (const auto literal = context.word(static_cast<std::uint32_t>(instruction.imm))) {
      operands += fmt::format(" ({})", address_text(*literal, context));
    }
  }
  return operands.empty() ? mnemonic : mnemonic + '\t' + operands;
}

}  // namespace espalier::xtensa
