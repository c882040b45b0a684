// The instruction table in a form that programs can ask: isa.def's rows with their operands taken apart.
// Decoder, disassembler, interpreter and translator all read this, so they cannot disagree about what exists.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

#include "xtensa/immediates.h"
#include "xtensa/instruction.h"

namespace espalier::xtensa {

// What kind of instruction a row describes (InstructionRow::flags).
inline constexpr std::uint32_t kPlain = 0;  // computes with registers alone and goes on to the next one
inline constexpr std::uint32_t kBranch = 1u << 0;  // conditional, target in `imm`
inline constexpr std::uint32_t kJump = 1u << 1;    // J (target in `imm`), JX
inline constexpr std::uint32_t kCall = 1u << 2;    // target in `imm` or a register; writes the return address
inline constexpr std::uint32_t kReturn = 1u << 3;  // RET, RETW, and all returns from exceptions
inline constexpr std::uint32_t kLoad = 1u << 4;    // reads memory
inline constexpr std::uint32_t kStore = 1u << 5;   // writes memory
inline constexpr std::uint32_t kLoop = 1u << 6;    // sets up a zero-overhead loop whose LEND is `imm`
inline constexpr std::uint32_t kWindow = 1u << 7;  // reads or changes WINDOWBASE, WINDOWSTART, PS.CALLINC
inline constexpr std::uint32_t kFp = 1u << 8;      // needs coprocessor 0: CPENABLE bit 0
inline constexpr std::uint32_t kRing0 = 1u << 9;   // raises Privileged outside ring 0
inline constexpr std::uint32_t kDebugMode = 1u << 10;  // illegal unless a debugger has stopped the core
// Can raise an exception of its own (window overflow on use of a register apart). Implied by kLoad, kStore,
// kFp, kRing0 and kDebugMode.
inline constexpr std::uint32_t kRaises = 1u << 11;
// The next instruction may be another than the one behind it, or what was true of the block so far (window,
// interrupt level, code) may no longer hold. Implied by kBranch, kJump, kCall, kReturn and kLoop.
inline constexpr std::uint32_t kEndsBlock = 1u << 12;

enum class Direction : std::uint8_t { kIn = 1, kOut = 2, kInOut = 3 };
enum class RegisterFile : std::uint8_t { kNone, kAr, kFr, kBr, kMr };

// One operand of a row, in assembler order.
struct Operand {
  RegisterFile file = RegisterFile::kNone;  // kNone: an immediate
  Direction direction = Direction::kIn;
  Place place = Place::kImm;
  Print print = Print::kNumber;
  std::uint8_t group = 1;  // BR: 4 and 8 for ANY4, ALL8...: that many registers from the one named on
  const Immediate* immediate = nullptr;

  constexpr bool reads() const { return static_cast<unsigned>(direction) & 1; }
  constexpr bool writes() const { return static_cast<unsigned>(direction) & 2; }
};

struct InstructionRow {
  Op op = Op::kInvalid;
  std::string_view mnemonic;
  std::uint32_t match = 0, mask = 0;
  std::uint8_t length = 0;
  std::uint8_t operand_count = 0;
  std::array<Operand, 5> operands{};
  std::uint32_t flags = 0;

  constexpr bool is(std::uint32_t any_of) const { return (flags & any_of) != 0; }
};

namespace detail {

// A name that isa.def spells wrongly ends here, at compile time.
inline void no_such_operand() {}

constexpr Operand parse_operand(std::string_view text) {
  Operand operand;
  if (text[0] == '=' || text[0] == '+') {
    operand.direction = text[0] == '=' ? Direction::kOut : Direction::kInOut;
    text.remove_prefix(1);
  }
  for (const Immediate& immediate : kImmediates) {
    if (immediate.name == text) {
      operand.immediate = &immediate;
      operand.place = immediate.place;
      operand.print = immediate.print;
      return operand;
    }
  }
  switch (text[0]) {
    case 'a':
      operand.file = RegisterFile::kAr;
      break;
    case 'f':
      operand.file = RegisterFile::kFr;
      break;
    case 'b':
      operand.file = RegisterFile::kBr;
      break;
    case 'm':
      operand.file = RegisterFile::kMr;
      break;
    default:
      no_such_operand();
  }
  switch (text[1]) {
    case 'r':
      operand.place = Place::kR;
      break;
    case 's':
      operand.place = Place::kS;
      break;
    case 't':
      operand.place = Place::kT;
      break;
    case 'x':
      operand.place = Place::kR;
      break;
    case 'y':
      operand.place = Place::kT;
      break;
    case 'w':
      operand.place = Place::kImm;
      break;
    default:
      no_such_operand();
  }
  if (text.size() == 3) operand.group = static_cast<std::uint8_t>(text[2] - '0');
  return operand;
}

constexpr InstructionRow make_row(Op op, std::string_view mnemonic, std::uint32_t match, std::uint32_t mask,
                                  std::uint8_t length, std::string_view operands, std::uint32_t flags) {
  InstructionRow row{op, mnemonic, match, mask, length, 0, {}, flags};
  while (!operands.empty()) {
    const std::size_t end = std::min(operands.find(' '), operands.size());
    row.operands[row.operand_count++] = parse_operand(operands.substr(0, end));
    operands.remove_prefix(std::min(end + 1, operands.size()));
  }
  if (row.is(kLoad | kStore | kFp | kRing0 | kDebugMode)) row.flags |= kRaises;
  if (row.is(kBranch | kJump | kCall | kReturn | kLoop)) row.flags |= kEndsBlock;
  return row;
}

}  // namespace detail

inline constexpr std::size_t kInstructionCount = static_cast<std::size_t>(Op::kCount);

// Indexed by Op.
inline constexpr std::array<InstructionRow, kInstructionCount> kInstructionTable = {{
#define XTENSA_INSTRUCTION(op, mnemonic, match, mask, length, operands, flags) \
  detail::make_row(Op::op, mnemonic, match, mask, length, operands, flags),
#include "xtensa/isa.def"
#undef XTENSA_INSTRUCTION
}};

// `op` must not be kInvalid.
constexpr const InstructionRow& instruction_row(Op op) {
  return kInstructionTable[static_cast<std::size_t>(op)];
}

}  // namespace espalier::xtensa
