// Special and user registers, interrupt levels, booleans.
#include <algorithm>

#include "xtensa/jit/x64/emitter.h"
#include "xtensa/special_registers.h"

namespace espalier::xtensa::jit::x64 {

using namespace asmjit;

// By a change of PS's level an interrupt may have become ready: it comes between this step and the next.
void Emitter::leave_if_interrupted(const Instruction& in) {
  const RegisterSet dirty = dirty_ | current_->use.writes;
  const std::uint32_t next = current_->pc + in.length;
  const Label out = cold_exit(next, block_->count - 1 - step_, dirty, thunks_.go_on);
  const Label pending = as_.newLabel(), masked = as_.newLabel();
  emit_look_for_pending(as_);
  as_.jnz(pending);
  as_.bind(masked);
  cold([=, this] {
    as_.bind(pending);
    emit_look_for_let_through(as_);
    as_.jz(masked);
    as_.jmp(out);
  });
}

// PS = ecx. Code behind it runs in the same way as this, or is another translation's. Where loops end again a
// loop may end at once.
void Emitter::write_ps(const Instruction& in) {
  as_.mov(word(offsetof(State, ps)), x86::ecx);
  const std::uint32_t next = current_->pc + in.length;
  const unsigned rest = block_->count - 1 - step_;
  const RegisterSet dirty = dirty_ | current_->use.writes;
  const Label another = cold_exit(next, rest, dirty, thunks_.go_on);
  if (region_.mode.loops) {
    as_.and_(x86::ecx, kPsWoe | kPsExcm);
    as_.cmp(x86::ecx, region_.mode.windows ? kPsWoe : 0);
    as_.jne(another);
  } else {
    const Label over = as_.newLabel();
    as_.test(x86::ecx, kPsExcm);
    as_.jz(over);
    cold([=, this] {
      as_.bind(over);
      as_.cmp(word(offsetof(State, lend)), next);
      as_.jne(another);
      // LCOUNT may be in no register here.
      spill(dirty);
      as_.cmp(word(offsetof(State, lcount)), 0);
      as_.je(another);
      as_.dec(word(offsetof(State, lcount)));
      if (rest != 0) as_.add(x86::r14, rest);
      leave_to_lbeg(0);
    });
  }
  leave_if_interrupted(in);
}

// What ends its block and is C++'s in unusual cases: RFE and RFI, where translated code of the usual kind
// goes on and no interrupt waits; LEND that stays what it is, as where a context without loops is restored;
// CPENABLE; ROTW. Everything is in memory.
void Emitter::emit_resumed(const Block& block) {
  const Instruction& in = current_->in;
  const Label cpp = as_.newLabel();
  const auto otherwise = [=, this, step = current_] {
    as_.bind(cpp);
    emit_resume(resume_of(step->in), *step);
  };
  switch (in.op) {
    case Op::RFE:
    case Op::RFI: {
      const bool rfe = in.op == Op::RFE;
      const auto level = rfe ? 1u : static_cast<std::uint32_t>(in.imm);
      as_.cmp(jit_byte(offsetof(JitRegisters, traces_returns)), 0);
      as_.jne(cpp);
      emit_look_for_pending(as_);
      as_.jnz(cpp);
      if (rfe) {
        load_ps(x86::eax, x86::edx);
        as_.and_(x86::eax, ~kPsExcm);
      } else {
        as_.mov(x86::eax, word(offsetof(State, eps) + 4 * level));
      }
      as_.mov(x86::edx, x86::eax);
      as_.and_(x86::edx, kPsWoe | kPsExcm);
      as_.cmp(x86::edx, kPsWoe);
      as_.jne(cpp);
      as_.mov(x86::ecx, word(offsetof(State, epc) + 4 * level));
      as_.mov(word(offsetof(State, ps)), x86::eax);
      emit_table_jump();
      cold(otherwise);
      return;
    }
    case Op::ROTW:
      emit_rotw(in.imm);
      leave_to(block.end_pc, 0);
      return;
    case Op::WSR:
      if (static_cast<Sr>(in.imm) == Sr::CPENABLE) {
        as_.mov(x86::ecx, home(in.t));
        as_.and_(x86::ecx, find_special_register(static_cast<std::uint32_t>(in.imm))->write_mask);
        as_.mov(word(offsetof(State, cpenable)), x86::ecx);
        as_.mov(jit_byte(offsetof(JitRegisters, fp_ready)), 0);
        leave_to(block.end_pc, 0);
        return;
      }
      if (static_cast<Sr>(in.imm) != Sr::LEND) break;
      as_.mov(x86::ecx, home(in.t));
      as_.cmp(x86::ecx, word(offsetof(State, lend)));
      as_.jne(cpp);
      leave_to(block.end_pc, 0);
      cold(otherwise);
      return;
    default:
      break;
  }
  otherwise();
}

// By at most kFarthest windows at a time, for which WindowEdges know the way.
void Emitter::emit_rotw(std::int32_t windows) {
  while (windows != 0) {
    const std::int32_t by = std::clamp(windows, -kFarthest, kFarthest);
    const auto way = by > 0 ? offsetof(WindowEdges, up) + static_cast<unsigned>(by)
                            : offsetof(WindowEdges, down) + static_cast<unsigned>(-by);
    const Label unusual = as_.newLabel(), rotated = as_.newLabel();
    as_.cmp(edge(way), 0);
    as_.jne(unusual);
    as_.add(x86::rbx, kPane * by);
    as_.bind(rotated);
    cold([=, this] {
      as_.bind(unusual);
      emit_rotate(by);
      as_.jmp(rotated);
    });
    windows -= by;
  }
}

bool Emitter::emit_system(const Instruction& in) {
  const auto number = static_cast<std::uint32_t>(in.imm);
  switch (in.op) {
    case Op::RSR: {
      const SpecialRegister& row = *find_special_register(number);
      if (row.number == Sr::ACCLO || row.number == Sr::ACCHI) {
        const Gp to = result(in.t, x86::eax);
        read_acc(to, row.number);
        put(in.t, to);
      } else if (const auto pseudo = register_of_special(number)) {
        put(in.t, read(*pseudo, x86::eax));
      } else if (row.number == Sr::PRID || row.number == Sr::CONFIGID0 || row.number == Sr::CONFIGID1) {
        put_constant(in.t, translator_.core().read_special(row.number));
      } else if (row.number == Sr::PS) {
        load_ps(x86::eax, x86::ecx);
        put(in.t, x86::eax);
      } else if ((row.access & SpecialRegister::kPlainRead) != 0 && row.number != Sr::WINDOWBASE &&
                 row.number != Sr::WINDOWSTART) {
        const Gp to = result(in.t, x86::eax);
        as_.mov(to, word(row.offset));
        put(in.t, to);
      } else {
        emit_slow_call(add_site());
      }
      return true;
    }
    case Op::WSR: {
      const SpecialRegister& row = *find_special_register(number);
      load_into(x86::ecx, in.t);
      if (row.write_mask != 0xffffffff) as_.and_(x86::ecx, row.write_mask);
      if (row.number == Sr::ACCLO || row.number == Sr::ACCHI) {
        write_acc(row.number, x86::ecx);
      } else if (const auto pseudo = register_of_special(number)) {
        put(*pseudo, x86::ecx);
        if (*pseudo == kSar) sar_ = {};
      } else if (row.number == Sr::PS) {
        write_ps(in);
      } else if (row.number == Sr::INTERRUPT) {
        as_.and_(x86::ecx, kSettableInterrupts);
        as_.or_(word(offsetof(State, interrupt)), x86::ecx);
        leave_if_interrupted(in);
      } else if (row.number == Sr::INTCLEAR) {
        as_.and_(x86::ecx, kClearableInterrupts);
        as_.not_(x86::ecx);
        as_.and_(word(offsetof(State, interrupt)), x86::ecx);
      } else if (row.number == Sr::INTENABLE) {
        as_.mov(word(offsetof(State, intenable)), x86::ecx);
        leave_if_interrupted(in);
      } else {
        as_.mov(word(row.offset), x86::ecx);
      }
      return true;
    }
    case Op::XSR: {
      const SpecialRegister& row = *find_special_register(number);
      load_into(x86::ecx, in.t);
      const auto pseudo = register_of_special(number);
      if (row.number == Sr::ACCLO || row.number == Sr::ACCHI) {
        read_acc(x86::eax, row.number);
        write_acc(row.number, x86::ecx);
        put(in.t, x86::eax);
        return true;
      }
      if (pseudo) {
        load_into(x86::eax, *pseudo);
      } else if (row.number == Sr::PS) {
        load_ps(x86::eax, x86::edx);
      } else {
        as_.mov(x86::eax, word(row.offset));
      }
      if (row.write_mask != 0xffffffff) as_.and_(x86::ecx, row.write_mask);
      if (pseudo) {
        put(*pseudo, x86::ecx);
      } else {
        as_.mov(word(row.offset), x86::ecx);
      }
      put(in.t, x86::eax);
      if (row.number == Sr::SAR) sar_ = {};
      if (row.number == Sr::PS) write_ps(in);
      if (row.number == Sr::INTENABLE) leave_if_interrupted(in);
      return true;
    }
    case Op::RUR: {
      if (find_user_register(number)->fp) return false;
      const Gp to = result(in.r, x86::eax);
      as_.mov(to, word(find_user_register(number)->offset));
      put(in.r, to);
      return true;
    }
    case Op::WUR: {
      const UserRegister& row = *find_user_register(number);
      if (row.fp) return false;
      load_into(x86::ecx, in.t);
      if (row.write_mask != 0xffffffff) as_.and_(x86::ecx, row.write_mask);
      as_.mov(word(row.offset), x86::ecx);
      return true;
    }
    case Op::RSIL:
      load_ps(x86::eax, x86::ecx);
      as_.mov(x86::ecx, x86::eax);
      as_.and_(x86::ecx, ~kPsIntlevel);
      if (in.imm != 0) as_.or_(x86::ecx, in.imm);
      as_.mov(word(offsetof(State, ps)), x86::ecx);
      put(in.t, x86::eax);
      leave_if_interrupted(in);
      return true;
    case Op::MOVSP:
      // With no caller's frame in the registers: an exception.
      if (region_.mode.windows) {
        for (int n = 1; n <= 3; ++n)
          as_.emit(n == 1 ? Inst::kIdMov : Inst::kIdOr, x86::eax, link(-n, offsetof(ReturnLink, started)));
        as_.jz(interpret_here());
      } else {
        as_.jmp(interpret_here());
      }
      {
        const Gp to = result(in.t, x86::eax);
        load_into(to, in.s);
        put(in.t, to);
      }
      return true;
    default:
      return false;
  }
}

void Emitter::put_boolean(unsigned number) {
  const Mem br = word(offsetof(State, br));
  as_.mov(x86::ecx, br);
  as_.and_(x86::ecx, ~(1u << number));
  if (number != 0) as_.shl(x86::eax, number);
  as_.or_(x86::ecx, x86::eax);
  as_.mov(br, x86::ecx);
}

bool Emitter::emit_boolean(const Instruction& in) {
  const Mem br = word(offsetof(State, br));
  const auto combine = [&](InstId id, bool complement) {
    as_.mov(x86::eax, br);
    as_.mov(x86::ecx, x86::eax);
    if (in.s != 0) as_.shr(x86::eax, in.s);
    if (in.t != 0) as_.shr(x86::ecx, in.t);
    if (complement) as_.not_(x86::ecx);
    emit_op(id, x86::eax, x86::ecx);
    as_.and_(x86::eax, 1);
    put_boolean(in.r);
  };
  const auto group = [&](std::uint32_t mask, unsigned first, bool all) {
    as_.mov(x86::ecx, br);
    as_.xor_(x86::eax, x86::eax);
    as_.and_(x86::ecx, mask << first);
    if (all) as_.cmp(x86::ecx, mask << first);
    all ? as_.sete(x86::al) : as_.setnz(x86::al);
    put_boolean(in.t);
  };
  const auto move_if = [&](InstId cmov) {
    load_into(x86::eax, in.r);
    as_.test(br, 1u << in.t);
    emit_op(cmov, x86::eax, operand(in.s));
    put(in.r, x86::eax);
  };
  switch (in.op) {
    case Op::ANDB:
      combine(Inst::kIdAnd, false);
      return true;
    case Op::ANDBC:
      combine(Inst::kIdAnd, true);
      return true;
    case Op::ORB:
      combine(Inst::kIdOr, false);
      return true;
    case Op::ORBC:
      combine(Inst::kIdOr, true);
      return true;
    case Op::XORB:
      combine(Inst::kIdXor, false);
      return true;
    case Op::ANY4:
      group(0xf, in.s & 12, false);
      return true;
    case Op::ALL4:
      group(0xf, in.s & 12, true);
      return true;
    case Op::ANY8:
      group(0xff, in.s & 8, false);
      return true;
    case Op::ALL8:
      group(0xff, in.s & 8, true);
      return true;
    case Op::MOVF:
      move_if(Inst::kIdCmovz);
      return true;
    case Op::MOVT:
      move_if(Inst::kIdCmovnz);
      return true;
    default:
      return false;
  }
}

}  // namespace espalier::xtensa::jit::x64
