// The window steps that translated code does by itself: of frames of eight registers, which compilers make,
// on a stack that is plain memory and aligned as the calling convention has it. Each looks at all that
// window_steps.cpp looks at, and leaves what is otherwise to it, with nothing changed but for a first store
// that it makes again.
#include <bit>

#include "xtensa/jit/window_handlers.h"
#include "xtensa/jit/x64/emitter.h"

namespace espalier::xtensa::jit::x64 {

using namespace asmjit;

namespace {

constexpr unsigned kPageBits = 12;
constexpr unsigned kWindowsOfFrame = 2;

// Free for these thunks: registers of the guest are in memory. rcx and edx are to be kept.
constexpr x86::Gp kPresent = x86::esi, kFrame = x86::edi;  // numbers of windows
// How far the frame's registers are from rbp, and its links from the first place's.
constexpr x86::Gp kOwn = x86::r9, kSecond = x86::r10;
constexpr x86::Gp kSave = x86::r11, kRest = x86::r8, kLink = x86::r15;  // guest addresses
constexpr x86::Gp kAttributes = x86::r12;

class WindowStep {
 public:
  WindowStep(x86::Assembler& as, Layout layout, const Translator& translator, Label otherwise)
      : as_(as), layout_(layout), translator_(translator), otherwise_(otherwise) {}

  void emit_spill() {
    const int cost = static_cast<int>(kWindowHandlerSteps[kWindowsOfFrame - 1]);
    look_around(overflow_handler(kWindowsOfFrame), cost);
    const Label found = as_.newLabel();
    for (int above = 1; above <= 3; ++above) {
      as_.lea(kFrame, x86::ptr(kPresent.r64(), above));
      if (above == 3) break;
      as_.cmp(started_beside(above), 0);
      as_.jne(found);
    }
    as_.bind(found);
    as_.and_(kFrame, kWindows - 1);
    window_behind(1, kSecond);
    as_.cmp(started(kSecond), 0);
    as_.jne(otherwise_);
    window_behind(2, kRest);
    as_.cmp(started(kRest), 0);
    as_.je(otherwise_);

    as_.mov(kSave.r32(), registers_at(kRest, 4));
    as_.sub(kSave.r32(), kPane);
    check_plain(kSave, kPageStore32);
    place_of(kFrame, kOwn);
    as_.mov(kLink.r32(), registers_at(kOwn, 4));
    as_.sub(kLink.r32(), kPane);
    check_plain(kLink, kPageLoad32);
    // In the handler's order, as the words may be the same.
    as_.mov(x86::eax, registers_at(kOwn));
    as_.mov(guest(kSave), x86::eax);
    as_.mov(kLink.r32(), guest(kLink, 4));
    as_.lea(kRest.r32(), x86::ptr(kLink, -kPane * static_cast<int>(kWindowsOfFrame)));
    check_plain(kRest, kPageStore32);
    as_.movups(x86::xmm0, registers_at(kOwn, 0, kPane));
    as_.movups(x86::xmm1, registers_at(kSecond, 0, kPane));
    as_.movups(guest(kSave, 0, kPane), x86::xmm0);
    as_.movups(guest(kRest, 0, kPane), x86::xmm1);
    as_.mov(registers_at(kOwn), kLink.r32());
    finish(cost, 0);
  }

  void emit_reload() {
    // The RETW comes again and is paid for.
    const int cost = static_cast<int>(kWindowHandlerSteps[kWindowsOfFrame - 1]) + 1;
    as_.mov(x86::eax, x86::dword_ptr(x86::rbx));
    as_.shr(x86::eax, 30);
    as_.cmp(x86::eax, kWindowsOfFrame);
    as_.jne(otherwise_);
    for (int n = 1; n <= 3; ++n) as_.emit(n == 1 ? Inst::kIdMov : Inst::kIdOr, x86::eax, started_beside(-n));
    as_.jnz(otherwise_);
    look_around(underflow_handler(kWindowsOfFrame), cost);
    as_.lea(kFrame, x86::ptr(kPresent.r64(), -static_cast<int>(kWindowsOfFrame)));
    as_.and_(kFrame, kWindows - 1);

    as_.mov(kSave.r32(), x86::dword_ptr(x86::rbx, 4));
    as_.sub(kSave.r32(), kPane);
    check_plain(kSave, kPageLoad32);
    as_.mov(kLink.r32(), guest(kSave, 4));
    as_.sub(kLink.r32(), kPane);
    check_plain(kLink, kPageLoad32);
    as_.mov(kRest.r32(), guest(kLink, 4));
    as_.sub(kRest.r32(), kPane * kWindowsOfFrame);
    check_plain(kRest, kPageLoad32);
    place_of(kFrame, kOwn);
    window_behind(1, kSecond);
    as_.movups(x86::xmm0, guest(kSave, 0, kPane));
    as_.movups(x86::xmm1, guest(kRest, 0, kPane));
    as_.movups(registers_at(kOwn, 0, kPane), x86::xmm0);
    as_.movups(registers_at(kSecond, 0, kPane), x86::xmm1);
    finish(cost, 1);
  }

