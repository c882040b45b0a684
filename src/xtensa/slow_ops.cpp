// Instructions that are done out of line: special registers, exceptions, debugging, region protection, MAC16.
#include "xtensa/instruction_table.h"
#include "xtensa/instruction_traits.h"
#include "xtensa/interpreter.h"
#include "xtensa/mac16.h"
#include "xtensa/special_registers.h"

namespace espalier::xtensa {
namespace {

constexpr unsigned kRegionShift = 29;
constexpr std::uint32_t kRegionMask = 0xe0000000;

}  // namespace

auto Core::Interpreter::slow(Op op, const Uop& uop) -> Outcome {
  Core& core = core_;
  State& state = core.state_;
  std::uint32_t* const ar = state.window();
  const auto exception = [&core](Cause cause) {
    core.raise(cause);
    return Outcome::kMoved;
  };

  if (is_mac16(op)) {
    std::uint32_t loaded = 0;
    if (is_mac16_load(op)) {
      const std::uint32_t address = ar[uop.s] + mac16_pointer_step(op);
      if (!load(address, 4, loaded)) return Outcome::kMoved;
      if ((core.attention_ & kAttentionMoved) != 0) return Outcome::kNext;
      mac16_multiply(state, ar, op, uop.r, uop.s, uop.t);
      ar[uop.s] = address;
      state.m[uop.imm] = loaded;
    } else {
      mac16_multiply(state, ar, op, uop.r, uop.s, uop.t);
    }
    return Outcome::kNext;
  }

  switch (op) {
    case Op::RSR: {
      const SpecialRegister* row = find_special_register(uop.imm);
      if (row == nullptr || (row->access & SpecialRegister::kRead) == 0) break;
      ar[uop.t] = core.read_special(row->number);
      return Outcome::kNext;
    }
    case Op::WSR: {
      const SpecialRegister* row = find_special_register(uop.imm);
      if (row == nullptr || (row->access & SpecialRegister::kWrite) == 0) break;
      core.write_special(row->number, ar[uop.t]);
      return Outcome::kBarrier;
    }
    case Op::XSR: {
      const SpecialRegister* row = find_special_register(uop.imm);
      constexpr unsigned kBoth = SpecialRegister::kRead | SpecialRegister::kWrite;
      if (row == nullptr || (row->access & kBoth) != kBoth) break;
      const std::uint32_t value = ar[uop.t];
      ar[uop.t] = core.read_special(row->number);
      core.write_special(row->number, value);
      return Outcome::kBarrier;
    }
    case Op::RUR:
    case Op::WUR: {
      const UserRegister* row = find_user_register(uop.imm);
      if (row == nullptr) break;
      fp_.leave(state.fsr);
      if (op == Op::RUR) {
        ar[uop.r] = state_word(state, row->offset);
      } else {
        state_word(state, row->offset) = ar[uop.t] & row->write_mask;
      }
      return Outcome::kNext;
    }
    case Op::RER:
      ar[uop.t] = core.environment_.read_external(core, ar[uop.s]);
      return Outcome::kNext;
    case Op::WER:
      core.environment_.write_external(core, ar[uop.s], ar[uop.t]);
      return Outcome::kNext;

    case Op::SYSCALL:
      return exception(Cause::kSyscall);
    case Op::BREAK:
    case Op::BREAK_N:
      if (core.current_interrupt_level() >= kDebugLevel) return Outcome::kNext;
      if (debug_exception(op == Op::BREAK ? kDebugBreak : kDebugBreakN)) return Outcome::kMoved;
      // A debugger has it: if it stops the core, then at the break.
      return (core.attention_ & kAttentionStop) != 0 ? Outcome::kMoved : Outcome::kNext;
    case Op::SIMCALL:
      if (!core.environment_.debug_break(core, 0)) break;
      return (core.attention_ & kAttentionStop) != 0 ? Outcome::kMoved : Outcome::kNext;
    case Op::WAITI:
      state.ps = (state.ps & ~kPsIntlevel) | uop.imm;
      core.waiting_ = true;
      if (core.tracer_ != nullptr) core.tracer_->trace<base::TraceEvent::cpu_waiti>(core.index_, uop.imm);
      return Outcome::kBarrier;
    case Op::ROTW:
      core.rotate_to(state.windowbase + uop.imm);
      return Outcome::kBarrier;

    case Op::S32C1I:
      return conditional_store(uop);
    case Op::IITLB:
    case Op::IDTLB:
    case Op::WITLB:
    case Op::WDTLB:
    case Op::PITLB:
    case Op::PDTLB:
    case Op::RITLB0:
    case Op::RDTLB0:
    case Op::RITLB1:
    case Op::RDTLB1:
      return region_protection(op, uop);

    case Op::READ_IMPWIRE:
      ar[uop.t] = 0;  // nothing is wired to these inputs
      return Outcome::kNext;
    case Op::SETB_EXPSTATE:
      state.expstate |= 1u << uop.imm;
      return Outcome::kNext;
    case Op::CLRB_EXPSTATE:
      state.expstate &= ~(1u << uop.imm);
      return Outcome::kNext;
    case Op::WRMSK_EXPSTATE:
      state.expstate = (state.expstate & ~ar[uop.s]) | (ar[uop.t] & ar[uop.s]);
      return Outcome::kNext;
    default:
      break;
  }
  return exception(Cause::kIllegalInstruction);
}

auto Core::Interpreter::perform(const Instruction& in, const AccessShape& shape) -> Outcome {
  Core& core = core_;
  State& state = core.state_;
  std::uint32_t* const ar = state.window();
  if (shape.size == 0 || in.op == Op::S32C1I || is_mac16(in.op)) {
    const auto immediate = static_cast<std::uint32_t>(in.imm) | static_cast<std::uint32_t>(in.imm2) << 16;
    return slow(in.op, Uop{nullptr, in.r, in.s, in.t, 0, immediate});
  }
  const std::uint32_t address = (shape.base ? ar[in.s] : 0) + (shape.index ? ar[in.t] : 0) + shape.offset;
  if ((in.op == Op::L32AI || in.op == Op::S32RI) && (address & 3) != 0) {
    core.raise(Cause::kLoadStoreAlignment, address);
    return Outcome::kMoved;
  }
  const InstructionRow& row = instruction_row(in.op);
  // FP accesses name their FP register first.
  const bool fp = row.is(kFp);
  const unsigned number = fp && row.operands[0].place == Place::kR ? in.r : in.t;
  std::uint32_t& data = fp ? state.fr[number] : ar[number];
  if (shape.store) {
    if (!store(address, shape.size, data)) return Outcome::kMoved;
    if ((core.attention_ & kAttentionMoved) != 0) return Outcome::kNext;
  } else {
    std::uint32_t value = 0;
    if (!load(address, shape.size, value)) return Outcome::kMoved;
    if ((core.attention_ & kAttentionMoved) != 0) return Outcome::kNext;
    data = in.op == Op::L16SI ? static_cast<std::uint32_t>(static_cast<std::int16_t>(value)) : value;
  }
  if (in.op == Op::LSIP || in.op == Op::SSIP) ar[in.s] += static_cast<std::uint32_t>(in.imm);
  if (in.op == Op::LSXP || in.op == Op::SSXP) ar[in.s] += ar[in.t];
  return Outcome::kNext;
}

// Eight regions of 512 MiB with an attribute each (ISA Reference Manual, "Region Protection Option"). There
// is no translation and nothing to invalidate; a probe always hits.
auto Core::Interpreter::region_protection(Op op, const Uop& uop) -> Outcome {
  State& state = core_.state_;
  std::uint32_t* const ar = state.window();
  const std::uint32_t address = ar[uop.s];
  const unsigned region = address >> kRegionShift;
  switch (op) {
    case Op::WITLB:
    case Op::WDTLB:
      (op == Op::WITLB ? state.instruction_region : state.data_region)[region] = ar[uop.t] & 0xf;
      core_.environment_.region_changed(core_, region);
      return Outcome::kBarrier;
    case Op::RITLB1:
    case Op::RDTLB1:
      ar[uop.t] =
          (address & kRegionMask) | (op == Op::RITLB1 ? state.instruction_region : state.data_region)[region];
      return Outcome::kNext;
    case Op::RITLB0:
    case Op::RDTLB0:
      ar[uop.t] = address & kRegionMask;
      return Outcome::kNext;
    case Op::PITLB:
    case Op::PDTLB:
      ar[uop.t] = (address & kRegionMask) | 1;
      return Outcome::kNext;
    default:
      return Outcome::kNext;
  }
}

// Outside the local memories ATOMCTL's field for the region's way of caching decides; 0 is an exception.
// Cached regions count as bypass: there is no data cache.
auto Core::Interpreter::conditional_store(const Uop& uop) -> Outcome {
  Core& core = core_;
  State& state = core.state_;
  std::uint32_t* const ar = state.window();
  const std::uint32_t address = ar[uop.s] + uop.imm;
  const auto fault = [&](Cause cause) {
    core.raise(cause, address);
    return Outcome::kMoved;
  };
  if ((address & 3) != 0) return fault(Cause::kLoadStoreAlignment);
  if (!is_local_memory(address) && (state.atomctl & 3) == 0) return fault(Cause::kLoadStoreError);
  std::uint32_t old = 0;
  if (!load(address, 4, old)) return Outcome::kMoved;
  if ((core.attention_ & kAttentionMoved) != 0) return Outcome::kNext;
  const std::uint32_t value = ar[uop.t];
  if (old == state.scompare1) {
    if (!store(address, 4, value)) return Outcome::kMoved;
    if ((core.attention_ & kAttentionMoved) != 0) return Outcome::kNext;
  }
  ar[uop.t] = old;
  return Outcome::kNext;
}

}  // namespace espalier::xtensa
