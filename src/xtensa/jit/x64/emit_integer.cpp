// Integer arithmetic, bitwise operations, shifts, multiplication, division.
#include "xtensa/jit/x64/emitter.h"

namespace espalier::xtensa::jit::x64 {

using namespace asmjit;

// r = s op t.
void Emitter::binary(InstId id, const Instruction& in, bool commutes) {
  const bool overwrites = in.r == in.t && in.r != in.s && allocated(in.r);
  if (overwrites && commutes) {
    emit_op(id, host(in.r), operand(in.s));
    return;
  }
  const Gp to = overwrites ? Gp(x86::eax) : result(in.r, x86::eax);
  load_into(to, in.s);
  emit_op(id, to, operand(in.t));
  put(in.r, to);
}

// r = (s << shift) + t.
void Emitter::scaled_add(const Instruction& in, unsigned shift) {
  const Gp s = read(in.s, x86::eax);
  const Gp t = read(in.t, x86::ecx);
  const Gp to = result(in.r, x86::eax);
  as_.lea(to, x86::ptr(t.r64(), s.r64(), shift));
  put(in.r, to);
}

void Emitter::scaled_subtract(const Instruction& in, unsigned shift) {
  load_into(x86::eax, in.s);
  as_.shl(x86::eax, shift);
  emit_op(Inst::kIdSub, x86::eax, operand(in.t));
  put(in.r, x86::eax);
}

// if (t ...) r = s: the flags of t compared with 0 are set here.
void Emitter::select(InstId cmov, const Instruction& in) {
  if (allocated(in.t)) {
    as_.test(host(in.t), host(in.t));
  } else {
    as_.cmp(home(in.t), 0);
  }
  if (allocated(in.r)) {
    emit_op(cmov, host(in.r), operand(in.s));
  } else {
    as_.mov(x86::eax, home(in.r));
    emit_op(cmov, x86::eax, operand(in.s));
    put(in.r, x86::eax);
  }
}

// r = s if the comparison s, t does not ask for t.
void Emitter::minimum(InstId cmov, const Instruction& in) {
  load_into(x86::eax, in.s);
  emit_op(Inst::kIdCmp, x86::eax, operand(in.t));
  emit_op(cmov, x86::eax, operand(in.t));
  put(in.r, x86::eax);
}

void Emitter::multiply(const Instruction& in) {
  const auto extend = [this](Gp to, unsigned reg, bool is_signed, bool half) {
    const Gp from = read(reg, to);
    if (half) {
      is_signed ? as_.movsx(to, from.r16()) : as_.movzx(to, from.r16());
    } else if (is_signed) {
      as_.movsxd(to.r64(), from);
    } else if (from.id() != to.id()) {
      as_.mov(to, from);
    }
  };
  switch (in.op) {
    case Op::MUL16U:
    case Op::MUL16S:
      extend(x86::eax, in.s, in.op == Op::MUL16S, true);
      extend(x86::ecx, in.t, in.op == Op::MUL16S, true);
      as_.imul(x86::eax, x86::ecx);
      break;
    default:
      extend(x86::eax, in.s, in.op == Op::MULSH, false);
      extend(x86::ecx, in.t, in.op == Op::MULSH, false);
      as_.imul(x86::rax, x86::rcx);
      as_.shr(x86::rax, 32);
      break;
  }
  put(in.r, x86::eax);
}

void Emitter::divide(const Instruction& in) {
  const bool is_signed = in.op == Op::QUOS || in.op == Op::REMS;
  const bool remainder = in.op == Op::REMU || in.op == Op::REMS;
  load_into(x86::ecx, in.t);
  as_.test(x86::ecx, x86::ecx);
  as_.jz(interpret_here());
  load_into(x86::eax, in.s);
  const Label done = as_.newLabel();
  if (is_signed) {
    // The host traps on INT_MIN / -1; the LX6 gives INT_MIN, remainder 0.
    const Label minus_one = as_.newLabel();
    as_.cmp(x86::ecx, -1);
    as_.je(minus_one);
    cold([=, this] {
      as_.bind(minus_one);
      as_.xor_(x86::edx, x86::edx);
      as_.neg(x86::eax);
      as_.jmp(done);
    });
    as_.cdq();
    as_.idiv(x86::ecx);
  } else {
    as_.xor_(x86::edx, x86::edx);
    as_.div(x86::ecx);
  }
  as_.bind(done);
  put(in.r, remainder ? x86::edx : x86::eax);
}

// `value` (64 bits wide) by `amount` modulo 64.
void Emitter::shift_right_64(Gp value, Gp amount, bool arithmetic) {
  if (features_.bmi2) {
    arithmetic ? as_.sarx(value.r64(), value.r64(), amount.r64())
               : as_.shrx(value.r64(), value.r64(), amount.r64());
    return;
  }
  if (amount.id() != Gp::kIdCx) as_.mov(x86::ecx, amount);
  arithmetic ? as_.sar(value.r64(), x86::cl) : as_.shr(value.r64(), x86::cl);
}

void Emitter::set_sar(const Instruction& in) {
  const Gp to = result(kSar, x86::eax);
  switch (in.op) {
    case Op::SSAI:
      put_constant(kSar, static_cast<std::uint32_t>(in.imm));
      sar_ = {KnownSar::kConstant, static_cast<std::uint32_t>(in.imm)};
      return;
    case Op::SSR:
      load_into(to, in.s);
      as_.and_(to, 31);
      sar_ = {KnownSar::kRight, in.s};
      break;
    case Op::SSL:
      load_into(x86::ecx, in.s);
      as_.and_(x86::ecx, 31);
      as_.mov(to, 32);
      as_.sub(to, x86::ecx);
      sar_ = {KnownSar::kLeft, in.s};
      break;
    case Op::SSA8L:
      load_into(to, in.s);
      as_.and_(to, 3);
      as_.shl(to, 3);
      sar_ = {};
      break;
    default:  // SSA8B
      load_into(x86::ecx, in.s);
      as_.and_(x86::ecx, 3);
      as_.shl(x86::ecx, 3);
      as_.mov(to, 32);
      as_.sub(to, x86::ecx);
      sar_ = {};
      break;
  }
  put(kSar, to);
}

void Emitter::shift_by_sar(const Instruction& in) {
  const unsigned from = in.op == Op::SLL ? in.s : in.t;
  if (sar_.kind == KnownSar::kConstant) {
    const std::uint32_t amount = sar_.value;  // 0 to 31
    switch (in.op) {
      case Op::SLL:
        if (amount == 0) {
          put_constant(in.r, 0);
          return;
        }
        load_into(x86::eax, from);
        as_.shl(x86::eax, 32 - amount);
        break;
      case Op::SRL:
        load_into(x86::eax, from);
        if (amount != 0) as_.shr(x86::eax, amount);
        break;
      case Op::SRA:
        load_into(x86::eax, from);
        if (amount != 0) as_.sar(x86::eax, amount);
        break;
      default:  // SRC
        load_into(x86::eax, in.t);
        if (amount != 0) as_.shrd(x86::eax, read(in.s, x86::ecx), amount);
        break;
    }
    put(in.r, x86::eax);
    return;
  }
  // SSL before SLL, SSR before SRL and SRA: a plain shift by the register that they named.
  const bool left = in.op == Op::SLL && sar_.kind == KnownSar::kLeft;
  const bool right = (in.op == Op::SRL || in.op == Op::SRA) && sar_.kind == KnownSar::kRight;
  if (left || right) {
    const Gp amount = read(sar_.value, x86::ecx);
    const Gp value = read(from, x86::eax);
    const Gp to = result(in.r, x86::eax);
    if (features_.bmi2) {
      if (left) {
        as_.shlx(to, value, amount);
      } else if (in.op == Op::SRL) {
        as_.shrx(to, value, amount);
      } else {
        as_.sarx(to, value, amount);
      }
      put(in.r, to);
      return;
    }
    if (amount.id() != Gp::kIdCx) as_.mov(x86::ecx, amount);
    if (value.id() != Gp::kIdAx) as_.mov(x86::eax, value);
    if (left) {
      as_.shl(x86::eax, x86::cl);
    } else if (in.op == Op::SRL) {
      as_.shr(x86::eax, x86::cl);
    } else {
      as_.sar(x86::eax, x86::cl);
    }
    put(in.r, x86::eax);
    return;
  }
  switch (in.op) {
    case Op::SLL:
      load_into(x86::eax, from);
      as_.shl(x86::rax, 32);
      break;
    case Op::SRL:
      load_into(x86::eax, from);
      break;
    case Op::SRA:
      as_.movsxd(x86::rax, read(from, x86::eax));
      break;
    default:  // SRC
      load_into(x86::eax, in.s);
      as_.shl(x86::rax, 32);
      load_into(x86::ecx, in.t);
      as_.or_(x86::rax, x86::rcx);
      break;
  }
  shift_right_64(x86::rax, read(kSar, x86::ecx), in.op == Op::SRA);
  put(in.r, x86::eax);
}

bool Emitter::emit_integer(const Instruction& in) {
  const auto imm = static_cast<std::uint32_t>(in.imm);
  switch (in.op) {
    case Op::ADD_N:
    case Op::ADD:
      if (in.r != in.s && in.r != in.t && allocated(in.r) && allocated(in.s) && allocated(in.t)) {
        as_.lea(host(in.r), x86::ptr(host(in.s).r64(), host(in.t).r64()));
      } else {
        binary(Inst::kIdAdd, in, true);
      }
      break;
    case Op::ADDX2:
      scaled_add(in, 1);
      break;
    case Op::ADDX4:
      scaled_add(in, 2);
      break;
    case Op::ADDX8:
      scaled_add(in, 3);
      break;
    case Op::SUB:
      binary(Inst::kIdSub, in, false);
      break;
    case Op::SUBX2:
      scaled_subtract(in, 1);
      break;
    case Op::SUBX4:
      scaled_subtract(in, 2);
      break;
    case Op::SUBX8:
      scaled_subtract(in, 3);
      break;
    case Op::AND:
      binary(Inst::kIdAnd, in, true);
      break;
    case Op::OR:
      if (in.s == in.t) {
        if (const auto value = constant(in.s)) {
          put_constant(in.r, *value);
          return true;
        }
        if (in.r != in.s) {
          if (allocated(in.r)) {
            load_into(host(in.r), in.s);
          } else {
            put(in.r, read(in.s, x86::eax));
          }
        }
        return true;
      }
      binary(Inst::kIdOr, in, true);
      break;
    case Op::XOR:
      binary(Inst::kIdXor, in, true);
      break;
    case Op::MULL:
      binary(Inst::kIdImul, in, true);
      break;
    case Op::MUL16U:
    case Op::MUL16S:
    case Op::MULUH:
    case Op::MULSH:
      multiply(in);
      break;
    case Op::QUOU:
    case Op::QUOS:
    case Op::REMU:
    case Op::REMS:
      divide(in);
      break;
    case Op::MIN:
      minimum(Inst::kIdCmovg, in);
      break;
    case Op::MAX:
      minimum(Inst::kIdCmovl, in);
      break;
    case Op::MINU:
      minimum(Inst::kIdCmova, in);
      break;
    case Op::MAXU:
      minimum(Inst::kIdCmovb, in);
      break;
    case Op::MOVEQZ:
      select(Inst::kIdCmovz, in);
      break;
    case Op::MOVNEZ:
      select(Inst::kIdCmovnz, in);
      break;
    case Op::MOVLTZ:
      select(Inst::kIdCmovs, in);
      break;
    case Op::MOVGEZ:
      select(Inst::kIdCmovns, in);
      break;
    case Op::ADDI_N:
    case Op::ADDI:
    case Op::ADDMI: {
      const unsigned to = in.op == Op::ADDI_N ? in.r : in.t;
      if (const auto value = constant(in.s)) {
        put_constant(to, *value + imm);
        return true;
      }
      if (to == in.s) {
        if (allocated(to)) {
          as_.add(host(to), in.imm);
        } else {
          as_.add(home(to), in.imm);
        }
      } else if (allocated(to) && allocated(in.s)) {
        as_.lea(host(to), x86::ptr(host(in.s).r64(), in.imm));
      } else {
        const Gp target = result(to, x86::eax);
        load_into(target, in.s);
        as_.add(target, in.imm);
        put(to, target);
      }
      return true;
    }
    case Op::MOVI:
      put_constant(in.t, imm);
      return true;
    case Op::MOVI_N:
      put_constant(in.s, imm);
      return true;
    case Op::MOV_N: {
      Instruction as_or = in;
      as_or.op = Op::OR;
      as_or.r = in.t;
      as_or.t = in.s;
      return emit_integer(as_or);
    }
    case Op::NEG: {
      const Gp to = result(in.r, x86::eax);
      load_into(to, in.t);
      as_.neg(to);
      put(in.r, to);
      break;
    }
    case Op::ABS:
      load_into(x86::eax, in.t);
      as_.neg(x86::eax);
      emit_op(Inst::kIdCmovs, x86::eax, operand(in.t));
      put(in.r, x86::eax);
      break;
    case Op::NSA:
      // The leading bits of x * 2 + 1 where x is the number without its sign: never none.
      load_into(x86::eax, in.s);
      as_.mov(x86::ecx, x86::eax);
      as_.sar(x86::ecx, 31);
      as_.xor_(x86::eax, x86::ecx);
      as_.lea(x86::eax, x86::ptr(x86::rax, x86::rax, 0, 1));
      as_.bsr(x86::eax, x86::eax);
      as_.xor_(x86::eax, 31);
      put(in.t, x86::eax);
      return true;
    case Op::NSAU:
      load_into(x86::eax, in.s);
      as_.lea(x86::rax, x86::ptr(x86::rax, x86::rax, 0, 1));
      as_.bsr(x86::rax, x86::rax);
      as_.mov(x86::ecx, 32);
      as_.sub(x86::ecx, x86::eax);
      put(in.t, x86::ecx);
      return true;
    case Op::SEXT: {
      const Gp to = result(in.r, x86::eax);
      load_into(to, in.s);
      as_.shl(to, 31 - imm);
      as_.sar(to, 31 - imm);
      put(in.r, to);
      break;
    }
    case Op::CLAMPS: {
      const std::int32_t limit = 1 << in.imm;
      load_into(x86::eax, in.s);
      as_.mov(x86::ecx, limit - 1);
      as_.cmp(x86::eax, x86::ecx);
      as_.cmovg(x86::eax, x86::ecx);
      as_.mov(x86::ecx, -limit);
      as_.cmp(x86::eax, x86::ecx);
      as_.cmovl(x86::eax, x86::ecx);
      put(in.r, x86::eax);
      break;
    }
    case Op::EXTUI: {
      const auto width = static_cast<unsigned>(in.imm2);
      const Gp to = result(in.r, x86::eax);
      if (imm == 0 && (width == 8 || width == 16)) {
        const Gp from = read(in.t, x86::ecx);
        width == 8 ? as_.movzx(to, from.r8()) : as_.movzx(to, from.r16());
      } else {
        load_into(to, in.t);
        if (imm != 0) as_.shr(to, imm);
        if (imm + width < 32) as_.and_(to, (1u << width) - 1);
      }
      put(in.r, to);
      break;
    }
    case Op::SLLI:
      if (imm >= 32) {
        put_constant(in.r, 0);
      } else {
        const Gp to = result(in.r, x86::eax);
        load_into(to, in.s);
        if (imm != 0) as_.shl(to, imm);
        put(in.r, to);
      }
      return true;
    case Op::SRLI: {
      const Gp to = result(in.r, x86::eax);
      load_into(to, in.t);
      if (imm != 0) as_.shr(to, imm);
      put(in.r, to);
      break;
    }
    case Op::SRAI: {
      const Gp to = result(in.r, x86::eax);
      load_into(to, in.t);
      if (imm != 0) as_.sar(to, imm);
      put(in.r, to);
      break;
    }
    case Op::SSR:
    case Op::SSL:
    case Op::SSA8L:
    case Op::SSA8B:
    case Op::SSAI:
      set_sar(in);
      return true;
    case Op::SLL:
    case Op::SRL:
    case Op::SRA:
    case Op::SRC:
      shift_by_sar(in);
      break;
    default:
      return false;
  }
  return true;
}

}  // namespace espalier::xtensa::jit::x64
