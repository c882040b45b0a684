// MAC16. ACCLO, ACCHI (8 bits) and M0 to M3 are registers like others: in host registers where they are used
// most.
#include "xtensa/jit/x64/emitter.h"
#include "xtensa/mac16.h"

namespace espalier::xtensa::jit::x64 {

using namespace asmjit;

// to = half of a register, extended to 32 bits.
void Emitter::load_half(Gp to, unsigned reg, bool high, bool is_signed) {
  if (!allocated(reg)) {
    Mem half = home(reg);
    half.addOffset(high ? 2 : 0);
    half.setSize(2);
    is_signed ? as_.movsx(to, half) : as_.movzx(to, half);
  } else if (high) {
    as_.mov(to, host(reg));
    is_signed ? as_.sar(to, 16) : as_.shr(to, 16);
  } else {
    is_signed ? as_.movsx(to, host(reg).r16()) : as_.movzx(to, host(reg).r16());
  }
}

// Uses eax and ecx.
void Emitter::mac16_multiply(const Instruction& in) {
  const Mac16Form form = mac16_form(in.op);
  const bool is_signed = form.kind != Mac16Form::kReplaceUnsigned;
  load_half(x86::eax, form.first_is_mr ? kFirstMr + in.r : in.s, form.first_high, is_signed);
  load_half(x86::ecx, form.second_is_mr ? kFirstMr + in.t : in.t, form.second_high, is_signed);
  as_.imul(x86::eax, x86::ecx);
  if (is_signed) {
    as_.mov(x86::ecx, x86::eax);
    as_.sar(x86::ecx, 31);
  }
  switch (form.kind) {
    case Mac16Form::kAdd:
      emit_op(Inst::kIdAdd, operand(kAcclo), x86::eax);
      emit_op(Inst::kIdAdc, operand(kAcchi), x86::ecx);
      break;
    case Mac16Form::kSubtract:
      emit_op(Inst::kIdSub, operand(kAcclo), x86::eax);
      emit_op(Inst::kIdSbb, operand(kAcchi), x86::ecx);
      break;
    case Mac16Form::kReplace:
      put(kAcclo, x86::eax);
      put(kAcchi, x86::ecx);
      break;
    case Mac16Form::kReplaceUnsigned:
      put(kAcclo, x86::eax);
      put_constant(kAcchi, 0);
      return;
  }
  if (allocated(kAcchi)) {
    as_.movzx(host(kAcchi), host(kAcchi).r8());
  } else {
    as_.and_(home(kAcchi), 0xff);
  }
}

bool Emitter::emit_mac16(const Instruction& in) {
  if (!is_mac16(in.op)) return false;
  if (!is_mac16_load(in.op)) {
    mac16_multiply(in);
    return true;
  }
  // The load comes first, as it may raise an exception; the multiplication has the registers of before.
  const auto step = static_cast<std::int32_t>(mac16_pointer_step(in.op));
  const std::uint32_t site = add_site();
  const Label slow = as_.newLabel(), done = as_.newLabel();
  cold([=, this] {
    as_.bind(slow);
    emit_slow_call(site);
    as_.jmp(done);
  });
  load_into(x86::ecx, in.s);
  as_.add(x86::ecx, step);
  test_aligned(in.s, x86::ecx, site);
  access(slow, site, [&] { as_.mov(x86::edx, x86::dword_ptr(x86::r13, x86::rcx, 0, 0)); });
  if (in.op != Op::LDINC && in.op != Op::LDDEC) mac16_multiply(in);
  emit_op(Inst::kIdAdd, operand(in.s), Imm(step));
  put(kFirstMr + static_cast<unsigned>(in.imm), x86::edx);
  as_.bind(done);
  return true;
}

}  // namespace espalier::xtensa::jit::x64
