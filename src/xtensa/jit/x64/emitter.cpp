#include "xtensa/jit/x64/emitter.h"

#include <algorithm>
#include <numeric>

#include "xtensa/instruction_table.h"
#include "xtensa/instruction_traits.h"

namespace espalier::xtensa::jit::x64 {

using namespace asmjit;

namespace {

// In the order in which SlowFrame::gpr holds them.
constexpr std::array<std::uint8_t, 8> kHostRegisters = {x86::Gp::kIdSi,  x86::Gp::kIdDi,  x86::Gp::kIdR8,
                                                        x86::Gp::kIdR9,  x86::Gp::kIdR10, x86::Gp::kIdR11,
                                                        x86::Gp::kIdR12, x86::Gp::kIdR15};

constexpr unsigned kFirstXmm = 2, kFpRegisters = 14;

}  // namespace

Emitter::Emitter(const Region& region, Translator& translator, const Thunks& thunks, HostFeatures features,
                 Layout layout, CodeHolder& code)
    : region_(region),
      translator_(translator),
      thunks_(thunks),
      features_(features),
      layout_(layout),
      code_(code),
      as_(&code) {
  host_.fill(kNone);
  paid_ = as_.newLabel();
  case_table_ = as_.newLabel();
  for (std::size_t i = 0; i < region.blocks.size(); ++i) {
    labels_.push_back(as_.newLabel());
    landings_.push_back(Label());
    landing_values_.push_back(0);
  }
}

// The most used registers; those of the least use stay in State.
void Emitter::allocate() {
  std::array<unsigned, kRegisters> order;
  std::iota(order.begin(), order.end(), 0u);
  std::stable_sort(order.begin(), order.end(),
                   [&](unsigned a, unsigned b) { return region_.weights[a] > region_.weights[b]; });
  std::size_t used = 0, fp_used = 0;
  for (const unsigned reg : order) {
    if (region_.weights[reg] < 2) continue;
    // Not those of windows above: entries and exits would touch them where they may not be in one piece.
    if (reg >= 16 && reg < kArs) continue;
    if (reg >= kFirstFr) {
      if (fp_used < kFpRegisters) host_[reg] = static_cast<std::uint8_t>(kFirstXmm + fp_used++);
    } else if (used < kHostRegisters.size()) {
      host_[reg] = kHostRegisters[used++];
    }
  }
  uses_fp_ = fp_used != 0;
}

void Emitter::emit() {
  allocate();
  find_landings();
  for (std::size_t i = 0; i < region_.blocks.size(); ++i) {
    if (i == 0 && region_.opens_window) {
      emit_region_entry();
    } else if (has_early_entry(i)) {
      emit_entry(i);
    }
    emit_block(i);
  }
  emit_late_entries();
  // Cold code may ask for more cold code.
  for (std::size_t i = 0; i < cold_.size(); ++i) {
    const auto emit_cold = std::move(cold_[i]);
    emit_cold();
  }
  emit_cases();
}

// --- Guest registers

x86::Mem Emitter::word(std::size_t state_offset) const {
  return x86::dword_ptr(x86::rbp, static_cast<std::int32_t>(state_offset));
}
x86::Mem Emitter::jit_byte(std::size_t offset) const {
  return x86::byte_ptr(x86::rbp, layout_.jit + static_cast<std::int32_t>(offset));
}
x86::Mem Emitter::jit_word(std::size_t offset) const {
  return x86::dword_ptr(x86::rbp, layout_.jit + static_cast<std::int32_t>(offset));
}
x86::Mem Emitter::jit_quad(std::size_t offset) const {
  return x86::qword_ptr(x86::rbp, layout_.jit + static_cast<std::int32_t>(offset));
}

x86::Mem Emitter::link(int n, std::size_t offset, unsigned size) const {
  const int at = static_cast<int>(offsetof(JitRegisters, links) + offset) +
                 (static_cast<int>(JitRegisters::kBefore) + n) * static_cast<int>(sizeof(ReturnLink));
  return x86::Mem(x86::rbx, layout_.jit + at, size);
}
x86::Mem Emitter::edge(std::size_t offset) const {
  return x86::Mem(x86::rbx, layout_.jit + static_cast<std::int32_t>(offsetof(JitRegisters, edges) + offset),
                  1);
}

// Calls write a byte of it: a load of all of it would have to wait for that store.
void Emitter::load_ps(Gp to, Gp scratch) {
  const auto at = static_cast<std::int32_t>(offsetof(State, ps));
  as_.movzx(scratch, x86::byte_ptr(x86::rbp, at + 2));
  as_.movzx(to, x86::word_ptr(x86::rbp, at));
  as_.shl(scratch, 16);
  as_.or_(to, scratch);
}

x86::Mem Emitter::home(unsigned reg) const {
  if (reg < kArs) return x86::dword_ptr(x86::rbx, static_cast<std::int32_t>(4 * reg));
  return word(state_offset(reg));
}

x86::Gp Emitter::read(unsigned reg, Gp scratch) {
  if (allocated(reg)) return host(reg);
  as_.mov(scratch, home(reg));
  return scratch;
}

asmjit::Operand Emitter::operand(unsigned reg) const {
  if (allocated(reg)) return host(reg);
  return home(reg);
}

void Emitter::put(unsigned reg, Gp value) {
  if (!allocated(reg)) {
    as_.mov(home(reg), value);
  } else if (host(reg).id() != value.id()) {
    as_.mov(host(reg), value);
  }
}

void Emitter::put_constant(unsigned reg, std::uint32_t value) {
  if (allocated(reg)) {
    if (value == 0) {
      as_.xor_(host(reg), host(reg));
    } else {
      as_.mov(host(reg), value);
    }
  } else {
    as_.mov(home(reg), value);
  }
}

void Emitter::load_into(Gp to, unsigned reg) {
  if (!allocated(reg)) {
    as_.mov(to, home(reg));
  } else if (host(reg).id() != to.id()) {
    as_.mov(to, host(reg));
  }
}

void Emitter::spill(RegisterSet dirty) {
  for (unsigned reg = 0; reg < kFirstFr; ++reg) {
    if ((dirty & bit(reg)) == 0 || !allocated(reg)) continue;
    if (reg == kAcc) {
      store_acc(host(kAcc).r64());
    } else {
      as_.mov(home(reg), host(reg));
    }
  }
  for (unsigned reg = kFirstFr; uses_fp_ && reg < kRegisters; ++reg)
    if ((dirty & bit(reg)) != 0 && allocated(reg)) as_.movss(home(reg), xmm(reg));
}

void Emitter::fill(RegisterSet live) {
  for (unsigned reg = 0; reg < kFirstFr; ++reg) {
    if ((live & bit(reg)) == 0 || !allocated(reg)) continue;
    if (reg == kAcc) {
      as_.mov(host(kAcc).r64(), acc());
    } else {
      as_.mov(host(reg), home(reg));
    }
  }
  for (unsigned reg = kFirstFr; uses_fp_ && reg < kRegisters; ++reg)
    if ((live & bit(reg)) != 0 && allocated(reg)) as_.movss(xmm(reg), home(reg));
}

// --- Ways out

Label Emitter::cold_exit(std::uint32_t pc, unsigned refund, RegisterSet dirty, const void* thunk) {
  const Label label = as_.newLabel();
  cold([=, this, window = window_] {
    as_.bind(label);
    if (refund != 0) as_.add(x86::r14, refund);
    spill(dirty);
    open_window(window);
    as_.mov(word(offsetof(State, pc)), pc);
    as_.jmp(reinterpret_cast<std::uint64_t>(thunk));
  });
  return label;
}

void Emitter::open_window(unsigned window) {
  if (window == 0) return;
  as_.mov(link(static_cast<int>(window), offsetof(ReturnLink, started)), 1);
  as_.add(x86::rbx, 16 * window);
}

Label Emitter::interpret_here() {
  const Label out = cold_exit(current_->pc, block_->count - step_, dirty_, thunks_.exit_interpret);
  if (translator_.core().execution_counter(current_->pc) == nullptr) return out;
  // The interpreter counts it.
  const Label label = as_.newLabel();
  cold([=, this, pc = current_->pc] {
    as_.bind(label);
    emit_tally(pc, true);
    as_.jmp(out);
  });
  return label;
}

void Emitter::emit_resume(Resume how, const Step& step) {
  as_.mov(x86::esi, static_cast<std::uint32_t>(how));
  as_.mov(x86::edx, step.pc);
  if (how == Resume::kReturnFrom || how == Resume::kPerform) {
    resumed_.push_back(std::make_unique<Instruction>(step.in));
    as_.mov(x86::rcx, reinterpret_cast<std::uint64_t>(resumed_.back().get()));
  }
  as_.jmp(reinterpret_cast<std::uint64_t>(thunks_.resume));
}

Label Emitter::resume_here(Resume how) {
  const Label label = as_.newLabel();
  const unsigned rest = block_->count - 1 - step_;
  cold([=, this, step = current_, dirty = dirty_] {
    as_.bind(label);
    if (rest != 0) as_.add(x86::r14, rest);
    spill(dirty);
    emit_resume(how, *step);
  });
  return label;
}

void Emitter::emit_spill_window(std::uint32_t pc, Label again) {
  as_.mov(x86::edx, pc);
  as_.lea(x86::rcx, x86::ptr(again));
  as_.jmp(reinterpret_cast<std::uint64_t>(thunks_.spill_window));
}

// A jump that is made to lead on once there is a translation for `pc`.
void Emitter::leave_to(std::uint32_t pc, RegisterSet dirty) {
  spill(dirty);
  const Label link = as_.newLabel();
  const Label stub = as_.newLabel();
  as_.bind(link);
  as_.long_().jmp(stub);
  cold([=, this] {
    as_.bind(stub);
    as_.mov(word(offsetof(State, pc)), pc);
    as_.lea(x86::rax, x86::ptr(link));
    as_.jmp(reinterpret_cast<std::uint64_t>(thunks_.exit_link));
  });
}

void Emitter::go_to(const Target& target, RegisterSet dirty, std::size_t next) {
  if (target.block == Target::kOutside) {
    leave_to(target.pc, dirty);
  } else if (static_cast<std::size_t>(target.block) != next) {
    as_.jmp(labels_[static_cast<std::size_t>(target.block)]);
  }
}

// --- Blocks

void Emitter::emit_block(std::size_t index) {
  const Block& block = region_.blocks[index];
  block_ = &block;
  const bool entered = index == 0 && region_.opens_window;
  if (!entered) as_.bind(labels_[index]);
  dirty_ = block.dirty_in;
  // Before ENTRY it is not open yet.
  const bool opens = block.window != 0 && region_.steps[block.first].in.op == Op::ENTRY;
  window_ = opens ? 0 : block.window;
  known_ = KnownValues(block.known);
  fp_ready_ = false;
  sar_ = {};
  const auto pay = [this, &block] {
    if (block.count == 0) return;
    as_.sub(x86::r14, block.count);
    as_.jl(cold_exit(block.pc, block.count, block.dirty_in, thunks_.exit_budget));
  };
  if (entered) {
    as_.bind(paid_);
    cold([this, pay, index] {
      as_.bind(labels_[index]);
      pay();
      as_.jmp(paid_);
    });
  } else {
    pay();
  }
  for (step_ = 0; step_ < block.count; ++step_) {
    const Step& step = region_.steps[block.first + step_];
    current_ = &step;
    emit_panes(step);
    known_.need_panes(panes_of(step.in));
    emit_tally(step.pc);
    const bool last = step_ + 1 == block.count;
    if (last && block.end != End::kFall && block.end != End::kInterpret) break;
    emit_step(step);
    const RegisterSet writes = step.use.writes;
    dirty_ |= writes;
    if (sar_.kind != KnownSar::kUnknown && sar_.kind != KnownSar::kConstant &&
        (writes & bit(sar_.value)) != 0)
      sar_ = {};
  }
  emit_end(block, index);
}

// Windows that an instruction uses have to be free; else they become so, and the instruction comes again.
void Emitter::emit_panes(const Step& step) {
  const unsigned panes = panes_of(step.in);
  if (!region_.mode.windows || panes <= known_.panes()) return;
  const Label check = as_.newLabel(), in_use = as_.newLabel();
  as_.bind(check);
  look_above(panes);
  as_.jnz(in_use);
  const unsigned rest = block_->count - 1 - step_;
  // Registers of this block may be those of the frame that is saved: its handler changes one of them.
  cold([=, this, pc = step.pc, dirty = dirty_, live = block_->live_in | dirty_] {
    const Label again = as_.newLabel();
    as_.bind(in_use);
    if (rest != 0) as_.add(x86::r14, rest);
    spill(dirty);
    emit_spill_window(pc, again);
    as_.bind(again);
    as_.sub(x86::r14, rest + 1);
    as_.jl(cold_exit(pc, rest + 1, 0, thunks_.exit_budget));
    fill(live);
    as_.jmp(check);
  });
}

void Emitter::look_above(unsigned n, unsigned known) {
  if (n == known + 1) {
    as_.cmp(link(static_cast<int>(n), offsetof(ReturnLink, started)), 0);
  } else {
    gather_above(n, known);
  }
}

void Emitter::gather_above(unsigned n, unsigned known) {
  for (unsigned window = known + 1; window <= n; ++window)
    as_.emit(window == known + 1 ? Inst::kIdMov : Inst::kIdOr, x86::eax,
             link(static_cast<int>(window), offsetof(ReturnLink, started)));
}

void Emitter::emit_tally(std::uint32_t pc, bool back) {
  std::uint64_t* const counter = translator_.core().execution_counter(pc);
  if (counter == nullptr) return;
  as_.mov(x86::rax, reinterpret_cast<std::uint64_t>(counter));
  back ? as_.dec(x86::qword_ptr(x86::rax)) : as_.inc(x86::qword_ptr(x86::rax));
}

void Emitter::emit_step(const Step& step) {
  const Instruction& in = step.in;
  const auto literal = [this](std::uint32_t address) { return translator_.literal(address); };
  // Its result is all there is to it.
  if (in.op == Op::L32R) known_.step(step, literal);
  emit_instruction(step);
  if (in.op != Op::L32R) known_.step(step, literal);
}

void Emitter::emit_instruction(const Step& step) {
  const Instruction& in = step.in;
  if (is_nothing(in.op)) return;
  if (in.op == Op::ENTRY) return emit_leaf_entry(step);
  if (emit_integer(in) || emit_memory(in) || emit_system(in) || emit_boolean(in) || emit_fp(in) ||
      emit_mac16(in))
    return;
  // is_translated() has promised that there is code for it.
  as_.ud2();
}

void Emitter::emit_end(const Block& block, std::size_t index) {
  const std::size_t next = index + 1;
  switch (block.end) {
    case End::kFall:
      go_to(block.next, dirty_, next);
      return;
    case End::kInterpret:
      spill(dirty_);
      as_.mov(word(offsetof(State, pc)), block.end_pc);
      as_.jmp(reinterpret_cast<std::uint64_t>(thunks_.exit_interpret));
      return;
    case End::kBranch: {
      const RegisterSet dirty = dirty_;
      if (block.taken.block == Target::kOutside) {
        const Label out = as_.newLabel();
        emit_branch(current_->in, out);
        cold([this, out, dirty, pc = block.taken.pc] {
          as_.bind(out);
          leave_to(pc, dirty);
        });
      } else {
        emit_branch(current_->in, labels_[static_cast<std::size_t>(block.taken.block)]);
      }
      go_to(block.next, dirty_, next);
      return;
    }
    case End::kJump:
      go_to(block.taken, dirty_, next);
      return;
    case End::kLeafReturn:
      go_to(block.next, dirty_, next);
      return;
    case End::kLoop:
      emit_loop(block, index);
      return;
    case End::kLoopEnd:
      emit_loop_end(block, index);
      return;
    case End::kCall:
    case End::kCallX:
      emit_call(block, index);
      return;
    case End::kReturn:
      emit_return();
      return;
    case End::kResume:
      spill(dirty_);
      emit_resumed(block);
      return;
    case End::kJumpX:
      if (const auto target = constant(current_->in.s)) {
        leave_to(*target, dirty_);
        return;
      }
      load_into(x86::ecx, current_->in.s);
      emit_computed_jump();
      return;
  }
}

// --- The result

std::unique_ptr<Translation> Emitter::finish(std::uint8_t* base, std::size_t size) {
  auto translation = std::make_unique<Translation>();
  translation->pc = region_.pc;
  translation->mode = region_.mode;
  translation->begin = base;
  translation->end = base + size;
  translation->ranges = region_.ranges;
  translation->places.fill(Translation::kNoPlace);
  for (unsigned reg = 0; reg < kFirstFr; ++reg) {
    if (!allocated(reg)) continue;
    const auto at = std::find(kHostRegisters.begin(), kHostRegisters.end(), host_[reg]);
    translation->places[reg] = static_cast<std::uint8_t>(at - kHostRegisters.begin());
  }
  for (unsigned reg = kFirstFr; reg < kRegisters; ++reg)
    if (allocated(reg)) translation->places[reg] = host_[reg];
  translation->fp = uses_fp_;
  const auto offset = [this](const Label& label) {
    return static_cast<std::uint32_t>(code_.labelOffset(label));
  };
  translation->sites = std::move(sites_);
  translation->resumed = std::move(resumed_);
  for (const Return& at : returns_) translation->returns.emplace_back(offset(at.at), at.site);
  for (const AccessMark& at : accesses_)
    translation->accesses.push_back(
        {offset(at.at), at.cold ? offset(*at.cold) : Translation::Access::kNoCold, at.site, at.length});
  std::sort(translation->returns.begin(), translation->returns.end());
  std::sort(translation->accesses.begin(), translation->accesses.end(),
            [](const auto& a, const auto& b) { return a.at < b.at; });
  for (const EntryMark& entry : entries_)
    translation->entries.push_back(
        {entry.pc, base + offset(entry.host), base + offset(entry.dead), entry.increment});
  for (std::size_t i = 0; i < landings_.size(); ++i)
    if (landings_[i].isValid())
      translation->landings.emplace_back(landing_values_[i], base + offset(landings_[i]));
  return translation;
}

}  // namespace espalier::xtensa::jit::x64
