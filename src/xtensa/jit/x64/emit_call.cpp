// Calls, and returns from them.
//
// A call that comes back by RETW is a `call` of the host, and RETW a `ret`: so the host foresees where it
// leads. Only what it foresees depends on that. Who is called takes the return address off the stack at once
// and keeps it in the ReturnLink of the window that it opens; RETW puts it there again. So the stack is as it
// was between any two instructions of the guest, whatever that does.
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

// Where RETW will come back to, if all goes as usual. Code that is decoded from two beginnings may call twice
// from before the same instruction: the first one it is.
void Emitter::find_landings() {
  if (!region_.mode.windows || !region_.mode.loops) return;
  for (const Block& block : region_.blocks) {
    if ((block.end != End::kCall && block.end != End::kCallX) || block.next.block == Target::kOutside)
      continue;
    const auto to = static_cast<std::size_t>(block.next.block);
    if (increment_of(block) == 0 || block.end_pc >> 30 != 1 || landings_[to].isValid()) continue;
    landings_[to] = as_.newLabel();
    landing_values_[to] = link_of(block);
  }
}

// Of the call at the end of `block`.
unsigned Emitter::increment_of(const Block& block) const {
  return call_increment(region_.steps[block.first + block.count - 1].in.op);
}

// What that call leaves in a0 of the window that it may open.
std::uint32_t Emitter::link_of(const Block& block) const {
  return link_value(block.end_pc, increment_of(block));
}

// Whether RETW may find its way back from that call.
bool Emitter::comes_back(const Block& block) const {
  if (block.next.block == Target::kOutside) return false;
  const auto to = static_cast<std::size_t>(block.next.block);
  return landings_[to].isValid() && landing_values_[to] == link_of(block);
}

// To what is known; everything is in memory. `follows`: where the call comes back to is emitted next.
void Emitter::emit_linked_call(const Block& block, std::uint32_t target, bool follows) {
  const unsigned n = increment_of(block);
  const Label site = as_.newLabel(), stub = as_.newLabel();
  emit_callinc(n);
  as_.mov(x86::eax, link_of(block));
  as_.bind(site);
  as_.call(stub);
  const Label landing = landings_[static_cast<std::size_t>(block.next.block)];
  if (!follows) as_.jmp(landing);
  if (!translator_.is_native(target)) {
    cold([=, this] {
      as_.bind(stub);
      take_link(n);
      leave_by_call(target, site, n);
    });
    return;
  }
  const Label unpaid = cold_exit(target, 1, 0, thunks_.exit_budget);
  cold([=, this] {
    as_.bind(stub);
    take_link(n);
    leave_to_alias(target, unpaid);
  });
}

// To the guest's function that `target` is another address of. The way through that costs an instruction.
void Emitter::leave_to_alias(std::uint32_t target, Label unpaid) {
  as_.sub(x86::r14, 1);
  as_.jl(unpaid);
  leave_to(translator_.core().environment().native_alias(target), 0);
}

// To the address in ecx.
void Emitter::emit_linked_call(const Block& block, bool follows) {
  const std::uint32_t a0 = link_of(block);
  const unsigned n = increment_of(block);
  const Label unknown = as_.newLabel();
  emit_callinc(n);
  find_way(x86::rdx, offsetof(JitRegisters, calls));
  as_.jne(unknown);
  as_.cmp(x86::dword_ptr(x86::rdx, offsetof(JumpEntry, increment)), n);
  as_.jne(unknown);
  as_.mov(x86::eax, a0);
  as_.call(x86::qword_ptr(x86::rdx, offsetof(JumpEntry, host)));
  const Label landing = landings_[static_cast<std::size_t>(block.next.block)];
  if (!follows) as_.jmp(landing);
  cold([=, this] {
    const Label stub = as_.newLabel();
    as_.bind(unknown);
    as_.mov(x86::eax, a0);
    as_.call(stub);
    as_.jmp(landing);
    as_.bind(stub);
    take_link(n);
    emit_indirect_jump();
  });
}

// What is called begins with this: a0 of the window `n` above is in eax, where to come back to on the stack.
void Emitter::take_link(unsigned n) {
  as_.pop(link(static_cast<int>(n), offsetof(ReturnLink, host), 8));
  as_.mov(link(static_cast<int>(n), offsetof(ReturnLink, a0)), x86::eax);
  as_.mov(x86::dword_ptr(x86::rbx, static_cast<std::int32_t>(16 * n)), x86::eax);
}

// The jump behind take_link(). Once there is a translation for `target`, the call at `site` leads into it, if
// it begins with an ENTRY for such calls, else this jump.
void Emitter::leave_by_call(std::uint32_t target, Label site, unsigned n) {
  const Label link = as_.newLabel(), stub = as_.newLabel();
  as_.bind(link);
  as_.long_().jmp(stub);
  as_.bind(stub);
  as_.mov(word(offsetof(State, pc)), target);
  as_.lea(x86::rax, x86::ptr(link));
  as_.lea(x86::rcx, x86::ptr(site));
  as_.mov(x86::edx, n);
  as_.jmp(reinterpret_cast<std::uint64_t>(thunks_.exit_call));
}

// What a call leaves that comes back by itself or is looked up: a0 of the window that it may open, CALLINC.
void Emitter::emit_link(const Block& block) {
  const unsigned n = increment_of(block);
  as_.mov(x86::dword_ptr(x86::rbx, static_cast<std::int32_t>(16 * n)), link_of(block));
  if (n != 0) emit_callinc(n);
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
  const bool native = known && translator_.is_native(*known);
  const bool by_itself = native && translator_.core().environment().native_alias(*known) == 0;
  const bool follows = block.next.block == static_cast<int>(index) + 1;
  if (!comes_back(block) || by_itself) {
    emit_link(block);
    if (native) {
      emit_native_call(block, *known);
    } else if (known) {
      leave_to(*known, 0);
    } else {
      emit_indirect_jump();
    }
  } else if (known) {
    emit_linked_call(block, *known, follows);
  } else {
    emit_linked_call(block, follows);
  }
}

// Everything is in memory.
void Emitter::emit_native_call(const Block& block, std::uint32_t target) {
  if (translator_.core().environment().native_alias(target) != 0) {
    leave_to_alias(target, cold_exit(target, 1, 0, thunks_.exit_budget));
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
    if (comes_back(block)) {
      emit_linked_call(block, target, false);
    } else {
      emit_link(block);
      leave_to(target, 0);
    }
  });
  emit_callinc(n);
  put_constant(4 * n, link_of(block));
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
  as_.push(link(0, offsetof(ReturnLink, host), 8));
  as_.ret();
}

}  // namespace espalier::xtensa::jit::x64
