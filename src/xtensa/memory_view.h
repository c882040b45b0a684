// What a core sees of memory: host memory where RAM, ROM and flash lie, and the environment for all else.
#pragma once

#include <cstdint>

#include "xtensa/registers.h"

namespace espalier::xtensa {

// Bits of a 4 KiB page's attribute byte. A clear bit sends the access to the Environment's slow path, which
// does what the chip does there: a device register, an exception, a store to a page that holds decoded code.
enum PageAttribute : std::uint8_t {
  kPageLoad32 = 1,      // aligned 32-bit loads (and L32R) are host loads
  kPageLoadNarrow = 2,  // 8-bit, 16-bit and unaligned loads too (not on the instruction bus)
  kPageStore32 = 4,
  kPageStoreNarrow = 8,
  kPageFetch = 16,  // instructions may be fetched here, from host memory
};

// One core's view of its 4 GiB. `base + address` is the host's address of a guest byte wherever the
// attributes allow it. Both pointers stay valid for the core's life; their contents are the chip's to change.
//
// Translated code does not read the attributes: it accesses memory and takes the slow path where that faults.
// So the host's protection has to follow them (host_protection()); the narrow bits may differ from the others
// only from 0x40000000 on; and kGuardSize bytes before and behind the 4 GiB have to fault, too. Memory that
// may be executed but not read (an attribute of region protection) stays readable: the interpreter looks
// after that.
struct MemoryView {
  std::uint8_t* base = nullptr;
  const std::uint8_t* attributes = nullptr;  // 1 << 20 bytes, indexed by address >> 12
};

// The outcome of a slow-path access.
struct Access {
  bool ok = true;
  Cause cause = Cause::kNone;  // where !ok: raised with EXCVADDR set to the address
};

inline constexpr std::uint32_t kGuardSize = 64 * 1024;

// The protection (PROT_READ, PROT_WRITE of mmap(2)) of a page with these attributes.
constexpr int host_protection(std::uint8_t attributes) {
  constexpr int kProtRead = 1, kProtWrite = 2;
  return ((attributes & (kPageLoad32 | kPageFetch)) != 0 ? kProtRead : 0) |
         ((attributes & kPageStore32) != 0 ? kProtWrite : 0);
}

class Core;

enum class DebuggerEvent : std::uint8_t { kBreakpoint, kStep };

// What surrounds a core: the rest of the chip.
class Environment {
 public:
  // A load or store that the page attributes did not allow as a host access. `size` is 1, 2 or 4; the address
  // may be unaligned only where the page is plain memory (the environment then splits it).
  virtual Access load(Core& core, std::uint32_t address, unsigned size, std::uint32_t& value) = 0;
  virtual Access store(Core& core, std::uint32_t address, unsigned size, std::uint32_t value) = 0;
  // An access that the attributes or the host's protection did not allow is about to be made in the slow
  // path. If there is memory that has only not been shown yet (a cache window's page that nobody has looked
  // at, a page that is copied when it is first written) it is shown now. True if so: the access may be a host
  // access now. May be called from a signal handler, in translated code.
  virtual bool show(Core& core, std::uint32_t address, bool store) {
    return (void)core, (void)address, (void)store, false;
  }
  // Instruction bytes from a page without kPageFetch (SRAM1's reversed order, protected regions): fills
  // `bytes` with 4 bytes from `address` (which may be unaligned).
  virtual Access fetch(Core& core, std::uint32_t address, std::uint8_t (&bytes)[4]) = 0;
  // The core has decoded instructions from [address, address + size) and keeps them: from now on a store
  // there, through any alias and from either core, must call Core::invalidate_code() of both cores (as long
  // as Core::has_code() says that there is some in the page).
  virtual void code_decoded(Core& core, std::uint32_t address, std::uint32_t size) = 0;

  // A core is about to execute at `pc`, the entry of a native function (Environment::is_native said so). It
  // runs the function and sets the core's pc to where execution goes on (usually the return address), or
  // stops the core.
  virtual bool is_native(std::uint32_t pc) const = 0;
  virtual void call_native(Core& core, std::uint32_t pc) = 0;
  // Where a native function that does nothing but go on in guest code goes on; 0 for all others.
  virtual std::uint32_t native_alias(std::uint32_t pc) const { return (void)pc, 0; }

  // A native function has nothing to do for `cycles` but to wait until they are over. Where an instruction
  // takes a cycle they may be charged at once, as far as the core's budget goes; the function is called
  // again.
  virtual void pass_time(Core& core, std::uint32_t cycles) { (void)core, (void)cycles; }

  // The value of CCOUNT before the core's own offset: cycles of the CPU clock since some origin.
  virtual std::uint64_t cycles(const Core& core) = 0;
  // CCOMPARE0..2, CCOUNT's offset changed: the environment re-arms its timer for the next match, which is 2^32
  // cycles away if they are equal now, and at the match calls Core::timer_match(n).
  virtual void compare_changed(Core& core, unsigned n) = 0;
  // A break instruction, a breakpoint or ICOUNT (`debug_cause`: bits of DEBUGCAUSE) or a SIMCALL (0), before
  // it has any effect; pc is the instruction's. Returns false if the core is to take the exception. After
  // true it goes on with the instruction, or behind a break or SIMCALL; if Core::request_stop() was called,
  // it stops at pc instead.
  virtual bool debug_break(Core& core, std::uint32_t debug_cause) {
    return (void)core, (void)debug_cause, false;
  }
  // What Core::set_breakpoint() and Core::step() wait for has come. The core stops: its run() returns
  // kRequested, with pc at the instruction that comes next.
  virtual void debugger_stop(Core& core, DebuggerEvent event) { (void)core, (void)event; }
  // WER/RER: the external registers (debug module, performance counters).
  virtual std::uint32_t read_external(Core& core, std::uint32_t address) = 0;
  virtual void write_external(Core& core, std::uint32_t address, std::uint32_t value) = 0;
  // The region protection attribute of a 512 MiB region (0 to 7) was changed by WITLB/WDTLB/IITLB...
  virtual void region_changed(Core& core, unsigned region) = 0;

 protected:
  ~Environment() = default;
};

}  // namespace espalier::xtensa
