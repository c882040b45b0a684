// Looking through guest memory for what comes first: plain memory by host words, a page at a time, all else
// byte by byte. Nothing behind the place that ends a search is touched.
#pragma once

#include <cstdint>

#include "rom/call.h"

namespace espalier::rom {

struct Difference {
  std::uint32_t at;  // bytes before it
  int by;            // the first's byte less the second's; 0 where there is no difference
};
// Of the `n` bytes at `a` and at `b`; `at` is `n` if they are the same.
Difference first_difference(Call& call, std::uint32_t a, std::uint32_t b, std::uint32_t n);
// Of the strings at `a` and at `b`, of which at most `n` bytes count; `at` is their length if they are the
// same.
Difference first_string_difference(Call& call, std::uint32_t a, std::uint32_t b, std::uint32_t n);

struct Found {
  std::uint32_t at;  // its address
  std::uint8_t byte;
};
// The first `wanted` in the string at `at`, or its NUL.
Found find_or_end(Call& call, std::uint32_t at, std::uint8_t wanted);

}  // namespace espalier::rom
