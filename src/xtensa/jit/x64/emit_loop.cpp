// Zero-overhead loops: LOOP, LOOPNEZ and LOOPGTZ, and what happens at LEND.
#include "xtensa/jit/x64/emitter.h"

namespace espalier::xtensa::jit::x64 {

using namespace asmjit;

void Emitter::emit_loop(const Block& block, std::size_t index) {
  const Instruction& in = current_->in;
  load_into(x86::eax, in.s);
  const Gp count = result(kLcount, x86::ecx);
  as_.lea(count, x86::ptr(x86::rax, -1));
  put(kLcount, count);
  dirty_ |= bit(kLcount);
  as_.mov(word(offsetof(State, lbeg)), block.next.pc);
  as_.mov(word(offsetof(State, lend)), static_cast<std::uint32_t>(in.imm));
  if (in.op != Op::LOOP) {
    as_.test(x86::eax, x86::eax);
    const Label skip = as_.newLabel();
    if (in.op == Op::LOOPNEZ) {
      as_.jz(skip);
    } else {
      as_.jle(skip);
    }
    cold([this, skip, target = block.taken, dirty = dirty_] {
      as_.bind(skip);
      if (target.block == Target::kOutside) {
        leave_to(target.pc, dirty);
      } else {
        as_.jmp(labels_[static_cast<std::size_t>(target.block)]);
      }
    });
  }
  go_to(block.next, dirty_, index + 1);
}

void Emitter::leave_to_lbeg(RegisterSet dirty) {
  spill(dirty);
  as_.mov(x86::ecx, word(offsetof(State, lbeg)));
  as_.mov(word(offsetof(State, pc)), x86::ecx);
  as_.jmp(reinterpret_cast<std::uint64_t>(thunks_.go_on));
}

// LEND may be here: a loop that is not over goes back.
void Emitter::emit_loop_end(const Block& block, std::size_t index) {
  const Label onward = as_.newLabel();
  as_.cmp(word(offsetof(State, lend)), block.pc);
  as_.jne(onward);
  if (allocated(kLcount)) {
    as_.test(host(kLcount), host(kLcount));
    as_.jz(onward);
    as_.dec(host(kLcount));
  } else {
    as_.cmp(home(kLcount), 0);
    as_.je(onward);
    as_.dec(home(kLcount));
  }
  dirty_ |= bit(kLcount);
  // Where LBEG is not what the region has seen, the translator finds the way.
  const Label elsewhere = as_.newLabel();
  cold([this, elsewhere, dirty = dirty_] {
    as_.bind(elsewhere);
    leave_to_lbeg(dirty);
  });
  if (block.taken.block == Target::kOutside) {
    as_.jmp(elsewhere);
  } else {
    as_.cmp(word(offsetof(State, lbeg)), block.taken.pc);
    as_.jne(elsewhere);
    as_.jmp(labels_[static_cast<std::size_t>(block.taken.block)]);
  }
  as_.bind(onward);
  go_to(block.next, dirty_, index + 1);
}

}  // namespace espalier::xtensa::jit::x64
