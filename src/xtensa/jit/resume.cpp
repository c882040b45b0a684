// Instructions that translated code leaves to C++ and goes on behind, wherever that is: what changes windows,
// PS or the path in a way that no region can foresee.
#include <bit>

#include "xtensa/instruction_traits.h"
#include "xtensa/interpreter.h"
#include "xtensa/jit/translator.h"

namespace espalier::xtensa::jit {

// Where the call that left `a0` comes back to; null if that is not known. The next RETW that finds it in a0
// need not ask.
const void* Translator::find_landing(std::uint32_t a0) {
  const auto found = landings_.find(a0);
  if (found == landings_.end()) return nullptr;
  const std::uint32_t at = a0 & ((1u << kReturnBits) - 1);
  // Two that come in turn are both remembered.
  returns_[at ^ kOtherReturn] = returns_[at];
  returns_[at] = {.a0 = a0, .host = found->second};
  return found->second;
}

// As the interpreter's RETW does it.
void Translator::return_from_call() {
  State& state = core_.state_;
  const std::uint32_t a0 = state.window()[0];
  const std::uint32_t n = a0 >> 30;
  // Bits 2, 1, 0: whether the windows 1, 2, 3 below the present one hold a frame.
  const std::uint32_t below = (state.windowstart | state.windowstart << 16) >> (state.windowbase + 13) & 7;
  const std::uint32_t nearest = below == 0 ? 0 : 4 - static_cast<std::uint32_t>(std::bit_width(below));
  if ((state.ps & (kPsWoe | kPsExcm)) != kPsWoe || n == 0 || (nearest != n && nearest != 0)) {
    core_.raise(Cause::kIllegalInstruction);
    return;
  }
  if (nearest == 0) {
    core_.raise_window_underflow(n);
    return;
  }
  state.windowstart &= ~(1u << state.windowbase);
  core_.rotate_to(state.windowbase - n);
  state.pc = (state.pc & 0xc0000000) | (a0 & 0x3fffffff);
}

void Translator::return_from_exception(const Instruction& in) {
  take_up(in);
  if (core_.tracer_ != nullptr) core_.trace_return(in.op, static_cast<unsigned>(in.imm));
}

void Translator::take_up(const Instruction& in) {
  State& state = core_.state_;
  switch (in.op) {
    case Op::RFDE:
      state.pc = state.depc;
      return;
    case Op::RFI:
      state.ps = state.eps[static_cast<std::size_t>(in.imm)];
      state.pc = state.epc[static_cast<std::size_t>(in.imm)];
      return;
    case Op::RFWO:
      state.windowstart &= ~(1u << state.windowbase);
      core_.rotate_to((state.ps & kPsOwb) >> kPsOwbShift);
      break;
    case Op::RFWU:
      state.windowstart |= 1u << state.windowbase;
      core_.rotate_to((state.ps & kPsOwb) >> kPsOwbShift);
      break;
    default:  // RFE
      break;
  }
  state.ps &= ~kPsExcm;
  state.pc = state.epc[1];
}

// Where translated code is for State::pc; null if there is none, or something else comes first.
const void* Translator::way_on() {
  if (core_.waiting_) return nullptr;
  const State& state = core_.state_;
  const Mode mode = Mode::of(state.ps);
  const void* host = find(state.pc, mode);
  if (host != nullptr && mode.windows && mode.loops) remember_jump(state.pc, host);
  return host;
}

// Whether the frame of the caller by CALL4, CALL8 or CALL12 is in its window.
bool Translator::has_frame_below(std::uint32_t windows) {
  const std::uint32_t present = present_window();
  for (std::uint32_t n = 1; n < windows; ++n)
    if (registers_.started(present - n)) return false;
  return registers_.started(present - windows);
}

// The instruction has been paid for.
const void* Translator::resume(Resume how, std::uint32_t pc, const Instruction* asked) {
  ++stats_.resumes;
  State& state = core_.state_;
  const auto stays = [this] {
    constexpr std::uint32_t kSeenTo = Core::kAttentionInterrupt | Core::kAttentionMoved;
    return (core_.attention_ & ~kSeenTo) != 0 || flush_pending_ || !core_.interpreter_->may_translate();
  };
  if (how == Resume::kReturn && pc >> 30 == 1 && (state.ps & (kPsWoe | kPsExcm)) == kPsWoe) {
    const std::uint32_t a0 = registers_.window[0];
    if (a0 >> 30 != 0 && (has_frame_below(a0 >> 30) || reload_window(pc)))
      if (const void* landing = find_landing(a0)) return landing;
  }
  if (how == Resume::kGoOn && registers_.left > 0 && !stays() && !core_.interrupt_ready())
    if (const void* host = way_on()) return host;
  sync(pc, 0);
  registers_.synced = true;
  registers_.exit = Exit::kContinue;
  switch (how) {
    case Resume::kWindowOverflow:
      core_.raise_window_overflow();
      break;
    case Resume::kReturn:
      return_from_call();
      break;
    case Resume::kReturnFrom:
      return_from_exception(*asked);
      break;
    case Resume::kPerform: {
      const Instruction in = *asked;
      // What is not exact now becomes so: the instruction has not been executed yet.
      core_.left_ += 1;
      const auto outcome = core_.interpreter_->perform(in, AccessShape{});  // none of them is an access
      core_.left_ -= 1;
      if (outcome != Core::Interpreter::Outcome::kMoved && (core_.attention_ & Core::kAttentionMoved) == 0) {
        state.pc = pc + in.length;
        if (!writes_lend(in) && state.lend == state.pc && state.lcount != 0 && (state.ps & kPsExcm) == 0) {
          --state.lcount;
          state.pc = state.lbeg;
        }
      }
      core_.interpreter_->note_loop_end();
      break;
    }
    case Resume::kGoOn:
      break;
  }
  if (core_.left_ <= 0 || stays()) return nullptr;
  if (core_.interrupt_ready()) core_.take_interrupt();
  core_.attention_ = 0;
  const void* host = way_on();
  if (host == nullptr) return nullptr;
  load_windows();
  registers_.left = core_.left_;
  registers_.synced = false;
  registers_.fp_ready = 0;
  return host;
}

}  // namespace espalier::xtensa::jit
