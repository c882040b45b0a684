// From guest code to blocks: decodes instructions along the straight path and lowers them to
// micro-operations.
#include <algorithm>
#include <cstring>

#include "xtensa/decoder.h"
#include "xtensa/instruction_table.h"
#include "xtensa/instruction_traits.h"
#include "xtensa/interpreter.h"
#include "xtensa/jit/translator.h"
#include "xtensa/special_registers.h"

namespace espalier::xtensa {
namespace {

constexpr unsigned kPageBits = 12;
constexpr std::uint8_t kNoInstruction = 0xff;  // what a link's slot belongs to

constexpr bool same_page(std::uint32_t a, std::uint32_t b) {
  return a >> kPageBits == b >> kPageBits;
}

}  // namespace

// Makes one block. It ends where the path may turn for good: at a jump, call, return or loop instruction, at
// the end of a loop, before a native function or a debugger's breakpoint, before the next page, after
// kMaxInstructions. A conditional branch does not end it: taken it is a way out, not taken the block goes on.
class Core::Interpreter::Builder {
 public:
  Builder(Interpreter& interpreter, std::uint32_t pc, Build kind)
      : in_(interpreter), pc_(pc), at_(pc), kind_(kind), straight_(kind != Build::kChecked) {}

  // Null if not even the first instruction can be fetched.
  Block* build() {
    const bool native = in_.core_.environment_.is_native(pc_);
    if (native) {
      if (in_.core_.has_breakpoint(pc_)) emit(Extra::kDebugger);
      emit(Extra::kNative);
      ++count_;
      at_ = pc_ + 1;
      falls_through_ = false;
    } else {
      add_instructions();
      if (count_ == 0) return nullptr;
    }
    const unsigned instructions = count_;
    if (falls_through_) add_end();
    Block* block = allocate(instructions);
    fill(*block, instructions);
    if (kind_ != Build::kSingle) {
      kind_ == Build::kCached ? in_.cache_.insert(block) : in_.cache_.watch(block);
      if (!native) in_.core_.environment_.code_decoded(in_.core_, pc_, block->size);
    }
    return block;
  }

 private:
  void emit(const void* handler, std::uint8_t r, std::uint8_t s, std::uint8_t t, std::uint32_t imm) {
    in_.slots_[slots_].uop = Uop{handler, r, s, t, 0, imm};
    owner_[slots_++] = static_cast<std::uint8_t>(count_);
  }
  void emit(Op op, std::uint8_t r, std::uint8_t s, std::uint8_t t, std::uint32_t imm) {
    emit(in_.handler(op), r, s, t, imm);
  }
  void emit(Extra extra, std::uint8_t t = 0, std::uint32_t imm = 0) {
    emit(in_.extra_handler(extra), 0, 0, t, imm);
  }
  void emit_link(std::uint32_t target) {
    in_.slots_[slots_].link = Link{in_.cache_.unlinked(), target, 0};
    owner_[slots_++] = kNoInstruction;
  }

  void add_instructions() {
    const unsigned limit = kind_ == Build::kSingle ? 1 : kMaxInstructions;
    while (count_ < limit) {
      const bool breakpoint = in_.core_.has_breakpoint(at_);
      if (count_ != 0 && (breakpoint || !same_page(pc_, at_) || in_.core_.environment_.is_native(at_)))
        return;
      std::uint32_t word = 0;
      if (!in_.fetch(at_, word)) return;
      const Instruction in = decode(at_, word);
      const std::uint32_t next = at_ + in.length;
      if (count_ != 0 && !same_page(pc_, next - 1)) return;
      offsets_[count_] = static_cast<std::uint8_t>(at_ - pc_);
      first_slots_[count_] = static_cast<std::uint16_t>(slots_);
      ends_ = false;
      writes_lend_ = writes_lend(in);
      if (breakpoint) emit(Extra::kDebugger);
      if (add_checks(in)) {
        // ENTRY finds out by itself whether it has to come again.
        if (in.op != Op::ENTRY) add_tally();
        lower(in, next);
        if (in.op == Op::ENTRY) add_tally();
      }
      ++count_;
      at_ = next;
      if (ends_ || in_.loop_ends_.contains(at_)) return;
    }
  }

