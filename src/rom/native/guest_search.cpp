#include "rom/native/guest_search.h"

#include <algorithm>
#include <cstring>

namespace espalier::rom {
namespace {

using u8 = std::uint8_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;

constexpr u64 kOnes = 0x0101010101010101;

// Whether one of the eight bytes is 0: subtracting 1 from each sets the top bit of one that had it clear only
// where there is a 0 below or in it.
bool has_zero(u64 bytes) {
  return ((bytes - kOnes) & ~bytes & 0x80 * kOnes) != 0;
}
u64 eight_bytes(const u8* at) {
  u64 bytes;
  std::memcpy(&bytes, at, sizeof bytes);
  return bytes;
}

// Of host memory: where they differ or, of strings, both end; `n` if nowhere.
template <bool Strings>
u32 first_difference(const u8* x, const u8* y, u32 n) {
  constexpr u32 kBlock = 512;
  u32 i = 0;
  if constexpr (!Strings)
    while (n - i >= kBlock && std::memcmp(x + i, y + i, kBlock) == 0) i += kBlock;
  for (; n - i >= 8; i += 8) {
    const u64 bytes = eight_bytes(x + i);
    if (bytes != eight_bytes(y + i) || (Strings && has_zero(bytes))) break;
  }
  while (i < n && x[i] == y[i] && !(Strings && x[i] == 0)) ++i;
  return i;
}

template <bool Strings>
Difference first_difference(Call& c, u32 a, u32 b, u32 n) {
  for (u32 i = 0; i < n;) {
    const auto x = c.readable_run(a + i, n - i), y = c.readable_run(b + i, n - i);
    if (const u32 size = static_cast<u32>(std::min(x.size(), y.size()))) {
      const u32 at = first_difference<Strings>(x.data(), y.data(), size);
      i += at;
      if (at < size) return {i, x[at] - y[at]};
    } else {
      const u8 p = c.load8(a + i), q = c.load8(b + i);
      if (p != q || (Strings && p == 0)) return {i, p - q};
      ++i;
    }
  }
  return {n, 0};
}

}  // namespace

Difference first_difference(Call& call, u32 a, u32 b, u32 n) {
  return first_difference<false>(call, a, b, n);
}
Difference first_string_difference(Call& call, u32 a, u32 b, u32 n) {
  return first_difference<true>(call, a, b, n);
}

Found find_or_end(Call& call, u32 at, u8 wanted) {
  const auto is_end = [wanted](u8 b) { return b == wanted || b == 0; };
  while (true) {
    const auto run = call.readable_run(at, ~0u);
    if (run.empty()) {
      const u8 b = call.load8(at);
      if (is_end(b)) return {at, b};
      ++at;
      continue;
    }
    std::size_t i = 0;
    for (; run.size() - i >= 8; i += 8) {
      const u64 bytes = eight_bytes(&run[i]);
      if (has_zero(bytes) || has_zero(bytes ^ wanted * kOnes)) break;
    }
    while (i < run.size() && !is_end(run[i])) ++i;
    at += static_cast<u32>(i);
    if (i < run.size()) return {at, run[i]};
  }
}

}  // namespace espalier::rom
