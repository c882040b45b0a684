// What a translator asks of single instructions.
#include <cstddef>

#include "xtensa/instruction_table.h"
#include "xtensa/instruction_traits.h"
#include "xtensa/jit/region.h"
#include "xtensa/mac16.h"
#include "xtensa/special_registers.h"

namespace espalier::xtensa::jit {
namespace {

RegisterSet special(std::uint32_t number) {
  const auto reg = register_of_special(number);
  return reg ? bit(*reg) : 0;
}

bool is_fp_register(const Instruction& in) {
  if (in.op != Op::RUR && in.op != Op::WUR) return false;
  const UserRegister* row = find_user_register(static_cast<std::uint32_t>(in.imm));
  return row != nullptr && row->fp;
}

}  // namespace

std::optional<unsigned> register_of_special(std::uint32_t number) {
  switch (static_cast<Sr>(number)) {
    case Sr::SAR:
      return kSar;
    case Sr::LCOUNT:
      return kLcount;
    case Sr::ACCLO:
    case Sr::ACCHI:
      return kAcc;
    case Sr::M0:
    case Sr::M1:
    case Sr::M2:
    case Sr::M3:
      return kFirstMr + number - static_cast<std::uint32_t>(Sr::M0);
    default:
      return std::nullopt;
  }
}

std::size_t state_offset(unsigned reg) {
  switch (reg) {
    case kSar:
      return offsetof(State, sar);
    case kLcount:
      return offsetof(State, lcount);
    case kAcc:
      return offsetof(State, acclo);
    default:
      return reg < kFirstFr ? offsetof(State, m) + 4 * (reg - kFirstMr)
                            : offsetof(State, fr) + 4 * (reg - kFirstFr);
  }
}

RegisterUse registers_of(const Instruction& in) {
  RegisterUse use;
  const InstructionRow& row = instruction_row(in.op);
  for (unsigned i = 0; i < row.operand_count; ++i) {
    const Operand& operand = row.operands[i];
    if (operand.file == RegisterFile::kNone || operand.file == RegisterFile::kBr) continue;
    const unsigned number = operand.place == Place::kR   ? in.r
                            : operand.place == Place::kS ? in.s
                            : operand.place == Place::kT ? in.t
                                                         : static_cast<unsigned>(in.imm);
    const RegisterSet set = bit(number + (operand.file == RegisterFile::kFr   ? kFirstFr
                                          : operand.file == RegisterFile::kMr ? kFirstMr
                                                                              : 0));
    if (operand.reads()) use.reads |= set;
    if (operand.writes()) use.writes |= set;
    // "+" may also mean: written under a condition.
    if (operand.direction == Direction::kInOut) use.reads |= set;
  }
  if (is_mac16(in.op) && in.op != Op::LDINC && in.op != Op::LDDEC) {
    const Mac16Form form = mac16_form(in.op);
    use.writes |= bit(kAcc);
    if (form.kind == Mac16Form::kAdd || form.kind == Mac16Form::kSubtract) use.reads |= bit(kAcc);
  }
  const auto number = static_cast<std::uint32_t>(in.imm);
  switch (in.op) {
    case Op::SLL:
    case Op::SRL:
    case Op::SRA:
    case Op::SRC:
      use.reads |= bit(kSar);
      break;
    case Op::SSR:
    case Op::SSL:
    case Op::SSA8L:
    case Op::SSA8B:
    case Op::SSAI:
      use.writes |= bit(kSar);
      break;
    case Op::RSR:
      use.reads |= special(number);
      break;
    case Op::WSR:
      use.writes |= special(number);
      use.reads |= special(number) & bit(kAcc);  // the other half of it stays
      break;
    case Op::XSR:
      use.reads |= special(number);
      use.writes |= special(number);
      break;
    case Op::LOOP:
    case Op::LOOPNEZ:
    case Op::LOOPGTZ:
      use.writes |= bit(kLcount);
      break;
    case Op::RET:
    case Op::RET_N:
    case Op::RETW:
    case Op::RETW_N:
      use.reads |= bit(0);
      break;
    default:
      break;
  }
  return use;
}

bool changes_interrupts(const Instruction& in) {
  const auto number = static_cast<Sr>(in.imm);
  switch (in.op) {
    case Op::RSIL:
      return true;
    case Op::WSR:
      return number == Sr::PS || number == Sr::INTENABLE || number == Sr::INTERRUPT || number == Sr::INTCLEAR;
    case Op::XSR:
      return number == Sr::PS || number == Sr::INTENABLE;
    default:
      return false;
  }
}

bool is_resumed(const Instruction& in) {
  if (changes_interrupts(in)) return false;
  switch (in.op) {
    case Op::ROTW:
    case Op::RFE:
    case Op::RFDE:
    case Op::RFWO:
    case Op::RFWU:
    case Op::WAITI:
      return true;
    case Op::RFI:
      return in.imm >= 2 && in.imm <= static_cast<std::int32_t>(kNmiLevel);
    case Op::WSR: {
      const SpecialRegister* row = find_special_register(static_cast<std::uint32_t>(in.imm));
      return row != nullptr && (row->access & SpecialRegister::kWrite) != 0 &&
             (row->access & SpecialRegister::kPlainWrite) == 0;
    }
    case Op::XSR: {
      const SpecialRegister* row = find_special_register(static_cast<std::uint32_t>(in.imm));
      constexpr unsigned kBoth = SpecialRegister::kRead | SpecialRegister::kWrite;
      constexpr unsigned kPlain = SpecialRegister::kPlainRead | SpecialRegister::kPlainWrite;
      return row != nullptr && (row->access & kBoth) == kBoth && (row->access & kPlain) != kPlain &&
             row->number != Sr::ACCHI;
    }
    default:
      return false;
  }
}

Resume resume_of(const Instruction& in) {
  return instruction_row(in.op).is(kReturn) ? Resume::kReturnFrom : Resume::kPerform;
}

bool is_translated(const Instruction& in) {
  if (in.op == Op::kInvalid) return false;
  if (is_resumed(in) || changes_interrupts(in)) return true;
  switch (in.op) {
    case Op::RFI:    // of a level that does not exist
    case Op::ENTRY:  // only as a region's first
    case Op::RFDO:
    case Op::RFDD:
    case Op::LDDR32_P:
    case Op::SDDR32_P:
    case Op::ILL:
    case Op::ILL_N:
    case Op::SYSCALL:
    case Op::SIMCALL:
    case Op::BREAK:
    case Op::BREAK_N:
    case Op::IITLB:
    case Op::IDTLB:
    case Op::WITLB:
    case Op::WDTLB:
    case Op::PITLB:
    case Op::PDTLB:
    case Op::RITLB0:
    case Op::RDTLB0:
    case Op::RITLB1:
    case Op::RDTLB1:
      return false;
    case Op::RSR: {
      const SpecialRegister* row = find_special_register(static_cast<std::uint32_t>(in.imm));
      return row != nullptr && (row->access & SpecialRegister::kRead) != 0;
    }
    case Op::WSR: {
      const SpecialRegister* row = find_special_register(static_cast<std::uint32_t>(in.imm));
      return row != nullptr && (row->access & SpecialRegister::kPlainWrite) != 0;
    }
    case Op::XSR: {
      const SpecialRegister* row = find_special_register(static_cast<std::uint32_t>(in.imm));
      constexpr unsigned kPlain = SpecialRegister::kPlainRead | SpecialRegister::kPlainWrite;
      return row != nullptr && ((row->access & kPlain) == kPlain || row->number == Sr::ACCHI);
    }
    case Op::RUR:
    case Op::WUR:
      return find_user_register(static_cast<std::uint32_t>(in.imm)) != nullptr;
    default:
      break;
  }
  return !(in.op >= Op::F64ITER && in.op <= Op::WRMSK_EXPSTATE) && in.op != Op::RER && in.op != Op::WER;
}

bool needs_exact_state(const Instruction& in) {
  if (changes_interrupts(in) || in.op == Op::WSR || in.op == Op::RSR || in.op == Op::MOVSP ||
      is_fp_register(in))
    return true;
  return instruction_row(in.op).is(kLoad | kStore | kRaises | kFp);
}

}  // namespace espalier::xtensa::jit
