// Exact sums of single-precision numbers and products, rounded once: what host arithmetic cannot do without
// touching the host's flags and rounding mode.
#pragma once

#include <cstdint>

namespace espalier::xtensa::fp {

// (-1)^negative * magnitude * 2^exponent.
struct Exact {
  bool negative = false;
  std::uint64_t magnitude = 0;  // at most 48 bits: what a product of two significands has
  int exponent = 0;
};

// A finite number's value, the significand with 24 bits also where the number is a denormal (zero: magnitude
// 0).
Exact exact(std::uint32_t a);
Exact product(const Exact& a, const Exact& b);
// The sum; where the two are too far apart for 128 bits, something that rounds in the same way. Zero has the
// sign of both, if they agree, or is positive.
Exact sum(const Exact& a, const Exact& b);

// FCR's rounding modes.
enum class RoundingMode : std::uint8_t { kNearestEven, kZero, kUp, kDown };
// The nearest single-precision number, and the flags of that rounding.
std::uint32_t round(const Exact& a, RoundingMode mode, std::uint32_t& fsr);

}  // namespace espalier::xtensa::fp