  void add_tally() {
    std::uint64_t* const counter = in_.core_.execution_counter(at_);
    if (counter == nullptr) return;
    emit(Extra::kTally);
    emit(counter, 0, 0, 0, 0);
  }

  // What has to be true before an instruction; false if it is clear already that it raises an exception.
  bool add_checks(const Instruction& in) {
    const State& state = in_.core_.state_;
    for (unsigned n = 0; n < state.ibreaka.size(); ++n) {
      if ((state.ibreakenable >> n & 1) != 0 && state.ibreaka[n] == at_) {
        emit(Extra::kBreakpoint);
        // It comes before a window overflow, so that must not be looked for on entry. Other blocks than this
        // one are entered in their checked form then.
        if (kind_ == Build::kSingle) straight_ = false;
        break;
      }
    }
    if (in.op == Op::kInvalid) return true;
    const InstructionRow& row = instruction_row(in.op);
    if (row.is(kRing0) && in_.in_user_ring() && !is_user_register(in)) {
      emit(Extra::kPrivileged);
      leave();
      return false;
    }
    if (const unsigned panes = panes_of(in); panes > panes_checked_) {
      panes_checked_ = panes;
      if (straight_) {
        panes_on_entry_ = panes;
      } else {
        emit(Extra::kPanes, 0, panes);
      }
    }
    if (!fp_checked_ && (row.is(kFp) || is_fp_register(in))) {
      emit(Extra::kFpCheck);
      fp_checked_ = true;
    }
    if (const AccessShape access = access_shape(in); access.size != 0 && in_.core_.watching_data()) {
      const unsigned flags = access.size | (access.load ? kWatchLoad : 0) | (access.store ? kWatchStore : 0) |
                             (access.base ? kWatchBase : 0) | (access.index ? kWatchIndex : 0);
      emit(Extra::kWatch, static_cast<std::uint8_t>(flags), access.offset);
      in_.slots_[slots_ - 1].uop.s = in.s;
      in_.slots_[slots_ - 1].uop.r = in.t;
    }
    return true;
  }

  static bool is_user_register(const Instruction& in) {
    if (in.op != Op::RSR && in.op != Op::WSR && in.op != Op::XSR) return false;
    const SpecialRegister* row = find_special_register(static_cast<std::uint32_t>(in.imm));
    return row != nullptr && (row->access & SpecialRegister::kUser) != 0;
  }
  static bool is_fp_register(const Instruction& in) {
    if (in.op != Op::RUR && in.op != Op::WUR) return false;
    const UserRegister* row = find_user_register(static_cast<std::uint32_t>(in.imm));
    return row != nullptr && row->fp;
  }

  // The path does not go on behind this instruction.
  void leave() {
    ends_ = true;
    falls_through_ = false;
  }

  // The micro-operations of one instruction. The handlers say what their fields mean.
  void lower(const Instruction& in, std::uint32_t next) {
    if (in.op == Op::kInvalid) {
      emit(Op::kInvalid, 0, 0, 0, 0);
      leave();
      return;
    }
    if (is_nothing(in.op) || lower_register_access(in)) return;
    const InstructionRow& row = instruction_row(in.op);
    const auto imm = static_cast<std::uint32_t>(in.imm);
    const auto imm2 = static_cast<std::uint32_t>(in.imm2);
    if (row.is(kBranch)) {
      const bool bit = in.op == Op::BBCI || in.op == Op::BBSI;
      emit(in.op, in.r, in.s, in.t, bit ? 1u << imm2 : imm2);
      emit_link(imm);
      straight_ = false;
    } else if (row.is(kLoop)) {
      emit(in.op, in.r, in.s, in.t, imm);
      emit_link(next);
      emit_link(imm);
      in_.add_loop_end(imm);
      leave();
    } else if (row.is(kCall)) {
      const std::uint32_t increment = call_increment(in.op);
      emit(in.op, in.r, in.s, in.t, increment == 0 ? next : (next & 0x3fffffff) | increment << 30);
      emit_link(imm);
      leave();
    } else if (row.is(kJump | kReturn)) {
      emit(in.op, in.r, in.s, in.t, imm);
      if (in.op == Op::J) emit_link(imm);
      leave();
    } else {
      lower_plain(in, imm, imm2);
      ends_ = row.is(kEndsBlock) && in.op != Op::RSIL;
    }
  }

