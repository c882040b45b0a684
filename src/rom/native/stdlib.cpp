// <stdlib.h>'s conversions between numbers and text.
#include <cstdint>

#include "rom/native/natives.h"

namespace espalier::rom {
namespace {

using u8 = std::uint8_t;
using u32 = std::uint32_t;
using i32 = std::int32_t;
using i64 = std::int64_t;

constexpr u32 kErange = 34;  // newlib's errno.h

struct Parsed {
  std::uint64_t magnitude = 0;  // saturated above 2^32
  bool negative = false;
  u32 end = 0;  // the first character that is not part of the number; the start where there is no number
};

int digit_of(u8 ch) {
  if (ch >= '0' && ch <= '9') return ch - '0';
  const u8 lower = ch | 0x20;
  return lower >= 'a' && lower <= 'z' ? lower - 'a' + 10 : 99;
}

Parsed parse(Call& c, u32 at, u32 base) {
  Parsed p;
  p.end = at;
  u8 ch = c.load8(at);
  while (ch == ' ' || (ch >= '\t' && ch <= '\r')) ch = c.load8(++at);
  if (ch == '-' || ch == '+') {
    p.negative = ch == '-';
    ch = c.load8(++at);
  }
  // "0x" counts as a prefix even where no digit follows; then there is no number at all.
  if ((base == 0 || base == 16) && ch == '0' && (c.load8(at + 1) | 0x20) == 'x') {
    at += 2;
    base = 16;
  } else if (base == 0) {
    base = ch == '0' ? 8 : 10;
  }
  u32 digits = 0;
  for (int d; (d = digit_of(c.load8(at))) < static_cast<int>(base); ++at, ++digits)
    if (p.magnitude <= 0xffffffffu) p.magnitude = p.magnitude * base + static_cast<u32>(d);
  if (digits > 0) p.end = at;
  c.charge(55 + 17 * digits);
  return p;
}

// `errno_at` is where a range error is written.
u32 to_signed(const Parsed& p, Call& c, u32 errno_at) {
  const std::uint64_t limit = p.negative ? 0x80000000u : 0x7fffffffu;
  if (p.magnitude > limit) {
    c.store32(errno_at, kErange);
    return static_cast<u32>(limit);
  }
  return p.negative ? 0u - static_cast<u32>(p.magnitude) : static_cast<u32>(p.magnitude);
}

u32 to_unsigned(const Parsed& p, Call& c, u32 errno_at) {
  if (p.magnitude > 0xffffffffu) {
    c.store32(errno_at, kErange);
    return ~0u;
  }
  return p.negative ? 0u - static_cast<u32>(p.magnitude) : static_cast<u32>(p.magnitude);
}

using Convert = u32 (*)(const Parsed&, Call&, u32);

// _strtol_r(reent, s, endptr, base): errno is the first word of struct _reent. (strtol() and atoi(), which
// have to ask the firmware for its struct _reent, are guest code.)
template <Convert To>
void string_to_number(Call& c) {
  const Parsed p = parse(c, c.arg(1), c.arg(3));
  if (const u32 endptr = c.arg(2)) c.store32(endptr, p.end);
  c.ret(To(p, c, c.arg(0)));
}

void ascii_to_integer(Call& c) {
  c.ret(to_signed(parse(c, c.arg(1), 10), c, c.arg(0)));
}

// Writes `value` in `base` 2..36 to `at`, NUL-terminated; newlib answers a base out of range with "" and
// NULL.
u32 write_number(Call& c, u32 value, bool negative, u32 at, u32 base) {
  if (base < 2 || base > 36) {
    c.store8(at, 0);
    return 0;
  }
  char digits[33];
  unsigned n = 0;
  do {
    digits[n++] = "0123456789abcdefghijklmnopqrstuvwxyz"[value % base];
    value /= base;
  } while (value != 0);
  c.charge(10 + 25 * n);
  u32 to = at;
  if (negative) c.store8(to++, '-');
  while (n > 0) c.store8(to++, static_cast<u8>(digits[--n]));
  c.store8(to, 0);
  return at;
}

// itoa(value, buffer, base): only base 10 is signed.
void itoa_(Call& c) {
  const u32 value = c.arg(0), base = c.arg(2);
  const bool negative = base == 10 && static_cast<i32>(value) < 0;
  c.ret(write_number(c, negative ? 0u - value : value, negative, c.arg(1), base));
}

void utoa_(Call& c) {
  c.ret(write_number(c, c.arg(0), false, c.arg(1), c.arg(2)));
}

constexpr NativeFunction kFunctions[] = {
    {"_strtol_r", string_to_number<to_signed>},
    {"_strtoul_r", string_to_number<to_unsigned>},
    {"_atoi_r", ascii_to_integer},
    {"_atol_r", ascii_to_integer},
    {"itoa", itoa_},
    {"__itoa", itoa_},
    {"utoa", utoa_},
    {"__utoa", utoa_},
};

}  // namespace

std::span<const NativeFunction> stdlib_natives() {
  return kFunctions;
}

}  // namespace espalier::rom
