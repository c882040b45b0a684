// Loads and stores. An access is one host instruction at the guest's address in the core's reservation; where
// that faults (registers, protected memory, code that must not change unseen) the access is re-routed to the
// slow path, for good.
#include "xtensa/instruction_table.h"
#include "xtensa/jit/leaf.h"
#include "xtensa/jit/x64/emitter.h"

namespace espalier::xtensa::jit::x64 {

using namespace asmjit;

std::uint32_t Emitter::add_site() {
  const Instruction in = moved_up(current_->in, -4 * current_->window);
  sites_.push_back({current_->pc, dirty_, current_->use.writes, in,
                    static_cast<std::uint8_t>(block_->count - 1 - step_), current_->window,
                    access_shape(in)});
  return static_cast<std::uint32_t>(sites_.size() - 1);
}

void Emitter::emit_slow_call(std::uint32_t site) {
  as_.call(reinterpret_cast<std::uint64_t>(uses_fp_ ? thunks_.slow_fp : thunks_.slow));
  const Label back = as_.newLabel();
  as_.bind(back);
  returns_.push_back({back, site});
}

// The facts of later steps and blocks do not hold there.
Label Emitter::slow_and_leave(std::uint32_t site) {
  const Label label = as_.newLabel();
  const unsigned rest = block_->count - 1 - step_;
  const RegisterSet dirty = dirty_ | current_->use.writes;
  const auto slow_and = [&](auto go_on) {
    cold([=, this] {
      as_.bind(label);
      emit_slow_call(site);
      go_on();
    });
  };
  const int next = block_->next.block;
  if (rest != 0 || block_->end == End::kInterpret || next == Target::kOutside) {
    const void* const thunk =
        block_->end == End::kInterpret && rest == 0 ? thunks_.exit_interpret : thunks_.go_on;
    const Label out = cold_exit(current_->pc + current_->in.length, rest, dirty, thunk);
    slow_and([=, this] { as_.jmp(out); });
  } else {
    // Through the end of a loop, where one may be.
    const int original = block_of(next).version_of;
    const Target to{block_->next.pc, original != Target::kOutside ? original : next};
    slow_and([=, this] { go_to(to, dirty, region_.blocks.size()); });
  }
  return label;
}

void Emitter::test_aligned(unsigned reg, Gp address, std::uint32_t site) {
  if (known_.is_aligned(reg)) return;
  as_.test(address.r8(), 3);
  as_.jnz(slow_and_leave(site));
}

void Emitter::emit_access(const Instruction& in, bool load, unsigned size, bool is_signed) {
  const std::uint32_t site = add_site();
  Mem memory;
  if (const auto address = constant(in.s)) {
    const std::uint32_t where = *address + static_cast<std::uint32_t>(in.imm);
    if (!translator_.is_plain(where, size, load)) {
      emit_slow_call(site);
      return;
    }
    memory = x86::ptr(x86::r13, static_cast<std::int32_t>(where));
  } else {
    const Gp base = read(in.s, x86::ecx);
    if (size == 4) {
      // The LX6 does unaligned accesses on the data bus only; they are rare enough for the slow path.
      test_aligned(in.s, base, site);
    } else if (!known_.is_narrow(in.s)) {
      as_.cmp(base, KnownValues::kNarrowLimit);
      as_.jae(slow_and_leave(site));
    }
    memory = x86::ptr(x86::r13, base.r64(), 0, in.imm);
  }
  memory.setSize(size);
  if (load) {
    const Gp to = result(in.t, x86::eax);
    access({}, site, [&] {
      if (size == 4) {
        as_.mov(to, memory);
      } else {
        is_signed ? as_.movsx(to, memory) : as_.movzx(to, memory);
      }
    });
    put(in.t, to);
    return;
  }
  const Gp value = read(in.t, x86::eax);
  access({}, site, [&] {
    if (size == 4) {
      as_.mov(memory, value);
    } else if (size == 2) {
      as_.mov(memory, value.r16());
    } else {
      as_.mov(memory, value.r8());
    }
  });
}

// The word is in the core's own memory, aligned, and nothing faults: all else is the slow path's.
void Emitter::emit_conditional_store(const Instruction& in) {
  constexpr std::uint32_t kLocal = 0x3f400000, kLocalSize = 0x1800000;  // is_local_memory()
  const std::uint32_t site = add_site();
  const Label done = as_.newLabel(), slow = as_.newLabel(), differs = as_.newLabel();
  cold([=, this] {
    as_.bind(slow);
    emit_slow_call(site);
    as_.jmp(done);
  });
  load_into(x86::ecx, in.s);
  if (in.imm != 0) as_.add(x86::ecx, in.imm);
  as_.test(x86::ecx, 3);
  as_.jnz(slow);
  as_.lea(x86::edx, x86::ptr(x86::rcx, -static_cast<std::int32_t>(kLocal)));
  as_.cmp(x86::edx, kLocalSize);
  as_.jae(slow);
  const Mem memory = x86::dword_ptr(x86::r13, x86::rcx, 0, 0);
  access(slow, site, [&] { as_.mov(x86::eax, memory); });
  as_.cmp(x86::eax, word(offsetof(State, scompare1)));
  as_.jne(differs);
  const Gp value = read(in.t, x86::edx);
  access(slow, site, [&] { as_.mov(memory, value); });
  as_.bind(differs);
  put(in.t, x86::eax);
  as_.bind(done);
}

bool Emitter::emit_memory(const Instruction& in) {
  switch (in.op) {
    case Op::L32R:
      if (const auto value = constant(in.t)) {
        put_constant(in.t, *value);
      } else {
        emit_slow_call(add_site());
      }
      return true;
    case Op::L32I:
    case Op::L32I_N:
    case Op::L32E:
      emit_access(in, true, 4, false);
      return true;
    case Op::L32AI:
    case Op::S32RI:
      emit_access(in, in.op == Op::L32AI, 4, false);
      return true;
    case Op::L8UI:
      emit_access(in, true, 1, false);
      return true;
    case Op::L16UI:
      emit_access(in, true, 2, false);
      return true;
    case Op::L16SI:
      emit_access(in, true, 2, true);
      return true;
    case Op::S32I:
    case Op::S32I_N:
    case Op::S32NB:
    case Op::S32E:
      emit_access(in, false, 4, false);
      return true;
    case Op::S8I:
      emit_access(in, false, 1, false);
      return true;
    case Op::S16I:
      emit_access(in, false, 2, false);
      return true;
    case Op::S32C1I:
      emit_conditional_store(in);
      return true;
    default:
      return false;
  }
}

}  // namespace espalier::xtensa::jit::x64
