// The interpreter behind Core::run(): decodes guest code once, into blocks, and runs the blocks.
//
// A block is a straight path of instructions, each mostly one micro-operation whose handler jumps to the next
// one's. On entry, a block is charged whole to the budget; whoever leaves it early pays back what has not
// been executed (Uop::rest), and code outside the run loop sees exact counts. Blocks lead to one another by
// links, so that going from one to the next asks two things only: is there budget for all of it, and are the
// windows free that it uses. Everything else that may happen between two instructions (interrupts, a stop,
// code that is gone, an exhausted budget) makes one of the two fail, or is noticed where it comes from: after
// a callback, a WSR...
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <limits>
#include <unordered_set>

#include "xtensa/block.h"
#include "xtensa/block_cache.h"
#include "xtensa/core.h"
#include "xtensa/fp_host.h"
#include "xtensa/instruction.h"
#include "xtensa/instruction_traits.h"
#include "xtensa/jit/region.h"

namespace espalier::xtensa {

// What Instructions do not name, but a block may hold: checks, and the ways out of it.
enum class Extra : std::uint8_t {
  kEnd,         // goes on at the link behind it
  kLoopEnd,     // LEND is here: two links, onward and back
  kPanes,       // raises window overflow unless `imm` windows above the present one are free
  kFpCheck,     // raises Coprocessor0Disabled unless CPENABLE says otherwise
  kWatch,       // raises a debug exception if the next instruction touches a data breakpoint
  kBreakpoint,  // an instruction breakpoint is here
  kDebugger,    // a breakpoint of the debugger on the host is here
  kNative,      // a native function stands at this pc
  kStop,        // the budget ends here; put over an instruction for as long as it takes
  kLoadState,   // at = a word of State: RSR and RUR of plain registers
  kStoreState,  // a word of State = at & mask: WSR and WUR of plain registers
  kConstant,    // at = imm
  kWritePs,     // PS = at
  kPrivileged,  // raises Privileged
  kTally,       // counts an execution of its instruction; the slot behind it says where
  kCount,
};

// What the address of a kWatch is made of: `s` and `imm` always, these in `t`.
enum WatchFlags : std::uint8_t {
  kWatchSize = 7,  // mask: bytes
  kWatchLoad = 8,
  kWatchStore = 16,
  kWatchBase = 32,   // a[s] is added
  kWatchIndex = 64,  // a[r] is added
};

namespace jit {
class Translator;
}

// Memory on the core's own ports (core-isa.h, XCHAL_*ROM*, XCHAL_*RAM*, XCHAL_XLMI*): S32C1I works there
// whatever ATOMCTL says.
constexpr bool is_local_memory(std::uint32_t address) {
  return address >= 0x3f400000 && address < 0x40c00000;
}

// Whether memory may be executed but not read somewhere: translated code does not look at that.
inline bool executes_only(const State& s) {
  constexpr std::uint64_t kOnes = 0x0101010101010101, kExecuteOnly = 3;
  std::uint64_t regions = 0;
  static_assert(sizeof s.data_region == sizeof regions);
  std::memcpy(&regions, s.data_region.data(), sizeof regions);
  regions ^= kOnes * kExecuteOnly;
  return ((regions - kOnes) & ~regions & kOnes << 7) != 0;
}

struct Core::Interpreter {
 public:
  explicit Interpreter(Core& the_core);

  Stop run(std::uint64_t budget);
  void invalidate(std::uint32_t address, std::uint32_t size);
  void invalidate_all();
  bool has_code(std::uint32_t address, std::uint32_t size) const { return cache_.has_code(address, size); }

  // Blocks that are entered often enough are left to `translator` (null: to none). Forgets decoded code.
  void set_translator(jit::Translator* translator);
  void set_threshold(unsigned entries);
  // How the translator reads the core's code.
  jit::CodeSource code_source();

 private:
  friend class jit::Translator;

  // How an out-of-line instruction went.
  enum class Outcome : std::uint8_t {
    kNext,     // on to the next one
    kBarrier,  // the same, but what engines derive from the state may have changed
    kMoved,    // pc has been set
  };
  using Handlers = std::array<const void*, static_cast<std::size_t>(Op::kInvalid) + 1 +
                                               static_cast<std::size_t>(Extra::kCount)>;

