#include "xtensa/fp.h"

#include <bit>
#include <cmath>

#include "xtensa/fp_host.h"

namespace espalier::xtensa::fp {
namespace {

constexpr std::uint32_t kQuiet = 0x00400000;

float value(std::uint32_t bits) {
  return std::bit_cast<float>(bits);
}
std::uint32_t bits(float value) {
  return std::bit_cast<std::uint32_t>(value);
}

// The host has computed the flags; which NaN comes out is the LX6's own rule.
std::uint32_t choose_nan(std::uint32_t a, std::uint32_t b) {
  if (is_nan(b)) return b | kQuiet;
  if (is_nan(a)) return a | kQuiet;
  return kDefaultNan;
}
std::uint32_t choose_nan(std::uint32_t accumulator, std::uint32_t a, std::uint32_t b) {
  return is_nan(accumulator) ? accumulator | kQuiet : choose_nan(a, b);
}

// a * 2^scale as a sign and a magnitude in units of 2^-32, with a sticky bit below; rounded to an integer.
// The magnitude saturates well above 2^32.
struct Rounded {
  bool negative;
  std::uint64_t magnitude;
  bool inexact;
};
Rounded round_scaled(std::uint32_t a, unsigned scale, Rounding rounding) {
  const bool negative = a >> 31 != 0;
  const int exponent = static_cast<int>(a >> 23 & 0xff);
  std::uint64_t significand = a & 0x7fffff;
  if (exponent != 0) significand |= 0x800000;
  const int shift = (exponent == 0 ? 1 : exponent) - 127 - 23 + static_cast<int>(scale);
  if (shift >= 0) return {negative, shift > 34 ? std::uint64_t{1} << 60 : significand << shift, false};
  if (significand == 0) return {negative, 0, false};
  const int right = -shift;
  std::uint64_t whole = right > 40 ? 0 : significand >> right;
  // The rest in comparison with a half: below, equal, above.
  const std::uint64_t rest = right > 40 ? 1 : significand & ((std::uint64_t{1} << right) - 1);
  const std::uint64_t half = std::uint64_t{1} << ((right > 40 ? 41 : right) - 1);
  if (rest != 0) {
    switch (rounding) {
      case Rounding::kNearest:
        if (rest > half || (rest == half && (whole & 1) != 0)) ++whole;
        break;
      case Rounding::kTruncate:
        break;
      case Rounding::kUp:
        if (!negative) ++whole;
        break;
      case Rounding::kDown:
        if (negative) ++whole;
        break;
    }
  }
  return {negative, whole, rest != 0};
}

}  // namespace

std::uint32_t add(std::uint32_t a, std::uint32_t b) {
  const float result = value(a) + value(b);
  return std::isnan(result) ? choose_nan(a, b) : bits(result);
}

std::uint32_t sub(std::uint32_t a, std::uint32_t b) {
  const float result = value(a) - value(b);
  return std::isnan(result) ? choose_nan(a, b) : bits(result);
}

std::uint32_t mul(std::uint32_t a, std::uint32_t b) {
  const float result = value(a) * value(b);
  return std::isnan(result) ? choose_nan(a, b) : bits(result);
}

std::uint32_t madd(std::uint32_t accumulator, std::uint32_t a, std::uint32_t b) {
  const float result = std::fma(value(a), value(b), value(accumulator));
  return std::isnan(result) ? choose_nan(accumulator, a, b) : bits(result);
}

std::uint32_t msub(std::uint32_t accumulator, std::uint32_t a, std::uint32_t b) {
  const float result = std::fma(-value(a), value(b), value(accumulator));
  return std::isnan(result) ? choose_nan(accumulator, a, b) : bits(result);
}

// Scaling is exact: 2^-15 cannot underflow an integer.
std::uint32_t from_signed(std::uint32_t number, unsigned scale) {
  return bits(static_cast<float>(static_cast<std::int32_t>(number)) * value((127 - scale) << 23));
}

std::uint32_t from_unsigned(std::uint32_t number, unsigned scale) {
  return bits(static_cast<float>(static_cast<std::int64_t>(number)) * value((127 - scale) << 23));
}

std::uint32_t to_signed(std::uint32_t a, unsigned scale, Rounding rounding, std::uint32_t& fsr) {
  if (is_nan(a)) {
    fsr |= kFsrInvalid;
    return 0x7fffffff;
  }
  const Rounded rounded = round_scaled(a, scale, rounding);
  if (rounded.magnitude > (rounded.negative ? 0x80000000u : 0x7fffffffu)) {
    fsr |= kFsrInvalid;
    return rounded.negative ? 0x80000000 : 0x7fffffff;
  }
  if (rounded.inexact) fsr |= kFsrInexact;
  const auto magnitude = static_cast<std::uint32_t>(rounded.magnitude);
  return rounded.negative ? 0u - magnitude : magnitude;
}

std::uint32_t to_unsigned(std::uint32_t a, unsigned scale, Rounding rounding, std::uint32_t& fsr) {
  if (is_nan(a)) {
    fsr |= kFsrInvalid;
    return 0xffffffff;
  }
  const Rounded rounded = round_scaled(a, scale, rounding);
  if (rounded.negative && rounded.magnitude != 0) {
    fsr |= kFsrInvalid;
    return rounded.magnitude > 0x80000000 ? 0x80000000 : 0u - static_cast<std::uint32_t>(rounded.magnitude);
  }
  if (rounded.magnitude > 0xffffffff) {
    fsr |= kFsrInvalid;
    return 0xffffffff;
  }
  if (rounded.inexact) fsr |= kFsrInexact;
  return static_cast<std::uint32_t>(rounded.magnitude);
}

Relation compare(std::uint32_t a, std::uint32_t b, bool signal_quiet_nans, std::uint32_t& fsr) {
  if (is_nan(a) || is_nan(b)) {
    if (signal_quiet_nans || is_signaling(a) || is_signaling(b)) fsr |= kFsrInvalid;
    return Relation::kUnordered;
  }
  // As integers that order like the numbers; both zeros are 0.
  const auto key = [](std::uint32_t x) {
    const auto magnitude = static_cast<std::int64_t>(x & 0x7fffffff);
    return x >> 31 != 0 ? -magnitude : magnitude;
  };
  return key(a) < key(b) ? Relation::kLess : key(a) == key(b) ? Relation::kEqual : Relation::kGreater;
}

std::uint32_t constant(unsigned index) {
  static constexpr std::uint32_t kConstants[] = {0x00000000, 0x3f800000, 0x40000000, 0x3f000000};
  return kConstants[index & 3];
}

}  // namespace espalier::xtensa::fp
