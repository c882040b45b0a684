// What translated code keeps of a core besides xtensa::State. It lies right behind State, so that one host
// register reaches both.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace espalier::xtensa::jit {

class Translator;

// Why translated code came back.
enum class Exit : std::uint32_t {
  kContinue,   // at State::pc
  kInterpret,  // the interpreter has to go on from State::pc, for a block at least
  kBudget,     // what remains of the budget does not pay for the block at State::pc
};

// Where a call comes back to: kept for each window that a call may open, beside its registers.
struct ReturnLink {
  std::uint32_t a0 = 0;  // what RETW must find in a0 for `host` to be right
  // WINDOWSTART's bit of that window. A word for each, as one register with all of them would be a chain that
  // every call and every return has to wait for.
  std::uint32_t started = 0;
  const void* host = nullptr;
};

// Whether to move by so many windows changes where registers are: rotating them then is more than an
// addition. As far apart as links.
struct alignas(16) WindowEdges {
  std::array<std::uint8_t, 4> up{}, down{};
};

// Where indirect jumps go, by a hash of the guest address; the same of calls with that increment.
struct JumpEntry {
  std::uint32_t pc = 0;
  std::uint32_t increment = 0;
  const void* host = nullptr;
};
inline constexpr unsigned kJumpBits = 12;
// The same for returns, by a hash of a0: each is in one of two places, of which the other differs in this
// bit.
inline constexpr unsigned kReturnBits = 12;
inline constexpr std::uint32_t kOtherReturn = 1;

// Where what begins at an address in a mode is, by Translator::key(). Looked for and not found: no `host`.
// One that is all zeros is nobody's.
struct FoundEntry {
  std::uint64_t tag = 0;  // the key, with kFoundMark
  const void* host = nullptr;
};
inline constexpr unsigned kFoundBits = 12;
inline constexpr std::uint64_t kFoundMark = std::uint64_t{1} << 63;
inline constexpr std::uint64_t kFoundHash = 0x9e3779b97f4a7c15;  // times the key; its first kFoundBits count

inline constexpr unsigned kWindows = 16;

constexpr std::array<WindowEdges, kWindows> window_edges() {
  std::array<WindowEdges, kWindows> edges{};
  for (unsigned window = 0; window < kWindows; ++window)
    for (unsigned n = 1; n <= 3; ++n) {
      edges[window].up[n] = window + n > kWindows - 4;
      edges[window].down[n] = window > kWindows - 4 || window < n;
    }
  return edges;
}

// What is known of the window handlers at VECBASE.
struct WindowHandlers {
  bool known = false;
  std::uint32_t vecbase = 0;  // where they have been looked at
  std::uint32_t usual = 0;    // as usual_window_handlers() says
  bool overlap(std::uint32_t address, std::uint64_t end) const;
};

struct JitRegisters {
  Exit exit = Exit::kContinue;
  std::int64_t left = 0;                     // of the budget, the running block already taken off
  std::uint32_t* window = nullptr;           // the present window's a0
  std::uint8_t* memory = nullptr;            // the core's reservation
  const std::uint8_t* attributes = nullptr;  // of its pages
  const void* link = nullptr;        // the jump that led out of translated code and could be made to lead on
  const void* call = nullptr;        // the call before it, if that could lead on by itself
  std::uint32_t call_increment = 0;  // its increment
  const JumpEntry* jumps = nullptr;  // 1 << kJumpBits of them; translations of ordinary code only
  const JumpEntry* calls = nullptr;  // as many
  const ReturnLink* returns = nullptr;  // 1 << kReturnBits of them
  const FoundEntry* found = nullptr;    // 1 << kFoundBits of them
  Translator* translator = nullptr;
  bool synced = false;          // pc, windows and the budget are in State and the core already
  bool traces_returns = false;  // somebody wants to know of RFE and RFI
  std::uint8_t fp_ready = 0;    // coprocessor 0 is enabled and the host's FP environment is the guest's
  WindowHandlers handlers;      // unknown while somebody traces windows: the handlers run then
  // By window, as far apart as windows are in State::ar; three more on both sides for what wraps. Those tell
  // of `started` what the ones that they stand for do, where that is seen: the upper ones from window 13 on,
  // the lower ones up to window 2.
  static constexpr unsigned kBeyond = 3;
  std::array<ReturnLink, kBeyond + kWindows + kBeyond> links{};
  std::array<WindowEdges, kWindows> edges = window_edges();

  ReturnLink& link_of(std::uint32_t number) { return links[kBeyond + number % kWindows]; }
  bool started(std::uint32_t number) { return link_of(number).started != 0; }
  void set_started(std::uint32_t number, bool started) {
    number %= kWindows;
    const std::uint32_t value = started ? 1 : 0;
    links[kBeyond + number].started = value;
    if (number < kBeyond) links[kBeyond + kWindows + number].started = value;
    if (number >= kWindows - kBeyond) links[number - (kWindows - kBeyond)].started = value;
  }
  void repeat_beyond() {
    for (unsigned n = 0; n < kBeyond; ++n) {
      links[n].started = links[kWindows + n].started;
      links[kBeyond + kWindows + n].started = links[kBeyond + n].started;
    }
  }
};

}  // namespace espalier::xtensa::jit