  const void* handler(Op op) const { return handlers_[static_cast<std::size_t>(op)]; }
  const void* extra_handler(Extra extra) const {
    return handlers_[static_cast<std::size_t>(Op::kInvalid) + 1 + static_cast<std::size_t>(extra)];
  }

  // interpreter.cpp. With `handlers` it only tells the addresses of its handlers.
  Stop execute(Handlers* handlers);

  // block_builder.cpp. A null result means that nothing can be fetched at `pc`; fault_ says why.
  Block* lookup(std::uint32_t pc);
  enum class Build : std::uint8_t {
    kCached,   // to be found by pc
    kChecked,  // one that checks windows where they are used, and none of them on entry
    kSingle,   // one instruction, to be run once
  };
  class Builder;
  Block* build(std::uint32_t pc, Build kind);
  void flush();
  bool fetch(std::uint32_t pc, std::uint32_t& word);
  void add_loop_end(std::uint32_t address);

  // The ESP32 has one ring: only a test can set PS.RING.
  bool in_user_ring() const { return (core_.state_.ps & kPsRing) != 0 && (core_.state_.ps & kPsExcm) == 0; }

  // slow_paths.cpp. They expect an exact state: pc, left_. False: an exception was raised.
  bool load(std::uint32_t address, unsigned size, std::uint32_t& value);
  bool store(std::uint32_t address, unsigned size, std::uint32_t value);
  bool data_breakpoint(std::uint32_t address, std::uint8_t flags);
  bool debug_exception(std::uint32_t cause);
  // slow_ops.cpp. `immediate` is imm | imm2 << 16.
  Outcome slow(Op op, const Uop& uop);
  // Whether translated code may run at all: it looks at none of these.
  bool may_translate() const {
    const State& state = core_.state_;
    return (state.ibreakenable | state.icountlevel) == 0 && !core_.watching_data() && !core_.stepping() &&
           core_.observer_ == nullptr && core_.translation_allowed_ && !executes_only(state);
  }
  // Translated code may be entered at `pc` from now on.
  void heat(std::uint32_t pc) {
    if (Block* const block = cache_.find(pc); block != nullptr) block->heat = 0;
  }
  // To be called where LEND may have been written.
  void note_loop_end() {
    if (core_.state_.lend != last_lend_) add_loop_end(last_lend_ = core_.state_.lend);
  }
  // Any instruction that goes on to the next one, as translated code asks for it: loads, stores, RSR...
  // `shape` is access_shape(in), for those who keep it.
  Outcome perform(const Instruction& in, const AccessShape& shape);
  Outcome perform(const Instruction& in) { return perform(in, access_shape(in)); }
  Outcome region_protection(Op op, const Uop& uop);
  Outcome conditional_store(const Uop& uop);

  Core& core_;
  BlockCache cache_;
  Handlers handlers_{};
  HostFp fp_;
  bool flush_pending_ = false;
  jit::Translator* translator_ = nullptr;
  static constexpr std::int32_t kDefaultThreshold = 300;
  static constexpr std::int32_t kNeverHot = std::numeric_limits<std::int32_t>::max();
  std::int32_t threshold_ = kDefaultThreshold;
  // Raised by each flush: links kept across a lookup() belong to the memory of before.
  std::uint32_t generation_ = 0;
  // The place of a kStop: where it is, what was there, and for what it stands.
  struct Stopper {
    Slot* slot = nullptr;
    const void* handler = nullptr;
    std::uint32_t pc = 0;
    std::int64_t refund = 0;  // of what the block's entry has charged
  };
  void place_stopper(Block& block, unsigned instruction);
  void remove_stopper();
  Stopper stopper_;

  Access fault_{};
  std::uint32_t fault_address_ = 0;
  // Every address that LEND may have: that of each decoded LOOP, and what was written to LEND. Blocks end
  // there.
  std::unordered_set<std::uint32_t> loop_ends_;
  std::uint32_t last_lend_ = 0;  // one of them: LEND when last looked at

  static constexpr unsigned kMaxInstructions = 64;  // of a block
  static constexpr unsigned kMaxSlots = kMaxInstructions * 8 + 8;
  std::array<Slot, kMaxSlots> slots_{};
  // A block of one instruction, for ICOUNT.
  alignas(Block) std::array<std::byte, sizeof(Block) + 24 * sizeof(Slot)> scratch_{};
};

}  // namespace espalier::xtensa
