// The unit of translation: a piece of a function's control flow with its analysis. Nothing here depends on
// the host.
//
// A region begins at one address and follows direct branches, hardware loops and the code behind calls, so
// that it mostly is a function. Its guest registers can live in host registers from end to end: they are in
// memory only where control enters or leaves (entries, calls, exits).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "xtensa/instruction.h"

namespace espalier::xtensa::jit {

// What PS says about how code runs: part of a translation's identity.
struct Mode {
  bool windows = false;  // PS.WOE and not PS.EXCM: windows are checked, ENTRY and RETW legal
  bool loops = false;    // not PS.EXCM: LEND is looked at

  static Mode of(std::uint32_t ps);
  unsigned index() const { return (windows ? 1u : 0u) | (loops ? 2u : 0u); }
  bool operator==(const Mode&) const = default;
};

// A bit a register: AR 0 to 27 (those of the window 3 above are the last), SAR, LCOUNT, the accumulator
// (ACCLO and ACCHI), M0 to M3, FR 0 to 15.
using RegisterSet = std::uint64_t;
inline constexpr unsigned kArs = 28;
inline constexpr unsigned kSar = kArs, kLcount = 29, kAcc = 30, kFirstMr = 31, kFirstFr = 35;
inline constexpr unsigned kRegisters = 51;
constexpr RegisterSet bit(unsigned reg) {
  return RegisterSet{1} << reg;
}

struct RegisterUse {
  RegisterSet reads = 0;
  RegisterSet writes = 0;
};
RegisterUse registers_of(const Instruction& in);
// Which of them a special register is.
std::optional<unsigned> register_of_special(std::uint32_t number);
// Where State holds one that is no AR.
std::size_t state_offset(unsigned reg);

// True for instructions after which translated code goes on; the interpreter executes the others.
bool is_translated(const Instruction& in);
// What is done in C++ at the end of a block, where the state is exact in State: it may change the window, the
// mode, the path, and translated code goes on at whatever State::pc is then.
enum class Resume : std::uint32_t {
  kWindowOverflow,  // raises it
  kReturn,          // RETW
  kReturnFrom,      // RFE, RFDE, RFI, RFWO, RFWU
  kPerform,         // WSR, XSR, ROTW, ...: goes on behind it
  kGoOn,            // nothing: another mode, an interrupt or a path that is not known here
};
// True for RSIL and what writes PS, INTENABLE, INTSET or INTCLEAR: an interrupt may come behind them; else
// the block goes on.
bool changes_interrupts(const Instruction& in);
// True for instructions that end a block in that way.
bool is_resumed(const Instruction& in);
Resume resume_of(const Instruction& in);
// True for those that may raise an exception or call out of translated code, and so need exact registers.
bool needs_exact_state(const Instruction& in);

struct Step {
  std::uint32_t pc = 0;
  Instruction in;
  RegisterUse use;
  // How far above the region's window the instruction's own is; `in` names registers as the region does.
  std::uint8_t window = 0;
};

// How a block ends. `next` and `taken` are where it goes on.
enum class End : std::uint8_t {
  kFall,        // at `next`
  kBranch,      // its last step is a conditional branch: `taken`, or `next`
  kJump,        // J: `taken`
  kLoop,        // LOOP...: `next`, or, where it may skip the body, `taken`
  kLoopEnd,     // no step: back to the loop's begin (`taken`, if the region knows it) or on at `next`
  kCall,        // CALLn: `taken`; comes back to `next`
  kCallX,       // CALLXn: comes back to `next`
  kReturn,      // RET, RETW
  kLeafReturn,  // RETW of a function that has been taken in: `next`
  kJumpX,       // JX: one of the region's cases, if it has any, or elsewhere
  kResume,      // its last step is done in C++, which knows where it goes on
  kInterpret,   // the next step is the interpreter's
};

struct Target {
  static constexpr int kOutside = -1;
  std::uint32_t pc = 0;
  int block = kOutside;  // index in the region
};

// What instructions have asked before: of addresses in AR registers, and of windows.
struct Facts {
  static constexpr unsigned kMostRoom = 3;
  std::uint32_t aligned = 0;  // a bit each: a multiple of 4
  std::uint64_t rooms = 0;    // two bits each: how many small steps away it still points to the data bus
  unsigned panes = 0;         // windows above the present one that are free

