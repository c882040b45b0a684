// <string.h>, <strings.h> and <ctype.h>, as the C standard and POSIX describe them, with BSD's strl* and
// newlib's strlwr/strupr. The "C" locale.
#include <algorithm>
#include <cctype>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>

#include "rom/native/guest_search.h"
#include "rom/native/natives.h"

namespace espalier::rom {
namespace {

using u8 = std::uint8_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;

// Instructions of the chip's own routines: for a call, and for each byte in hundredths. The block routines
// and the str* ones of the ISA's make work by words, the rest by bytes.
constexpr u64 kCallCost = 8;
enum Pace : u64 {
  kSetPace = 33,
  kCopyPace = 65,
  kLengthPace = 150,
  kCompareWordsPace = 180,
  kStringCopyPace = 200,
  kZeroPace = 300,
  kScanPace = 400,
  kMovePace = 600,
  kCompareBytesPace = 800,
  kSearchPace = 1000,
  kFoldPace = 2100,
};
void charge(Call& c, u64 bytes, Pace pace) {
  c.charge(kCallCost + bytes * pace / 100);
}

// The byte at `at` out of its aligned word, as the routines that work by words see it: memory that takes
// nothing but words (the instruction bus) will do.
u8 byte_of_word(Call& c, u32 at) {
  return static_cast<u8>(c.load32(at & ~3u) >> (8 * (at & 3)));
}

// Copies `n` bytes, forwards. Whole when both ends are plain memory, else in pieces so that a fault comes at
// the piece that has no memory, with everything before it done. Those are the chip's: bytes up to a target
// address that is a multiple of 4, words (which the instruction bus takes, and a source that is not aligned
// gives too), and bytes at the end.
void copy_forward(Call& c, u32 to, u32 from, u32 n) {
  constexpr u32 kTooShort = 7;
  u8* w = c.writable(to, n);
  const u8* r = c.readable(from, n);
  if (w && r && (to <= from || to - from >= n)) {
    std::memmove(w, r, n);
    return;
  }
  const auto copy_byte = [&] { c.store8(to++, c.load8(from++)), --n; };
  if ((to & 3) == 0 || n >= kTooShort) {
    while ((to & 3) != 0) copy_byte();
    for (; n >= 4; n -= 4, to += 4, from += 4) {
      u32 word = c.load32(from & ~3u);
      if (const u32 bits = 8 * (from & 3)) word = word >> bits | c.load32((from & ~3u) + 4) << (32 - bits);
      c.store32(to, word);
    }
  }
  while (n > 0) copy_byte();
}

void memcpy_(Call& c) {
  charge(c, c.arg(2), kCopyPace);
  copy_forward(c, c.arg(0), c.arg(1), c.arg(2));
  c.ret(c.arg(0));
}

void memmove_(Call& c) {
  const u32 to = c.arg(0), from = c.arg(1), n = c.arg(2);
  charge(c, n, kMovePace);
  u8* w = c.writable(to, n);
  const u8* r = c.readable(from, n);
  if (w && r) {
    std::memmove(w, r, n);
  } else if (to - from >= n) {
    for (u32 i = 0; i < n; ++i) c.store8(to + i, c.load8(from + i));
  } else {
    for (u32 i = n; i-- > 0;) c.store8(to + i, c.load8(from + i));
  }
  c.ret(to);
}

void fill(Call& c, u32 to, u8 value, u32 n) {
  if (u8* w = c.writable(to, n)) {
    std::memset(w, value, n);
    return;
  }
  if ((to & 3) == 0)
    for (; n >= 4; n -= 4, to += 4) c.store32(to, value * 0x01010101u);
  for (; n > 0; --n) c.store8(to++, value);
}

void memset_(Call& c) {
  charge(c, c.arg(2), kSetPace);
  fill(c, c.arg(0), static_cast<u8>(c.arg(1)), c.arg(2));
  c.ret(c.arg(0));
}

void bzero_(Call& c) {
  const u32 at = c.arg(0), n = c.arg(1);
  charge(c, n, kZeroPace);
  if (u8* w = c.writable(at, n)) {
    std::memset(w, 0, n);
    return;
  }
  for (u32 i = 0; i < n; ++i) c.store8(at + i, 0);
}

void memccpy_(Call& c) {
  const u32 to = c.arg(0), from = c.arg(1), n = c.arg(3);
  for (u32 i = 0; i < n; ++i) {
    const u8 b = c.load8(from + i);
    c.store8(to + i, b);
    if (b == static_cast<u8>(c.arg(2))) {
      charge(c, i + 1, kMovePace);
      return c.ret(to + i + 1);
    }
  }
  charge(c, n, kMovePace);
  c.ret(0);
}

void memchr_(Call& c) {
  const u32 at = c.arg(0), n = c.arg(2);
  const u8 wanted = static_cast<u8>(c.arg(1));
  u32 i = 0;
  if (const u8* host = c.readable(at, n)) {
    const void* found = std::memchr(host, wanted, n);
    i = found ? static_cast<u32>(static_cast<const u8*>(found) - host) : n;
  } else {
    while (i < n && c.load8(at + i) != wanted) ++i;
  }
  charge(c, i, kScanPace);
  c.ret(i < n ? at + i : 0);
}

void memrchr_(Call& c) {
  const u32 at = c.arg(0), n = c.arg(2);
  charge(c, n, kScanPace);
  for (u32 i = n; i-- > 0;)
    if (c.load8(at + i) == static_cast<u8>(c.arg(1))) return c.ret(at + i);
  c.ret(0);
}

void memcmp_(Call& c) {
  const u32 a = c.arg(0), b = c.arg(1), n = c.arg(2);
  const Difference found = first_difference(c, a, b, n);
  charge(c, found.at, kCompareBytesPace);
  c.ret(static_cast<u32>(found.by));
}

// The length of the string at `at`, or `limit`.
template <u8 (*Load)(Call&, u32)>
u32 length(Call& c, u32 at, u32 limit) {
  for (u32 n = 0; n < limit;) {
    if (const auto run = c.readable_run(at + n, limit - n); !run.empty()) {
      if (const void* nul = std::memchr(run.data(), 0, run.size()))
        return n + static_cast<u32>(static_cast<const u8*>(nul) - run.data());
      n += static_cast<u32>(run.size());
    } else if (Load(c, at + n++) == 0) {
      return n - 1;
    }
  }
  return limit;
}
u8 load_byte(Call& c, u32 at) {
  return c.load8(at);
}
u32 length(Call& c, u32 at, u32 limit = ~0u) {
  return length<load_byte>(c, at, limit);
}
u32 length_by_words(Call& c, u32 at) {
  return length<byte_of_word>(c, at, ~0u);
}

// Only the byte at an odd address is read as one.
void strlen_(Call& c) {
  const u32 at = c.arg(0);
  const u32 n = (at & 1) != 0 && c.load8(at) == 0 ? 0 : length_by_words(c, at);
  charge(c, n, kLengthPace);
  c.ret(n);
}

void strnlen_(Call& c) {
  const u32 n = length(c, c.arg(0), c.arg(1));
  charge(c, n, kScanPace);
  c.ret(n);
}

// strcmp and strncmp: at most `limit` bytes.
template <Pace P>
void compare_strings(Call& c, u32 limit) {
  const Difference found = first_string_difference(c, c.arg(0), c.arg(1), limit);
  charge(c, found.at, P);
  c.ret(static_cast<u32>(found.by));
}

u8 exact(u8 b) {
  return b;
}
u8 folded(u8 b) {
  return b >= 'A' && b <= 'Z' ? static_cast<u8>(b + 32) : b;
}

// The same in the eyes of strcasecmp and strncasecmp.
void compare_folded(Call& c, u32 limit) {
  const u32 a = c.arg(0), b = c.arg(1);
  for (u32 i = 0; i < limit; ++i) {
    const u8 x = folded(c.load8(a + i)), y = folded(c.load8(b + i));
    if (x != y || x == 0) {
      charge(c, i, kFoldPace);
      return c.ret(static_cast<u32>(x - y));
    }
  }
  charge(c, limit, kFoldPace);
  c.ret(0);
}

// Where both addresses are multiples of 4 the source is read by words.
void strcpy_(Call& c) {
  const u32 to = c.arg(0), from = c.arg(1);
  const bool words = ((to | from) & 3) == 0;
  const u32 n = (words ? length_by_words(c, from) : length(c, from)) + 1;
  charge(c, n, kStringCopyPace);
  if (words && !c.readable(from, n))
    for (u32 i = 0; i < n; ++i) c.store8(to + i, byte_of_word(c, from + i));
  else
    copy_forward(c, to, from, n);
  c.ret(to);
}

void strncpy_(Call& c) {
  const u32 n = c.arg(2), copied = length(c, c.arg(1), n);
  charge(c, n, kStringCopyPace);
  copy_forward(c, c.arg(0), c.arg(1), copied);
  fill(c, c.arg(0) + copied, 0, n - copied);
  c.ret(c.arg(0));
}

void append(Call& c, u32 limit) {
  const u32 end = c.arg(0) + length(c, c.arg(0)), n = length(c, c.arg(1), limit);
  charge(c, end - c.arg(0) + n, kStringCopyPace);
  copy_forward(c, end, c.arg(1), n);
  c.store8(end + n, 0);
  c.ret(c.arg(0));
}

void strlcpy_(Call& c) {
  const u32 n = length(c, c.arg(1)), room = c.arg(2);
  charge(c, n, kScanPace);
  if (room > 0) {
    const u32 copied = std::min(n, room - 1);
    copy_forward(c, c.arg(0), c.arg(1), copied);
    c.store8(c.arg(0) + copied, 0);
  }
  c.ret(n);
}

void strlcat_(Call& c) {
  const u32 room = c.arg(2), had = length(c, c.arg(0), room), n = length(c, c.arg(1));
  charge(c, had + n, kScanPace);
  if (had < room) {
    const u32 copied = std::min(n, room - had - 1);
    copy_forward(c, c.arg(0) + had, c.arg(1), copied);
    c.store8(c.arg(0) + had + copied, 0);
  }
  c.ret(had + n);
}

void strchr_(Call& c) {
  const u8 wanted = static_cast<u8>(c.arg(1));
  const Found found = find_or_end(c, c.arg(0), wanted);
  charge(c, found.at - c.arg(0), kScanPace);
  c.ret(found.byte == wanted ? found.at : 0);
}

void strrchr_(Call& c) {
  u32 found = 0, at = c.arg(0);
  for (;; ++at) {
    const u8 b = c.load8(at);
    if (b == static_cast<u8>(c.arg(1))) found = at;
    if (b == 0) break;
  }
  charge(c, at - c.arg(0), kScanPace);
  c.ret(found);
}

// How many leading bytes of arg 0 are (Member) or are not in the set of arg 1.
template <bool Member>
void span_of(Call& c) {
  const std::string set = c.string(c.arg(1));
  u32 n = 0;
  for (;; ++n) {
    const u8 b = c.load8(c.arg(0) + n);
    if (b == 0 || (set.find(static_cast<char>(b)) != std::string::npos) != Member) break;
  }
  charge(c, n + static_cast<u32>(set.size()), kSearchPace);
  c.ret(n);
}

template <u8 (*Fold)(u8)>
void find_string(Call& c) {
  std::string hay = c.string(c.arg(0)), needle = c.string(c.arg(1));
  for (std::string* s : {&hay, &needle})
    for (char& ch : *s) ch = static_cast<char>(Fold(static_cast<u8>(ch)));
  const std::size_t at = hay.find(needle);
  charge(c, static_cast<u32>(at == std::string::npos ? hay.size() : at + needle.size()), kSearchPace);
  c.ret(at == std::string::npos ? 0 : c.arg(0) + static_cast<u32>(at));
}

// The next token from the string whose address lies at `cursor`; ends it with a NUL. `skip_leading` is the
// difference between strtok_r and strsep. (BSD's strsep() would give an empty string as a token; the ROM's is
// newlib's of 2013 and says NULL.)
u32 next_token(Call& c, u32 start, const std::string& delimiters, u32 cursor, bool skip_leading) {
  const auto is_delimiter = [&](u8 b) {
    return b != 0 && delimiters.find(static_cast<char>(b)) != std::string::npos;
  };
  if (start == 0) return 0;
  u32 at = start;
  while (skip_leading && is_delimiter(c.load8(at))) ++at;
  if (c.load8(at) == 0) {
    c.store32(cursor, 0);
    return 0;
  }
  u32 end = at;
  while (c.load8(end) != 0 && !is_delimiter(c.load8(end))) ++end;
  charge(c, end - start, kSearchPace);
  if (c.load8(end) == 0) {
    c.store32(cursor, 0);
  } else {
    c.store8(end, 0);
    c.store32(cursor, end + 1);
  }
  return at;
}

void strtok_r_(Call& c) {
  const u32 start = c.arg(0) ? c.arg(0) : c.load32(c.arg(2));
  c.ret(next_token(c, start, c.string(c.arg(1)), c.arg(2), true));
}

// newlib's internal form: (s, delim, lasts, skip_leading_delim).
void strtok_internal(Call& c) {
  const u32 start = c.arg(0) ? c.arg(0) : c.load32(c.arg(2));
  c.ret(next_token(c, start, c.string(c.arg(1)), c.arg(2), c.arg(3) != 0));
}

void strsep_(Call& c) {
  c.ret(next_token(c, c.load32(c.arg(0)), c.string(c.arg(1)), c.arg(0), false));
}

template <bool Upper>
void change_case(Call& c) {
  u32 at = c.arg(0);
  for (; const u8 b = c.load8(at); ++at) {
    const bool change = Upper ? b >= 'a' && b <= 'z' : b >= 'A' && b <= 'Z';
    if (change) c.store8(at, b ^ 0x20);
  }
  charge(c, at - c.arg(0), kSearchPace);
  c.ret(c.arg(0));
}

// Character classes hold for 0..127 in the "C" locale; EOF and the rest belong to none.
template <int (*Test)(int)>
void character_class(Call& c) {
  c.charge(kCallCost);
  const u32 ch = c.arg(0);
  c.ret(ch < 128 && Test(static_cast<int>(ch)) != 0);
}

int in_blank(int ch) {
  return ch == ' ' || ch == '\t';
}

constexpr NativeFunction kFunctions[] = {
    {"memcpy", memcpy_},
    {"xthal_memcpy", memcpy_},
    {"xthal_bcopy",
     [](Call& c) {
       charge(c, c.arg(2), kCopyPace);
       copy_forward(c, c.arg(1), c.arg(0), c.arg(2));
     }},
    {"memmove", memmove_},
    {"memset", memset_},
    {"bzero", bzero_},
    {"memccpy", memccpy_},
    {"memchr", memchr_},
    {"memrchr", memrchr_},
    {"memcmp", memcmp_},
    {"__gcc_bcmp", memcmp_},
    {"strlen", strlen_},
    {"strnlen", strnlen_},
    {"strcmp", [](Call& c) { compare_strings<kCompareWordsPace>(c, ~0u); }},
    {"strcoll", [](Call& c) { compare_strings<kCompareWordsPace>(c, ~0u); }},
    {"strncmp", [](Call& c) { compare_strings<kCompareBytesPace>(c, c.arg(2)); }},
    {"strcasecmp", [](Call& c) { compare_folded(c, ~0u); }},
    {"strncasecmp", [](Call& c) { compare_folded(c, c.arg(2)); }},
    {"strcpy", strcpy_},
    {"strncpy", strncpy_},
    {"strcat", [](Call& c) { append(c, ~0u); }},
    {"strncat", [](Call& c) { append(c, c.arg(2)); }},
    {"strlcpy", strlcpy_},
    {"strlcat", strlcat_},
    {"strchr", strchr_},
    {"strrchr", strrchr_},
    {"strspn", span_of<true>},
    {"strcspn", span_of<false>},
    {"strstr", find_string<exact>},
    {"strcasestr", find_string<folded>},
    {"strtok_r", strtok_r_},
    {"__strtok_r", strtok_internal},
    {"strsep", strsep_},
    {"strlwr", change_case<false>},
    {"strupr", change_case<true>},
    {"isalnum", character_class<std::isalnum>},
    {"isalpha", character_class<std::isalpha>},
    {"isblank", character_class<in_blank>},
    {"iscntrl", character_class<std::iscntrl>},
    {"isdigit", character_class<std::isdigit>},
    {"isgraph", character_class<std::isgraph>},
    {"islower", character_class<std::islower>},
    {"isprint", character_class<std::isprint>},
    {"ispunct", character_class<std::ispunct>},
    {"isspace", character_class<std::isspace>},
    {"isupper", character_class<std::isupper>},
    {"isascii", [](Call& c) { c.ret(c.arg(0) < 128); }},
    {"toascii", [](Call& c) { c.ret(c.arg(0) & 127); }},
    {"tolower", [](Call& c) { c.ret(c.arg(0) - 'A' < 26 ? c.arg(0) + 32 : c.arg(0)); }},
    {"toupper", [](Call& c) { c.ret(c.arg(0) - 'a' < 26 ? c.arg(0) - 32 : c.arg(0)); }},
};

}  // namespace

std::span<const NativeFunction> string_natives() {
  return kFunctions;
}

}  // namespace espalier::rom
