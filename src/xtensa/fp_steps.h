// The steps of division and square root: estimates from tables, exponents taken apart and put together again,
// and a final rounding that makes the toolchain's sequences (libgcc's __divsf3, __sqrtsf2, __recipsf2...)
// exact.
//
// No manual describes them. What is here has been measured on an ESP32-S3, whose FPU is of the same kind
// (light-player/lightplayer on GitHub, docs/adr/2026-07-31-xtensa-fp-behavior-contract.md and its captures);
// the tables follow from one rule, see fp_steps.cpp.
#pragma once

#include <cstdint>

namespace espalier::xtensa::fp {

// Estimates with 8 significant bits. DIV0 and SQRT0 drop the exponent but for its parity; none raises a flag.
std::uint32_t recip0(std::uint32_t a);  // 1 / a
std::uint32_t div0(std::uint32_t a);    // 1 / |NEXP01(a)|, with a's sign
std::uint32_t rsqrt0(std::uint32_t a);  // 1 / sqrt(a)
std::uint32_t sqrt0(std::uint32_t a);   // 1 / sqrt(|NEXP01(a)|), with a's sign

// -a with its exponent narrowed to 0 or 1 by parity: a magnitude in [1, 4).
std::uint32_t nexp01(std::uint32_t a);
// What ADDEXP and ADDEXPM have to add to the exponents of quotient or root, or which special result is due;
// these raise the sequence's Invalid and DivideByZero.
std::uint32_t mkdadj(std::uint32_t divisor, std::uint32_t dividend, std::uint32_t& fsr);
std::uint32_t mksadj(std::uint32_t a, std::uint32_t& fsr);
std::uint32_t addexp(std::uint32_t a, std::uint32_t adjustment);
std::uint32_t addexpm(std::uint32_t a, std::uint32_t adjustment);

// accumulator + a * b, rounded to nearest whatever FCR says, raising no flag.
std::uint32_t maddn(std::uint32_t accumulator, std::uint32_t a, std::uint32_t b);
// The last step: (a + remainder * correction) at the exponent that ADDEXP, ADDEXPM have put into `a` and
// `correction`, rounded as `fcr` says.
std::uint32_t divn(std::uint32_t a, std::uint32_t remainder, std::uint32_t correction, std::uint32_t fcr,
                   std::uint32_t& fsr);

}  // namespace espalier::xtensa::fp
