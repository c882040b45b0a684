// Accesses that are no plain host access, and breakpoints. The state is exact here: pc, left_.
#include <algorithm>
#include <cstring>

#include "xtensa/interpreter.h"

namespace espalier::xtensa {
namespace {

constexpr unsigned kPageBits = 12;

// The attribute an access needs to be a host access: instruction RAM takes only aligned words.
constexpr std::uint8_t needed(std::uint32_t address, unsigned size, std::uint8_t word, std::uint8_t narrow) {
  return size == 4 && (address & 3) == 0 ? word : narrow;
}

}  // namespace

bool Core::Interpreter::load(std::uint32_t address, unsigned size, std::uint32_t& value) {
  Core& core = core_;
  const std::uint8_t* const attributes = core.memory_.attributes;
  const std::uint32_t last = address + size - 1;
  value = 0;
  const std::uint8_t attribute = needed(address, size, kPageLoad32, kPageLoadNarrow);
  if (last >= address &&
      (attributes[address >> kPageBits] & attributes[last >> kPageBits] & attribute) != 0) {
    std::memcpy(&value, core.memory_.base + address, size);
    return true;
  }
  fp_.leave(core.state_.fsr);
  const Access access = core.environment_.load(core, address, size, value);
  if (!access.ok) core.raise(access.cause, address);
  return access.ok;
}

bool Core::Interpreter::store(std::uint32_t address, unsigned size, std::uint32_t value) {
  Core& core = core_;
  const std::uint8_t* const attributes = core.memory_.attributes;
  const std::uint32_t last = address + size - 1;
  const std::uint8_t attribute = needed(address, size, kPageStore32, kPageStoreNarrow);
  if (last >= address &&
      (attributes[address >> kPageBits] & attributes[last >> kPageBits] & attribute) != 0) {
    std::memcpy(core.memory_.base + address, &value, size);
    return true;
  }
  fp_.leave(core.state_.fsr);
  const Access access = core.environment_.store(core, address, size, value);
  if (!access.ok) core.raise(access.cause, address);
  return access.ok;
}

// Tells a debugger first; without one the guest takes the exception.
bool Core::Interpreter::debug_exception(std::uint32_t cause) {
  if (core_.environment_.debug_break(core_, cause)) return false;
  core_.raise_debug(cause);
  return true;
}

// DBREAKC's mask leaves out the low bits of the address: a breakpoint covers 1 to 64 bytes.
bool Core::Interpreter::data_breakpoint(std::uint32_t address, std::uint8_t flags) {
  constexpr std::uint32_t kStoreBreak = 1u << 31;
  constexpr std::uint32_t kLoadBreak = 1u << 30;
  const State& state = core_.state_;
  if (core_.current_interrupt_level() >= kDebugLevel) return false;
  const std::uint64_t end = std::uint64_t{address} + (flags & kWatchSize);
  for (unsigned n = 0; n < state.dbreakc.size(); ++n) {
    const std::uint32_t control = state.dbreakc[n];
    const bool kind = ((flags & kWatchLoad) != 0 && (control & kLoadBreak) != 0) ||
                      ((flags & kWatchStore) != 0 && (control & kStoreBreak) != 0);
    const std::uint32_t mask = control | ~0x3fu;
    const std::uint64_t first = state.dbreaka[n] & mask;
    if (kind && address < first + (std::uint64_t{~mask} + 1) && first < end) {
      return debug_exception(kDebugDbreak | n << kDebugDbnumShift);
    }
  }
  return false;
}

}  // namespace espalier::xtensa
