// Where translated code goes on in another mode, by another context's return or behind what masked
// interrupts: firmware's interrupts and yields come by here ten times each. What C++ would look at first is
// looked at here, and the translation looked for where Translator::find() has found it before.
#include <bit>

#include "xtensa/jit/x64/emitter.h"

namespace espalier::xtensa::jit::x64 {

using namespace asmjit;

namespace {

x86::Mem state(std::size_t offset) {
  return x86::dword_ptr(x86::rbp, static_cast<std::int32_t>(offset));
}

x86::Mem ps_byte(std::size_t n) {
  return x86::byte_ptr(x86::rbp, static_cast<std::int32_t>(offsetof(State, ps) + n));
}

// Of the interrupts in eax.
void look_for(x86::Assembler& as) {
  as.or_(x86::eax, kNmiLine);
  as.test(state(offsetof(State, interrupt)), x86::eax);
}

}  // namespace

void emit_look_for_pending(x86::Assembler& as) {
  as.mov(x86::eax, state(offsetof(State, intenable)));
  look_for(as);
}

void emit_look_for_let_through(x86::Assembler& as) {
  const Label level = as.newLabel();
  as.movzx(x86::ecx, ps_byte(0));
  as.mov(x86::eax, x86::ecx);
  as.and_(x86::ecx, kPsIntlevel);
  as.test(x86::al, kPsExcm);
  as.jz(level);
  as.cmp(x86::ecx, kExcmLevel);
  as.jae(level);
  as.mov(x86::ecx, kExcmLevel);
  as.bind(level);
  as.mov(x86::rax, reinterpret_cast<std::uint64_t>(kInterruptsAbove.data()));
  as.mov(x86::eax, x86::dword_ptr(x86::rax, x86::rcx, 2));
  as.and_(x86::eax, state(offsetof(State, intenable)));
  look_for(as);
}

void emit_go_on(x86::Assembler& as, Layout layout, Label otherwise) {
  as.cmp(x86::dword_ptr(x86::rbp, layout.attention), 0);
  as.jne(otherwise);
  const Label none = as.newLabel();
  emit_look_for_pending(as);
  as.jz(none);
  emit_look_for_let_through(as);
  as.jnz(otherwise);
  as.bind(none);

  // edx = Mode::index(). A call may have just written PS's third byte by itself.
  static_assert(kPsExcm < 1 << 8 && std::countr_zero(kPsWoe) == 16 + 2);
  as.movzx(x86::edx, ps_byte(2));
  as.shr(x86::edx, 2);
  as.and_(x86::edx, Mode{.windows = true, .loops = false}.index());
  as.or_(x86::edx, Mode{.windows = false, .loops = true}.index());
  as.xor_(x86::ecx, x86::ecx);
  as.test(ps_byte(0), kPsExcm);
  as.cmovnz(x86::edx, x86::ecx);

  as.mov(x86::eax, state(offsetof(State, pc)));
  as.shl(x86::rdx, 32);
  as.or_(x86::rdx, x86::rax);
  as.mov(x86::rcx, kFoundHash);
  as.imul(x86::rcx, x86::rdx);
  as.shr(x86::rcx, 64 - kFoundBits);
  as.shl(x86::ecx, std::countr_zero(sizeof(FoundEntry)));
  as.add(x86::rcx, x86::Mem(x86::rbp, layout.jit + static_cast<int>(offsetof(JitRegisters, found)), 8));
  as.bts(x86::rdx, std::countr_zero(kFoundMark));
  as.cmp(x86::rdx, x86::qword_ptr(x86::rcx, offsetof(FoundEntry, tag)));
  as.jne(otherwise);
  as.mov(x86::rcx, x86::qword_ptr(x86::rcx, offsetof(FoundEntry, host)));
  as.test(x86::rcx, x86::rcx);
  as.jz(otherwise);
  as.jmp(x86::rcx);
}

}  // namespace espalier::xtensa::jit::x64
