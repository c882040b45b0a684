// The floating-point coprocessor. What the host's instruction does in the same way is one; where the result
// depends on the LX6's own rules (NaNs, conversions out of range) or there is no such instruction, the
// interpreter's functions are called. Between two checks of fp_ready the host rounds as the guest does and
// collects its flags (HostFp).
#include "xtensa/fp.h"
#include "xtensa/instruction_table.h"
#include "xtensa/jit/fp_operations.h"
#include "xtensa/jit/x64/emitter.h"

namespace espalier::xtensa::jit::x64 {

using namespace asmjit;

namespace {

constexpr std::uint32_t power_of_two(int exponent) {
  return static_cast<std::uint32_t>(127 + exponent) << 23;
}

std::uint32_t enter_fp(std::uint32_t, std::uint32_t, std::uint32_t, Translator& translator) {
  return translator.enter_fp() ? 1 : 0;
}

// Immediates of ROUNDSS.
constexpr int kRoundNearest = 0, kRoundDown = 1, kRoundUp = 2;

}  // namespace

// --- Registers

asmjit::Operand Emitter::fp_operand(unsigned fr) const {
  const unsigned reg = kFirstFr + fr;
  if (allocated(reg)) return xmm(reg);
  return home(reg);
}

void Emitter::load_fr(Xmm to, unsigned fr) {
  const unsigned reg = kFirstFr + fr;
  allocated(reg) ? as_.movaps(to, xmm(reg)) : as_.movss(to, home(reg));
}

void Emitter::load_fr(Gp to, unsigned fr) {
  const unsigned reg = kFirstFr + fr;
  allocated(reg) ? as_.movd(to, xmm(reg)) : as_.mov(to, home(reg));
}

void Emitter::put_fr(unsigned fr, Xmm value) {
  const unsigned reg = kFirstFr + fr;
  allocated(reg) ? as_.movaps(xmm(reg), value) : as_.movss(home(reg), value);
}

void Emitter::put_fr(unsigned fr, Gp value) {
  const unsigned reg = kFirstFr + fr;
  allocated(reg) ? as_.movd(xmm(reg), value) : as_.mov(home(reg), value);
}

// --- Out of line

// Coprocessor 0 is enabled and the host's environment is the guest's, or the interpreter raises the
// exception.
void Emitter::check_fp() {
  if (fp_ready_) return;
  fp_ready_ = true;
  const Label absent = as_.newLabel(), ready = as_.newLabel();
  const Label disabled = interpret_here();
  as_.cmp(jit_byte(offsetof(JitRegisters, fp_ready)), 0);
  as_.je(absent);
  as_.bind(ready);
  cold([=, this] {
    as_.bind(absent);
    as_.mov(x86::rax, reinterpret_cast<std::uint64_t>(&enter_fp));
    as_.call(reinterpret_cast<std::uint64_t>(thunks_.fp));
    as_.test(x86::eax, x86::eax);
    as_.jz(disabled);
    as_.jmp(ready);
  });
}

// eax = the instruction's result, by the interpreter's function.
void Emitter::call_fp_operation(const Instruction& in) {
  const InstructionRow& row = instruction_row(in.op);
  bool has_t = false;
  for (unsigned i = 0; i < row.operand_count; ++i) {
    const xtensa::Operand& operand = row.operands[i];
    if (operand.file != RegisterFile::kFr) continue;
    if (operand.place == Place::kR && operand.reads()) load_fr(x86::ecx, in.r);
    if (operand.place == Place::kS) load_fr(x86::edx, in.s);
    if (operand.place == Place::kT) load_fr(x86::xmm0, in.t), has_t = true;
  }
  if (!has_t) {
    as_.mov(x86::eax, in.imm);
    as_.movd(x86::xmm0, x86::eax);
  }
  as_.mov(x86::rax, reinterpret_cast<std::uint64_t>(fp_operation(in.op)));
  as_.call(reinterpret_cast<std::uint64_t>(thunks_.fp));
}

// xmm0 is the result unless it is a NaN.
void Emitter::finish_fp_result(const Instruction& in) {
  const Label nan = as_.newLabel(), done = as_.newLabel();
  as_.ucomiss(x86::xmm0, x86::xmm0);
  as_.jp(nan);
  as_.bind(done);
  put_fr(in.r, x86::xmm0);
  cold([=, this] {
    as_.bind(nan);
    call_fp_operation(in);
    as_.movd(x86::xmm0, x86::eax);
    as_.jmp(done);
  });
}

// --- Groups of instructions

// `indexed`: the address is as + at. `update`: the pointer moves by imm or at, after the access.
void Emitter::emit_fp_access(const Instruction& in, bool load, bool indexed, bool update) {
  const unsigned fr = indexed ? in.r : in.t;
  const unsigned reg = kFirstFr + fr;
  const std::uint32_t site = add_site();
  const Label slow = as_.newLabel(), done = as_.newLabel();
  cold([=, this] {
    as_.bind(slow);
    emit_slow_call(site);
    as_.jmp(done);
  });
  const bool sum = indexed && !update;
  Gp base = x86::ecx;
  if (sum) {
    load_into(x86::ecx, in.s);
    emit_op(Inst::kIdAdd, x86::ecx, operand(in.t));
  } else {
    base = read(in.s, x86::ecx);
  }
  if (sum) {
    as_.test(base.r8(), 3);
    as_.jnz(slow);
  } else {
    test_aligned(in.s, base, site);
  }
  const Mem memory = x86::dword_ptr(x86::r13, base.r64(), 0, indexed || update ? 0 : in.imm);
  if (load) {
    if (allocated(reg)) {
      access(slow, site, [&] { as_.movss(xmm(reg), memory); });
    } else {
      access(slow, site, [&] { as_.mov(x86::eax, memory); });
      as_.mov(home(reg), x86::eax);
    }
  } else if (allocated(reg)) {
    access(slow, site, [&] { as_.movss(memory, xmm(reg)); });
  } else {
    as_.mov(x86::eax, home(reg));
    access(slow, site, [&] { as_.mov(memory, x86::eax); });
  }
  if (update) {
    if (indexed) {
      const Gp step = read(in.t, x86::eax);
      emit_op(Inst::kIdAdd, operand(in.s), step);
    } else {
      emit_op(Inst::kIdAdd, operand(in.s), Imm(in.imm));
    }
  }
  as_.bind(done);
}

void Emitter::fp_binary(InstId id, const Instruction& in) {
  load_fr(x86::xmm0, in.s);
  emit_op(id, x86::xmm0, fp_operand(in.t));
  finish_fp_result(in);
}

// xmm0 = fr[r] + or - fr[s] * fr[t].
void Emitter::fp_fused(const Instruction& in, bool subtract) {
  load_fr(x86::xmm0, in.r);
  Xmm first = x86::xmm1;
  if (allocated(kFirstFr + in.s)) {
    first = xmm(kFirstFr + in.s);
  } else {
    load_fr(first, in.s);
  }
  as_.emit(subtract ? Inst::kIdVfnmadd231ss : Inst::kIdVfmadd231ss, x86::xmm0, first, fp_operand(in.t));
}

// MADDN rounds to nearest and raises no flags: it is the host's with an environment of its own.
void Emitter::fp_fused_unflagged(const Instruction& in) {
  constexpr std::uint32_t kMaskedNearest = 0x1f80;
  const Mem guest = x86::dword_ptr(x86::rsp), own = x86::dword_ptr(x86::rsp, 4);
  as_.stmxcsr(guest);
  as_.mov(own, kMaskedNearest);
  as_.ldmxcsr(own);
  fp_fused(in, false);
  as_.ldmxcsr(guest);
  finish_fp_result(in);
}

void Emitter::fp_move_if(InstId unless, const Instruction& in) {
  const Label skip = as_.newLabel();
  as_.emit(unless, skip);
  load_fr(x86::xmm0, in.s);
  put_fr(in.r, x86::xmm0);
  as_.bind(skip);
}

// With a NaN it is the interpreter's.
void Emitter::fp_compare(const Instruction& in, InstId set, bool swap) {
  const Label unordered = as_.newLabel(), known = as_.newLabel();
  load_fr(x86::xmm0, swap ? in.t : in.s);
  emit_op(Inst::kIdUcomiss, x86::xmm0, fp_operand(swap ? in.s : in.t));
  as_.jp(unordered);
  if (set == Inst::kIdNone) {
    as_.xor_(x86::eax, x86::eax);
  } else {
    as_.emit(set, x86::al);
    as_.movzx(x86::eax, x86::al);
  }
  as_.bind(known);
  put_boolean(in.r);
  cold([=, this] {
    as_.bind(unordered);
    call_fp_operation(in);
    as_.jmp(known);
  });
}

// What is out of range, or a NaN, is the interpreter's: only its flags are right.
void Emitter::fp_to_integer(const Instruction& in, std::optional<int> rounding, bool is_signed) {
  const Label done = as_.newLabel();
  if (rounding && !features_.sse41) {
    call_fp_operation(in);
  } else {
    const Label rare = as_.newLabel();
    load_fr(x86::eax, in.s);
    if (is_signed) as_.and_(x86::eax, 0x7fffffff);
    as_.cmp(x86::eax, power_of_two((is_signed ? 31 : 32) - in.imm));
    as_.jae(rare);
    load_fr(x86::xmm0, in.s);
    if (in.imm != 0) {
      as_.mov(x86::eax, power_of_two(in.imm));
      as_.movd(x86::xmm1, x86::eax);
      as_.mulss(x86::xmm0, x86::xmm1);  // exact
    }
    if (rounding) as_.roundss(x86::xmm0, x86::xmm0, *rounding);
    is_signed ? as_.cvttss2si(x86::eax, x86::xmm0) : as_.cvttss2si(x86::rax, x86::xmm0);
    cold([=, this] {
      as_.bind(rare);
      call_fp_operation(in);
      as_.jmp(done);
    });
  }
  as_.bind(done);
  put(in.r, x86::eax);
}

void Emitter::fp_from_integer(const Instruction& in, bool is_signed) {
  as_.xorps(x86::xmm0, x86::xmm0);
  if (is_signed) {
    emit_op(Inst::kIdCvtsi2ss, x86::xmm0, operand(in.s));
  } else {
    load_into(x86::eax, in.s);
    as_.cvtsi2ss(x86::xmm0, x86::rax);
  }
  if (in.imm != 0) {
    as_.mov(x86::eax, power_of_two(-in.imm));
    as_.movd(x86::xmm1, x86::eax);
    as_.mulss(x86::xmm0, x86::xmm1);  // exact
  }
  put_fr(in.r, x86::xmm0);
}

// --- All of them

bool Emitter::emit_fp(const Instruction& in) {
  if (in.op == Op::RUR || in.op == Op::WUR) {
    // FCR and FSR: the slow path leaves the environment and enters it again.
    check_fp();
    emit_slow_call(add_site());
    return true;
  }
  if (!instruction_row(in.op).is(kFp)) return false;
  check_fp();
  switch (in.op) {
    case Op::LSI:
    case Op::LSIP:
      emit_fp_access(in, true, false, in.op == Op::LSIP);
      return true;
    case Op::LSX:
    case Op::LSXP:
      emit_fp_access(in, true, true, in.op == Op::LSXP);
      return true;
    case Op::SSI:
    case Op::SSIP:
      emit_fp_access(in, false, false, in.op == Op::SSIP);
      return true;
    case Op::SSX:
    case Op::SSXP:
      emit_fp_access(in, false, true, in.op == Op::SSXP);
      return true;
    case Op::RFR: {
      const Gp to = result(in.r, x86::eax);
      load_fr(to, in.s);
      put(in.r, to);
      return true;
    }
    case Op::WFR:
      put_fr(in.r, read(in.s, x86::eax));
      return true;
    case Op::CONST_S:
      as_.mov(x86::eax, fp::constant(static_cast<unsigned>(in.imm)));
      put_fr(in.r, x86::eax);
      return true;
    case Op::MOV_S:
      load_fr(x86::xmm0, in.s);
      put_fr(in.r, x86::xmm0);
      return true;
    case Op::ABS_S:
    case Op::NEG_S:
      as_.pcmpeqd(x86::xmm0, x86::xmm0);
      in.op == Op::ABS_S ? as_.psrld(x86::xmm0, 1) : as_.pslld(x86::xmm0, 31);
      load_fr(x86::xmm1, in.s);
      in.op == Op::ABS_S ? as_.andps(x86::xmm0, x86::xmm1) : as_.xorps(x86::xmm0, x86::xmm1);
      put_fr(in.r, x86::xmm0);
      return true;
    case Op::MOVEQZ_S:
    case Op::MOVNEZ_S:
    case Op::MOVLTZ_S:
    case Op::MOVGEZ_S: {
      const Gp condition = read(in.t, x86::ecx);
      as_.test(condition, condition);
      fp_move_if(in.op == Op::MOVEQZ_S   ? Inst::kIdJnz
                 : in.op == Op::MOVNEZ_S ? Inst::kIdJz
                 : in.op == Op::MOVLTZ_S ? Inst::kIdJns
                                         : Inst::kIdJs,
                 in);
      return true;
    }
    case Op::MOVF_S:
    case Op::MOVT_S:
      as_.test(word(offsetof(State, br)), 1u << in.t);
      fp_move_if(in.op == Op::MOVF_S ? Inst::kIdJnz : Inst::kIdJz, in);
      return true;
    case Op::ADD_S:
      fp_binary(Inst::kIdAddss, in);
      return true;
    case Op::SUB_S:
      fp_binary(Inst::kIdSubss, in);
      return true;
    case Op::MUL_S:
      fp_binary(Inst::kIdMulss, in);
      return true;
    case Op::MADD_S:
    case Op::MSUB_S:
    case Op::MADDN_S:
      if (!features_.fma) break;
      if (in.op == Op::MADDN_S) {
        fp_fused_unflagged(in);
      } else {
        fp_fused(in, in.op == Op::MSUB_S);
        finish_fp_result(in);
      }
      return true;
    case Op::FLOAT_S:
      fp_from_integer(in, true);
      return true;
    case Op::UFLOAT_S:
      fp_from_integer(in, false);
      return true;
    case Op::UN_S:
      fp_compare(in, Inst::kIdNone, false);
      return true;
    case Op::OEQ_S:
    case Op::UEQ_S:
      fp_compare(in, Inst::kIdSete, false);
      return true;
    case Op::OLT_S:
    case Op::ULT_S:
      fp_compare(in, Inst::kIdSeta, true);
      return true;
    case Op::OLE_S:
    case Op::ULE_S:
      fp_compare(in, Inst::kIdSetae, true);
      return true;
    case Op::ROUND_S:
      fp_to_integer(in, kRoundNearest, true);
      return true;
    case Op::FLOOR_S:
      fp_to_integer(in, kRoundDown, true);
      return true;
    case Op::CEIL_S:
      fp_to_integer(in, kRoundUp, true);
      return true;
    case Op::TRUNC_S:
      fp_to_integer(in, std::nullopt, true);
      return true;
    case Op::UTRUNC_S:
      fp_to_integer(in, std::nullopt, false);
      return true;
    default:
      break;
  }
  call_fp_operation(in);
  put_fr(in.r, x86::eax);
  return true;
}

}  // namespace espalier::xtensa::jit::x64
