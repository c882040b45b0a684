// Loads and stores. An access is one host instruction at the guest's address in the core's reservation; where
// that faults (registers, protected memory, code that must not change unseen) the access is re-routed to the
// slow path, for good.
#include "xtensa/instruction_table.h"
#include "xtensa/jit/leaf.h"
#include "xtensa/jit/x64/emitter.h"

namespace espalier::xtensa::jit::x64 {

using namespace asmjit;

namespace {

// Below it, and above the offset that an instruction may add, lies the data bus: memory there takes accesses
// of all sizes. Above it lies the instruction bus, which takes words only.
constexpr std::uint32_t kNarrowLimit = 0x40000000 - 0x400;

}  // namespace

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

void Emitter::emit_access(const Instruction& in, bool load, unsigned size, bool is_signed) {
  const std::uint32_t site = add_site();
  const auto forget = [this](unsigned reg) {
    const std::uint32_t mask = ~(1u << reg);
    aligned_ &= mask, narrow_ &= mask, constants_ &= mask;
  };
  const Label done = as_.newLabel();
  std::optional<Label> cold_path;
  const auto take_cold = [&](InstId jump) {
    const bool first = !cold_path;
    if (first) cold_path = as_.newLabel();
    as_.emit(jump, *cold_path);
    if (!first) return;
    cold([this, at = *cold_path, done, site] {
      as_.bind(at);
      emit_slow_call(site);
      as_.jmp(done);
    });
  };

  Mem memory;
  const auto address = constant(in.s);
  if (address) {
    const std::uint32_t where = *address + static_cast<std::uint32_t>(in.imm);
    if (!translator_.is_plain(where, size, load)) {
      emit_slow_call(site);
      if (load) forget(in.t);
      return;
    }
    memory = x86::ptr(x86::r13, static_cast<std::int32_t>(where));
  } else {
    const Gp base = read(in.s, x86::ecx);
    if (size == 4) {
      // The LX6 does unaligned accesses on the data bus only; they are rare enough for the slow path.
      if ((aligned_ >> in.s & 1) == 0) {
        as_.test(base.r8(), 3);
        take_cold(Inst::kIdJnz);
        aligned_ |= 1u << in.s;
      }
    } else if ((narrow_ >> in.s & 1) == 0) {
      as_.cmp(base, kNarrowLimit);
      take_cold(Inst::kIdJae);
      narrow_ |= 1u << in.s;
    }
    memory = x86::ptr(x86::r13, base.r64(), 0, in.imm);
  }
  memory.setSize(size);
  if (load) {
    const Gp to = result(in.t, x86::eax);
    access(cold_path, site, [&] {
      if (size == 4) {
        as_.mov(to, memory);
      } else {
        is_signed ? as_.movsx(to, memory) : as_.movzx(to, memory);
      }
    });
    put(in.t, to);
    as_.bind(done);  // the slow path has done all of it
    forget(in.t);
    return;
  }
  const Gp value = read(in.t, x86::eax);
  access(cold_path, site, [&] {
    if (size == 4) {
      as_.mov(memory, value);
    } else if (size == 2) {
      as_.mov(memory, value.r16());
    } else {
      as_.mov(memory, value.r8());
    }
  });
  as_.bind(done);
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
  const std::uint32_t mask = ~(1u << in.t);
  aligned_ &= mask, narrow_ &= mask, constants_ &= mask;
}

bool Emitter::emit_memory(const Instruction& in) {
  switch (in.op) {
    case Op::L32R: {
      const auto address = static_cast<std::uint32_t>(in.imm);
      if (const auto value = translator_.literal(address)) {
        constants_ |= 1u << in.t;
        values_[in.t] = *value;
        narrow_ &= ~(1u << in.t);
        aligned_ = (aligned_ & ~(1u << in.t)) | ((*value & 3) == 0 ? 1u << in.t : 0);
        put_constant(in.t, *value);
        return true;
      }
      const std::uint32_t site = add_site();
      emit_slow_call(site);
      const std::uint32_t mask = ~(1u << in.t);
      aligned_ &= mask, narrow_ &= mask, constants_ &= mask;
      return true;
    }
    case Op::L32I:
    case Op::L32I_N:
    case Op::L32E:
      emit_access(in, true, 4, false);
      return true;
    case Op::L32AI:
    case Op::S32RI:
      // What is "aligned" may also be an address where the data bus has done an unaligned access. These do
      // none.
      aligned_ &= ~(1u << in.s);
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
