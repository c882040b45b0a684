// The run loop: handlers that jump to one another (GNU C's labels as values), grouped in handlers/*.inc.
#include "xtensa/interpreter.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "xtensa/fp.h"
#include "xtensa/fp_steps.h"
#include "xtensa/jit/translator.h"
#include "xtensa/special_registers.h"

namespace espalier::xtensa {
namespace {

// A run is cut into slices of this many instructions, so that Block::kDead exceeds what remains of any.
constexpr std::uint64_t kSlice = 1u << 30;

// Translated code is entered for no fewer instructions: what it saves is less than what entering it costs.
constexpr std::int64_t kWorthEntering = 32;

// How many of the three windows above the present one can be used without overflow.
inline unsigned free_panes(const State& s) {
  if ((s.ps & (kPsWoe | kPsExcm)) != kPsWoe) return 3;
  const std::uint32_t above = (s.windowstart | s.windowstart << 16) >> (s.windowbase + 1);
  return static_cast<unsigned>(std::countr_zero(above | 8));
}

static_assert(kInterruptLines[14].kind == InterruptKind::kNmi);

inline std::int32_t as_signed(std::uint32_t value) {
  return static_cast<std::int32_t>(value);
}

// SLL, SRL... shift a 64-bit value by SAR (0 to 63) and keep the low word.
inline std::uint32_t funnel(std::uint32_t high, std::uint32_t low, std::uint32_t amount) {
  return static_cast<std::uint32_t>((std::uint64_t{high} << 32 | low) >> (amount & 63));
}

}  // namespace

Core::Interpreter::Interpreter(Core& the_core) : core_(the_core) {
  execute(&handlers_);
}

Stop Core::Interpreter::run(std::uint64_t budget) {
  Core& core = core_;
  core.end_ = core.instructions();
  core.left_ = 0;
  core.attention_ &= ~std::uint32_t{kAttentionStop};
  if (core.halted_ || core.held_) return Stop::kHalted;
  Stop stop = Stop::kBudget;
  do {
    const std::uint64_t slice = std::min(budget, kSlice);
    budget -= slice;
    core.end_ += slice;
    core.left_ += static_cast<std::int64_t>(slice);
    stop = execute(nullptr);
  } while (budget != 0 && stop == Stop::kBudget);
  fp_.leave(core.state_.fsr);
  return stop;
}

void Core::Interpreter::set_translator(jit::Translator* translator) {
  translator_ = translator;
  invalidate_all();
}

void Core::Interpreter::set_threshold(unsigned entries) {
  threshold_ = static_cast<std::int32_t>(std::clamp(entries, 1u, 1u << 30)) - 1;
  invalidate_all();
}

jit::CodeSource Core::Interpreter::code_source() {
  return {.fetch = [this](std::uint32_t pc, std::uint32_t& word) { return fetch(pc, word); },
          .is_native = [this](std::uint32_t pc) { return core_.environment_.is_native(pc); },
          .is_breakpoint = [this](std::uint32_t pc) { return core_.has_breakpoint(pc); },
          .is_loop_end = [this](std::uint32_t address) { return loop_ends_.contains(address); },
          .add_loop_end = [this](std::uint32_t address) { add_loop_end(address); },
          .literal = {},
          .loop = [this]() -> std::optional<std::pair<std::uint32_t, std::uint32_t>> {
            const State& state = core_.state();
            if (state.lcount == 0) return std::nullopt;
            return std::pair{state.lbeg, state.lend};
          },
          .ar = [this](unsigned reg) { return core_.a(reg); },
          .has_run = [this](std::uint32_t pc) { return cache_.find(pc) != nullptr; }};
}

void Core::Interpreter::place_stopper(Block& block, unsigned instruction) {
  if (stopper_.slot != nullptr) remove_stopper();
  stopper_.slot = block.slots() + block.first_slots()[instruction];
  stopper_.handler = stopper_.slot->uop.handler;
  stopper_.pc = block.pc + block.offsets()[instruction];
  stopper_.refund = block.cost - static_cast<std::int64_t>(instruction);
  stopper_.slot->uop.handler = extra_handler(Extra::kStop);
}

void Core::Interpreter::remove_stopper() {
  stopper_.slot->uop.handler = stopper_.handler;
  stopper_.slot = nullptr;
}

void Core::Interpreter::invalidate(std::uint32_t address, std::uint32_t size) {
  if (cache_.invalidate(address, size)) core_.attention_ |= kAttentionCode;
}

void Core::Interpreter::invalidate_all() {
  flush_pending_ = true;
  core_.attention_ |= kAttentionCode;
}

// Micro-operation fields.
#define R (op->uop.r)
#define S (op->uop.s)
#define T (op->uop.t)
#define IMM (op->uop.imm)
#define REST (op->uop.rest)
// On to the next micro-operation.
#define NEXT                \
  do {                      \
    ++op;                   \
    goto * op->uop.handler; \
  } while (0)
#define ENTER                                                       \
  do {                                                              \
    left -= block->cost;                                            \
    if (__builtin_expect(left < 0, 0)) goto slow_entry;             \
    if (__builtin_expect(block->panes > panes, 0)) goto slow_entry; \
    if (__builtin_expect(--block->heat < 0, 0)) goto hot;           \
    op = block->slots();                                            \
    goto * op->uop.handler;                                         \
  } while (0)
// Leaves the block by a link.
#define FOLLOW(the_link)      \
  do {                        \
    link = &(the_link)->link; \
    block = link->target;     \
    ENTER;                    \
  } while (0)
// Leaves the block for a computed address.
#define JUMP(address)                                                        \
  do {                                                                       \
    s->pc = (address);                                                       \
    link = nullptr;                                                          \
    block = cache_.guess(s->pc);                                             \
    if (__builtin_expect(block->pc != s->pc || single, 0)) goto jump_slowly; \
    ENTER;                                                                   \
  } while (0)
// Makes the state exact for code outside: pc of this instruction, the budget before it.
#define SYNC                      \
  do {                            \
    s->pc = block->pc_of(REST);   \
    core.left_ = left + REST + 1; \
  } while (0)
// This instruction raises an exception; it has been paid for.
#define RAISE(cause)            \
  do {                          \
    s->pc = block->pc_of(REST); \
    left += REST;               \
    core.left_ = left;          \
    core.raise(cause);          \
    goto dispatch;              \
  } while (0)
#define SLOW(name)         \
  do {                     \
    slow_op = Op::name;    \
    goto slow_instruction; \
  } while (0)
#define OP(name) op_##name:
#define EXTRA(name) extra_##name:

Stop Core::Interpreter::execute(Handlers* handlers) {
  if (handlers != nullptr) {
    static const void* const table[] = {
#define XTENSA_INSTRUCTION(op, ...) &&op_##op,
#include "xtensa/isa.def"
#undef XTENSA_INSTRUCTION
        &&op_kInvalid,     &&extra_kEnd,     &&extra_kLoopEnd,    &&extra_kPanes,
        &&extra_kFpCheck,  &&extra_kWatch,   &&extra_kBreakpoint, &&extra_kDebugger,
        &&extra_kNative,   &&extra_kStop,    &&extra_kLoadState,  &&extra_kStoreState,
        &&extra_kConstant, &&extra_kWritePs, &&extra_kPrivileged, &&extra_kTally,
    };
    static_assert(std::size(table) == std::tuple_size_v<Handlers>);
    std::copy(std::begin(table), std::end(table), handlers->begin());
    return Stop::kHalted;
  }

  Core& core = core_;
  State* const s = &core.state_;
  std::uint8_t* const memory = core.memory_.base;
  const std::uint8_t* const attributes = core.memory_.attributes;

  std::int64_t left = core.left_;  // of the budget, the running block already taken off
  std::int64_t kept = 0;           // what `leave_block` took out of `left`
  std::uint32_t* ar = nullptr;     // the present window
  unsigned panes = 0;              // free_panes()
  bool counting = false;           // ICOUNT is on
  bool single = false;             // one instruction at a time
  Block* block = nullptr;
  Link* link = nullptr;  // how `block` was reached; null if by a computed address, then pc is exact
  Slot* op = nullptr;
  Op slow_op = Op::kInvalid;
  std::uint32_t address = 0;  // of a load or store, for the slow paths; its size and value
  std::uint32_t value = 0;
  unsigned size = 0;
  // Which code is translated code's: none (the budget is nearly used up, or things are watched that it does
  // not look at), or all but the next block that begins at an address.
  bool cold = left < kWorthEntering;
  constexpr std::uint64_t kNowhere = std::uint64_t{1} << 32;
  std::uint64_t cold_at = kNowhere;
  // The last turn ended here, likely in the middle of a loop: if that becomes the begin of a translation, the
  // loop is cut in two there, and each turn begins in another such piece.
  bool resumed = true;

// At an instruction boundary with exact pc: everything that may happen between two instructions.
dispatch:
  if (stopper_.slot != nullptr) remove_stopper();
  core.left_ = left;
  if (core.attention_ != 0) {
    const bool stop = (core.attention_ & kAttentionStop) != 0;
    core.attention_ = 0;
    if (core.halted_ || core.held_) return Stop::kHalted;
    if (stop) return Stop::kRequested;
  }
  if (core.stepping() && core.step_ended()) return Stop::kRequested;
  if (s->interrupt != 0 && core.interrupt_ready()) {
    core.take_interrupt();
    core.attention_ = 0;
    resumed = false;
  }
  if (core.waiting_) return Stop::kWaiti;
  if (left <= 0) return Stop::kBudget;
  ar = s->window();
  panes = free_panes(*s);
  counting = s->icountlevel > core.current_interrupt_level();
  // Blocks of the cache hold no checks for privilege: the ESP32 has one ring.
  single = counting || in_user_ring() || core.stepping() || core.observer_ != nullptr;
  note_loop_end();
  if (single) goto single_step;
  if (translator_ != nullptr) {
    if (!may_translate()) cold = true;
    if (!cold && s->pc != cold_at && translator_->enter(false)) goto translated;
    if (std::exchange(resumed, false)) cold_at = s->pc;
  }
  if (!flush_pending_) {
    block = cache_.guess(s->pc);
    if (block->pc == s->pc) {
      link = nullptr;
      ENTER;
    }
  }
jump_slowly:
  if (single) goto dispatch;
  block = lookup(s->pc);
  if (block == nullptr) goto fetch_fault;
  link = nullptr;
  ENTER;

fetch_fault:
  if (left <= 0) goto dispatch;
  core.raise(fault_.cause, fault_address_);
  --left;
  goto dispatch;

// `block` has been entered often: its translation goes on, if there is or can be one.
hot:
  if (translator_ == nullptr || cold || block->pc == std::exchange(cold_at, kNowhere)) {
    block->heat = 0;
    op = block->slots();
    goto * op->uop.handler;
  }
  left += block->cost;
  s->pc = block->pc;
  core.left_ = left;
  if (!translator_->enter(true)) {
    block->heat = kNeverHot;
    left -= block->cost;
    op = block->slots();
    goto * op->uop.handler;
  }
translated:
  resumed = false;
  left = core.left_;
  cold |= translator_->exit() == jit::Exit::kBudget;
  cold_at = translator_->exit() == jit::Exit::kInterpret ? s->pc : kNowhere;
  goto dispatch;

// Entering `block` failed: it is not known, dead, longer than the budget, or uses windows that are not free.
slow_entry:
  left += block->cost;
  if (link != nullptr) s->pc = block == cache_.unlinked() ? link->pc : block->pc;
  if (kept != 0) {
    left += kept;
    kept = 0;
    goto dispatch;
  }
  if (left <= 0 || single || core.attention_ != 0) goto dispatch;
  if (block->dead()) {
    const std::uint32_t generation = generation_;
    Block* found = lookup(s->pc);
    if (found == nullptr) goto fetch_fault;
    if (link != nullptr && generation == generation_) link->target = found;
    link = nullptr;
    block = found;
    ENTER;
  }
  if (block->panes > panes) {
    if (block->checked == nullptr || block->checked->dead()) {
      const std::uint32_t generation = generation_;
      Block* checked = build(s->pc, Build::kChecked);
      if (checked == nullptr) goto fetch_fault;
      if (generation == generation_) block->checked = checked;
      block = checked;
    } else {
      block = block->checked;
    }
  }
  // All of it is charged; what comes after the stopper is paid back there, what a way out skips, there.
  if (left < block->cost) place_stopper(*block, static_cast<unsigned>(left));
  left -= block->cost;
  op = block->slots();
  goto * op->uop.handler;

// ICOUNT counts, privilege has to be checked, or a debugger steps.
single_step:
  // Here, since ICOUNT does not count what is not executed.
  if (core.has_breakpoint(s->pc) && core.debugger_breakpoint()) goto dispatch;
  if (core.observer_ != nullptr) core.observer_->executes(core);
  if (counting) {
    if (s->icount == 0xffffffff && debug_exception(kDebugIcount)) {
      --left;
      goto dispatch;
    }
    ++s->icount;
  }
  if (core.step_level_ > core.current_interrupt_level()) {
    core.step_begun_ = true;
    core.step_vectors_ = core.vectors_;
  }
  block = build(s->pc, Build::kSingle);
  if (block == nullptr) goto fetch_fault;
  --left;
  if (block->panes > panes) {
    core.left_ = left;
    core.raise_window_overflow();
    goto dispatch;
  }
  op = block->slots();
  goto * op->uop.handler;

// After an instruction that has been completed: what follows must be looked at between two instructions.
attention:
  if ((core.attention_ & kAttentionMoved) != 0) {
    left += REST;
    goto dispatch;
  }
between_instructions:
  if (REST != 0) {
    s->pc = block->pc_after(REST);
    left += REST;
    goto dispatch;
  }
// The same after the last instruction of a block: where it goes on is for the block's end to say. Without a
// budget the next block cannot be entered.
leave_block:
  kept = left;
  left = 0;
  if (kept == 0) kept = 1, left = -1;
  NEXT;

// A load whose page attributes do not allow a host access (`size` with bit 7: sign-extended), or unaligned.
slow_load:
  SYNC;
  if (!load(address, size & 7, value)) goto raised;
  left = core.left_ - REST - 1;
  if ((core.attention_ & kAttentionMoved) != 0) goto attention;
  ar[T] = (size & 0x80) != 0 ? static_cast<std::uint32_t>(static_cast<std::int16_t>(value)) : value;
  if (core.attention_ != 0) goto attention;
  NEXT;

slow_store:
  SYNC;
  if (!store(address, size, value)) goto raised;
  left = core.left_ - REST - 1;
  if (core.attention_ != 0) goto attention;
  NEXT;

raised:
  left = core.left_ - 1;
  goto dispatch;

slow_instruction:
  SYNC;
  switch (slow(slow_op, op->uop)) {
    case Outcome::kNext:
      left = core.left_ - REST - 1;
      if (core.attention_ != 0) goto attention;
      NEXT;
    case Outcome::kBarrier:
      left = core.left_ - REST - 1;
      if (REST != 0 || (core.attention_ & kAttentionMoved) != 0) goto attention;
      goto leave_block;
    case Outcome::kMoved:
      goto raised;
  }
  __builtin_unreachable();

// They share macros, in this order.
// clang-format off
#include "xtensa/handlers/block.inc"
#include "xtensa/handlers/arithmetic.inc"
#include "xtensa/handlers/memory.inc"
#include "xtensa/handlers/branch.inc"
#include "xtensa/handlers/call.inc"
#include "xtensa/handlers/exception.inc"
#include "xtensa/handlers/boolean.inc"
#include "xtensa/handlers/fp.inc"
#include "xtensa/handlers/slow.inc"
  // clang-format on
}

}  // namespace espalier::xtensa
