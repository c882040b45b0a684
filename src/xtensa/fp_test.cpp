// Floating-point arithmetic against the host's.
#include "xtensa/fp.h"

#include <gtest/gtest.h>

#include <bit>
#include <cfenv>
#include <cmath>
#include <random>

#include "xtensa/fp_host.h"
#include "xtensa/fp_round.h"
#include "xtensa/fp_steps.h"

namespace espalier::xtensa::fp {
namespace {

using Bits = std::uint32_t;

float value(Bits bits) {
  return std::bit_cast<float>(bits);
}
Bits bits(float value) {
  return std::bit_cast<Bits>(value);
}

constexpr int kHostModes[] = {FE_TONEAREST, FE_TOWARDZERO, FE_UPWARD, FE_DOWNWARD};
constexpr Bits kSpecials[] = {0x00000000, 0x80000000, 0x00000001, 0x80000001, 0x00000100,
                              0x00400000, 0x007fffff, 0x00800000, 0x7f7fffff, 0xff7fffff,
                              0x7f800000, 0xff800000, 0x3f800000, 0xbf800000, 0x7fc00000,
                              0x7fa00000, 0xffc12345, 0x40490fdb, 0x3effffff, 0x4b000001};

// What the host makes of an operation, with the guest's rounding and flags.
struct Reference {
  Bits result;
  Bits flags;
};
template <class Operation>
Reference on_host(Bits fcr, Operation operation) {
  std::fesetround(kHostModes[fcr & 3]);
  std::feclearexcept(FE_ALL_EXCEPT);
  volatile float result = operation();
  const int raised = std::fetestexcept(FE_ALL_EXCEPT);
  std::fesetround(FE_TONEAREST);
  Bits flags = 0;
  if ((raised & FE_INEXACT) != 0) flags |= kFsrInexact;
  if ((raised & FE_UNDERFLOW) != 0) flags |= kFsrUnderflow;
  if ((raised & FE_OVERFLOW) != 0) flags |= kFsrOverflow;
  if ((raised & FE_DIVBYZERO) != 0) flags |= kFsrDivideByZero;
  if ((raised & FE_INVALID) != 0) flags |= kFsrInvalid;
  return {bits(result), flags};
}

// Newton's iterations as the toolchain's libraries do them, with the coprocessor's steps.
Bits divide(Bits a, Bits b, Bits fcr, Bits& fsr) {
  const Bits one = constant(1);
  const Bits minus_b = nexp01(b);
  const Bits plus_a = nexp01(a) ^ 0x80000000;
  const Bits seed = div0(b);
  const Bits adjustment = mkdadj(b, a, fsr);
  Bits inverse = maddn(seed, maddn(one, minus_b, seed), seed);
  inverse = maddn(inverse, maddn(one, minus_b, inverse), inverse);
  Bits quotient = maddn(constant(0), plus_a, seed);
  quotient = maddn(quotient, maddn(plus_a, minus_b, quotient), inverse);
  inverse = maddn(inverse, maddn(one, minus_b, inverse), inverse);
  const Bits remainder = maddn(plus_a, minus_b, quotient);
  return divn(addexpm(quotient, adjustment), remainder, addexp(inverse, adjustment), fcr, fsr);
}

Bits square_root(Bits a, Bits fcr, Bits& fsr) {
  const Bits zero = constant(0);
  const Bits half = constant(3);
  const Bits minus_a = nexp01(a);
  const Bits minus_half_a = addexp(minus_a, half);
  const Bits adjustment = mksadj(a, fsr);
  Bits inverse = sqrt0(a);
  inverse = maddn(inverse, maddn(half, maddn(zero, inverse, inverse), minus_half_a), inverse);
  Bits root = maddn(zero, minus_a ^ 0x80000000, inverse);
  Bits half_inverse = maddn(zero, half, inverse);
  const Bits error = maddn(half, maddn(zero, inverse, minus_half_a), inverse);
  root = maddn(root, maddn(minus_a, root, root), half_inverse ^ 0x80000000);
  half_inverse = maddn(half_inverse, error, half_inverse);
  const Bits remainder = maddn(minus_a, root, root);
  return divn(addexpm(root, adjustment), remainder, addexp(half_inverse ^ 0x80000000, adjustment), fcr, fsr);
}

void expect_like_host(Bits result, Bits fsr, const Reference& reference, const char* what, Bits a, Bits b,
                      Bits fcr) {
  if (is_nan(reference.result)) {
    ASSERT_TRUE(is_nan(result)) << what << std::hex << " " << a << " " << b << " mode " << fcr << " gave "
                                << result;
  } else {
    ASSERT_EQ(result, reference.result) << what << std::hex << " " << a << " " << b << " mode " << fcr;
  }
  ASSERT_EQ(fsr, reference.flags) << what << std::hex << " " << a << " " << b << " mode " << fcr;
}

void check_division_and_root(Bits a, Bits b) {
  for (Bits fcr = 0; fcr < 4; ++fcr) {
    Bits fsr = 0;
    const Bits quotient = divide(a, b, fcr, fsr);
    volatile float dividend = value(a);
    volatile float divisor = value(b);
    expect_like_host(quotient, fsr, on_host(fcr, [&] { return dividend / divisor; }), "divide", a, b, fcr);
    fsr = 0;
    const Bits root = square_root(a, fcr, fsr);
    expect_like_host(root, fsr, on_host(fcr, [&] { return std::sqrt(dividend); }), "root", a, 0, fcr);
  }
}

TEST(FpSteps, DivisionAndRootOfSpecialNumbers) {
  for (const Bits a : kSpecials) {
    for (const Bits b : kSpecials) check_division_and_root(a, b);
  }
}

TEST(FpSteps, DivisionAndRootAreCorrectlyRounded) {
  std::mt19937 random(1);
  for (unsigned i = 0; i < 60'000 && !::testing::Test::HasFatalFailure(); ++i) {
    check_division_and_root(static_cast<Bits>(random()), static_cast<Bits>(random()));
    // Significands close together and exponents at the ends are the hard cases.
    check_division_and_root(0x3f800000 + random() % 0x1000000, 0x3f800000 + random() % 0x1000000);
    check_division_and_root(static_cast<Bits>(random()) & 0x81ffffff,
                            static_cast<Bits>(random()) & 0x43ffffff);
  }
}

TEST(FpSteps, EveryExponentDividesAndRoots) {
  for (Bits a = 0; a < 256; ++a) {
    for (Bits b = 0; b < 256; b += 5) check_division_and_root(a << 23 | 0x123456, b << 23 | 0x654321);
  }
}

TEST(FpSteps, EstimatesAreGoodToSevenBits) {
  for (Bits a = 0x3f000000; a < 0x41000000; a += 0x1357) {
    EXPECT_NEAR(value(recip0(a)) * value(a), 1, 1 / 128.0);
    EXPECT_NEAR(value(rsqrt0(a)) * std::sqrt(value(a)), 1, 1 / 128.0);
    EXPECT_NEAR(value(div0(a)) * -value(nexp01(a)), 1, 1 / 128.0);
    EXPECT_NEAR(value(sqrt0(a)) * std::sqrt(-value(nexp01(a))), 1, 1 / 128.0);
  }
}

TEST(FpSteps, EstimatesAtTheEndsOfTheRange) {
  EXPECT_EQ(recip0(0x7f7fffff), 0x00200000u | 0x1 << 14);  // truncated to a denormal
  EXPECT_EQ(recip0(0x00000001), 0x7f800000u);
  EXPECT_EQ(recip0(0x80200000), 0xff7f0000u);
  EXPECT_EQ(recip0(0x80100000), 0xff800000u);
  EXPECT_EQ(rsqrt0(0x80000000), 0xff800000u);
  EXPECT_EQ(rsqrt0(0x7f800000), 0u);
  EXPECT_EQ(rsqrt0(0x00000001) >> 23, 127u + 74);  // 2^74.5
  EXPECT_EQ(nexp01(0x00000001), 0xc0000000u);      // 2^-149: odd
}

TEST(FpSteps, MaddnIsFusedAndSilent) {
  std::mt19937 random(2);
  const auto check = [](Bits c, Bits a, Bits b) {
    const Bits expected = bits(std::fma(value(a), value(b), value(c)));
    if (is_nan(expected)) {
      ASSERT_TRUE(is_nan(maddn(c, a, b)));
    } else {
      ASSERT_EQ(maddn(c, a, b), expected) << std::hex << c << " " << a << " " << b;
    }
  };
  for (const Bits a : kSpecials) {
    for (const Bits b : kSpecials) {
      for (const Bits c : kSpecials) check(c, a, b);
    }
  }
  for (unsigned i = 0; i < 300'000; ++i) {
    check(static_cast<Bits>(random()), static_cast<Bits>(random()), static_cast<Bits>(random()));
    const Bits a = 0x3f000000 + random() % 0x1000000;
    const Bits b = 0x3f000000 + random() % 0x1000000;
    check(bits(-value(a) * value(b)) ^ (random() % 4), a, b);  // cancellation
  }
}

TEST(FpSteps, DivnWithNothingLeft) {
  Bits fsr = 0;
  EXPECT_EQ(divn(0x3f800000, 0xbf800000, 0x3f800000, 0, fsr), (127u - 50) << 23);
  EXPECT_EQ(divn(0x3f800000, 0x7fa00001, 0x3f800000, 0, fsr), 0x7fe00001u);
  EXPECT_EQ(fsr, 0u);
}

class FpArithmetic : public ::testing::TestWithParam<Bits> {
 protected:
  template <class Guest, class Host>
  void check(const char* what, Bits a, Bits b, Guest guest, Host host) {
    const Bits fcr = GetParam();
    HostFp environment;
    Bits fsr = 0;
    environment.use(fcr);
    const Bits result = guest();
    environment.leave(fsr);
    EXPECT_EQ(std::fegetround(), FE_TONEAREST);
    expect_like_host(result, fsr, on_host(fcr, host), what, a, b, fcr);
  }
  void check_all(Bits a, Bits b, Bits c) {
    volatile float x = value(a);
    volatile float y = value(b);
    volatile float z = value(c);
    check(
        "add", a, b, [&] { return add(a, b); }, [&] { return x + y; });
    check(
        "sub", a, b, [&] { return sub(a, b); }, [&] { return x - y; });
    check(
        "mul", a, b, [&] { return mul(a, b); }, [&] { return x * y; });
    check(
        "madd", a, b, [&] { return madd(c, a, b); }, [&] { return std::fma(x, y, z); });
    check(
        "msub", a, b, [&] { return msub(c, a, b); }, [&] { return std::fma(-x, y, z); });
  }
};

TEST_P(FpArithmetic, Specials) {
  for (const Bits a : kSpecials) {
    for (const Bits b : kSpecials) {
      for (const Bits c : {0x00000000u, 0x3f800000u, 0x7f800000u, 0x7fc00000u, 0x80000001u})
        check_all(a, b, c);
    }
  }
}

TEST_P(FpArithmetic, Random) {
  std::mt19937 random(3);
  for (unsigned i = 0; i < 20'000 && !HasFatalFailure(); ++i) {
    check_all(static_cast<Bits>(random()), static_cast<Bits>(random()), static_cast<Bits>(random()));
  }
}

INSTANTIATE_TEST_SUITE_P(RoundingModes, FpArithmetic, ::testing::Values(0u, 1u, 2u, 3u));

TEST(FpConversion, FromIntegersInEveryMode) {
  std::mt19937 random(4);
  for (unsigned i = 0; i < 50'000; ++i) {
    const auto number = static_cast<Bits>(random());
    for (Bits fcr = 0; fcr < 4; ++fcr) {
      HostFp environment;
      Bits fsr = 0;
      const unsigned scale = random() % 16;
      environment.use(fcr);
      const Bits from_s = from_signed(number, scale);
      const Bits from_u = from_unsigned(number, scale);
      environment.leave(fsr);
      Bits flags = 0;
      EXPECT_EQ(
          from_s,
          round(Exact{static_cast<std::int32_t>(number) < 0,
                      static_cast<std::uint64_t>(std::abs(std::int64_t{static_cast<std::int32_t>(number)})),
                      -static_cast<int>(scale)},
                static_cast<RoundingMode>(fcr), flags));
      EXPECT_EQ(from_u,
                round(Exact{false, number, -static_cast<int>(scale)}, static_cast<RoundingMode>(fcr), flags));
      EXPECT_EQ(fsr, flags);
    }
  }
}

TEST(FpConversion, ToIntegersLikeExactArithmetic) {
  std::mt19937 random(5);
  const auto check = [](Bits a, unsigned scale) {
    const double exact_value = std::ldexp(static_cast<double>(value(a)), static_cast<int>(scale));
    struct {
      Rounding rounding;
      double rounded;
    } const modes[] = {{Rounding::kNearest, std::nearbyint(exact_value)},
                       {Rounding::kTruncate, std::trunc(exact_value)},
                       {Rounding::kUp, std::ceil(exact_value)},
                       {Rounding::kDown, std::floor(exact_value)}};
    for (const auto& [rounding, rounded] : modes) {
      Bits fsr = 0;
      const Bits result = to_signed(a, scale, rounding, fsr);
      if (rounded > 2147483647.0 || rounded < -2147483648.0) {
        EXPECT_EQ(result, rounded < 0 ? 0x80000000 : 0x7fffffff);
        EXPECT_EQ(fsr, kFsrInvalid);
      } else {
        EXPECT_EQ(static_cast<std::int32_t>(result), static_cast<std::int32_t>(rounded)) << std::hex << a;
        EXPECT_EQ(fsr, rounded == exact_value ? 0 : kFsrInexact);
      }
      fsr = 0;
      const Bits natural = to_unsigned(a, scale, rounding, fsr);
      if (rounded >= 0) {
        EXPECT_EQ(natural, rounded > 4294967295.0 ? 0xffffffff : static_cast<Bits>(rounded)) << std::hex << a;
      } else {
        EXPECT_EQ(natural, rounded < -2147483648.0 ? 0x80000000
                                                   : static_cast<Bits>(static_cast<std::int32_t>(rounded)));
        EXPECT_EQ(fsr, kFsrInvalid);
      }
    }
  };
  for (const Bits a : kSpecials) {
    for (unsigned scale = 0; scale < 16; ++scale) {
      if (!is_nan(a)) check(a, scale);
    }
  }
  for (unsigned i = 0; i < 100'000; ++i) {
    check((random() % 64 + 110) << 23 | random() % 0x800000 | random() % 2 << 31, random() % 16);
  }
}

TEST(FpComparison, EveryPairOfSpecials) {
  for (const Bits a : kSpecials) {
    for (const Bits b : kSpecials) {
      Bits fsr = 0;
      const Relation relation = compare(a, b, false, fsr);
      EXPECT_EQ(relation == Relation::kLess, value(a) < value(b));
      EXPECT_EQ(relation == Relation::kEqual, value(a) == value(b));
      EXPECT_EQ(relation == Relation::kGreater, value(a) > value(b));
      EXPECT_EQ(relation == Relation::kUnordered, is_nan(a) || is_nan(b));
      EXPECT_EQ(fsr, is_signaling(a) || is_signaling(b) ? kFsrInvalid : 0);
      fsr = 0;
      compare(a, b, true, fsr);
      EXPECT_EQ(fsr, is_nan(a) || is_nan(b) ? kFsrInvalid : 0);
    }
  }
}

}  // namespace
}  // namespace espalier::xtensa::fp
