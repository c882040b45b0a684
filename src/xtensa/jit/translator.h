// Translated code of one core: made of regions when their code has become hot, found by pc, forgotten by
// address.
//
// The interpreter drives it: where it comes to code that has a translation it calls enter(), which comes back
// at an instruction boundary with exact state. What a translation cannot do (rare instructions, exceptions,
// the rest of a budget that does not pay for a block) the interpreter does.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/zero_pages.h"
#include "xtensa/core.h"
#include "xtensa/instruction_traits.h"
#include "xtensa/jit/code_arena.h"
#include "xtensa/jit/region.h"
#include "xtensa/jit/registers.h"

namespace espalier::xtensa::jit {

// A place in translated code that may need the slow path: a load or store that the host cannot do, or an
// instruction that is always done out of line. What is needed to make the state exact there, and to do the
// instruction.
struct Site {
  std::uint32_t pc = 0;
  RegisterSet dirty = 0;   // registers that are newer in the host's registers than in memory
  RegisterSet writes = 0;  // registers that the instruction changes
  Instruction in;
  std::uint8_t rest = 0;    // instructions of the block that come after this one
  std::uint8_t window = 0;  // as in Step; `in` names registers as the guest does
  AccessShape access;       // access_shape(in)
};

// How a region's code is laid out, as its slow paths need it.
struct Translation {
  std::uint32_t pc = 0;
  const std::uint8_t* begin = nullptr;
  const std::uint8_t* end = nullptr;
  // The place in the slow path's frame of each allocated register; kNoPlace: it lives in State.
  static constexpr std::uint8_t kNoPlace = 0xff;
  std::array<std::uint8_t, kRegisters> places{};
  std::vector<Site> sites;
  std::vector<std::unique_ptr<Instruction>> resumed;  // what resume() is asked to do; code points to them
  // (offset of the host's return address, site), by offset.
  std::vector<std::pair<std::uint32_t, std::uint32_t>> returns;
  // Host instructions that access guest memory, by offset; where there is one, with the code that takes the
  // slow path instead.
  struct Access {
    static constexpr std::uint32_t kNoCold = ~0u;
    std::uint32_t at, cold, site;
    std::uint8_t length;
  };
  std::vector<Access> accesses;
  // Guest address, host code; the host code begins with at least five bytes that may be overwritten by a jump
  // to `dead`.
  struct Entry {
    std::uint32_t pc;
    std::uint8_t* host;
    const std::uint8_t* dead;
    unsigned increment;  // of calls that lead there by themselves; 0: everything else may
  };
  std::vector<Entry> entries;
  // Where calls come back to with the callee's window still open, by what RETW finds in a0.
  std::vector<std::pair<std::uint32_t, const void*>> landings;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> ranges;
  Mode mode;
  bool fp = false;  // FP registers are in host registers
  bool dead = false;
};

// Registers of translated code as the slow path finds them: the places of Translation::places.
struct SlowFrame {
  std::uint32_t fr[16];
  std::uint64_t gpr[8];
  std::uint64_t result;  // of a load
};

class Backend;

class Translator {
 public:
  // `memory`: bytes for host code. Null where the host has no backend or forbids executable memory; `why`
  // then says so in half a sentence.
  static std::unique_ptr<Translator> create(Core& core, const CodeSource& source, std::size_t memory,
                                            std::string& why);
  ~Translator();

  // Runs translated code from State::pc if there is some, or, with `make`, if some can be made. False if not:
  // nothing has happened.
  bool enter(bool make);
  // Whether there is some for `pc`, in the present mode.
  bool can_enter(std::uint32_t pc) { return find(pc, Mode::of(core_.state_.ps)) != nullptr; }
  // What enter() has to say when it came back.
  Exit exit() const { return registers_.exit; }

  // Forgets code made from [address, address + size). True if there was any.
  bool invalidate(std::uint32_t address, std::uint32_t size);
  void invalidate_all();
  bool has_code(std::uint32_t address, std::uint32_t size) const;

  const EngineStats& stats() const { return stats_; }

  // --- For the backend and its slow paths.
  Core& core() { return core_; }
  const std::uint32_t& attention() const { return core_.attention_; }
  // Whether it may be called without a look at the address.
  bool is_native(std::uint32_t pc) const { return source_.is_native(pc) && !source_.is_breakpoint(pc); }
  // Whether the host can do the access as things are now.
  bool is_plain(std::uint32_t address, unsigned size, bool load);
  // The literal at `address`; the translation is forgotten when it changes. Empty where it is no part of
  // code.
  std::optional<std::uint32_t> literal(std::uint32_t address);
  JitRegisters& registers() { return registers_; }
  CodeArena& arena() { return *arena_; }
  // Called by translated code. True: it must not go on (the state is exact).
  bool slow_path(SlowFrame& frame, const std::uint8_t* return_address);
  bool call_native(std::uint32_t return_pc);
  // Does the instruction at `pc` (`in`, where `how` does not say it all). Where translated code goes on then;
  // null: nowhere (the state is exact).
  const void* resume(Resume how, std::uint32_t pc, const Instruction* in);
  // The instruction at `pc`, which has been paid for, finds a window in its way: saves that frame. The
  // instruction comes again. False: the exception has to be raised.
  bool spill_window(std::uint32_t pc);
  // The RETW at `pc` finds no frame below: reloads it. The RETW comes again, and that is paid for.
  bool reload_window(std::uint32_t pc);
  // Makes the host's floating-point environment the guest's. False if coprocessor 0 is disabled.
  bool enter_fp();
  // The access at `host` has faulted at the host's address `fault`. True if it may happen again: the
  // environment shows the memory now, or it takes the slow path from now on. False if there is none at
  // `host`.
  bool resolve(std::uint8_t* host, const void* fault, bool store);
  // Makes State's windows and the core's budget exact; `rest` as in Site, plus this instruction.
  void sync(std::uint32_t pc, std::uint32_t unexecuted);

