// What translated code keeps of a core besides xtensa::State. It lies right behind State, so that one host
// register reaches both.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "xtensa/window_row.h"

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

// Whether to move by so many windows leads to one that is not in one piece, so that others have to change
// sides first (window_row.h). As far apart as links.
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

constexpr WindowEdges edges_at(std::uint32_t place, std::uint32_t row) {
  WindowEdges edges;
  for (std::uint32_t n = 1; n <= 3; ++n) {
    edges.up[n] = place + n > row + kLastWhole;
    edges.down[n] = place < row + n;
  }
  return edges;
}
// Only the places of these are the present window's with either row.
inline constexpr std::uint32_t kFirstShared = kMovingWindows, kLastShared = kLastWhole;

constexpr std::array<WindowEdges, kWindowPlaces> window_edges() {
  std::array<WindowEdges, kWindowPlaces> edges{};
  for (std::uint32_t place = 0; place < kWindowPlaces; ++place)
    edges[place] = edges_at(place, place <= kLastShared ? 0 : kMovingWindows);
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
  // By the places of windows, and as far apart as those are in State::ar. The `started` of the row's last
  // three are seen in the three before the row, too.
  static constexpr std::uint32_t kBefore = 3;
  std::array<ReturnLink, kBefore + kWindowPlaces> links{};
  std::array<WindowEdges, kWindowPlaces> edges = window_edges();
  std::uint32_t row = 0;  // which links and edges are for: State's, while translated code runs

  ReturnLink& link_at(std::uint32_t place) { return links[kBefore + place]; }
  ReturnLink& link_of(std::uint32_t number) { return link_at(place_of_window(number, row)); }
  bool started(std::uint32_t number) { return link_of(number).started != 0; }
  void set_started(std::uint32_t number, bool started) {
    const std::uint32_t place = place_of_window(number, row), value = started ? 1 : 0;
    link_at(place).started = value;
    if (place > row + kLastWhole) link_at(place - kWindows).started = value;
  }
  void repeat_before() {
    for (std::uint32_t n = kLastWhole + 1; n < kWindows; ++n)
      link_at(row + n - kWindows).started = link_at(row + n).started;
  }
  // As Core::rotate_to() does it with the registers.
  void change_sides() {
    const std::uint32_t from = row == 0 ? 0 : kWindows;
    std::copy_n(&link_at(from), kMovingWindows, &link_at(kWindows - from));
    row = kMovingWindows - row;
    repeat_before();
    for (std::uint32_t place = kFirstShared; place <= kLastShared; ++place)
      edges[place] = edges_at(place, row);
  }
};

}  // namespace espalier::xtensa::jit