 private:
  // Whether nothing but the usual handler would come now, and all of it: as Translator::takes_window_step(),
  // but for interrupts, which may wait masked, as where contexts are saved. One that is let through has been
  // seen to where that has become so. Leaves what check_plain() and place_of() need.
  void look_around(unsigned handler, int cost) {
    as_.cmp(x86::r14, cost);
    as_.jl(otherwise_);
    as_.test(jit(offsetof(JitRegisters, handlers.usual)), 1u << handler);
    as_.jz(otherwise_);
    as_.mov(x86::eax, state(offsetof(State, vecbase)));
    as_.cmp(x86::eax, jit(offsetof(JitRegisters, handlers.vecbase)));
    as_.jne(otherwise_);
    as_.cmp(x86::dword_ptr(x86::rbp, layout_.attention), 0);
    as_.jne(otherwise_);
    as_.mov(kPresent, x86::ebx);
    as_.sub(kPresent, x86::ebp);
    as_.shr(kPresent, std::countr_zero(unsigned{kPane}));
    as_.and_(kPresent, kWindows - 1);
    as_.mov(kAttributes, jit(offsetof(JitRegisters, attributes), 8));
  }

  // Sixteen bytes at `address`, aligned so that they are on one page.
  void check_plain(x86::Gp address, std::uint8_t needed) {
    as_.test(address.r32(), kPane - 1);
    as_.jnz(otherwise_);
    as_.mov(x86::eax, address.r32());
    as_.shr(x86::eax, kPageBits);
    as_.test(x86::byte_ptr(kAttributes, x86::rax), needed);
    as_.jz(otherwise_);
  }

  // As kOwn, of the window `n` behind the frame's.
  void window_behind(int n, x86::Gp to) {
    as_.lea(x86::eax, x86::ptr(kFrame.r64(), n));
    as_.and_(x86::eax, kWindows - 1);
    place_of(x86::eax, to);
  }

  // The same of window `number`: kPane times place_of_window().
  void place_of(x86::Gp number, x86::Gp to) {
    as_.lea(to.r32(), x86::ptr(number.r64(), kWindows));
    as_.cmp(number, state(offsetof(State, row)));
    as_.cmovae(to.r32(), number);
    as_.shl(to.r32(), std::countr_zero(unsigned{kPane}));
  }

  // As JitRegisters::set_started(), and what else the handler leaves.
  void finish(int cost, std::uint32_t value) {
    const Label alone = as_.newLabel();
    as_.mov(started(kOwn), value);
    as_.mov(x86::eax, state(offsetof(State, row)));
    as_.add(x86::eax, kLastWhole);
    as_.shl(x86::eax, std::countr_zero(unsigned{kPane}));
    as_.cmp(kOwn.r32(), x86::eax);
    as_.jbe(alone);
    as_.mov(started(kOwn, -static_cast<int>(kWindows)), value);
    as_.bind(alone);

    as_.sub(x86::r14, cost);
    as_.mov(state(offsetof(State, epc) + sizeof(State::epc[0])), x86::edx);
    // OWB is all that PS's second byte holds; a call has just written the third one by itself.
    static_assert(kPsOwb == 0xf00 && (kPsWritable & 0xff00f000) == 0);
    const auto ps = static_cast<std::int32_t>(offsetof(State, ps));
    as_.movzx(x86::eax, x86::byte_ptr(x86::rbp, ps));
    as_.movzx(kRest.r32(), x86::byte_ptr(x86::rbp, ps + 2));
    as_.shl(kPresent, kPsOwbShift);
    as_.shl(kRest.r32(), 16);
    as_.or_(x86::eax, kPresent);
    as_.or_(x86::eax, kRest.r32());
    as_.mov(x86::dword_ptr(x86::rbp, ps), x86::eax);
    as_.mov(x86::rax, reinterpret_cast<std::uint64_t>(&translator_.stats().window_steps));
    as_.inc(x86::qword_ptr(x86::rax));
    as_.jmp(x86::rcx);
  }

  x86::Mem state(std::size_t offset) const {
    return x86::dword_ptr(x86::rbp, static_cast<std::int32_t>(offset));
  }
  x86::Mem jit(std::size_t offset, unsigned size = 4) const {
    return x86::Mem(x86::rbp, layout_.jit + static_cast<std::int32_t>(offset), size);
  }
  static x86::Mem guest(x86::Gp address, int offset = 0, unsigned size = 4) {
    return x86::Mem(x86::r13, address, 0, offset, size);
  }
  // Of the window whose distance `at` is.
  static x86::Mem registers_at(x86::Gp at, int offset = 0, unsigned size = 4) {
    return x86::Mem(x86::rbp, at, 0, offset, size);
  }
  // Its start, or that of the place `windows` behind it.
  x86::Mem started(x86::Gp at, int windows = 0) const {
    const int index = static_cast<int>(JitRegisters::kBefore) + windows;
    return x86::Mem(x86::rbp, at, 0,
                    layout_.jit +
                        static_cast<int>(offsetof(JitRegisters, links) + offsetof(ReturnLink, started)) +
                        index * static_cast<int>(sizeof(ReturnLink)),
                    4);
  }
  // The same for the window `n` above the present one, at most 3.
  x86::Mem started_beside(int n) const {
    x86::Mem at = started(x86::rax, n);
    at.setBase(x86::rbx);
    at.resetIndex();
    return at;
  }

  x86::Assembler& as_;
  Layout layout_;
  const Translator& translator_;
  Label otherwise_;
};

}  // namespace

void emit_spill_step(x86::Assembler& as, Layout layout, const Translator& translator, Label otherwise) {
  WindowStep(as, layout, translator, otherwise).emit_spill();
}

void emit_reload_step(x86::Assembler& as, Layout layout, const Translator& translator, Label otherwise) {
  WindowStep(as, layout, translator, otherwise).emit_reload();
}

}  // namespace espalier::xtensa::jit::x64