  void lower_plain(const Instruction& in, std::uint32_t imm, std::uint32_t imm2) {
    switch (in.op) {
      case Op::EXTUI:
        emit(in.op, in.r, static_cast<std::uint8_t>(imm), in.t,
             static_cast<std::uint32_t>((std::uint64_t{1} << imm2) - 1));
        return;
      case Op::ANY4:
      case Op::ALL4:
        emit(in.op, in.r, in.s & 12, in.t, 0);
        return;
      case Op::ANY8:
      case Op::ALL8:
        emit(in.op, in.r, in.s & 8, in.t, 0);
        return;
      default:
        emit(in.op, in.r, in.s, in.t, imm | imm2 << 16);
        return;
    }
  }

  // RSR, WSR, RUR and WUR of registers that are no more than words of State; and of PRID and PS.
  bool lower_register_access(const Instruction& in) {
    const auto number = static_cast<std::uint32_t>(in.imm);
    if (in.op == Op::RSR || in.op == Op::WSR) {
      const SpecialRegister* row = find_special_register(number);
      if (row == nullptr) return false;
      if (in.op == Op::RSR && row->number == Sr::PRID) {
        emit(Extra::kConstant, in.t, in_.core_.prid_);
      } else if (in.op == Op::RSR && (row->access & SpecialRegister::kPlainRead) != 0) {
        emit(Extra::kLoadState, in.t, row->offset);
      } else if (in.op == Op::WSR && (row->access & SpecialRegister::kPlainWrite) != 0) {
        emit_store_state(in.t, row->offset, row->write_mask);
      } else if (in.op == Op::WSR && row->number == Sr::PS) {
        // PS.WOE and EXCM say whether windows are checked: what was true before is no longer known.
        emit(Extra::kWritePs, in.t);
        panes_checked_ = 0;
        straight_ = false;
      } else {
        return false;
      }
      return true;
    }
    if (in.op == Op::RUR || in.op == Op::WUR) {
      const UserRegister* row = find_user_register(number);
      if (row == nullptr || row->fp) return false;
      if (in.op == Op::RUR) {
        emit(Extra::kLoadState, in.r, row->offset);
      } else {
        emit_store_state(in.t, row->offset, row->write_mask);
      }
      return true;
    }
    return false;
  }

  void emit_store_state(std::uint8_t t, std::uint32_t offset, std::uint32_t mask) {
    emit(Extra::kStoreState, t, offset);
    emit(nullptr, 0, 0, 0, mask);
  }

  // Where the path goes on. It belongs to the last instruction.
  void add_end() {
    --count_;
    const bool loop_end = in_.loop_ends_.contains(at_) && !writes_lend_;
    emit(loop_end ? Extra::kLoopEnd : Extra::kEnd, 0, at_);
    emit_link(at_);
    if (loop_end) emit_link(at_);  // LBEG, once it is known
  }

  Block* allocate(unsigned instructions) {
    if (kind_ == Build::kSingle) return reinterpret_cast<Block*>(in_.scratch_.data());
    const std::size_t bytes = Block::bytes(slots_, instructions);
    Block* block = in_.cache_.allocate(bytes);
    if (block == nullptr) {
      in_.flush();
      block = in_.cache_.allocate(bytes);
    }
    return block;
  }

  std::int32_t entries_until_hot() const {
    if (in_.translator_ == nullptr) return kNeverHot;
    return in_.translator_->can_enter(pc_) ? 0 : in_.threshold_;
  }

