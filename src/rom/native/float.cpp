// libgcc's single and double precision arithmetic ("soft float" in the GCC internals manual). Values travel
// as bit patterns in AR registers; the host's IEEE 754 arithmetic gives the same results in round-to-nearest.
#include <bit>
#include <cmath>
#include <complex>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "rom/native/natives.h"

namespace espalier::rom {
namespace {

using i32 = std::int32_t;
using u32 = std::uint32_t;
using i64 = std::int64_t;
using u64 = std::uint64_t;

// Instructions of a typical routine on a core without double-precision hardware.
constexpr u64 kAdd = 60, kMultiply = 70, kDivide = 200, kCompare = 15, kConvert = 20;

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

template <class T, auto Operation, u64 Cost>
void binary(Call& c) {
  c.charge(Cost);
  result<T>(c, Operation(operand<T>(c, 0), operand<T>(c, 1)));
}

template <class From, class To, auto Operation, u64 Cost>
void unary(Call& c) {
  c.charge(Cost);
  result<To>(c, Operation(operand<From>(c, 0)));
}

// The comparison functions answer with a sign; `unordered` is what each gives for a NaN so that its test
// fails.
template <class T, i32 Unordered>
void compare(Call& c) {
  c.charge(kCompare);
  const T a = operand<T>(c, 0), b = operand<T>(c, 1);
  c.ret(static_cast<u32>(std::isnan(a) || std::isnan(b) ? Unordered : a < b ? -1 : a > b ? 1 : 0));
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
  if (v <= -limit) return kTop;
  return v < 0 ? Unsigned{0} - static_cast<Unsigned>(-v) : static_cast<Unsigned>(v);
}

template <class T>
T negate(T v) {
  using Bits = std::conditional_t<sizeof(T) == 8, u64, u32>;
  return std::bit_cast<T>(std::bit_cast<Bits>(v) ^ Bits{1} << (8 * sizeof(T) - 1));
}

// x to an integer power by repeated squaring, in libgcc's order of operations.
double power(double x, i32 n) {
  u32 m = n < 0 ? 0u - static_cast<u32>(n) : static_cast<u32>(n);
  double y = m & 1 ? x : 1;
  while (m >>= 1) {
    x *= x;
    if (m & 1) y *= x;
  }
  return n < 0 ? 1 / y : y;
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

void multiply_complex(Call& c) {
  c.charge(4 * kMultiply + 2 * kAdd);
  const double a = operand<double>(c, 0), b = operand<double>(c, 1);
  const double x = operand<double>(c, 2), y = operand<double>(c, 3);
  ret_complex(c, std::complex(a, b) * std::complex(x, y));
}

void divide_complex(Call& c) {
  c.charge(4 * kMultiply + 2 * kAdd + 2 * kDivide);
  const double a = operand<double>(c, 0), b = operand<double>(c, 1);
  const double x = operand<double>(c, 2), y = operand<double>(c, 3);
  ret_complex(c, std::complex(a, b) / std::complex(x, y));
}

constexpr auto kPlus = [](auto a, auto b) { return a + b; };
constexpr auto kMinus = [](auto a, auto b) { return a - b; };
constexpr auto kTimes = [](auto a, auto b) { return a * b; };
constexpr auto kOver = [](auto a, auto b) { return a / b; };
template <class To>
constexpr auto kCast = [](auto v) { return static_cast<To>(v); };

constexpr NativeFunction kFunctions[] = {
    {"__addsf3", binary<float, kPlus, kAdd>},
    {"__subsf3", binary<float, kMinus, kAdd>},
    {"__mulsf3", binary<float, kTimes, kMultiply>},
    {"__adddf3", binary<double, kPlus, kAdd>},
    {"__subdf3", binary<double, kMinus, kAdd>},
    {"__muldf3", binary<double, kTimes, kMultiply>},
    {"__divdf3", binary<double, kOver, kDivide>},
    {"__muldc3", multiply_complex},
    {"__divdc3", divide_complex},
    {"__powidf2",
     [](Call& c) {
       c.charge(8 * kMultiply);
       result<double>(c, power(operand<double>(c, 0), static_cast<i32>(c.arg(2))));
     }},
    {"__negsf2", unary<float, float, negate<float>, kCompare>},
    {"__negdf2", unary<double, double, negate<double>, kCompare>},
    {"__eqsf2", compare<float, 1>},
    {"__nesf2", compare<float, 1>},
    {"__gtsf2", compare<float, -1>},
    {"__gesf2", compare<float, -1>},
    {"__ltsf2", compare<float, 1>},
    {"__lesf2", compare<float, 1>},
    {"__eqdf2", compare<double, 1>},
    {"__nedf2", compare<double, 1>},
    {"__gtdf2", compare<double, -1>},
    {"__gedf2", compare<double, -1>},
    {"__ltdf2", compare<double, 1>},
    {"__ledf2", compare<double, 1>},
    {"__unordsf2", unordered<float>},
    {"__unorddf2", unordered<double>},
    {"__extendsfdf2", unary<float, double, kCast<double>, kConvert>},
    {"__truncdfsf2", unary<double, float, kCast<float>, kConvert>},
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
