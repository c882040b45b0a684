// Where the 64 physical registers lie, so that the 16 of the present window are always in a row.
//
// They are 16 windows of four registers each. Those of windows 8 to 15 have one place; windows 0 to 7 lie
// either before them or behind them, so that all sixteen are a row that begins with window 0 or with
// window 8. A present window with what follows it is in one piece unless it is one of the row's last three.
// Where the core moves to one of those, windows 0 to 7 change sides: once for each eight windows that it goes
// on in one direction, and never where it goes up and down by a few.
#pragma once

#include <cstdint>

namespace espalier::xtensa {

inline constexpr std::uint32_t kWindows = 16;
// So many change sides, and have two places.
inline constexpr std::uint32_t kMovingWindows = 8;
inline constexpr std::uint32_t kWindowPlaces = kWindows + kMovingWindows;
// Counted from the row's first, the last window that is followed by three others.
inline constexpr std::uint32_t kLastWhole = kWindows - 4;

// The place of a window (mod 16), where `row` is that of the row's first one, 0 or kMovingWindows.
constexpr std::uint32_t place_of_window(std::uint32_t window, std::uint32_t row) {
  window %= kWindows;
  return window < row ? window + kWindows : window;
}
constexpr bool is_in_one_piece(std::uint32_t window, std::uint32_t row) {
  return (window - row) % kWindows <= kLastWhole;
}

}  // namespace espalier::xtensa