  void fill(Block& block, unsigned instructions) {
    block = Block{.pc = pc_,
                  .cost = static_cast<std::int32_t>(instructions),
                  .panes = static_cast<std::uint8_t>(panes_on_entry_),
                  .count = static_cast<std::uint8_t>(instructions),
                  .slot_count = static_cast<std::uint16_t>(slots_),
                  .size = at_ - pc_,
                  .next_in_page = {},
                  .checked = nullptr,
                  .heat = entries_until_hot(),
                  .unused = 0};
    for (unsigned i = 0; i < slots_; ++i) {
      Slot& slot = in_.slots_[i];
      if (owner_[i] != kNoInstruction)
        slot.uop.rest = static_cast<std::uint8_t>(instructions - 1 - owner_[i]);
      std::memcpy(static_cast<void*>(block.slots() + i), &slot, sizeof slot);
    }
    std::copy_n(first_slots_.begin(), instructions, block.first_slots());
    std::copy_n(offsets_.begin(), instructions, block.offsets());
  }

  Interpreter& in_;
  std::uint32_t pc_;
  std::uint32_t at_;  // behind the last instruction
  Build kind_;
  unsigned slots_ = 0;
  unsigned count_ = 0;                                    // instructions
  std::array<std::uint8_t, kMaxInstructions> offsets_{};  // of each from pc_
  std::array<std::uint16_t, kMaxInstructions> first_slots_{};
  std::array<std::uint8_t, kMaxSlots> owner_{};  // the instruction that a slot belongs to
  unsigned panes_checked_ = 0;
  unsigned panes_on_entry_ = 0;  // those that are used before the first way out
  bool straight_;                // no way out yet
  bool fp_checked_ = false;
  bool ends_ = false;
  bool falls_through_ = true;
  bool writes_lend_ = false;  // the last instruction does
};

Block* Core::Interpreter::build(std::uint32_t pc, Build kind) {
  return Builder(*this, pc, kind).build();
}

Block* Core::Interpreter::lookup(std::uint32_t pc) {
  if (flush_pending_) flush();
  Block* block = cache_.find(pc);
  return block != nullptr ? block : build(pc, Build::kCached);
}

void Core::Interpreter::flush() {
  // More distinct ends of loops than any program has: one that keeps inventing them gets a fresh start.
  constexpr std::size_t kManyLoopEnds = 4096;
  if (stopper_.slot != nullptr) remove_stopper();
  flush_pending_ = false;
  ++generation_;
  cache_.flush();
  if (loop_ends_.size() > kManyLoopEnds) {
    loop_ends_.clear();
    loop_ends_.insert(last_lend_ = core_.state_.lend);
  }
}

// A block that runs over a loop's end, or up to it without looking at LCOUNT there, is wrong from now on.
void Core::Interpreter::add_loop_end(std::uint32_t address) {
  constexpr std::size_t kTooManyLoopEnds = 8192;
  if (!loop_ends_.insert(address).second) return;
  if (cache_.invalidate(address - 1, 1)) core_.attention_ |= kAttentionCode;
  if (translator_ != nullptr) translator_->invalidate(address - 1, 1);
  if (loop_ends_.size() > kTooManyLoopEnds) invalidate_all();
}

// Reads no byte beyond the instruction's own: the next page may not be there.
bool Core::Interpreter::fetch(std::uint32_t pc, std::uint32_t& word) {
  const std::uint8_t* const attributes = core_.memory_.attributes;
  const std::uint8_t* const memory = core_.memory_.base;
  word = 0;
  if ((attributes[pc >> kPageBits] & kPageFetch) != 0) {
    const unsigned length = instruction_length(memory[pc]);
    const std::uint32_t last = pc + length - 1;
    if (same_page(pc, last) || (last > pc && (attributes[last >> kPageBits] & kPageFetch) != 0)) {
      std::memcpy(&word, memory + pc, length);
      return true;
    }
  }
  std::uint8_t bytes[4] = {};
  const Access access = core_.environment_.fetch(core_, pc, bytes);
  std::memcpy(&word, bytes, sizeof bytes);
  if (access.ok) return true;
  fault_ = access;
  fault_address_ = pc;
  return false;
}

}  // namespace espalier::xtensa
