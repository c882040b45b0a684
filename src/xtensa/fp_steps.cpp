#include "xtensa/fp_steps.h"

#include <array>
#include <bit>

#include "xtensa/fp.h"
#include "xtensa/fp_host.h"
#include "xtensa/fp_round.h"

namespace espalier::xtensa::fp {
namespace {

constexpr std::uint32_t kSign = 0x80000000;
constexpr std::uint32_t kExponent = 0x7f800000;
constexpr std::uint32_t kFraction = 0x007fffff;
constexpr std::uint32_t kQuiet = 0x00400000;
constexpr int kBias = 127;

constexpr std::uint32_t sign(std::uint32_t a) {
  return a & kSign;
}
constexpr bool is_zero(std::uint32_t a) {
  return (a & ~kSign) == 0;
}
constexpr bool is_infinite(std::uint32_t a) {
  return (a & ~kSign) == kExponent;
}
constexpr int exponent_field(std::uint32_t a) {
  return static_cast<int>(a >> 23 & 0xff);
}

// Biased exponent and fraction of a number that is not zero; those of a denormal go on below zero.
struct Parts {
  int exponent;
  std::uint32_t fraction;
};
constexpr Parts parts(std::uint32_t a) {
  const int exponent = exponent_field(a);
  if (exponent != 0) return {exponent, a & kFraction};
  const int shift = std::countl_zero(a & kFraction) - 8;
  return {1 - shift, (a << shift) & kFraction};
}

// The tables give bits 22..16 of an estimate's fraction for an interval of significands: 256 times the mean
// of the function's values at the interval's ends, rounded, less the leading one. `f` is decreasing from 1 to
// 1/2.
template <class Function>
constexpr std::uint32_t mean_of_ends(Function f, double from, double to) {
  const double mean = 128 * (f(from) + f(to));
  return static_cast<std::uint32_t>(mean + 0.5) - 128;
}

constexpr std::array<std::uint8_t, 128> kReciprocal = [] {
  std::array<std::uint8_t, 128> table{};
  for (unsigned i = 0; i < table.size(); ++i) {
    table[i] = static_cast<std::uint8_t>(
        mean_of_ends([](double x) { return 1 / x; }, 1 + i / 128.0, 1 + (i + 1) / 128.0));
  }
  table[127] = 1;  // the one that the rule would make 0
  return table;
}();

// Indexed by the parity of the exponent: significands from 1 to 2 for even ones, from 2 to 4 for odd ones.
constexpr std::array<std::array<std::uint8_t, 64>, 2> kReciprocalRoot = [] {
  std::array<std::array<std::uint8_t, 64>, 2> tables{};
  for (unsigned parity = 0; parity < 2; ++parity) {
    for (unsigned i = 0; i < 64; ++i) {
      tables[parity][i] = static_cast<std::uint8_t>(
          mean_of_ends([](double x) { return 1 / __builtin_sqrt(x); }, (1 + i / 64.0) * (1 + parity),
                       (1 + (i + 1) / 64.0) * (1 + parity)));
    }
  }
  return tables;
}();

constexpr std::uint32_t reciprocal_fraction(std::uint32_t fraction) {
  return std::uint32_t{kReciprocal[fraction >> 16 & 0x7f]} << 16;
}
constexpr std::uint32_t root_fraction(int biased_exponent, std::uint32_t fraction) {
  return std::uint32_t{
             kReciprocalRoot[static_cast<unsigned>(biased_exponent - kBias) & 1][fraction >> 17 & 0x3f]}
         << 16;
}

// Puts an estimate together; what falls below the smallest normal number is cut off, not rounded.
constexpr std::uint32_t compose(std::uint32_t sign_bit, int exponent, std::uint32_t fraction) {
  if (exponent >= 255) return sign_bit | kExponent;
  if (exponent > 0) return sign_bit | static_cast<std::uint32_t>(exponent) << 23 | fraction;
  const int shift = 1 - exponent;
  return shift > 24 ? sign_bit : sign_bit | (0x800000 | fraction) >> shift;
}

constexpr int floor_half(int a) {
  return a >> 1;
}

// An adjustment to an exponent travels in two parts, as multiples of 8: its remainder modulo 32 in the
// exponent field, for ADDEXP; the rest in fraction bits 21..14, for ADDEXPM. So both can be taken apart again
// by DIVN even after they have been added to exponents near 0.
constexpr std::uint32_t adjustment(int for_addexp, int for_addexpm) {
  return (static_cast<std::uint32_t>(kBias + 8 * for_addexp) & 0xff) << 23 |
         (static_cast<std::uint32_t>(kBias + 8 * for_addexpm) & 0xff) << 14 | 0xc000;
}
constexpr std::uint32_t adjustment(int exponent) {
  return adjustment(exponent & 31, exponent >> 5);
}

// In the place of an adjustment, a result that is already known: the part for ADDEXPM is one that no exponent
// has, the other is one of these, plus 1 if the result is negative.
constexpr int kSpecialAdjustment = 12;
enum Special { kZeroResult = 0, kInfiniteResult = 2, kNanResult = 4 };
constexpr std::uint32_t special(int result) {
  return adjustment(result, kSpecialAdjustment);
}

// DIVN's view of an exponent field: the distance from the bias as a signed byte, and its nearest multiple
// of 8.
struct Split {
  int eights;     // the multiple
  int remainder;  // -4 to 3
};
constexpr Split split(std::uint32_t a) {
  const int distance = static_cast<std::int8_t>(static_cast<std::uint8_t>(exponent_field(a) - kBias));
  const int eights = (distance + 4) >> 3;
  return {eights, distance - 8 * eights};
}

// Significands always have their leading one here, whatever the exponent field says.
Exact with_exponent(std::uint32_t a, int exponent) {
  return {sign(a) != 0, (a & kFraction) | 0x800000, exponent - 23};
}

}  // namespace

std::uint32_t recip0(std::uint32_t a) {
  if (is_nan(a)) return sign(a) | kExponent | (0x800000 | reciprocal_fraction(a & kFraction)) >> 1;
  if (is_infinite(a)) return sign(a);
  if (is_zero(a)) return sign(a) | kExponent;
  const Parts p = parts(a);
  return compose(sign(a), 253 - p.exponent, reciprocal_fraction(p.fraction));
}

std::uint32_t div0(std::uint32_t a) {
  if (is_zero(a) || exponent_field(a) == 255) {
    return sign(a) | 126u << 23 | reciprocal_fraction(a & kFraction);
  }
  const Parts p = parts(a);
  return sign(a) | (125u + (static_cast<unsigned>(p.exponent) & 1)) << 23 | reciprocal_fraction(p.fraction);
}

std::uint32_t rsqrt0(std::uint32_t a) {
  if (is_zero(a)) return sign(a) | kExponent;
  if (a == kExponent) return 0;
  const Parts p = parts(a);
  const std::uint32_t fraction = root_fraction(p.exponent, p.fraction);
  if (sign(a) != 0 || is_nan(a)) return sign(a) | kExponent | kQuiet | fraction;
  return compose(0, floor_half(380 - p.exponent), fraction);
}

std::uint32_t sqrt0(std::uint32_t a) {
  const Parts p = is_zero(a) ? Parts{0, 0} : parts(a);
  return sign(a) | 126u << 23 | root_fraction(p.exponent, p.fraction);
}

std::uint32_t nexp01(std::uint32_t a) {
  const std::uint32_t negated = sign(a) ^ kSign;
  if (is_nan(a)) return a ^ kSign;
  if (is_zero(a) || is_infinite(a)) return negated | static_cast<std::uint32_t>(kBias) << 23;
  const Parts p = parts(a);
  const std::uint32_t parity = static_cast<std::uint32_t>(p.exponent - kBias) & 1;
  return negated | (kBias + parity) << 23 | p.fraction;
}

// Only the even parts of the exponents count: NEXP01 has left the odd one in the operands.
std::uint32_t mkdadj(std::uint32_t divisor, std::uint32_t dividend, std::uint32_t& fsr) {
  const int negative = sign(divisor ^ dividend) != 0 ? 1 : 0;
  if (is_nan(divisor) || is_nan(dividend)) {
    if (is_signaling(divisor) || is_signaling(dividend)) fsr |= kFsrInvalid;
    return special(kNanResult + negative);
  }
  if ((is_zero(divisor) && is_zero(dividend)) || (is_infinite(divisor) && is_infinite(dividend))) {
    fsr |= kFsrInvalid;
    return special(kNanResult + negative);
  }
  if (is_zero(dividend) || is_infinite(divisor)) return special(kZeroResult + negative);
  if (is_infinite(dividend)) return special(kInfiniteResult + negative);
  if (is_zero(divisor)) {
    fsr |= kFsrDivideByZero;
    return special(kInfiniteResult + negative);
  }
  const int above = floor_half(parts(dividend).exponent - kBias);
  const int below = floor_half(parts(divisor).exponent - kBias);
  return adjustment(2 * (above - below));
}

std::uint32_t mksadj(std::uint32_t a, std::uint32_t& fsr) {
  if (is_zero(a)) return special(kZeroResult + (sign(a) != 0 ? 1 : 0));
  if (is_nan(a) || sign(a) != 0) {
    if (!is_nan(a) || is_signaling(a)) fsr |= kFsrInvalid;
    return special(kNanResult);
  }
  if (is_infinite(a)) return special(kInfiniteResult);
  return adjustment(floor_half(parts(a).exponent - kBias));
}

std::uint32_t addexp(std::uint32_t a, std::uint32_t b) {
  const auto exponent = static_cast<std::uint32_t>(exponent_field(a) + exponent_field(b) - kBias) & 0xff;
  return ((a ^ sign(b)) & ~kExponent) | exponent << 23;
}

std::uint32_t addexpm(std::uint32_t a, std::uint32_t b) {
  const auto add = static_cast<int>(b >> 14 & 0xff);
  const auto exponent = static_cast<std::uint32_t>(exponent_field(a) + add - kBias) & 0xff;
  return ((a ^ (b << 9 & kSign)) & ~kExponent) | exponent << 23;
}

std::uint32_t maddn(std::uint32_t accumulator, std::uint32_t a, std::uint32_t b) {
  if (is_nan(accumulator)) return accumulator | kQuiet;
  if (is_nan(b)) return b | kQuiet;
  if (is_nan(a)) return a | kQuiet;
  const std::uint32_t product_sign = sign(a ^ b);
  if (is_infinite(a) || is_infinite(b)) {
    if (is_zero(a) || is_zero(b)) return kDefaultNan;
    if (is_infinite(accumulator) && sign(accumulator) != product_sign) return kDefaultNan;
    return product_sign | kExponent;
  }
  if (is_infinite(accumulator)) return accumulator;
  std::uint32_t no_flags = 0;
  return round(sum(exact(accumulator), product(exact(a), exact(b))), RoundingMode::kNearestEven, no_flags);
}

std::uint32_t divn(std::uint32_t a, std::uint32_t remainder, std::uint32_t correction, std::uint32_t fcr,
                   std::uint32_t& fsr) {
  if (is_nan(remainder)) return remainder | kQuiet;
  const Split of_a = split(a);
  const Split of_correction = split(correction);
  const int exponent = 32 * of_a.eights + (of_correction.eights & 31);
  if (const int result = exponent - 32 * kSpecialAdjustment; result >= 0 && result < 6) {
    const std::uint32_t negative = (result & 1) != 0 ? kSign : 0;
    switch (result & 6) {
      case kZeroResult:
        return negative;
      case kInfiniteResult:
        return negative | kExponent;
      default:
        return kDefaultNan;
    }
  }
  Exact value = is_infinite(remainder)
                    ? Exact{sign(remainder) != 0, 0x800000, 128 - 23}
                    : sum(with_exponent(a, of_a.remainder),
                          product(exact(remainder), with_exponent(correction, of_correction.remainder)));
  // An exact 0 leaves nothing to normalise: the adder's 50 bits run out.
  if (value.magnitude == 0) value = {false, 1, -50};
  value.exponent += exponent;
  return round(value, static_cast<RoundingMode>(fcr & 3), fsr);
}

}  // namespace espalier::xtensa::fp
