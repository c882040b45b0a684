// Single-precision arithmetic of the LX6's floating-point coprocessor, on bit patterns.
//
// NaN operands: the result is the last of them in assembler order (for MADD and MSUB: the accumulator before
// ft before fs), made quiet; a NaN made from other numbers is 0x7fc00000. Signalling NaNs raise Invalid.
// Sources: Xtensa ISA Reference Manual, "Floating-Point Coprocessor Option"; how QEMU's target/xtensa behaves
// with the configuration that core-isa.h calls DFPU_SINGLE_ONLY.
#pragma once

#include <cstdint>

namespace espalier::xtensa::fp {

inline constexpr std::uint32_t kDefaultNan = 0x7fc00000;

constexpr bool is_nan(std::uint32_t a) {
  return (a & 0x7fffffff) > 0x7f800000;
}
constexpr bool is_signaling(std::uint32_t a) {
  return is_nan(a) && (a & 0x00400000) == 0;
}

// These need HostFp::use() before them: they round as the host is told to, and raise their flags there.
std::uint32_t add(std::uint32_t a, std::uint32_t b);
std::uint32_t sub(std::uint32_t a, std::uint32_t b);
std::uint32_t mul(std::uint32_t a, std::uint32_t b);
std::uint32_t madd(std::uint32_t accumulator, std::uint32_t a, std::uint32_t b);  // accumulator + a * b
std::uint32_t msub(std::uint32_t accumulator, std::uint32_t a, std::uint32_t b);  // accumulator - a * b
std::uint32_t from_signed(std::uint32_t value, unsigned scale);                   // value / 2^scale
std::uint32_t from_unsigned(std::uint32_t value, unsigned scale);

// To integers: a * 2^scale, rounded in the given way. NaN and what is too large give the largest integer,
// what is too small the most negative one (to_unsigned: every negative number is converted as by to_signed).
enum class Rounding : std::uint8_t { kNearest, kTruncate, kUp, kDown };
std::uint32_t to_signed(std::uint32_t a, unsigned scale, Rounding rounding, std::uint32_t& fsr);
std::uint32_t to_unsigned(std::uint32_t a, unsigned scale, Rounding rounding, std::uint32_t& fsr);

// Comparisons. The ordered inequalities raise Invalid for any NaN, the others for signalling ones.
enum class Relation : std::uint8_t { kLess, kEqual, kGreater, kUnordered };
Relation compare(std::uint32_t a, std::uint32_t b, bool signal_quiet_nans, std::uint32_t& fsr);

// CONST.S: 0.0, 1.0, 2.0, 0.5, by the index's low two bits.
std::uint32_t constant(unsigned index);

}  // namespace espalier::xtensa::fp
