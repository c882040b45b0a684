// From guest code to blocks: fetches, decodes, lowers instructions to micro-operations.
#include <cstring>

#include "xtensa/decoder.h"
#include "xtensa/instruction_table.h"
#include "xtensa/interpreter.h"
#include "xtensa/special_registers.h"

namespace espalier::xtensa {
namespace {

constexpr unsigned kPageBits = 12;
constexpr std::uint32_t kPageSize = 1u << kPageBits;
// More distinct ends of loops than any program has: one that keeps inventing them is cut short by a flush.
constexpr std::size_t kMaxLoopEnds = 8192;

constexpr bool same_page(std::uint32_t a, std::uint32_t b) {
  return a >> kPageBits == b >> kPageBits;
}

// How many windows above the present one an instruction's AR operands reach into, plus what it uses unnamed.
unsigned panes_of(const Instruction& in) {
  unsigned highest = 0;
  const auto use = [&highest](unsigned n) { highest = n > highest ? n : highest; };
  if (in.op == Op::kInvalid) return 0;
  const InstructionRow& row = instruction_row(in.op);
  for (unsigned i = 0; i < row.operand_count; ++i) {
    const Operand& operand = row.operands[i];
    if (operand.file != RegisterFile::kAr) continue;
    use(operand.place == Place::kR ? in.r : operand.place == Place::kS ? in.s : in.t);
  }
  switch (in.op) {
    case Op::CALL4:
    case Op::CALLX4:
      use(4);
      break;
    case Op::CALL8:
    case Op::CALLX8:
      use(8);
      break;
    case Op::CALL12:
    case Op::CALLX12:
      use(12);
      break;
    case Op::ENTRY:
      return 0;  // its handler looks at the window that it opens
    default:
      break;
  }
  return highest / 4;
}

// The check for data breakpoints before an instruction; false if it does not access memory.
bool make_watch(const Instruction& in, Uop& uop) {
  if (in.op == Op::kInvalid) return false;
  const InstructionRow& row = instruction_row(in.op);
  if (!row.is(kLoad | kStore) || row.is(kDebugMode)) return false;
  std::uint8_t flags = kWatchBase | 4;
  if (row.is(kLoad)) flags |= kWatchLoad;
  if (row.is(kStore)) flags |= kWatchStore;
  uop.s = in.s;
  uop.r = in.t;
  uop.imm = static_cast<std::uint32_t>(in.imm);
  switch (in.op) {
    case Op::L8UI:
    case Op::S8I:
      flags = static_cast<std::uint8_t>((flags & ~kWatchSize) | 1);
      break;
    case Op::L16UI:
    case Op::L16SI:
    case Op::S16I:
      flags = static_cast<std::uint8_t>((flags & ~kWatchSize) | 2);
      break;
    case Op::L32R:
      flags = static_cast<std::uint8_t>(flags & ~kWatchBase);
      break;
    case Op::LSX:
    case Op::SSX:
      flags |= kWatchIndex;
      uop.imm = 0;
      break;
    case Op::LSIP:
    case Op::LSXP:
    case Op::SSIP:
    case Op::SSXP:
      uop.imm = 0;
      break;
    default:
      if (in.op >= Op::MULA_DA_LL_LDINC && in.op <= Op::LDDEC) {  // before or after: LDDEC's are odd
        const bool decrement =
            ((static_cast<unsigned>(in.op) - static_cast<unsigned>(Op::MULA_DA_LL_LDINC)) & 1) != 0;
        uop.imm = decrement ? 0u - 4 : 4;
      }
      break;
  }
  uop.t = flags;
  return true;
}

bool is_nothing(Op op) {
  switch (op) {
    case Op::NOP:
    case Op::NOP_N:
    case Op::MEMW:
    case Op::EXTW:
    case Op::RSYNC:
    case Op::ESYNC:
    case Op::DSYNC:
    case Op::EXCW:
    case Op::ISYNC:
      return true;
    default:
      return false;
  }
}

}  // namespace

Block* Core::Interpreter::lookup(std::uint32_t pc) {
  if (flush_pending_) {
    flush_pending_ = false;
    ++generation_;
    cache_.flush();
    if (loop_ends_.size() > kMaxLoopEnds) {
      loop_ends_.clear();
      loop_ends_.insert(core_.state_.lend);
    }
  }
  Block* block = cache_.find(pc);
  return block != nullptr ? block : build(pc, Build::kCached);
}

// A block that runs over a loop's end, or up to it without looking at LCOUNT there, is wrong from now on.
void Core::Interpreter::note_loop_end(std::uint32_t address) {
  last_lend_ = address;
  if (!loop_ends_.insert(address).second) return;
  if (cache_.invalidate(address - 1, 1)) core_.attention_ |= kAttentionCode;
  if (loop_ends_.size() > kMaxLoopEnds) invalidate_all();
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

// Decodes instructions from `pc` to where the straight path ends; into the cache, or (a single one) into
// scratch_.
Block* Core::Interpreter::build(std::uint32_t pc, Build kind) {
  const unsigned limit = kind == Build::kSingle ? 1 : kMaxInstructions;
  const State& state = core_.state_;
  const auto handler_of = [this](Op op) { return handlers_[static_cast<std::size_t>(op)]; };
  const auto extra = [this](Extra which) {
    return handlers_[static_cast<std::size_t>(Op::kInvalid) + 1 + static_cast<std::size_t>(which)];
  };

  unsigned slots = 0;
  unsigned count = 0;
  std::array<std::uint8_t, kMaxInstructions> offsets{};
  std::array<std::uint8_t, kMaxSlots> index{};  // which instruction a slot belongs to
  constexpr std::uint8_t kLinkSlot = 0xff;

  const auto emit = [&](const void* handler, std::uint8_t r, std::uint8_t s, std::uint8_t t,
                        std::uint32_t imm) {
    slots_[slots].uop = Uop{handler, r, s, t, 0, imm};
    index[slots++] = static_cast<std::uint8_t>(count);
  };
  const auto emit_link = [&](std::uint32_t target) {
    slots_[slots].link = Link{cache_.unlinked(), target, 0};
    index[slots++] = kLinkSlot;
  };

  unsigned header_panes = 0;  // checked on entry: what is used before the first way out
  unsigned checked_panes = 0;
  bool straight = kind != Build::kChecked;  // no way out yet
  bool fp_checked = false;
  bool falls_through = true;
  const bool watching = core_.watching_data();
  const bool user_ring = (state.ps & kPsRing) != 0 && (state.ps & kPsExcm) == 0;

  std::uint32_t at = pc;
  const bool native = core_.environment_.is_native(pc);
  if (native) {
    emit(extra(Extra::kNative), 0, 0, 0, 0);
    offsets[count++] = 0;
    at = pc + 1;
    falls_through = false;
  }
  while (falls_through && count < limit) {
    if (count != 0 && (!same_page(pc, at) || core_.environment_.is_native(at))) break;
    std::uint32_t word = 0;
    if (!fetch(at, word)) {
      if (count == 0) return nullptr;
      break;
    }
    const Instruction in = decode(at, word);
    const std::uint32_t next = at + in.length;
    if (count != 0 && !same_page(pc, next - 1)) break;

    const auto imm = static_cast<std::uint32_t>(in.imm);
    const bool known = in.op != Op::kInvalid;
    const std::uint32_t flags = known ? instruction_row(in.op).flags : 0;
    offsets[count] = static_cast<std::uint8_t>(at - pc);

    for (unsigned n = 0; n < state.ibreaka.size(); ++n) {
      if ((state.ibreakenable >> n & 1) != 0 && state.ibreaka[n] == at) {
        emit(extra(Extra::kBreakpoint), 0, 0, 0, 0);
        break;
      }
    }
    const SpecialRegister* special = nullptr;
    const UserRegister* user = nullptr;
    if (in.op == Op::RSR || in.op == Op::WSR || in.op == Op::XSR) special = find_special_register(imm);
    if (in.op == Op::RUR || in.op == Op::WUR) user = find_user_register(imm);
    const bool open_to_all = special != nullptr && (special->access & SpecialRegister::kUser) != 0;
    if (user_ring && (flags & kRing0) != 0 && !open_to_all) {
      emit(extra(Extra::kPrivileged), 0, 0, 0, 0);
      ++count;
      at = next;
      falls_through = false;
      break;
    }
    if (const unsigned panes = panes_of(in); panes > checked_panes) {
      checked_panes = panes;
      if (straight) {
        header_panes = panes;
      } else {
        emit(extra(Extra::kPanes), 0, 0, 0, panes);
      }
    }
    if (((flags & kFp) != 0 || (user != nullptr && user->fp)) && !fp_checked) {
      emit(extra(Extra::kFpCheck), 0, 0, 0, 0);
      fp_checked = true;
    }
    if (watching) {
      Uop watch{};
      if (make_watch(in, watch)) emit(extra(Extra::kWatch), watch.r, watch.s, watch.t, watch.imm);
    }

    bool ends = !known || (flags & kEndsBlock) != 0;
    if (is_nothing(in.op)) {
      ends = false;
    } else if (!known) {
      emit(handler_of(Op::kInvalid), 0, 0, 0, 0);
      falls_through = false;
    } else if ((flags & kBranch) != 0) {
      // imm is what to compare with; BBCI, BBSI: the bit as a mask.
      const bool bit = in.op == Op::BBCI || in.op == Op::BBSI;
      const auto operand = static_cast<std::uint32_t>(in.imm2);
      emit(handler_of(in.op), in.r, in.s, in.t, bit ? 1u << operand : operand);
      emit_link(imm);
      straight = false;
      ends = false;
    } else if ((flags & kLoop) != 0) {
      emit(handler_of(in.op), in.r, in.s, in.t, imm);
      emit_link(next);
      emit_link(imm);
      if (loop_ends_.insert(imm).second) {
        cache_.invalidate(imm - 1, 1);
        if (loop_ends_.size() > kMaxLoopEnds) invalidate_all();
      }
      falls_through = false;
    } else if (in.op == Op::J) {
      emit(handler_of(in.op), 0, 0, 0, 0);
      emit_link(imm);
      falls_through = false;
    } else if ((flags & kCall) != 0) {
      const unsigned increment = in.op == Op::CALL4 || in.op == Op::CALLX4     ? 1
                                 : in.op == Op::CALL8 || in.op == Op::CALLX8   ? 2
                                 : in.op == Op::CALL12 || in.op == Op::CALLX12 ? 3
                                                                               : 0;
      const std::uint32_t back = increment == 0 ? next : (next & 0x3fffffff) | increment << 30;
      emit(handler_of(in.op), in.r, in.s, in.t, back);
      emit_link(imm);
      falls_through = false;
    } else if ((flags & (kJump | kReturn)) != 0) {
      emit(handler_of(in.op), in.r, in.s, in.t, imm);
      falls_through = false;
    } else if (in.op == Op::RSR && special != nullptr &&
               (special->access & SpecialRegister::kPlainRead) != 0) {
      emit(extra(Extra::kLoadState), 0, 0, in.t, special->offset);
    } else if (in.op == Op::RSR && special != nullptr && special->number == Sr::PRID) {
      emit(extra(Extra::kConstant), 0, 0, in.t, core_.prid_);
    } else if (in.op == Op::WSR && special != nullptr &&
               (special->access & SpecialRegister::kPlainWrite) != 0) {
      emit(extra(Extra::kStoreState), 0, 0, in.t, special->offset);
      emit(nullptr, 0, 0, 0, special->write_mask);
      ends = false;
    } else if (in.op == Op::WSR && special != nullptr && special->number == Sr::PS) {
      emit(extra(Extra::kWritePs), 0, 0, in.t, 0);
      checked_panes = 0;
      straight = false;
      ends = false;
    } else if (in.op == Op::RUR && user != nullptr && !user->fp) {
      emit(extra(Extra::kLoadState), 0, 0, in.r, user->offset);
    } else if (in.op == Op::WUR && user != nullptr && !user->fp) {
      emit(extra(Extra::kStoreState), 0, 0, in.t, user->offset);
      emit(nullptr, 0, 0, 0, user->write_mask);
    } else if (in.op == Op::EXTUI) {
      const std::uint32_t mask = static_cast<std::uint32_t>((std::uint64_t{1} << in.imm2) - 1);
      emit(handler_of(in.op), in.r, static_cast<std::uint8_t>(in.imm), in.t, mask);
    } else {
      std::uint8_t s = in.s;
      if (in.op == Op::ANY4 || in.op == Op::ALL4) s &= 12;
      if (in.op == Op::ANY8 || in.op == Op::ALL8) s &= 8;
      if (in.op == Op::RSIL) ends = false;
      emit(handler_of(in.op), in.r, s, in.t, imm | static_cast<std::uint32_t>(in.imm2) << 16);
    }
    ++count;
    at = next;
    if (ends || loop_ends_.contains(at)) break;
  }

  const auto instructions = static_cast<std::uint8_t>(count);
  if (falls_through) {
    const bool loop_end = loop_ends_.contains(at);
    --count;  // the end belongs to the last instruction
    emit(extra(loop_end ? Extra::kLoopEnd : Extra::kEnd), 0, 0, 0, at);
    emit_link(at);
    if (loop_end) emit_link(at);  // LBEG, once it is known
  }

  Block* block = reinterpret_cast<Block*>(scratch_.data());
  if (kind != Build::kSingle) {
    const std::size_t bytes = sizeof(Block) + slots * sizeof(Slot) + instructions;
    block = cache_.allocate(bytes);
    if (block == nullptr) {
      ++generation_;
      cache_.flush();
      block = cache_.allocate(bytes);
    }
  }
  *block = Block{.pc = pc,
                 .cost = instructions,
                 .panes = static_cast<std::uint8_t>(header_panes),
                 .count = instructions,
                 .slot_count = static_cast<std::uint16_t>(slots),
                 .size = at - pc,
                 .next_in_page = {},
                 .checked = nullptr,
                 .unused = 0};
  for (unsigned i = 0; i < slots; ++i) {
    if (index[i] != kLinkSlot) slots_[i].uop.rest = static_cast<std::uint8_t>(instructions - 1 - index[i]);
    std::memcpy(static_cast<void*>(block->slots() + i), &slots_[i], sizeof(Slot));
  }
  std::memcpy(block->offsets(), offsets.data(), instructions);
  if (kind != Build::kSingle) {
    kind == Build::kCached ? cache_.insert(block) : cache_.watch(block);
    if (!native) core_.environment_.code_decoded(core_, pc, block->size);
  }
  return block;
}

}  // namespace espalier::xtensa
