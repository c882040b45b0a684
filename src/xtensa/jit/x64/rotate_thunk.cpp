// Where the present window moves to one whose registers wrap, from one, or round the end of the 64: as
// Core::rotate_to() does it, with what translated code keeps for each window.
#include <bit>

#include "xtensa/jit/x64/emitter.h"

namespace espalier::xtensa::jit::x64 {

using namespace asmjit;

namespace {

constexpr unsigned kPane = 16;                 // bytes of the four registers by which windows move
constexpr unsigned kLastWhole = kWindows - 4;  // windows above it wrap
static_assert(offsetof(State, ar) == 0 && sizeof(ReturnLink) == kPane);

// One register at a time, as they were written: a wider load would have to wait for those stores.
void copy_pane(x86::Assembler& as, unsigned from, unsigned to) {
  constexpr x86::Gp kScratch[] = {x86::r8d, x86::r9d, x86::r10d, x86::r11d};
  for (unsigned n = 0; n < 4; ++n)
    as.mov(kScratch[n], x86::dword_ptr(x86::rbp, static_cast<std::int32_t>(kPane * from + 4 * n)));
  for (unsigned n = 0; n < 4; ++n)
    as.mov(x86::dword_ptr(x86::rbp, static_cast<std::int32_t>(kPane * to + 4 * n)), kScratch[n]);
}

}  // namespace

void emit_rotate_thunk(x86::Assembler& as, Layout layout) {
  const auto link = [&](std::size_t index, std::size_t offset) {
    return x86::dword_ptr(x86::rbp,
                          layout.jit + static_cast<std::int32_t>(offsetof(JitRegisters, links) +
                                                                 sizeof(ReturnLink) * index + offset));
  };
  const auto copy_started = [&](unsigned from, unsigned to) {
    for (unsigned n = 0; n < JitRegisters::kBeyond; ++n) {
      as.mov(x86::r8d, link(from + n, offsetof(ReturnLink, started)));
      as.mov(link(to + n, offsetof(ReturnLink, started)), x86::r8d);
    }
  };
  constexpr unsigned kBeyond = JitRegisters::kBeyond;
  const x86::Gp before = x86::eax, raw = x86::edx, after = x86::edi;
  as.mov(before, x86::ebx);
  as.sub(before, x86::ebp);
  as.shr(before, std::countr_zero(kPane));
  as.lea(raw, x86::ptr(x86::rax, x86::rsi));
  as.mov(after, raw);
  as.and_(after, kWindows - 1);

  // Registers that have wrapped are in their second place, and those windows' starts as well.
  const Label whole_before = as.newLabel(), back = as.newLabel();
  as.cmp(before, kLastWhole);
  as.jbe(whole_before);
  for (unsigned n = 0; n < 3; ++n) {
    copy_pane(as, kWindows + n, n);
    if (n == 2) break;
    as.cmp(before, kLastWhole + n + 1);
    as.je(back);
  }
  as.bind(back);
  copy_started(kWindows, 0);
  as.bind(whole_before);

  const Label whole_after = as.newLabel(), there = as.newLabel();
  as.cmp(after, kLastWhole);
  as.jbe(whole_after);
  for (unsigned n = 0; n < 3; ++n) {
    copy_pane(as, n, kWindows + n);
    if (n == 2) break;
    as.cmp(after, kLastWhole + n + 1);
    as.je(there);
  }
  as.bind(there);
  copy_started(kBeyond, kBeyond + kWindows);
  as.bind(whole_after);

  // The link was kept where the window seemed to be.
  const Label no_link = as.newLabel();
  as.lea(x86::r8d, x86::ptr(raw, -static_cast<std::int32_t>(kWindows)));
  as.cmp(x86::r8d, kBeyond);
  as.jae(no_link);
  as.shl(x86::r8d, std::countr_zero(sizeof(ReturnLink)));
  as.add(x86::r8, x86::rbp);
  const auto of = [&](unsigned index, std::size_t offset, unsigned size) {
    x86::Mem at = link(index, offset);
    at.setBase(x86::r8);
    at.setSize(size);
    return at;
  };
  as.mov(x86::r9d, of(kBeyond + kWindows, offsetof(ReturnLink, a0), 4));
  as.mov(of(kBeyond, offsetof(ReturnLink, a0), 4), x86::r9d);
  as.mov(x86::r9, of(kBeyond + kWindows, offsetof(ReturnLink, host), 8));
  as.mov(of(kBeyond, offsetof(ReturnLink, host), 8), x86::r9);
  as.bind(no_link);

  as.shl(x86::rdi, std::countr_zero(kPane));
  as.lea(x86::rbx, x86::ptr(x86::rbp, x86::rdi));
  as.ret();
}

}  // namespace espalier::xtensa::jit::x64
