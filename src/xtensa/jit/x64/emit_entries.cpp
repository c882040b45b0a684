// Where control enters a region: at its begin, behind calls, at the heads of loops. Registers are in memory
// there.
#include "xtensa/jit/x64/emitter.h"

namespace espalier::xtensa::jit::x64 {

using namespace asmjit;

// Whether the block that is emitted before it goes on there.
bool Emitter::falls_into(std::size_t index) const {
  if (index == 0) return false;
  const Block& before = region_.blocks[index - 1];
  switch (before.end) {
    case End::kFall:
    case End::kBranch:
    case End::kLoop:
    case End::kLoopEnd:
    case End::kLeafReturn:
      return before.next.block == static_cast<int>(index);
    case End::kJump:
      return before.taken.block == static_cast<int>(index);
    default:
      return false;
  }
}

// An entry stands before its block where nothing else does.
bool Emitter::has_early_entry(std::size_t index) const {
  return region_.blocks[index].entry && !falls_into(index) && !(index == 0 && region_.opens_window);
}

void Emitter::emit_late_entries() {
  for (std::size_t i = 0; i < region_.blocks.size(); ++i) {
    if (!region_.blocks[i].entry || has_early_entry(i)) continue;
    emit_entry(i);
    as_.jmp(labels_[i]);
  }
}

// Where an entry leads when its code is gone.
Label Emitter::dead_entry(std::uint32_t pc, unsigned increment) {
  const Label label = as_.newLabel();
  cold([=, this] {
    as_.bind(label);
    if (increment != 0) take_link(increment);
    as_.mov(word(offsetof(State, pc)), pc);
    as_.jmp(reinterpret_cast<std::uint64_t>(thunks_.exit_continue));
  });
  return label;
}

void Emitter::emit_region_entry() {
  region_entry_ = as_.newLabel();
  entries_.push_back({region_.pc, region_entry_, dead_entry(region_.pc)});
  emit_entry_step();
  fill(region_.blocks[0].live_in);
}

// Registers are in memory.
void Emitter::emit_entry(std::size_t index) {
  const Block& block = region_.blocks[index];
  const unsigned panes = region_.mode.windows ? block.known.panes : 0;
  const Label entry = as_.newLabel(), in_use = as_.newLabel();
  entries_.push_back({block.pc, entry, dead_entry(block.pc)});
  const auto look = [=, this](unsigned known) {
    if (panes <= known) return;
    look_above(panes, known);
    as_.jnz(in_use);
  };
  if (landings_[index].isValid()) {
    // The windows up to the one that has been left are known to be free.
    const Label looked = as_.newLabel();
    emit_landing(index);
    look(landing_values_[index] >> 30);
    as_.bind(looked);
    fill(block.live_in);
    cold([=, this] {
      as_.bind(entry);
      look(0);
      as_.long_().jmp(looked);
    });
  } else {
    as_.bind(entry);
    const std::size_t begin = as_.offset();
    look(0);
    fill(block.live_in);
    // A jump to `dead` may be put here, while the block still runs.
    constexpr std::size_t kJump = 5;
    while (as_.offset() - begin < kJump) as_.nop();
  }
  if (panes == 0) return;
  cold([this, in_use, pc = block.pc] {
    as_.bind(in_use);
    as_.mov(word(offsetof(State, pc)), pc);
    as_.jmp(reinterpret_cast<std::uint64_t>(thunks_.exit_interpret));
  });
}

// A call comes back here with the callee's window still open.
void Emitter::emit_landing(std::size_t index) {
  const unsigned n = landing_values_[index] >> 30;
  const auto down = static_cast<int>(n);
  const Label unusual = as_.newLabel(), rotated = as_.newLabel();
  as_.bind(landings_[index]);
  // The nearest window below has to be n away, else it is an underflow or an illegal instruction.
  const auto look_below = [this, down] {
    as_.mov(x86::eax, link(-down, offsetof(ReturnLink, started)));
    as_.xor_(x86::eax, 1);
    for (int nearer = 1; nearer < down; ++nearer)
      as_.or_(x86::eax, link(-nearer, offsetof(ReturnLink, started)));
  };
  look_below();
  as_.or_(x86::al, edge(offsetof(WindowEdges, down) + n));
  as_.jnz(unusual);
  as_.mov(link(0, offsetof(ReturnLink, started)), 0);
  as_.sub(x86::rbx, 16 * n);
  as_.bind(rotated);
  cold([=, this] {
    const Label nothing_below = as_.newLabel();
    as_.bind(unusual);
    look_below();
    as_.jnz(nothing_below);
    as_.mov(link(0, offsetof(ReturnLink, started)), 0);
    emit_rotate(-down);
    as_.jmp(rotated);
    as_.bind(nothing_below);
    as_.lea(x86::rcx, x86::ptr(landings_[index]));
    as_.jmp(reinterpret_cast<std::uint64_t>(thunks_.reload_window));
  });
}

// ENTRY, at the region's begin: everything is in memory still. The increment is the one that the region was
// made for; with another one the interpreter has to do it. It is paid for together with the block behind it.
void Emitter::emit_entry_step() {
  const Instruction& in = region_.entry_step.in;
  const std::uint32_t pc = region_.pc;
  const std::uint32_t n = (translator_.core().state().ps & kPsCallinc) >> kPsCallincShift;
  const unsigned rest = region_.blocks[0].count;
  const Label overflows = as_.newLabel(), opens = as_.newLabel();
  const Label unpaid = cold_exit(pc, rest + 1, 0, thunks_.exit_budget);
  const Label interpret = cold_exit(pc, rest + 1, 0, thunks_.exit_interpret);
  const auto pay = [=, this] {
    as_.sub(x86::r14, rest + 1);
    as_.jl(unpaid);
  };
  const auto enter_from_anywhere = [=, this] {
    as_.bind(region_entry_);
    pay();
    // Byte 2 of PS: WOE and CALLINC.
    as_.cmp(x86::byte_ptr(x86::rbp, static_cast<std::int32_t>(offsetof(State, ps) + 2)), 4u | n);
    as_.jne(interpret);
    if (n == 0) return;
    look_above(n);
    as_.jnz(overflows);
  };
  if (n != 0 && region_.mode.windows && region_.mode.loops) {
    // A call with that increment has looked for windows and written PS.
    const Label called = as_.newLabel();
    as_.bind(called);
    entries_.push_back({pc, called, dead_entry(pc, n), n});
    take_link(n);
    pay();
    cold([=, this] {
      enter_from_anywhere();
      as_.jmp(opens);
    });
  } else {
    enter_from_anywhere();
  }
  if (n != 0) {
    const Label unusual = as_.newLabel(), rotated = as_.newLabel();
    as_.bind(opens);
    as_.cmp(edge(offsetof(WindowEdges, up) + n), 0);
    as_.jne(unusual);
    as_.mov(x86::ecx, x86::dword_ptr(x86::rbx, 4 * in.s));
    as_.add(x86::rbx, 16 * n);
    as_.bind(rotated);
    as_.sub(x86::ecx, in.imm);
    as_.mov(x86::dword_ptr(x86::rbx, 4 * in.s), x86::ecx);
    cold([=, this] {
      as_.bind(unusual);
      as_.mov(x86::ecx, x86::dword_ptr(x86::rbx, 4 * in.s));
      emit_rotate(static_cast<int>(n));
      as_.jmp(rotated);
      as_.bind(overflows);
      if (rest != 0) as_.add(x86::r14, rest);
      emit_spill_window(pc, region_entry_);
    });
  } else {
    as_.sub(x86::dword_ptr(x86::rbx, 4 * in.s), in.imm);
  }
  as_.mov(link(0, offsetof(ReturnLink, started)), 1);
  emit_tally(pc);
}

}  // namespace espalier::xtensa::jit::x64
