// libgcc's integer functions, as the GCC internals manual ("The GCC low-level runtime library") describes
// them, and the C library's div and abs families.
#include <bit>
#include <cstdint>

#include "rom/native/natives.h"

namespace espalier::rom {
namespace {

using i32 = std::int32_t;
using u32 = std::uint32_t;
using i64 = std::int64_t;
using u64 = std::uint64_t;

// Instructions of the chip's own routines, roughly.
constexpr u64 kSmall = 5, kCount32 = 35, kCount64 = 135, kMultiply64 = 8, kDivide32 = 4, kDivide64 = 55;

void raise_divide_by_zero() {
  throw GuestFault{xtensa::Cause::kIntegerDivideByZero, 0};
}

void divide_by_zero_if(bool zero) {
  if (zero) raise_divide_by_zero();
}

// INT_MIN / -1 wraps on the chip instead of trapping as on some hosts.
i32 quotient(i32 a, i32 b) {
  return b == -1 ? static_cast<i32>(0u - static_cast<u32>(a)) : a / b;
}
i32 remainder(i32 a, i32 b) {
  return b == -1 ? 0 : a % b;
}
i64 quotient(i64 a, i64 b) {
  return b == -1 ? static_cast<i64>(u64{0} - static_cast<u64>(a)) : a / b;
}
i64 remainder(i64 a, i64 b) {
  return b == -1 ? 0 : a % b;
}

i32 s32(Call& c, unsigned n) {
  return static_cast<i32>(c.arg(n));
}

template <auto Operation, u64 Cost>
void unary32(Call& c) {
  c.charge(Cost);
  c.ret(static_cast<u32>(Operation(c.arg(0))));
}
template <auto Operation, u64 Cost>
void binary32(Call& c) {
  c.charge(Cost);
  c.ret(static_cast<u32>(Operation(c.arg(0), c.arg(1))));
}
template <auto Operation, u64 Cost>
void unary64(Call& c) {
  c.charge(Cost);
  c.ret64(static_cast<u64>(Operation(c.arg64(0))));
}
template <auto Operation, u64 Cost>
void unary64_to_32(Call& c) {
  c.charge(Cost);
  c.ret(static_cast<u32>(Operation(c.arg64(0))));
}
template <auto Operation, u64 Cost>
void binary64(Call& c) {
  c.charge(Cost);
  c.ret64(static_cast<u64>(Operation(c.arg64(0), c.arg64(2))));
}
// Shifts take a 64-bit value and a 32-bit count.
template <auto Operation>
void shift64(Call& c) {
  c.charge(kSmall);
  c.ret64(static_cast<u64>(Operation(c.arg64(0), c.arg(2))));
}

// The trapping ("v") variants call abort() on overflow in libgcc. The chip's ROM cannot return from that; the
// guest sees an illegal instruction at the function.
template <class T>
T trap_on(bool overflow, T value) {
  if (overflow) throw GuestFault{xtensa::Cause::kIllegalInstruction, 0};
  return value;
}

constexpr auto kDivSi = [](u32 a, u32 b) {
  divide_by_zero_if(b == 0);
  return quotient(static_cast<i32>(a), static_cast<i32>(b));
};
constexpr auto kModSi = [](u32 a, u32 b) {
  divide_by_zero_if(b == 0);
  return remainder(static_cast<i32>(a), static_cast<i32>(b));
};
constexpr auto kUdivSi = [](u32 a, u32 b) { return divide_by_zero_if(b == 0), a / b; };
constexpr auto kUmodSi = [](u32 a, u32 b) { return divide_by_zero_if(b == 0), a % b; };
constexpr auto kDivDi = [](u64 a, u64 b) {
  divide_by_zero_if(b == 0);
  return quotient(static_cast<i64>(a), static_cast<i64>(b));
};
constexpr auto kModDi = [](u64 a, u64 b) {
  divide_by_zero_if(b == 0);
  return remainder(static_cast<i64>(a), static_cast<i64>(b));
};
constexpr auto kUdivDi = [](u64 a, u64 b) { return divide_by_zero_if(b == 0), a / b; };
constexpr auto kUmodDi = [](u64 a, u64 b) { return divide_by_zero_if(b == 0), a % b; };

constexpr auto kShiftLeft = [](u64 v, u32 n) { return v << (n & 63); };
constexpr auto kShiftRight = [](u64 v, u32 n) { return v >> (n & 63); };
constexpr auto kShiftArithmetic = [](u64 v, u32 n) { return static_cast<i64>(v) >> (n & 63); };

// Leading bits equal to the sign, the sign itself not counted.
constexpr auto kClrsb32 = [](u32 v) {
  return std::countl_zero(v ^ static_cast<u32>(static_cast<i32>(v) >> 31)) - 1;
};
constexpr auto kClrsb64 = [](u64 v) {
  return std::countl_zero(v ^ static_cast<u64>(static_cast<i64>(v) >> 63)) - 1;
};

constexpr auto kAddV32 = [](u32 a, u32 b) {
  i32 r;
  return trap_on(__builtin_add_overflow(static_cast<i32>(a), static_cast<i32>(b), &r), a + b);
};
constexpr auto kSubV32 = [](u32 a, u32 b) {
  i32 r;
  return trap_on(__builtin_sub_overflow(static_cast<i32>(a), static_cast<i32>(b), &r), a - b);
};
constexpr auto kMulV32 = [](u32 a, u32 b) {
  i32 r;
  return trap_on(__builtin_mul_overflow(static_cast<i32>(a), static_cast<i32>(b), &r), a * b);
};
constexpr auto kNegV32 = [](u32 a) { return trap_on(a == 0x80000000, 0u - a); };
constexpr auto kAbsV32 = [](u32 a) { return trap_on(a == 0x80000000, static_cast<i32>(a) < 0 ? 0u - a : a); };
constexpr auto kAddV64 = [](u64 a, u64 b) {
  i64 r;
  return trap_on(__builtin_add_overflow(static_cast<i64>(a), static_cast<i64>(b), &r), a + b);
};
constexpr auto kSubV64 = [](u64 a, u64 b) {
  i64 r;
  return trap_on(__builtin_sub_overflow(static_cast<i64>(a), static_cast<i64>(b), &r), a - b);
};
constexpr auto kMulV64 = [](u64 a, u64 b) {
  i64 r;
  return trap_on(__builtin_mul_overflow(static_cast<i64>(a), static_cast<i64>(b), &r), a * b);
};
constexpr auto kNegV64 = [](u64 a) { return trap_on(a == u64{1} << 63, u64{0} - a); };
constexpr auto kAbsV64 = [](u64 a) {
  return trap_on(a == u64{1} << 63, static_cast<i64>(a) < 0 ? u64{0} - a : a);
};

// 0, 1 or 2 for less, equal, greater.
template <class T>
void compare64(Call& c) {
  c.charge(kSmall);
  const T a = static_cast<T>(c.arg64(0)), b = static_cast<T>(c.arg64(2));
  c.ret(a < b ? 0 : a == b ? 1 : 2);
}

void udivmoddi4(Call& c) {
  c.charge(kDivide64);
  const u64 a = c.arg64(0), b = c.arg64(2);
  divide_by_zero_if(b == 0);
  if (const u32 at = c.arg(4)) {
    c.store32(at, static_cast<u32>(a % b));
    c.store32(at + 4, static_cast<u32>(a % b >> 32));
  }
  c.ret64(a / b);
}

// div() and ldiv() return {quot, rem}: 8 bytes, which the windowed ABI returns in two registers.
void div32(Call& c) {
  c.charge(kDivide32);
  const i32 a = s32(c, 0), b = s32(c, 1);
  divide_by_zero_if(b == 0);
  c.ret64(static_cast<u32>(quotient(a, b)) | u64{static_cast<u32>(remainder(a, b))} << 32);
}

constexpr NativeFunction kFunctions[] = {
    {"__mulsi3", binary32<[](u32 a, u32 b) { return a * b; }, kSmall>},
    {"__divsi3", binary32<kDivSi, kDivide32>},
    {"__modsi3", binary32<kModSi, kDivide32>},
    {"__udivsi3", binary32<kUdivSi, kDivide32>},
    {"__umodsi3", binary32<kUmodSi, kDivide32>},
    {"__umulsidi3",
     [](Call& c) {
       c.charge(kSmall);
       c.ret64(u64{c.arg(0)} * c.arg(1));
     }},
    {"__clzsi2", unary32<[](u32 v) { return std::countl_zero(v); }, kSmall>},
    {"__ctzsi2", unary32<[](u32 v) { return std::countr_zero(v); }, kSmall>},
    {"__ffssi2", unary32<[](u32 v) { return v ? std::countr_zero(v) + 1 : 0; }, kSmall>},
    {"__clrsbsi2", unary32<kClrsb32, kSmall>},
    {"__popcountsi2", unary32<[](u32 v) { return std::popcount(v); }, kCount32>},
    {"__paritysi2", unary32<[](u32 v) { return std::popcount(v) & 1; }, kSmall>},
    {"__bswapsi2", unary32<[](u32 v) { return __builtin_bswap32(v); }, kSmall>},
    {"__clzdi2", unary64_to_32<[](u64 v) { return std::countl_zero(v); }, kSmall>},
    {"__ctzdi2", unary64_to_32<[](u64 v) { return std::countr_zero(v); }, kSmall>},
    {"__ffsdi2", unary64_to_32<[](u64 v) { return v ? std::countr_zero(v) + 1 : 0; }, kSmall>},
    {"__clrsbdi2", unary64_to_32<kClrsb64, kSmall>},
    {"__popcountdi2", unary64_to_32<[](u64 v) { return std::popcount(v); }, kCount64>},
    {"__bswapdi2", unary64<[](u64 v) { return __builtin_bswap64(v); }, kSmall>},
    {"__negdi2", unary64<[](u64 v) { return u64{0} - v; }, kSmall>},
    {"__ashldi3", shift64<kShiftLeft>},
    {"__ashrdi3", shift64<kShiftArithmetic>},
    {"__lshrdi3", shift64<kShiftRight>},
    {"__muldi3", binary64<[](u64 a, u64 b) { return a * b; }, kMultiply64>},
    {"__divdi3", binary64<kDivDi, kDivide64>},
    {"__moddi3", binary64<kModDi, kDivide64>},
    {"__udivdi3", binary64<kUdivDi, kDivide64>},
    {"__umoddi3", binary64<kUmodDi, kDivide64>},
    {"__udivmoddi4", udivmoddi4},
    {"__udiv_w_sdiv", [](Call& c) { c.ret(0); }},  // libgcc's version for machines with UDIV: nothing to do
    {"__cmpdi2", compare64<i64>},
    {"__ucmpdi2", compare64<u64>},
    {"__addvsi3", binary32<kAddV32, kSmall>},
    {"__subvsi3", binary32<kSubV32, kSmall>},
    {"__mulvsi3", binary32<kMulV32, kSmall>},
    {"__negvsi2", unary32<kNegV32, kSmall>},
    {"__absvsi2", unary32<kAbsV32, kSmall>},
    {"__addvdi3", binary64<kAddV64, kSmall>},
    {"__subvdi3", binary64<kSubV64, kSmall>},
    {"__mulvdi3", binary64<kMulV64, kMultiply64>},
    {"__negvdi2", unary64<kNegV64, kSmall>},
    {"__absvdi2", unary64<kAbsV64, kSmall>},
    {"abs", unary32<[](u32 v) { return static_cast<i32>(v) < 0 ? 0u - v : v; }, kSmall>},
    {"labs", unary32<[](u32 v) { return static_cast<i32>(v) < 0 ? 0u - v : v; }, kSmall>},
    {"div", div32},
    {"ldiv", div32},
};

}  // namespace

std::span<const NativeFunction> integer_natives() {
  return kFunctions;
}

}  // namespace espalier::rom
