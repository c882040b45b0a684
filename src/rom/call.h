// One call of a ROM function by the guest, as a native function sees it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>

#include "xtensa/core.h"

namespace espalier::rom {

// Thrown by the memory accessors of Call when the guest handed over an address that the chip would refuse;
// caught by the dispatcher, which raises the exception in the guest at the function's entry. Never leaves
// src/rom.
struct GuestFault {
  xtensa::Cause cause;
  std::uint32_t address;
};

// The windowed ABI (Xtensa ISA, "Windowed register usage and stack layout"), seen between the caller's CALLn
// and the ENTRY that a native function does not need: the return address is in a[4n], the first six argument
// words in a[4n+2]..a[4n+7] of the caller's window (n = PS.CALLINC), further ones on the caller's stack from
// its a1 up. With CALL0 (n = 0) the same holds.
class Call {
 public:
  explicit Call(xtensa::Core& core)
      : core_(core), window_(4 * (core.state().ps >> xtensa::kPsCallincShift & 3)) {}

  xtensa::Core& core() { return core_; }

  // Argument word `n`, 0 to 5: those that come in registers.
  std::uint32_t register_argument(unsigned n) const { return reg(2 + n); }
  // Argument word `n`, from 0.
  std::uint32_t arg(unsigned n) { return n < 6 ? reg(2 + n) : load32(core_.a(1) + 4 * (n - 6)); }
  // A 64-bit argument whose low word is argument word `n` (the ABI aligns it: n is even).
  std::uint64_t arg64(unsigned n) { return arg(n) | std::uint64_t{arg(n + 1)} << 32; }
  void ret(std::uint32_t value) { set_reg(2, value); }
  void ret64(std::uint64_t value) {
    ret(static_cast<std::uint32_t>(value));
    set_reg(3, static_cast<std::uint32_t>(value >> 32));
  }
  // Where the guest called from: the address that execution returns to.
  std::uint32_t return_address() const {
    const std::uint32_t a0 = reg(0);
    return window_ ? (a0 & 0x3fffffff) | (core_.state().pc & 0xc0000000) : a0;
  }

  // Guest memory, with the rights and faults of the chip.
  std::uint8_t load8(std::uint32_t address) { return load<std::uint8_t>(address); }
  std::uint16_t load16(std::uint32_t address) { return load<std::uint16_t>(address); }
  std::uint32_t load32(std::uint32_t address) { return load<std::uint32_t>(address); }
  void store8(std::uint32_t address, std::uint8_t value) { store(address, value); }
  void store16(std::uint32_t address, std::uint16_t value) { store(address, value); }
  void store32(std::uint32_t address, std::uint32_t value) { store(address, value); }
  // Host pointers to [address, address + size) if all of it is plain, byte-addressable memory that may be
  // read (or written) directly; nullptr otherwise, and the caller goes byte by byte. Never spans the address
  // space's end.
  const std::uint8_t* readable(std::uint32_t address, std::uint32_t size);
  std::uint8_t* writable(std::uint32_t address, std::uint32_t size);
  // The same piece by piece, for what may end early: the bytes from `address` on, up to the end of their page
  // and at most `limit`; none where that page is not such memory.
  std::span<const std::uint8_t> readable_run(std::uint32_t address, std::uint32_t limit) {
    if (!allows(address, xtensa::kPageLoadNarrow)) return {};
    return {core_.memory().base + address, std::min(limit, kPage - address % kPage)};
  }
  // The NUL-terminated string at `address`.
  std::string string(std::uint32_t address);

  // The function took as long as `n` instructions of the chip's own ROM would.
  void charge(std::uint64_t n) { core_.charge(n); }

 private:
  static constexpr std::uint32_t kPage = 4096;

  // Register `n` of the callee's window.
  std::uint32_t reg(unsigned n) const {
    n += window_;
    return n < 16 ? core_.state().window()[n] : core_.window_relative(n);
  }
  void set_reg(unsigned n, std::uint32_t value) {
    n += window_;
    if (n < 16)
      core_.state().window()[n] = value;
    else
      core_.set_window_relative(n, value);
  }

  bool allows(std::uint32_t address, std::uint8_t wanted) const {
    return (core_.memory().attributes[address / kPage] & wanted) != 0;
  }
  // An aligned word needs less of a page than bytes do: the instruction bus takes nothing else.
  template <class T>
  static constexpr bool is_word(std::uint32_t address) {
    return sizeof(T) == 4 && (address & 3) == 0;
  }
  template <class T>
  static constexpr bool crosses_page(std::uint32_t address) {
    return address % kPage > kPage - sizeof(T);
  }
  template <class T>
  T load(std::uint32_t address) {
    if (crosses_page<T>(address) ||
        !allows(address, is_word<T>(address) ? xtensa::kPageLoad32 : xtensa::kPageLoadNarrow))
      return static_cast<T>(load_elsewhere(address, sizeof(T)));
    T value;
    std::memcpy(&value, core_.memory().base + address, sizeof value);
    return value;
  }
  template <class T>
  void store(std::uint32_t address, T value) {
    if (crosses_page<T>(address) ||
        !allows(address, is_word<T>(address) ? xtensa::kPageStore32 : xtensa::kPageStoreNarrow))
      return store_elsewhere(address, sizeof(T), value);
    std::memcpy(core_.memory().base + address, &value, sizeof value);
  }
  // Of memory that is not plain, or lies in two pages.
  std::uint32_t load_elsewhere(std::uint32_t address, unsigned size);
  void store_elsewhere(std::uint32_t address, unsigned size, std::uint32_t value);

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
