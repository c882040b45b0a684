#include "xtensa/testing/random_instruction.h"

#include <algorithm>
#include <bit>

#include "xtensa/decoder.h"
#include "xtensa/instruction_traits.h"
#include "xtensa/mac16.h"
#include "xtensa/register_names.h"

namespace espalier::xtensa::testing {
namespace {

constexpr unsigned shift_of(Place place) {
  return place == Place::kR ? 12 : place == Place::kS ? 8 : 4;
}

bool works_on_booleans(const InstructionRow& row) {
  return row.operand_count != 0 && row.operands[0].file == RegisterFile::kBr;
}

bool is_double(Op op) {
  return op >= Op::F64ITER && op <= Op::WF64R;
}

// Numbers of the registers that can be accessed with RSR, WSR or XSR.
const std::vector<std::uint8_t>& special_numbers(Op op) {
  static const auto numbers = [] {
    std::array<std::vector<std::uint8_t>, 3> lists;
    for (unsigned n = 0; n < 256; ++n) {
      const auto number = static_cast<std::uint8_t>(n);
      if (special_register_name(Op::RSR, number)) lists[0].push_back(number);
      if (special_register_name(Op::WSR, number)) lists[1].push_back(number);
      if (special_register_name(Op::XSR, number)) lists[2].push_back(number);
    }
    return lists;
  }();
  return numbers[op == Op::RSR ? 0 : op == Op::WSR ? 1 : 2];
}

std::uint8_t random_user_register(Random& random) {
  static const auto numbers = [] {
    std::vector<std::uint8_t> list;
    for (unsigned n = 0; n < 256; ++n) {
      if (user_register_name(static_cast<std::uint8_t>(n))) list.push_back(static_cast<std::uint8_t>(n));
    }
    return list;
  }();
  return random.pick(numbers);
}

}  // namespace

Group group_of(const InstructionRow& row) {
  if (row.is(kBranch)) return Group::kBranch;
  if (row.is(kLoop)) return Group::kLoop;
  if (is_nothing(row.op)) return Group::kNothing;
  if (is_double(row.op)) return Group::kDouble;
  if (row.is(kDebugMode)) return Group::kIllegal;
  switch (row.op) {
    case Op::QUOU:
    case Op::QUOS:
    case Op::REMU:
    case Op::REMS:
      return Group::kDivide;
    case Op::RSR:
    case Op::WSR:
    case Op::XSR:
      return Group::kSpecial;
    case Op::RUR:
    case Op::WUR:
    case Op::READ_IMPWIRE:
    case Op::SETB_EXPSTATE:
    case Op::CLRB_EXPSTATE:
    case Op::WRMSK_EXPSTATE:
      return Group::kState;
    case Op::ILL:
    case Op::ILL_N:
    case Op::SYSCALL:
    case Op::SIMCALL:
    case Op::BREAK:
    case Op::BREAK_N:
      return Group::kIllegal;
    case Op::RER:
    case Op::WER:
    case Op::IDTLB:
    case Op::WDTLB:
    case Op::IITLB:
    case Op::WITLB:
    case Op::PDTLB:
    case Op::RDTLB0:
    case Op::RDTLB1:
    case Op::PITLB:
    case Op::RITLB0:
    case Op::RITLB1:
      return Group::kRegion;
    default:
      break;
  }
  if (row.is(kStore) && !row.is(kLoad)) return Group::kStore;
  if (row.is(kLoad)) return Group::kLoad;
  if (is_mac16(row.op)) return Group::kMac;
  if (row.is(kFp)) return Group::kFp;
  if (works_on_booleans(row)) return Group::kBoolean;
  return row.flags == kPlain ? Group::kInteger : Group::kControl;
}

const std::vector<Op>& ops_of(Group group) {
  static const auto groups = [] {
    std::array<std::vector<Op>, static_cast<std::size_t>(Group::kCount)> lists;
    for (const InstructionRow& row : kInstructionTable)
      lists[static_cast<std::size_t>(group_of(row))].push_back(row.op);
    return lists;
  }();
  return groups[static_cast<std::size_t>(group)];
}

unsigned random_register(Random& random, std::uint16_t set) {
  std::uint32_t at = random.below(static_cast<std::uint32_t>(std::popcount(set)));
  std::uint32_t rest = set;
  for (; at != 0; --at) rest &= rest - 1;
  return static_cast<unsigned>(std::countr_zero(rest));
}

std::uint32_t random_word(Random& random, Op op, const Registers& registers) {
  const InstructionRow& row = instruction_row(op);
  const std::uint32_t bits = row.length == 2 ? 0xffff : 0xffffff;
  std::uint32_t word = row.match | (random.next() & ~row.mask & bits);
  for (unsigned i = 0; i < row.operand_count; ++i) {
    const Operand& operand = row.operands[i];
    if (operand.file != RegisterFile::kAr) continue;
    word = with_register(word, operand.place,
                         random_register(random, operand.writes() ? registers.write : registers.read));
  }
  switch (op) {
    case Op::RSR:
    case Op::WSR:
    case Op::XSR:
      word = (word & ~0xff00u) | static_cast<std::uint32_t>(random.pick(special_numbers(op))) << 8;
      break;
    case Op::RUR:
      word = (word & ~0xff0u) | static_cast<std::uint32_t>(random_user_register(random)) << 4;
      break;
    case Op::WUR:
      word = (word & ~0xff00u) | static_cast<std::uint32_t>(random_user_register(random)) << 8;
      break;
    default:
      break;
  }
  return word;
}

std::array<std::int32_t, 5> operands_of(std::uint32_t word, std::uint32_t pc) {
  std::array<std::int32_t, 5> operands{};
  const Instruction in = decode(pc, word);
  if (in.op == Op::kInvalid) return operands;
  const InstructionRow& row = instruction_row(in.op);
  for (unsigned i = 0; i < row.operand_count; ++i) {
    switch (row.operands[i].place) {
      case Place::kR:
        operands[i] = in.r;
        break;
      case Place::kS:
        operands[i] = in.s;
        break;
      case Place::kT:
        operands[i] = in.t;
        break;
      case Place::kImm:
        operands[i] = in.imm;
        break;
      case Place::kImm2:
        operands[i] = in.imm2;
        break;
    }
  }
  return operands;
}

std::uint32_t with_register(std::uint32_t word, Place place, unsigned number) {
  const unsigned shift = shift_of(place);
  return (word & ~(0xfu << shift)) | number << shift;
}

}  // namespace espalier::xtensa::testing
