// Conditional branches, calls, returns and jumps to computed addresses.
#include "xtensa/instruction_traits.h"
#include "xtensa/jit/x64/emitter.h"

namespace espalier::xtensa::jit::x64 {

using namespace asmjit;

namespace {

// What a call that comes back to `next` leaves in a0 of the window that it opens `n` above.
std::uint32_t link_value(std::uint32_t next, unsigned n) {
  return n == 0 ? next : (next & 0x3fffffff) | n << 30;
}

}  // namespace

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
    as_.jmp(reinterpret_cast<std::uint64_t>(thunks_.jump_miss));
  }
}

// The table knows translations of ordinary code only: with windows, outside of exceptions.
void Emitter::emit_table_jump() {
  const auto miss = reinterpret_cast<std::uint64_t>(thunks_.jump_miss);
  as_.mov(x86::eax, x86::ecx);
  as_.shl(x86::eax, 2);
  as_.and_(x86::eax, ((1u << kJumpBits) - 1) * static_cast<std::uint32_t>(sizeof(JumpEntry)));
  as_.add(x86::rax, jit_quad(offsetof(JitRegisters, jumps)));
  as_.cmp(x86::dword_ptr(x86::rax, offsetof(JumpEntry, pc)), x86::ecx);
  as_.jne(miss);
  as_.jmp(x86::qword_ptr(x86::rax, offsetof(JumpEntry, host)));
}

// Where RETW will come back to, if all goes as usual. Code that is decoded from two beginnings may call twice
// from before the same instruction: the first one it is.
void Emitter::find_landings() {
  if (!region_.mode.windows || !region_.mode.loops) return;
  for (const Block& block : region_.blocks) {
    if ((block.end != End::kCall && block.end != End::kCallX) || block.next.block == Target::kOutside)
      continue;
    const unsigned n = call_increment(region_.steps[block.first + block.count - 1].in.op);
    const auto to = static_cast<std::size_t>(block.next.block);
    if (n == 0 || block.end_pc >> 30 != 1 || landings_[to].isValid()) continue;
    landings_[to] = as_.newLabel();
    landing_values_[to] = link_value(block.end_pc, n);
  }
}

// What a call leaves behind: a0 of the window that it may open, CALLINC, and where RETW finds its way.
void Emitter::emit_link(const Block& block) {
  const std::uint32_t next = block.end_pc;
  const unsigned n = call_increment(region_.steps[block.first + block.count - 1].in.op);
  const std::uint32_t a0 = link_value(next, n);
  as_.mov(x86::dword_ptr(x86::rbx, static_cast<std::int32_t>(16 * n)), a0);
  if (n == 0) return;
  emit_callinc(n);
  const auto to = static_cast<std::size_t>(block.next.block);
  if (block.next.block != Target::kOutside && landings_[to].isValid() && landing_values_[to] == a0) {
    as_.lea(x86::rax, x86::ptr(landings_[to]));
    as_.mov(link(static_cast<int>(n), offsetof(ReturnLink, host), 8), x86::rax);
    as_.mov(link(static_cast<int>(n), offsetof(ReturnLink, a0)), a0);
  }
}

void Emitter::emit_callinc(unsigned n) {
  const auto flags = x86::byte_ptr(x86::rbp, static_cast<std::int32_t>(offsetof(State, ps) + 2));
  if (region_.mode.windows) {
    as_.mov(flags, 4 | n);  // WOE and CALLINC
  } else {
    as_.and_(flags, 0xfc);
    as_.or_(flags, n);
  }
}

void Emitter::emit_call(const Block& block, std::size_t index) {
  if (block.leaf != Target::kOutside) {
    emit_leaf_call(block, index);
    return;
  }
  const Instruction& in = current_->in;
  // Calls to what is far away load the address first: mostly it is known here.
  const auto known = block.end == End::kCallX ? constant(in.s) : std::optional(block.taken.pc);
  if (!known) load_into(x86::ecx, in.s);
  spill(dirty_);
  emit_link(block);
  if (known) {
    emit_known_call(block, *known);
  } else {
    emit_indirect_jump();
  }
}

