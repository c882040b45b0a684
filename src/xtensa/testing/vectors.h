// Exception vectors for test programs: the window handlers, and traps that stop the core.
#pragma once

#include <string>

namespace espalier::xtensa::testing {

// To be assembled at kVectors. User, kernel and double exceptions, levels 2 to 7 and debug spin at their
// vector until a test puts something better there.
inline constexpr const char* kVectorProgram = R"(
    # overflow 4
    s32e a0, a5, -16
    s32e a1, a5, -12
    s32e a2, a5, -8
    s32e a3, a5, -4
    rfwo
    .org 0x40000040  # underflow 4
    l32e a0, a5, -16
    l32e a1, a5, -12
    l32e a2, a5, -8
    l32e a3, a5, -4
    rfwu
    .org 0x40000080  # overflow 8
    s32e a0, a9, -16
    l32e a0, a1, -12
    s32e a1, a9, -12
    s32e a2, a9, -8
    s32e a3, a9, -4
    s32e a4, a0, -32
    s32e a5, a0, -28
    s32e a6, a0, -24
    s32e a7, a0, -20
    rfwo
    .org 0x400000c0  # underflow 8
    l32e a0, a9, -16
    l32e a1, a9, -12
    l32e a2, a9, -8
    l32e a7, a1, -12
    l32e a3, a9, -4
    l32e a4, a7, -32
    l32e a5, a7, -28
    l32e a6, a7, -24
    l32e a7, a7, -20
    rfwu
    .org 0x40000100  # overflow 12
    s32e a0, a13, -16
    l32e a0, a1, -12
    s32e a1, a13, -12
    s32e a2, a13, -8
    s32e a3, a13, -4
    s32e a4, a0, -48
    s32e a5, a0, -44
    s32e a6, a0, -40
    s32e a7, a0, -36
    s32e a8, a0, -32
    s32e a9, a0, -28
    s32e a10, a0, -24
    s32e a11, a0, -20
    rfwo
    .org 0x40000140  # underflow 12
    l32e a0, a13, -16
    l32e a1, a13, -12
    l32e a2, a13, -8
    l32e a11, a1, -12
    l32e a3, a13, -4
    l32e a4, a11, -48
    l32e a5, a11, -44
    l32e a6, a11, -40
    l32e a7, a11, -36
    l32e a8, a11, -32
    l32e a9, a11, -28
    l32e a10, a11, -24
    l32e a11, a11, -20
    rfwu
    .org 0x40000180
    level2: j level2
    .org 0x400001c0
    level3: j level3
    .org 0x40000200
    level4: j level4
    .org 0x40000240
    level5: j level5
    .org 0x40000280
    debug: j debug
    .org 0x400002c0
    nmi: j nmi
    .org 0x40000300
    kernel: j kernel
    .org 0x40000340
    user: j user
    .org 0x400003c0
    double: j double
)";

// Functions that call one another with windows of all sizes, as deep as a2 says, and return that; f8 is for
// CALL8.
inline constexpr const char* kMixedCallFunctions = R"(
    f4: entry a1, 48
      beqz a2, zero4
      addi a14, a2, -1
      call12 f12
      addi a2, a14, 1
    zero4: retw.n
      .align 4
    f8: entry a1, 48
      beqz a2, zero8
      addi a6, a2, -1
      call4 f4
      addi a2, a6, 1
    zero8: retw.n
      .align 4
    f12: entry a1, 64
      beqz a2, zero12
      addi a10, a2, -1
      call8 f8
      addi a2, a10, 1
    zero12: retw.n
)";

}  // namespace espalier::xtensa::testing
