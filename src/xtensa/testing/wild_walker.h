// A guest that runs wild on purpose: loads, stores and jumps at random addresses, for ever.
#pragma once

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <span>
#include <string>

namespace espalier::xtensa::testing {

// To be assembled anywhere, entered at the label "walk" with a seed other than 0 in a4, with vectors as
// random_vectors_page() makes them that go on at "walk". Half of the addresses are anywhere in 4 GiB, half
// within 512 KiB from one of the eight `places`.
inline std::string wild_walker(std::span<const std::uint32_t, 8> places) {
  std::string text = "  .align 4\n places:\n";
  for (const std::uint32_t place : places) text += fmt::format("  .word {:#x}\n", place);
  return text + R"(
  table: .word places
  walk:
    # Marsaglia's xorshift
    slli a5, a4, 13
    xor a4, a4, a5
    extui a5, a4, 17, 15
    xor a4, a4, a5
    slli a5, a4, 5
    xor a4, a4, a5
    mov.n a7, a4
    bbsi a4, 9, access
    extui a5, a4, 16, 3
    l32r a6, table
    addx4 a6, a5, a6
    l32i a7, a6, 0
    extui a5, a4, 0, 16
    addx8 a7, a5, a7
    extui a5, a4, 20, 3
    bnez a5, access  # mostly whole words
    extui a5, a4, 23, 2
    add a7, a7, a5
  access:
    l8ui a8, a7, 0
    l16si a8, a7, 2
    l32i a8, a7, 0
    l32ai a8, a7, 4
    l32e a8, a7, -4
    lsi f0, a7, 8
    mov.n a9, a7
    ldinc m0, a9
    s32i a4, a7, 0
    s32i a4, a7, 64
    s16i a4, a7, 2
    s8i a4, a7, 3
    ssi f0, a7, 12
    s32e a4, a7, -8
    s32c1i a4, a7, 0
    extui a5, a4, 3, 4
    bnez a5, walk
    bbci a4, 12, call
    jx a7
  call:
    callx8 a7
    j walk
)";
}

}  // namespace espalier::xtensa::testing