// Everything is in memory.
void Emitter::emit_known_call(const Block& block, std::uint32_t target) {
  if (!translator_.is_native(target)) {
    leave_to(target, 0);
    return;
  }
  if (const std::uint32_t alias = translator_.core().environment().native_alias(target)) {
    // The way through the function's address costs an instruction.
    as_.sub(x86::r14, 1);
    as_.jl(cold_exit(target, 1, 0, thunks_.exit_budget));
    leave_to(alias, 0);
    return;
  }
  const std::uint32_t next = block.end_pc;
  const bool windowed = call_increment(current_->in.op) != 0;
  const std::uint32_t back = windowed ? (next & 0x3fffffff) | (target & 0xc0000000) : next;
  as_.mov(word(offsetof(State, pc)), target);
  as_.mov(x86::esi, back);
  as_.call(reinterpret_cast<std::uint64_t>(thunks_.native));
  // It has returned to where it was called from.
  if (block.next.block != Target::kOutside) {
    const auto after = static_cast<std::size_t>(block.next.block);
    fill(region_.blocks[after].live_in);
    as_.jmp(labels_[after]);
  } else {
    leave_to(next, 0);
  }
}

// Into what has been taken in, if the windows that it needs are free and in one piece; else it is called.
void Emitter::emit_leaf_call(const Block& block, std::size_t index) {
  const unsigned n = call_increment(current_->in.op);
  const auto& callee = region_.blocks[static_cast<std::size_t>(block.leaf)];
  const Label unusual = as_.newLabel();
  if (block.leaf_panes > known_.panes()) {
    look_above(block.leaf_panes);
    as_.jnz(unusual);
  }
  // RETW asks whether there is a frame to come back to.
  as_.cmp(link(0, offsetof(ReturnLink, started)), 0);
  as_.je(unusual);
  as_.cmp(edge(offsetof(WindowEdges, up) + n), 0);
  as_.jne(unusual);
  cold([this, unusual, &block, dirty = dirty_, target = callee.pc] {
    as_.bind(unusual);
    spill(dirty);
    emit_link(block);
    leave_to(target, 0);
  });
  emit_callinc(n);
  put_constant(4 * n, link_value(block.end_pc, n));
  go_to({callee.pc, block.leaf}, dirty_, index + 1);
}

// ENTRY of what has been taken in.
void Emitter::emit_leaf_entry(const Step& step) {
  const unsigned from = step.in.s, to = 4u * step.window + from;
  const Gp value = result(to, x86::eax);
  as_.lea(value, x86::ptr(read(from, x86::eax).r64(), -step.in.imm));
  put(to, value);
  window_ = step.window;
}

void Emitter::emit_return() {
  const Instruction& in = current_->in;
  if (in.op == Op::RET || in.op == Op::RET_N) {
    load_into(x86::ecx, 0);
    spill(dirty_);
    emit_indirect_jump();
    return;
  }
  const std::uint32_t pc = current_->pc;
  if (!region_.mode.windows || !region_.mode.loops || pc >> 30 != 1) {
    as_.jmp(resume_here(Resume::kReturn));
    return;
  }
  // The one way that leads back to the caller's translation; C++ knows them all.
  const Gp a0 = read(0, x86::eax);
  const Label another = as_.newLabel();
  as_.cmp(a0, link(0, offsetof(ReturnLink, a0)));
  as_.jne(another);
  cold([=, this, dirty = dirty_] {
    as_.bind(another);
    spill(dirty);
    if (a0.id() != x86::eax.id()) as_.mov(x86::eax, a0);
    as_.mov(x86::edx, pc);
    as_.jmp(reinterpret_cast<std::uint64_t>(thunks_.find_return));
  });
  spill(dirty_);
  as_.mov(x86::edx, pc);
  as_.jmp(link(0, offsetof(ReturnLink, host), 8));
}

}  // namespace espalier::xtensa::jit::x64