  unsigned room(unsigned reg) const { return rooms >> 2 * reg & 3; }
  void set_room(unsigned reg, unsigned room) {
    rooms = (rooms & ~(std::uint64_t{3} << 2 * reg)) | std::uint64_t{room} << 2 * reg;
  }
  bool operator==(const Facts&) const = default;
};

struct Block {
  std::uint32_t pc = 0;
  std::uint32_t end_pc = 0;       // behind its last step
  unsigned first = 0, count = 0;  // steps
  End end = End::kFall;
  Target next, taken;
  // Of a call: the block where what it calls has been taken in, and the windows that have to be free for it.
  int leaf = Target::kOutside;
  unsigned leaf_panes = 0;
  std::uint8_t window = 0;  // of its steps

  bool entry = false;                 // control may come from outside: registers are in memory
  unsigned depth = 0;                 // of loops around it
  RegisterSet dirty_in = 0;           // may differ from memory
  RegisterSet live_in = 0;            // their values matter
  Facts known;                        // at its begin
  int version_of = Target::kOutside;  // the same block, but of its registers nothing is known
};

// Visits the index of each block of the region that registers are taken along to, but for cases. Behind a
// call everything is in memory: that is an entry, not a way on.
template <typename SomeBlock, typename Visit>
void for_each_way(SomeBlock& block, Visit visit) {
  const bool comes_back = block.end == End::kCall || block.end == End::kCallX || block.end == End::kReturn ||
                          block.end == End::kResume;
  if (!comes_back && block.next.block != Target::kOutside) visit(block.next.block);
  if (block.taken.block != Target::kOutside) visit(block.taken.block);
  if (block.leaf != Target::kOutside) visit(block.leaf);
}

struct Region {
  std::uint32_t pc = 0;
  Mode mode;
  bool opens_window = false;  // the first step is ENTRY; it is not part of a block
  Step entry_step;
  std::vector<Step> steps;
  std::vector<Block> blocks;  // blocks[0] is where it begins (behind ENTRY)
  std::vector<int> cases;     // of its switches: the blocks that a JX may lead to
  // [begin, end) of the guest code it was made from.
  std::vector<std::pair<std::uint32_t, std::uint32_t>> ranges;

  // How often each register is used, weighted by loop depth.
  std::vector<std::uint32_t> weights;
};

// Where the guest's code comes from, and what is known of it.
struct CodeSource {
  std::function<bool(std::uint32_t pc, std::uint32_t& word)> fetch;
  std::function<bool(std::uint32_t pc)> is_native;
  std::function<bool(std::uint32_t pc)> is_breakpoint;  // a debugger's: translated code does not stop
  std::function<bool(std::uint32_t address)> is_loop_end;
  std::function<void(std::uint32_t address)> add_loop_end;
  // The literal at `address`, if it is part of code. The translator's own.
  std::function<std::optional<std::uint32_t>(std::uint32_t address)> literal;
  // The word at `address`, if the core can load it; the translator's own.
  std::function<std::optional<std::uint32_t>(std::uint32_t address)> word{};
  // Whether translated code can go on at `pc` in that mode; the translator's own.
  std::function<bool(std::uint32_t pc, Mode mode)> is_entry{};
  // LBEG and LEND now, if the loop has not ended: a hint.
  std::function<std::optional<std::pair<std::uint32_t, std::uint32_t>>()> loop{};
  // What is in AR number `reg` now, and whether the core has been at `pc`, as far as is remembered: hints.
  std::function<std::uint32_t(unsigned reg)> ar{};
  std::function<bool(std::uint32_t pc)> has_run{};
};

// Follows the code from `pc`. The region has no blocks if nothing can be translated there.
Region discover(const CodeSource& source, std::uint32_t pc, Mode mode);
// Fills in the blocks' analysis and the weights.
void analyse(Region& region);

// The block's dirty registers behind `steps` of its steps.
RegisterSet dirty_after(const Region& region, const Block& block, unsigned steps);

}  // namespace espalier::xtensa::jit