 private:
  Translator(Core& core, const CodeSource& source, std::unique_ptr<CodeArena> arena);
  const void* find(std::uint32_t pc, Mode mode, unsigned increment = 0);
  // Where its page has all these attributes.
  std::optional<std::uint32_t> read_word(std::uint32_t address, std::uint8_t needed);
  void load_windows();
  void remember_jump(std::uint32_t pc, const void* host);
  bool reroute(std::uint8_t* host);
  const void* find_landing(std::uint32_t a0);
  const void* way_on();
  // The number of the window that translated code is in.
  std::uint32_t present_window() const {
    return static_cast<std::uint32_t>(registers_.window - core_.state_.ar.data()) / 4 % kWindows;
  }
  bool has_frame_below(std::uint32_t windows);
  bool traces_windows() const;
  bool takes_window_step(unsigned handler);
  void look_at_window_handlers();
  bool are_plain(std::uint32_t address, std::uint32_t size, std::uint8_t needed) const;
  void return_from_call();
  void return_from_exception(const Instruction& in);
  void take_up(const Instruction& in);  // what that has left
  const void* translate(std::uint32_t pc, Mode mode);
  void flush();
  void forget_ways();
  void kill(Translation& translation);
  Translation* translation_at(const std::uint8_t* host);
  // The site that called the slow path, by the host's return address.
  struct Caller {
    const std::uint8_t* return_address = nullptr;
    const Translation* translation = nullptr;
    const Site* site = nullptr;
    // The site's dirty registers: so many ARs, where they are in the window and in the frame, and the others.
    unsigned ars = 0;
    std::array<std::pair<std::uint8_t, std::uint8_t>, std::extent_v<decltype(SlowFrame::gpr)>> moves{};
    RegisterSet others = 0;
  };
  const Caller& caller_at(const std::uint8_t* return_address);
  // Of an entry: for all, or for calls with that increment.
  static std::uint64_t key(std::uint32_t pc, Mode mode, unsigned increment = 0) {
    return std::uint64_t{increment} << 40 | std::uint64_t{mode.index()} << 32 | pc;
  }

  Core& core_;
  JitRegisters& registers_;
  CodeSource source_;
  std::unique_ptr<CodeArena> arena_;
  std::unique_ptr<Backend> backend_;
  std::uint8_t* code_begin_ = nullptr;  // behind what all translations share
  // Of an entry that is all zeros only the first can be meant, or of returns_ its other place: it belongs to
  // the address 0.
  base::ZeroArray<JumpEntry> jumps_, calls_;
  base::ZeroArray<ReturnLink> returns_;
  std::unordered_map<std::uint32_t, const void*> landings_;  // of all translations
  std::vector<std::unique_ptr<Translation>> translations_;   // by address in the arena
  std::unordered_map<std::uint64_t, const void*> entries_;
  // What has been looked for: some of them, quickly found.
  FoundEntry& found_at(std::uint64_t at) const { return found_[(at * kFoundHash) >> (64 - kFoundBits)]; }
  base::ZeroArray<FoundEntry> found_{std::size_t{1} << kFoundBits};
  std::unordered_map<std::uint32_t, std::vector<Translation*>> pages_;   // of guest code
  std::unordered_map<std::uint64_t, std::vector<std::uint8_t*>> stale_;  // entries of dead translations
  std::unordered_set<std::uint64_t> hopeless_;  // begins with what cannot be translated
  std::vector<std::uint32_t> literals_;         // used by the translation that is being made
  std::array<Caller, 256> callers_{};           // the latest, quickly found
  std::uint32_t windowstart_ = 0;               // what State had when the windows were last the same in both
  bool flush_pending_ = false;
  // The link that the last exit came by, the call before it, and where they wanted to go.
  std::uint8_t* pending_link_ = nullptr;
  std::uint8_t* pending_call_ = nullptr;
  unsigned pending_increment_ = 0;
  std::uint64_t pending_key_ = 0;
  EngineStats stats_;
};

// Host code for regions.
class Backend {
 public:
  virtual ~Backend() = default;
  // Appends the region's code to the arena. Null if there is no room.
  virtual std::unique_ptr<Translation> translate(const Region& region, Translator& translator) = 0;
  // Runs code at `host` until it exits.
  virtual void run(const void* host, JitRegisters& registers) = 0;
  // What ReturnLink::host is where nothing is known.
  virtual const void* return_miss() const = 0;
  // The same for JumpEntry::host.
  virtual const void* jump_miss() const = 0;
  // Makes the jump of a link, or the begin of an entry, lead to `host`.
  virtual void patch_jump(std::uint8_t* at, const void* host) = 0;
  // The same of the call before a link.
  virtual void patch_call(std::uint8_t* at, const void* host) = 0;
  // Puts a call of the slow path over the access at `at`, which is `length` bytes long. Returns the return
  // address.
  virtual std::uint8_t* patch_access(std::uint8_t* at, unsigned length, bool fp) = 0;
};
std::unique_ptr<Backend> make_backend(Translator& translator);

}  // namespace espalier::xtensa::jit
