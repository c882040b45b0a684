// MAC16. The accumulator is one register of 64 bits, of which 40 count: sums need no care for the others. It
// and M0 to M3 are registers like others, in host registers where they are used most.
#include "xtensa/jit/x64/emitter.h"
#include "xtensa/mac16.h"

namespace espalier::xtensa::jit::x64 {

using namespace asmjit;

static_assert(offsetof(State, acchi) == offsetof(State, acclo) + 4);

void Emitter::store_acc(Gp value) {
  as_.mov(acc(), value);
  as_.and_(word(offsetof(State, acchi)), 0xff);
}

// Sr::ACCLO or ACCHI.
void Emitter::read_acc(Gp to, Sr half) {
  if (half == Sr::ACCLO) {
    load_into(to, kAcc);
  } else if (allocated(kAcc)) {
    as_.mov(to.r64(), host(kAcc).r64());
    as_.shr(to.r64(), 32);
    as_.movsx(to, to.r8());
  } else {
    as_.movsx(to, x86::byte_ptr(x86::rbp, offsetof(State, acchi)));
  }
}

// Changes `value`.
void Emitter::write_acc(Sr half, Gp value) {
  if (!allocated(kAcc)) {
    if (half == Sr::ACCHI) as_.and_(value, 0xff);
    as_.mov(word(half == Sr::ACCLO ? offsetof(State, acclo) : offsetof(State, acchi)), value);
    return;
  }
  const Gp whole = host(kAcc).r64();
  if (half == Sr::ACCLO) {
    as_.shr(whole, 32);
    as_.shl(whole, 32);
    as_.mov(value, value);  // its upper half is 0
  } else {
    as_.mov(whole.r32(), whole.r32());
    as_.shl(value.r64(), 32);
  }
  as_.or_(whole, value.r64());
}

// to = half of a register, extended to 64 bits.
void Emitter::load_half(Gp to, unsigned reg, bool high, bool is_signed) {
  if (!allocated(reg)) {
    Mem half = home(reg);
    half.addOffset(high ? 2 : 0);
    half.setSize(2);
    is_signed ? as_.movsx(to.r64(), half) : as_.movzx(to, half);
  } else if (high) {
    if (is_signed) {
      as_.movsxd(to.r64(), host(reg));
      as_.sar(to.r64(), 16);
    } else {
      as_.mov(to, host(reg));
      as_.shr(to, 16);
    }
  } else {
    is_signed ? as_.movsx(to.r64(), host(reg).r16()) : as_.movzx(to, host(reg).r16());
  }
}

// Uses rax and rcx.
void Emitter::mac16_multiply(const Instruction& in) {
  const Mac16Form form = mac16_form(in.op);
  const bool is_signed = form.kind != Mac16Form::kReplaceUnsigned;
  load_half(x86::eax, form.first_is_mr ? kFirstMr + in.r : in.s, form.first_high, is_signed);
  load_half(x86::ecx, form.second_is_mr ? kFirstMr + in.t : in.t, form.second_high, is_signed);
  as_.imul(x86::rax, x86::rcx);
  const bool replaces = form.kind == Mac16Form::kReplace || form.kind == Mac16Form::kReplaceUnsigned;
  const InstId id = replaces ? Inst::kIdMov : form.kind == Mac16Form::kSubtract ? Inst::kIdSub : Inst::kIdAdd;
  if (allocated(kAcc)) {
    emit_op(id, host(kAcc).r64(), x86::rax);
  } else {
    emit_op(id, acc(), x86::rax);
    as_.and_(word(offsetof(State, acchi)), 0xff);
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
  const Gp base = read(in.s, x86::ecx);
  test_aligned(in.s, base, site);
  access(slow, site, [&] { as_.mov(x86::edx, x86::dword_ptr(x86::r13, base.r64(), 0, step)); });
  if (in.op != Op::LDINC && in.op != Op::LDDEC) mac16_multiply(in);
  emit_op(Inst::kIdAdd, operand(in.s), Imm(step));
  put(kFirstMr + static_cast<unsigned>(in.imm), x86::edx);
  as_.bind(done);
  return true;
}

}  // namespace espalier::xtensa::jit::x64
