#include "xtensa/fp_round.h"

#include <bit>
#include <utility>

#include "xtensa/fp_host.h"

namespace espalier::xtensa::fp {
namespace {

constexpr int kSignificandBits = 24;
constexpr int kMinExponent = -149;  // of the unit of denormals

int width(std::uint64_t value) {
  return static_cast<int>(std::bit_width(value));
}

// value * 2^-count rounded to an integer; count may be any positive number.
std::uint64_t shift_rounded(std::uint64_t value, int count, bool negative, RoundingMode mode, bool& inexact) {
  if (count <= 0) return value;
  const bool gone = count > 63;
  const std::uint64_t whole = gone ? 0 : value >> count;
  const std::uint64_t rest = gone ? value : value & ((std::uint64_t{1} << count) - 1);
  const std::uint64_t half = gone ? ~std::uint64_t{0} : std::uint64_t{1} << (count - 1);
  if (rest == 0) return whole;
  inexact = true;
  bool up = false;
  switch (mode) {
    case RoundingMode::kNearestEven:
      up = rest > half || (rest == half && (whole & 1) != 0);
      break;
    case RoundingMode::kZero:
      break;
    case RoundingMode::kUp:
      up = !negative;
      break;
    case RoundingMode::kDown:
      up = negative;
      break;
  }
  return up ? whole + 1 : whole;
}

}  // namespace

Exact exact(std::uint32_t a) {
  const auto exponent = static_cast<int>(a >> 23 & 0xff);
  std::uint32_t significand = a & 0x7fffff;
  if (exponent != 0) return {a >> 31 != 0, significand | 0x800000, exponent - 150};
  if (significand == 0) return {a >> 31 != 0, 0, kMinExponent};
  const int shift = std::countl_zero(significand) - 8;
  return {a >> 31 != 0, significand << shift, kMinExponent - shift};
}

Exact product(const Exact& a, const Exact& b) {
  return {a.negative != b.negative, a.magnitude * b.magnitude, a.exponent + b.exponent};
}

Exact sum(const Exact& a, const Exact& b) {
  if (a.magnitude == 0 && b.magnitude == 0) return {a.negative && b.negative, 0, 0};
  if (a.magnitude == 0) return b;
  if (b.magnitude == 0) return a;
  Exact high = a;
  Exact low = b;
  if (high.exponent + width(high.magnitude) < low.exponent + width(low.magnitude)) std::swap(high, low);
  // The larger one at the top of 62 bits; what the smaller one has below counts as a last bit that is set.
  const int up = 62 - width(high.magnitude);
  high.magnitude <<= up;
  high.exponent -= up;
  const int move = low.exponent - high.exponent;
  if (move >= 0) {
    low.magnitude <<= move;
  } else {
    const std::uint64_t kept = -move > 63 ? 0 : low.magnitude >> -move;
    const bool lost = -move > 63 || (kept << -move) != low.magnitude;
    low.magnitude = kept | (lost ? 1 : 0);
  }
  low.exponent = high.exponent;
  if (high.negative == low.negative) {
    high.magnitude += low.magnitude;
  } else if (high.magnitude == low.magnitude) {
    return {false, 0, 0};
  } else {
    if (high.magnitude < low.magnitude) std::swap(high, low);
    high.magnitude -= low.magnitude;
  }
  return high;
}

std::uint32_t round(const Exact& a, RoundingMode mode, std::uint32_t& fsr) {
  const std::uint32_t sign = a.negative ? 0x80000000 : 0;
  if (a.magnitude == 0) return sign;
  const int bits = width(a.magnitude);
  // As if the exponent had no limits: tells what is tiny and what overflows.
  bool inexact = false;
  int exponent = a.exponent + bits - kSignificandBits;
  const int excess = bits - kSignificandBits;
  std::uint64_t significand = shift_rounded(a.magnitude, excess, a.negative, mode, inexact);
  if (excess < 0) significand = a.magnitude << -excess;
  if (significand >> kSignificandBits != 0) {
    significand >>= 1;
    ++exponent;
  }
  if (exponent > 104) {  // 2^104 * 2^24 is beyond the largest number
    fsr |= kFsrOverflow | kFsrInexact;
    const bool to_infinity = mode == RoundingMode::kNearestEven ||
                             (mode == RoundingMode::kUp && !a.negative) ||
                             (mode == RoundingMode::kDown && a.negative);
    return sign | (to_infinity ? 0x7f800000 : 0x7f7fffff);
  }
  if (exponent >= kMinExponent) {
    if (inexact) fsr |= kFsrInexact;
    return sign | static_cast<std::uint32_t>(exponent + 150) << 23 |
           (static_cast<std::uint32_t>(significand) & 0x7fffff);
  }
  inexact = false;
  const int drop = kMinExponent - a.exponent;
  significand = shift_rounded(a.magnitude, drop, a.negative, mode, inexact);
  if (drop < 0) significand = a.magnitude << -drop;
  if (inexact) fsr |= kFsrInexact | kFsrUnderflow;
  return sign | static_cast<std::uint32_t>(significand);
}

}  // namespace espalier::xtensa::fp
