// Conditional branches, and jumps to computed addresses.
#include "xtensa/jit/x64/emitter.h"

namespace espalier::xtensa::jit::x64 {

using namespace asmjit;

void Emitter::emit_branch(const Instruction& in, Label taken) {
  const auto compare = [&](InstId jump) {
    if (allocated(in.s)) {
      emit_op(Inst::kIdCmp, host(in.s), operand(in.t));
    } else if (allocated(in.t)) {
      emit_op(Inst::kIdCmp, home(in.s), host(in.t));
    } else {
      as_.mov(x86::eax, home(in.s));
      as_.cmp(x86::eax, home(in.t));
    }
    as_.emit(jump, taken);
  };
  const auto compare_constant = [&](InstId jump, std::int32_t value) {
    if (!allocated(in.s)) {
      as_.cmp(home(in.s), value);
    } else if (value == 0) {
      as_.test(host(in.s), host(in.s));
    } else {
      as_.cmp(host(in.s), value);
    }
    as_.emit(jump, taken);
  };
  const auto test_bits = [&](InstId jump) {  // of s & t
    const Gp s = read(in.s, x86::eax);
    as_.test(s, read(in.t, x86::ecx));
    as_.emit(jump, taken);
  };
  const auto test_missing = [&](InstId jump) {  // of ~s & t
    load_into(x86::eax, in.s);
    as_.not_(x86::eax);
    as_.test(x86::eax, read(in.t, x86::ecx));
    as_.emit(jump, taken);
  };
  const auto test_bit = [&](InstId jump) {  // number t & 31 of s
    as_.bt(read(in.s, x86::eax), read(in.t, x86::ecx));
    as_.emit(jump, taken);
  };
  const auto test_mask = [&](InstId jump, const Operand& value, std::uint32_t mask) {
    as_.emit(Inst::kIdTest, value, Imm(mask));
    as_.emit(jump, taken);
  };
  switch (in.op) {
    case Op::BEQZ:
    case Op::BEQZ_N:
      return compare_constant(Inst::kIdJz, 0);
    case Op::BNEZ:
    case Op::BNEZ_N:
      return compare_constant(Inst::kIdJnz, 0);
    case Op::BGEZ:
      return compare_constant(Inst::kIdJns, 0);
    case Op::BLTZ:
      return compare_constant(Inst::kIdJs, 0);
    case Op::BEQI:
      return compare_constant(Inst::kIdJe, in.imm2);
    case Op::BNEI:
      return compare_constant(Inst::kIdJne, in.imm2);
    case Op::BGEI:
      return compare_constant(Inst::kIdJge, in.imm2);
    case Op::BLTI:
      return compare_constant(Inst::kIdJl, in.imm2);
    case Op::BGEUI:
      return compare_constant(Inst::kIdJae, in.imm2);
    case Op::BLTUI:
      return compare_constant(Inst::kIdJb, in.imm2);
    case Op::BEQ:
      return compare(Inst::kIdJe);
    case Op::BNE:
      return compare(Inst::kIdJne);
    case Op::BGE:
      return compare(Inst::kIdJge);
    case Op::BLT:
      return compare(Inst::kIdJl);
    case Op::BGEU:
      return compare(Inst::kIdJae);
    case Op::BLTU:
      return compare(Inst::kIdJb);
    case Op::BANY:
      return test_bits(Inst::kIdJnz);
    case Op::BNONE:
      return test_bits(Inst::kIdJz);
    case Op::BALL:
      return test_missing(Inst::kIdJz);
    case Op::BNALL:
      return test_missing(Inst::kIdJnz);
    case Op::BBC:
      return test_bit(Inst::kIdJnc);
    case Op::BBS:
      return test_bit(Inst::kIdJc);
    case Op::BBCI:
      return test_mask(Inst::kIdJz, operand(in.s), 1u << in.imm2);
    case Op::BBSI:
      return test_mask(Inst::kIdJnz, operand(in.s), 1u << in.imm2);
    case Op::BF:
      return test_mask(Inst::kIdJz, word(offsetof(State, br)), 1u << in.s);
    case Op::BT:
      return test_mask(Inst::kIdJnz, word(offsetof(State, br)), 1u << in.s);
    default:
      as_.ud2();
  }
}

// JX to the address in ecx: to a case of the region, with the registers where they are, or elsewhere.
void Emitter::emit_computed_jump() {
  if (region_.cases.empty()) {
    spill(dirty_);
    emit_indirect_jump();
    return;
  }
  const Label elsewhere = as_.newLabel();
  as_.lea(x86::eax, x86::ptr(x86::rcx, -static_cast<std::int32_t>(first_case())));
  as_.cmp(x86::eax, last_case() - first_case());
  as_.ja(elsewhere);
  as_.lea(x86::rdx, x86::ptr(case_table_));
  as_.movsxd(x86::rax, x86::dword_ptr(x86::rdx, x86::rax, 2));
  as_.test(x86::eax, x86::eax);
  as_.jz(elsewhere);
  as_.add(x86::rax, x86::rdx);
  as_.jmp(x86::rax);
  cold([=, this, dirty = dirty_] {
    as_.bind(elsewhere);
    spill(dirty);
    emit_indirect_jump();
  });
}

void Emitter::emit_cases() {
  if (region_.cases.empty()) return;
  as_.align(AlignMode::kZero, 4);
  as_.bind(case_table_);
  std::uint32_t pc = first_case();
  for (const int one : region_.cases) {
    for (; pc < block_of(one).pc; ++pc) as_.embedInt32(0);
    as_.embedLabelDelta(labels_[static_cast<std::size_t>(one)], case_table_, 4);
    ++pc;
  }
}

// To the address in ecx.
void Emitter::emit_indirect_jump() {
  if (region_.mode.windows && region_.mode.loops) {
    emit_table_jump();
  } else {
    as_.mov(word(offsetof(State, pc)), x86::ecx);
    as_.jmp(reinterpret_cast<std::uint64_t>(thunks_.go_on));
  }
}

// The table knows translations of ordinary code only: with windows, outside of exceptions.
void Emitter::emit_table_jump() {
  find_way(x86::rax, offsetof(JitRegisters, jumps));
  as_.jne(reinterpret_cast<std::uint64_t>(thunks_.jump_miss));
  as_.jmp(x86::qword_ptr(x86::rax, offsetof(JumpEntry, host)));
}

// entry = what that table may know of the address in ecx; sets ZF if it does.
void Emitter::find_way(Gp entry, std::size_t table) {
  as_.mov(entry.r32(), x86::ecx);
  as_.shl(entry.r32(), 2);
  as_.and_(entry.r32(), ((1u << kJumpBits) - 1) * static_cast<std::uint32_t>(sizeof(JumpEntry)));
  as_.add(entry, jit_quad(table));
  as_.cmp(x86::dword_ptr(entry, offsetof(JumpEntry, pc)), x86::ecx);
}

}  // namespace espalier::xtensa::jit::x64
