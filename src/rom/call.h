// One call of a ROM function by the guest, as a native function sees it.
#pragma once

#include <cstdint>
#include <string>

#include "xtensa/core.h"

namespace espalier::rom {

// Thrown by the memory accessors of Call when the guest handed over an address that the chip would refuse; caught
// by the dispatcher, which raises the exception in the guest at the function's entry. Never leaves src/rom.
struct GuestFault {
  xtensa::Cause cause;
  std::uint32_t address;
};

// The windowed ABI (Xtensa ISA, "Windowed register usage and stack layout"), seen between the caller's CALLn and
// the ENTRY that a native function does not need: the return address is in a[4n], the first six argument words in
// a[4n+2]..a[4n+7] of the caller's window (n = PS.CALLINC), further ones on the caller's stack from its a1 up.
// With CALL0 (n = 0) the same holds.
class Call {
 public:
  explicit Call(xtensa::Core& core)
      : core_(core), window_(4 * (core.state().ps >> xtensa::kPsCallincShift & 3)) {}

  xtensa::Core& core() { return core_; }

  // Argument word `n`, from 0.
  std::uint32_t arg(unsigned n) {
    return n < 6 ? core_.window_relative(window_ + 2 + n) : load32(core_.a(1) + 4 * (n - 6));
  }
  // A 64-bit argument whose low word is argument word `n` (the ABI aligns it: n is even).
  std::uint64_t arg64(unsigned n) { return arg(n) | std::uint64_t{arg(n + 1)} << 32; }
  void ret(std::uint32_t value) { core_.set_window_relative(window_ + 2, value); }
  void ret64(std::uint64_t value) {
    ret(static_cast<std::uint32_t>(value));
    core_.set_window_relative(window_ + 3, static_cast<std::uint32_t>(value >> 32));
  }
  // Where the guest called from: the address that execution returns to.
  std::uint32_t return_address() const {
    const std::uint32_t a0 = core_.window_relative(window_);
    return window_ ? (a0 & 0x3fffffff) | (core_.state().pc & 0xc0000000) : a0;
  }

  // Guest memory, with the rights and faults of the chip.
  std::uint8_t load8(std::uint32_t address) { return static_cast<std::uint8_t>(load(address, 1)); }
  std::uint16_t load16(std::uint32_t address) { return static_cast<std::uint16_t>(load(address, 2)); }
  std::uint32_t load32(std::uint32_t address) { return load(address, 4); }
  void store8(std::uint32_t address, std::uint8_t value) { store(address, 1, value); }
  void store16(std::uint32_t address, std::uint16_t value) { store(address, 2, value); }
  void store32(std::uint32_t address, std::uint32_t value) { store(address, 4, value); }
  // Host pointers to [address, address + size) if all of it is plain, byte-addressable memory that may be read
  // (or written) directly; nullptr otherwise, and the caller goes byte by byte. Never spans the address space's end.
  const std::uint8_t* readable(std::uint32_t address, std::uint32_t size);
  std::uint8_t* writable(std::uint32_t address, std::uint32_t size);
  // The NUL-terminated string at `address`.
  std::string string(std::uint32_t address);

  // The function took as long as `n` instructions of the chip's own ROM would.
  void charge(std::uint64_t n) { core_.charge(n); }

 private:
  std::uint32_t load(std::uint32_t address, unsigned size);
  void store(std::uint32_t address, unsigned size, std::uint32_t value);

  xtensa::Core& core_;
  unsigned window_;
};

// One row of a table of native functions: the ROM symbol's name (its address comes from symbols.def) and what
// it does. `run` reads arguments, returns through Call::ret(); the dispatcher then goes back to the caller.
struct NativeFunction {
  const char* name;
  void (*run)(Call& call);
};

}  // namespace espalier::rom
