// libgcc's single and double precision arithmetic ("soft float" in the GCC internals manual). Values travel
// as bit patterns in AR registers; the host's IEEE 754 arithmetic gives the same results in round-to-nearest,
// but for NaNs: hosts differ in the sign and payload of a NaN they produce or pass on, and both can be seen
// (printf() writes "-nan"). Those are as the chip's routines give them.
#include <bit>
#include <cmath>
#include <complex>
#include <cstdint>
#include <functional>
#include <limits>
#include <type_traits>

#include "rom/native/natives.h"

namespace espalier::rom {
namespace {

using i32 = std::int32_t;
using u32 = std::uint32_t;
using i64 = std::int64_t;
using u64 = std::uint64_t;

// Instructions of the chip's own routines, roughly: single precision is half of a double's.
constexpr u64 kAdd = 35, kMultiply = 60, kDivide = 400, kCompare = 8, kConvert = 18;

template <class T>
T operand(Call& c, unsigned n) {
  if constexpr (sizeof(T) == 8)
    return std::bit_cast<T>(c.arg64(2 * n));
  else
    return std::bit_cast<T>(c.arg(n));
}

template <class T>
void result(Call& c, T value) {
  if constexpr (sizeof(T) == 8)
    c.ret64(std::bit_cast<u64>(value));
  else
    c.ret(std::bit_cast<u32>(value));
}

template <class T>
using BitsOf = std::conditional_t<sizeof(T) == 8, u64, u32>;
template <class T>
constexpr BitsOf<T> kSign = BitsOf<T>{1} << (8 * sizeof(T) - 1);

template <class T>
T negate(T v) {
  return std::bit_cast<T>(std::bit_cast<BitsOf<T>>(v) ^ kSign<T>);
}
// `v` with the sign that a product of `x` and `y` has.
template <class T>
T with_product_sign(T v, T x, T y) {
  const auto sign = (std::bit_cast<BitsOf<T>>(x) ^ std::bit_cast<BitsOf<T>>(y)) & kSign<T>;
  return std::bit_cast<T>((std::bit_cast<BitsOf<T>>(v) & ~kSign<T>) | sign);
}
// A NaN that an operation on numbers gives is the positive quiet one.
template <class T>
T made(T v) {
  return std::isnan(v) ? std::numeric_limits<T>::quiet_NaN() : v;
}

constexpr auto kPlus = []<class T>(T a, T b) {
  if (std::isnan(a)) return a;
  return std::isnan(b) ? b : made(a + b);
};
constexpr auto kMinus = []<class T>(T a, T b) { return kPlus(a, negate(b)); };
constexpr auto kTimes = []<class T>(T a, T b) {
  if (std::isnan(a) || std::isnan(b)) return with_product_sign(std::isnan(b) ? b : a, a, b);
  return made(a * b);
};
constexpr auto kOver = []<class T>(T a, T b) {
  if (std::isnan(a)) return with_product_sign(a, a, b);
  return std::isnan(b) ? b : made(a / b);
};

template <class T, auto Operation, u64 Cost>
void binary(Call& c) {
  c.charge(sizeof(T) == 8 ? Cost : Cost / 2);
  result<T>(c, Operation(operand<T>(c, 0), operand<T>(c, 1)));
}

template <class From, class To, auto Operation, u64 Cost>
void unary(Call& c) {
  c.charge(Cost);
  result<To>(c, Operation(operand<From>(c, 0)));
}

// The comparison functions answer with a number whose sign or zero is what its name asks about: `Yes` where
// the relation holds, `No` where it does not or an operand is a NaN.
template <class T, auto Relation, i32 Yes, i32 No>
void compare(Call& c) {
  c.charge(kCompare);
  c.ret(static_cast<u32>(Relation(operand<T>(c, 0), operand<T>(c, 1)) ? Yes : No));
}

template <class T>
void unordered(Call& c) {
  c.charge(kCompare);
  c.ret(std::isnan(operand<T>(c, 0)) || std::isnan(operand<T>(c, 1)));
}

// To a signed integer, towards zero. Out of range saturates by sign; a NaN gives the largest value.
template <class T, class Integer>
Integer to_signed(T v) {
  using Limits = std::numeric_limits<Integer>;
  if (std::isnan(v)) return Limits::max();
  if (v >= -static_cast<T>(Limits::min())) return Limits::max();
  if (v < static_cast<T>(Limits::min())) return Limits::min();
  return static_cast<Integer>(v);
}

// To an unsigned integer. Xtensa's libgcc gives the two's complement of a negative value's magnitude, all
// ones for what is too large (and NaN), the top bit alone for what is too small.
template <class T, class Unsigned>
Unsigned to_unsigned(T v) {
  constexpr Unsigned kTop = Unsigned{1} << (8 * sizeof(Unsigned) - 1);
  const T limit = 2 * static_cast<T>(kTop);
  if (std::isnan(v) || v >= limit) return ~Unsigned{0};
  if (v <= -static_cast<T>(kTop)) return kTop;
  return v < 0 ? Unsigned{0} - static_cast<Unsigned>(-v) : static_cast<Unsigned>(v);
}

// x to an integer power by repeated squaring, in libgcc's order of operations.
template <class T>
void power(Call& c) {
  c.charge(5 * kMultiply);
  T x = operand<T>(c, 0);
  const i32 n = static_cast<i32>(c.arg(sizeof(T) / 4));
  u32 m = n < 0 ? 0u - static_cast<u32>(n) : static_cast<u32>(n);
  T y = m & 1 ? x : 1;
  while (m >>= 1) {
    x = kTimes(x, x);
    if (m & 1) y = kTimes(y, x);
  }
  result<T>(c, n < 0 ? kOver(T{1}, y) : y);
}

// Complex multiplication and division return 16 bytes in four registers; the four operands take eight
// argument words, the last two on the stack.
void ret_complex(Call& c, std::complex<double> value) {
  // a[2..5] of the callee: Call::ret64 covers the first pair, the second goes through the same window.
  c.ret64(std::bit_cast<u64>(value.real()));
  const unsigned base = 4 * (c.core().state().ps >> xtensa::kPsCallincShift & 3) + 4;
  const u64 bits = std::bit_cast<u64>(value.imag());
  c.core().set_window_relative(base, static_cast<u32>(bits));
  c.core().set_window_relative(base + 1, static_cast<u32>(bits >> 32));
}

using Complex = std::complex<double>;

// (a + ib)(x + iy), as C99 Annex G (G.5.1) has it: infinities survive NaNs that are only made on the way.
Complex times(double a, double b, double x, double y) {
  const double ax = kTimes(a, x), by = kTimes(b, y), ay = kTimes(a, y), bx = kTimes(b, x);
  const Complex product(kMinus(ax, by), kPlus(ay, bx));
  if (!std::isnan(product.real()) || !std::isnan(product.imag())) return product;
  bool again = false;
  const auto box = [](double& v, bool infinite) { v = std::copysign(infinite ? 1.0 : 0.0, v); };
  const auto zero_nans = [](double& v, double& w) {
    for (double* p : {&v, &w})
      if (std::isnan(*p)) *p = std::copysign(0.0, *p);
  };
  if (std::isinf(a) || std::isinf(b)) {
    box(a, std::isinf(a)), box(b, std::isinf(b));
    zero_nans(x, y);
    again = true;
  }
  if (std::isinf(x) || std::isinf(y)) {
    box(x, std::isinf(x)), box(y, std::isinf(y));
    zero_nans(a, b);
    again = true;
  }
  if (!again && (std::isinf(ax) || std::isinf(by) || std::isinf(ay) || std::isinf(bx))) {
    zero_nans(a, b), zero_nans(x, y);
    again = true;
  }
  if (!again) return product;
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  return {kTimes(kInfinity, kMinus(kTimes(a, x), kTimes(b, y))),
          kTimes(kInfinity, kPlus(kTimes(a, y), kTimes(b, x)))};
}

// (a + ib) / (x + iy) by Smith's method, which avoids overflows on the way; infinities and zeros as in Annex
// G.
Complex over(double a, double b, double x, double y) {
  Complex quotient;
  if (std::fabs(x) < std::fabs(y)) {
    const double ratio = kOver(x, y), denominator = kPlus(kTimes(x, ratio), y);
    quotient = {kOver(kPlus(kTimes(a, ratio), b), denominator),
                kOver(kMinus(kTimes(b, ratio), a), denominator)};
  } else {
    const double ratio = kOver(y, x), denominator = kPlus(kTimes(y, ratio), x);
    quotient = {kOver(kPlus(kTimes(b, ratio), a), denominator),
                kOver(kMinus(b, kTimes(a, ratio)), denominator)};
  }
  if (!std::isnan(quotient.real()) || !std::isnan(quotient.imag())) return quotient;
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const auto box = [](double& v) { v = std::copysign(std::isinf(v) ? 1.0 : 0.0, v); };
  double scale = 0;
  if (x == 0 && y == 0 && (!std::isnan(a) || !std::isnan(b)))
    return {kTimes(std::copysign(kInfinity, x), a), kTimes(std::copysign(kInfinity, x), b)};
  if ((std::isinf(a) || std::isinf(b)) && std::isfinite(x) && std::isfinite(y))
    box(a), box(b), scale = kInfinity;
  else if ((std::isinf(x) || std::isinf(y)) && std::isfinite(a) && std::isfinite(b))
    box(x), box(y);
  else
    return quotient;
  return {kTimes(scale, kPlus(kTimes(a, x), kTimes(b, y))),
          kTimes(scale, kMinus(kTimes(b, x), kTimes(a, y)))};
}

template <Complex (*Operation)(double, double, double, double), u64 Cost>
void complex_binary(Call& c) {
  c.charge(Cost);
  ret_complex(c, Operation(operand<double>(c, 0), operand<double>(c, 1), operand<double>(c, 2),
                           operand<double>(c, 3)));
}

template <class To>
constexpr auto kCast = [](auto v) { return static_cast<To>(v); };

// Between the two widths; of a NaN only the sign is kept.
template <class To>
constexpr auto kResize = [](auto v) {
  if (std::isnan(v))
    return std::copysign(std::numeric_limits<To>::quiet_NaN(), std::signbit(v) ? To{-1} : To{1});
  return static_cast<To>(v);
};

constexpr NativeFunction kFunctions[] = {
    {"__addsf3", binary<float, kPlus, kAdd>},
    {"__subsf3", binary<float, kMinus, kAdd>},
    {"__mulsf3", binary<float, kTimes, kMultiply>},
    {"__adddf3", binary<double, kPlus, kAdd>},
    {"__subdf3", binary<double, kMinus, kAdd>},
    {"__muldf3", binary<double, kTimes, kMultiply>},
    {"__divsf3", binary<float, kOver, kDivide>},
    {"__divdf3", binary<double, kOver, kDivide>},
    {"__muldc3", complex_binary<times, 4 * kMultiply + 2 * kAdd>},
    {"__divdc3", complex_binary<over, 2 * kMultiply + 2 * kAdd + 2 * kDivide>},
    {"__powisf2", power<float>},
    {"__powidf2", power<double>},
    {"__negsf2", unary<float, float, negate<float>, kCompare>},
    {"__negdf2", unary<double, double, negate<double>, kCompare>},
    {"__eqsf2", compare<float, std::equal_to<>{}, 0, 1>},
    {"__nesf2", compare<float, std::equal_to<>{}, 0, 1>},
    {"__gtsf2", compare<float, std::greater<>{}, 1, 0>},
    {"__gesf2", compare<float, std::greater_equal<>{}, 0, -1>},
    {"__ltsf2", compare<float, std::less<>{}, -1, 0>},
    {"__lesf2", compare<float, std::less_equal<>{}, 0, 1>},
    {"__eqdf2", compare<double, std::equal_to<>{}, 0, 1>},
    {"__nedf2", compare<double, std::equal_to<>{}, 0, 1>},
    {"__gtdf2", compare<double, std::greater<>{}, 1, 0>},
    {"__gedf2", compare<double, std::greater_equal<>{}, 0, -1>},
    {"__ltdf2", compare<double, std::less<>{}, -1, 0>},
    {"__ledf2", compare<double, std::less_equal<>{}, 0, 1>},
    {"__unordsf2", unordered<float>},
    {"__unorddf2", unordered<double>},
    {"__extendsfdf2", unary<float, double, kResize<double>, kConvert>},
    {"__truncdfsf2", unary<double, float, kResize<float>, kConvert>},
    {"__fixsfsi", unary<float, i32, to_signed<float, i32>, kConvert>},
    {"__fixsfdi", unary<float, i64, to_signed<float, i64>, kConvert>},
    {"__fixdfsi", unary<double, i32, to_signed<double, i32>, kConvert>},
    {"__fixdfdi", unary<double, i64, to_signed<double, i64>, kConvert>},
    {"__fixunssfsi", unary<float, u32, to_unsigned<float, u32>, kConvert>},
    {"__fixunssfdi", unary<float, u64, to_unsigned<float, u64>, kConvert>},
    {"__fixunsdfsi", unary<double, u32, to_unsigned<double, u32>, kConvert>},
    {"__floatsisf", unary<i32, float, kCast<float>, kConvert>},
    {"__floatunsisf", unary<u32, float, kCast<float>, kConvert>},
    {"__floatdisf", unary<i64, float, kCast<float>, kConvert>},
    {"__floatundisf", unary<u64, float, kCast<float>, kConvert>},
    {"__floatsidf", unary<i32, double, kCast<double>, kConvert>},
    {"__floatunsidf", unary<u32, double, kCast<double>, kConvert>},
    {"__floatdidf", unary<i64, double, kCast<double>, kConvert>},
    {"__floatundidf", unary<u64, double, kCast<double>, kConvert>},
};

}  // namespace

std::span<const NativeFunction> float_natives() {
  return kFunctions;
}

}  // namespace espalier::rom
