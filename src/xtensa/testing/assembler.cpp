#include "xtensa/testing/assembler.h"

#include <charconv>
#include <optional>
#include <stdexcept>

#include "xtensa/decoder.h"
#include "xtensa/instruction_table.h"
#include "xtensa/register_names.h"

namespace espalier::xtensa::testing {
namespace {

[[noreturn]] void fail(const std::string& what) {
  throw std::invalid_argument(what);
}

std::uint32_t put(BitField field, std::uint32_t value) {
  return (value & ((1u << field.count) - 1)) << field.low;
}

// The inverse of Immediate::decode(); the caller checks by decoding.
std::uint32_t place_immediate(const Immediate& immediate, std::int64_t operand, std::uint32_t pc) {
  auto value = static_cast<std::uint32_t>(operand);
  switch (immediate.base) {
    case Base::kZero:
      break;
    case Base::kNext:
      value -= pc + 4;
      break;
    case Base::kAlignedNext:
      value -= (pc & ~3u) + 4;
      break;
    case Base::kAligned:
      value -= (pc + 3) & ~3u;
      break;
  }
  value -= static_cast<std::uint32_t>(immediate.bias);
  value >>= immediate.scale;
  const auto index_in = [&](const std::array<std::uint32_t, 16>& values) {
    for (std::uint32_t i = 0; i < values.size(); ++i) {
      if (values[i] == value) return i;
    }
    return 0u;
  };
  switch (immediate.form) {
    case Form::kAddi:
      value = value == ~0u ? 0 : value;
      break;
    case Form::kLeft:
      value = 32 - value;
      break;
    case Form::kB4const:
      value = index_in(kB4const);
      break;
    case Form::kB4constu:
      value = index_in(kB4constu);
      break;
    default:
      break;
  }
  return put(immediate.low, value) | put(immediate.high, value >> immediate.low.count);
}

std::uint32_t place_register(const Operand& operand, std::uint32_t number) {
  if (operand.file == RegisterFile::kMr) {
    switch (operand.place) {
      case Place::kR:  // mx
        return number << 14;
      case Place::kT:  // my
        return (number - 2) << 6;
      default:  // mw
        return number << 12;
    }
  }
  return number << (operand.place == Place::kR ? 12 : operand.place == Place::kS ? 8 : 4);
}

std::int64_t decoded_operand(const Operand& operand, const Instruction& in) {
  switch (operand.place) {
    case Place::kR:
      return in.r;
    case Place::kS:
      return in.s;
    case Place::kT:
      return in.t;
    case Place::kImm:
      return in.imm;
    case Place::kImm2:
      return in.imm2;
  }
  return 0;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r'))
    text.remove_suffix(1);
  return text;
}

std::optional<std::int64_t> number(std::string_view text) {
  const bool negative = !text.empty() && text.front() == '-';
  if (negative) text.remove_prefix(1);
  const bool hexadecimal = text.starts_with("0x");
  if (hexadecimal) text.remove_prefix(2);
  std::int64_t value = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value, hexadecimal ? 16 : 10);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return negative ? -value : value;
}

std::optional<Op> find_op(std::string_view mnemonic) {
  for (const InstructionRow& row : kInstructionTable) {
    if (row.mnemonic == mnemonic) return row.op;
  }
  return std::nullopt;
}

struct Statement {
  std::string text;
  std::uint32_t pc = 0;
  Op op = Op::kInvalid;  // kInvalid: .word
  std::vector<std::string> operands;
};

// "rsr.ps a2" is "rsr a2, ps".
std::optional<Op> take_register_suffix(std::string_view mnemonic, std::vector<std::string>& operands) {
  const std::size_t dot = mnemonic.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const std::optional<Op> op = find_op(mnemonic.substr(0, dot));
  if (!op || (*op != Op::RSR && *op != Op::WSR && *op != Op::XSR && *op != Op::RUR && *op != Op::WUR)) {
    return std::nullopt;
  }
  operands.emplace_back(mnemonic.substr(dot + 1));
  return op;
}

std::int64_t named_register(Op op, const Operand& operand, std::string_view name) {
  for (unsigned n = 0; n < 256; ++n) {
    const auto found = operand.print == Print::kSpecialRegister
                           ? special_register_name(op, static_cast<std::uint8_t>(n))
                           : user_register_name(static_cast<std::uint8_t>(n));
    if (found == name) return n;
  }
  fail("no register " + std::string(name));
}

class Assembler {
 public:
  Assembler(std::string_view text, std::uint32_t base) {
    program_.base = base;
    while (!text.empty()) {
      const std::size_t end = std::min(text.find_first_of(";\n"), text.size());
      line(text.substr(0, end));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    for (const Statement& statement : statements_) finish(statement);
  }

  Program take() { return std::move(program_); }

 private:
  std::uint32_t pc() const { return program_.end(); }
  void pad_to(std::uint32_t address) {
    if (address < pc()) fail("cannot go back to an address");
    program_.bytes.resize(address - program_.base);
  }

  void line(std::string_view text) {
    text = trim(text.substr(0, text.find('#')));
    if (const std::size_t colon = text.find(':'); colon != std::string_view::npos) {
      program_.labels.emplace(trim(text.substr(0, colon)), pc());
      text = trim(text.substr(colon + 1));
    }
    if (text.empty()) return;
    Statement statement;
    statement.text = text;
    statement.pc = pc();
    const std::size_t space = std::min(text.find_first_of(" \t"), text.size());
    const std::string_view mnemonic = text.substr(0, space);
    std::string_view rest = trim(text.substr(space));
    while (!rest.empty()) {
      const std::size_t comma = std::min(rest.find(','), rest.size());
      statement.operands.emplace_back(trim(rest.substr(0, comma)));
      rest = trim(rest.substr(std::min(comma + 1, rest.size())));
    }
    if (mnemonic.starts_with('.')) {
      directive(mnemonic, std::move(statement));
      return;
    }
    std::optional<Op> op = find_op(mnemonic);
    if (!op) op = take_register_suffix(mnemonic, statement.operands);
    if (!op) fail("no such instruction: " + statement.text);
    statement.op = *op;
    program_.instructions.push_back(*op);
    program_.bytes.resize(program_.bytes.size() + instruction_row(*op).length);
    statements_.push_back(std::move(statement));
  }

  void directive(std::string_view name, Statement statement) {
    if (name == ".word") {
      program_.bytes.resize(program_.bytes.size() + 4);
      statements_.push_back(std::move(statement));
      return;
    }
    const std::optional<std::int64_t> value = number(statement.operands.at(0));
    if (!value) fail("not a number: " + statement.text);
    if (name == ".align") {
      const auto alignment = static_cast<std::uint32_t>(*value);
      pad_to((pc() + alignment - 1) / alignment * alignment);
    } else if (name == ".org") {
      pad_to(static_cast<std::uint32_t>(*value));
    } else if (name == ".byte") {
      program_.bytes.push_back(static_cast<std::uint8_t>(*value));
    } else {
      fail("no such directive: " + statement.text);
    }
  }

  std::int64_t address(const std::string& text) const {
    if (const auto value = number(text)) return *value;
    return program_.at(text);
  }

  std::int64_t value_of(Op op, const Operand& operand, const std::string& text) const {
    if (operand.file != RegisterFile::kNone) {
      if (text == "sp" && operand.file == RegisterFile::kAr) return 1;
      static constexpr std::string_view kPrefixes = " afbm";
      const char prefix = kPrefixes[static_cast<std::size_t>(operand.file)];
      const auto value =
          text.empty() || text[0] != prefix ? std::nullopt : number(std::string_view(text).substr(1));
      if (!value) fail("not a register of file " + std::string(1, prefix) + ": " + text);
      return *value;
    }
    if (const auto value = number(text)) return *value;
    if (operand.print == Print::kSpecialRegister || operand.print == Print::kUserRegister) {
      return named_register(op, operand, text);
    }
    return program_.at(text);
  }

  void finish(const Statement& statement) {
    std::uint32_t word = 0;
    unsigned length = 4;
    try {
      if (statement.op == Op::kInvalid) {
        word = static_cast<std::uint32_t>(address(statement.operands.at(0)));
      } else {
        const InstructionRow& row = instruction_row(statement.op);
        if (statement.operands.size() != row.operand_count) fail("wrong number of operands");
        std::vector<std::int64_t> operands;
        for (unsigned i = 0; i < row.operand_count; ++i) {
          operands.push_back(value_of(statement.op, row.operands[i], statement.operands[i]));
        }
        word = encode(statement.op, operands, statement.pc);
        length = row.length;
      }
    } catch (const std::exception& error) {
      fail(statement.text + ": " + error.what());
    }
    for (unsigned i = 0; i < length; ++i) {
      program_.bytes[statement.pc - program_.base + i] = static_cast<std::uint8_t>(word >> 8 * i);
    }
  }

  Program program_;
  std::vector<Statement> statements_;
};

}  // namespace

std::uint32_t encode(Op op, const std::vector<std::int64_t>& operands, std::uint32_t pc) {
  const InstructionRow& row = instruction_row(op);
  if (operands.size() != row.operand_count) fail("wrong number of operands");
  std::uint32_t word = row.match;
  for (unsigned i = 0; i < row.operand_count; ++i) {
    const Operand& operand = row.operands[i];
    word |= operand.immediate != nullptr ? place_immediate(*operand.immediate, operands[i], pc)
                                         : place_register(operand, static_cast<std::uint32_t>(operands[i]));
  }
  // Whatever did not fit shows here.
  const Instruction in = decode(pc, word);
  if (in.op != op) fail("cannot be encoded");
  for (unsigned i = 0; i < row.operand_count; ++i) {
    if (static_cast<std::uint32_t>(decoded_operand(row.operands[i], in)) !=
        static_cast<std::uint32_t>(operands[i])) {
      fail("operand " + std::to_string(i + 1) + " cannot be encoded");
    }
  }
  return word;
}

std::uint32_t Program::at(std::string_view label) const {
  const auto found = labels.find(label);
  if (found == labels.end()) fail("no label " + std::string(label));
  return found->second;
}

Program assemble(std::string_view text, std::uint32_t base) {
  return Assembler(text, base).take();
}

}  // namespace espalier::xtensa::testing
