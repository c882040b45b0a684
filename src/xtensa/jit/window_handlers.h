// The window handlers that Xtensa's calling convention fixes. Where a guest's vectors hold them, translated
// code does what they do in one step (window_steps.cpp).
#pragma once

#include <array>
#include <cstdint>

#include "xtensa/jit/region.h"

namespace espalier::xtensa::jit {

// By the windows of the frame that is saved or restored (1 to 3), minus 1: the instructions of its handler.
inline constexpr std::array<std::int64_t, 3> kWindowHandlerSteps = {5, 10, 14};

// Where a handler lies behind VECBASE is its number times this; numbers are 0, 2, 4 for overflows of 4, 8 and
// 12 registers, 1, 3, 5 for underflows.
inline constexpr std::uint32_t kWindowHandlerDistance = 0x40;
inline constexpr unsigned kWindowHandlers = 6;
constexpr unsigned overflow_handler(unsigned windows) {
  return 2 * (windows - 1);
}
constexpr unsigned underflow_handler(unsigned windows) {
  return 2 * (windows - 1) + 1;
}
// Bytes of a handler.
constexpr std::uint32_t window_handler_size(unsigned number) {
  return 3 * static_cast<std::uint32_t>(kWindowHandlerSteps[number / 2]);
}

// Which handlers behind `vecbase` are the usual ones, instruction for instruction: a bit each, by number.
unsigned usual_window_handlers(const CodeSource& source, std::uint32_t vecbase);

}  // namespace espalier::xtensa::jit
