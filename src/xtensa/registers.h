// The LX6's special registers and processor state, as the ESP32 configures it.
// Sources: Xtensa ISA Reference Manual, chapter 5 "Special registers"; ESP-IDF
// components/xtensa/esp32/include/xtensa/config/{core-isa,specreg}.h.
#pragma once

#include <array>
#include <cstdint>

#include "base/archive.h"

namespace espalier::xtensa {

// Special register numbers (RSR, WSR, XSR).
enum class Sr : std::uint8_t {
  LBEG = 0, LEND = 1, LCOUNT = 2, SAR = 3, BR = 4, SCOMPARE1 = 12, ACCLO = 16, ACCHI = 17,
  M0 = 32, M1 = 33, M2 = 34, M3 = 35, WINDOWBASE = 72, WINDOWSTART = 73,
  IBREAKENABLE = 96, MEMCTL = 97, ATOMCTL = 99, DDR = 104, IBREAKA0 = 128, IBREAKA1 = 129,
  DBREAKA0 = 144, DBREAKA1 = 145, DBREAKC0 = 160, DBREAKC1 = 161, CONFIGID0 = 176,
  EPC1 = 177, EPC2, EPC3, EPC4, EPC5, EPC6, EPC7, DEPC = 192,
  EPS2 = 194, EPS3, EPS4, EPS5, EPS6, EPS7, CONFIGID1 = 208,
  EXCSAVE1 = 209, EXCSAVE2, EXCSAVE3, EXCSAVE4, EXCSAVE5, EXCSAVE6, EXCSAVE7, CPENABLE = 224,
  INTERRUPT = 226,  // read; written it is INTSET
  INTCLEAR = 227, INTENABLE = 228, PS = 230, VECBASE = 231, EXCCAUSE = 232, DEBUGCAUSE = 233, CCOUNT = 234,
  PRID = 235, ICOUNT = 236, ICOUNTLEVEL = 237, EXCVADDR = 238, CCOMPARE0 = 240, CCOMPARE1, CCOMPARE2,
  MISC0 = 244, MISC1, MISC2, MISC3,
};

// User registers (RUR, WUR).
enum class Ur : std::uint8_t {
  EXPSTATE = 230, THREADPTR = 231, FCR = 232, FSR = 233, F64R_LO = 234, F64R_HI = 235, F64S = 236,
};

// PS fields.
inline constexpr std::uint32_t kPsIntlevel = 0xf;
inline constexpr std::uint32_t kPsExcm = 1u << 4;
inline constexpr std::uint32_t kPsUm = 1u << 5;
inline constexpr std::uint32_t kPsRingShift = 6;
inline constexpr std::uint32_t kPsOwbShift = 8;
inline constexpr std::uint32_t kPsCallincShift = 16;
inline constexpr std::uint32_t kPsOwb = 0xfu << kPsOwbShift;
inline constexpr std::uint32_t kPsCallinc = 3u << kPsCallincShift;
inline constexpr std::uint32_t kPsRing = 3u << kPsRingShift;
inline constexpr std::uint32_t kPsWoe = 1u << 18;
// The bits of PS that hold a value: the ESP32 has one ring (XCHAL_MMU_RINGS), so RING reads as 0.
inline constexpr std::uint32_t kPsWritable =
    kPsWoe | kPsCallinc | kPsOwb | kPsUm | kPsExcm | kPsIntlevel;

// DEBUGCAUSE bits; DBNUM (bits 11..8) holds the number of the data breakpoint.
inline constexpr std::uint32_t kDebugIcount = 1, kDebugIbreak = 2, kDebugDbreak = 4, kDebugBreak = 8;
inline constexpr std::uint32_t kDebugBreakN = 16, kDebugInterrupt = 32;
inline constexpr std::uint32_t kDebugDbnumShift = 8;

inline constexpr std::uint32_t kExcmLevel = 3;   // XCHAL_EXCM_LEVEL: PS.EXCM masks interrupts up to it
inline constexpr std::uint32_t kDebugLevel = 6;  // XCHAL_DEBUGLEVEL
inline constexpr std::uint32_t kNmiLevel = 7;    // XCHAL_NMILEVEL
inline constexpr std::uint32_t kConfigId0 = 0xc2bcfffe, kConfigId1 = 0x1cc5fe96;  // XCHAL_HW_CONFIGIDn

// EXCCAUSE values.
enum class Cause : std::uint8_t {
  kIllegalInstruction = 0, kSyscall = 1, kInstructionFetchError = 2, kLoadStoreError = 3, kLevel1Interrupt = 4,
  kAlloca = 5, kIntegerDivideByZero = 6, kPrivileged = 8, kLoadStoreAlignment = 9,
  kInstrPifDataError = 12, kLoadStorePifDataError = 13, kInstrPifAddrError = 14, kLoadStorePifAddrError = 15,
  kInstTlbMiss = 16, kInstTlbMultiHit = 17, kInstFetchPrivilege = 18, kInstFetchProhibited = 20,
  kLoadStoreTlbMiss = 24, kLoadStoreTlbMultiHit = 25, kLoadStorePrivilege = 26, kLoadProhibited = 28,
  kStoreProhibited = 29, kCoprocessor0Disabled = 32, kNone = 63,
};

// Vector offsets from VECBASE, and the reset vector (core-isa.h, XCHAL_*_VECOFS).
inline constexpr std::uint32_t kVecWindowOverflow4 = 0x000, kVecWindowUnderflow4 = 0x040;
inline constexpr std::uint32_t kVecWindowOverflow8 = 0x080, kVecWindowUnderflow8 = 0x0c0;
inline constexpr std::uint32_t kVecWindowOverflow12 = 0x100, kVecWindowUnderflow12 = 0x140;
inline constexpr std::uint32_t kVecLevel2 = 0x180, kVecLevel3 = 0x1c0, kVecLevel4 = 0x200, kVecLevel5 = 0x240;
inline constexpr std::uint32_t kVecDebug = 0x280, kVecNmi = 0x2c0, kVecKernel = 0x300, kVecUser = 0x340;
inline constexpr std::uint32_t kVecDouble = 0x3c0;
inline constexpr std::uint32_t kResetVector = 0x40000400;
inline constexpr std::uint32_t kResetVecbase = 0x40000000;

enum class InterruptKind : std::uint8_t { kExternalLevel, kExternalEdge, kNmi, kTimer, kSoftware, kProfiling };
struct InterruptLine {
  std::uint8_t level;
  InterruptKind kind;
};
// The 32 interrupts of the ESP32's cores (core-isa.h, XCHAL_INTn_LEVEL and XCHAL_INTn_TYPE).
inline constexpr std::array<InterruptLine, 32> kInterruptLines = {{
    {1, InterruptKind::kExternalLevel}, {1, InterruptKind::kExternalLevel}, {1, InterruptKind::kExternalLevel},
    {1, InterruptKind::kExternalLevel}, {1, InterruptKind::kExternalLevel}, {1, InterruptKind::kExternalLevel},
    {1, InterruptKind::kTimer},         {1, InterruptKind::kSoftware},      {1, InterruptKind::kExternalLevel},
    {1, InterruptKind::kExternalLevel}, {1, InterruptKind::kExternalEdge},  {3, InterruptKind::kProfiling},
    {1, InterruptKind::kExternalLevel}, {1, InterruptKind::kExternalLevel}, {7, InterruptKind::kNmi},
    {3, InterruptKind::kTimer},         {5, InterruptKind::kTimer},         {1, InterruptKind::kExternalLevel},
    {1, InterruptKind::kExternalLevel}, {2, InterruptKind::kExternalLevel}, {2, InterruptKind::kExternalLevel},
    {2, InterruptKind::kExternalLevel}, {3, InterruptKind::kExternalEdge},  {3, InterruptKind::kExternalLevel},
    {4, InterruptKind::kExternalLevel}, {4, InterruptKind::kExternalLevel}, {5, InterruptKind::kExternalLevel},
    {3, InterruptKind::kExternalLevel}, {4, InterruptKind::kExternalEdge},  {3, InterruptKind::kSoftware},
    {4, InterruptKind::kExternalEdge},  {5, InterruptKind::kExternalLevel},
}};
inline constexpr std::array<unsigned, 3> kTimerInterrupt = {6, 15, 16};  // CCOMPARE0..2
inline constexpr std::uint32_t kNmiLine = 1u << 14;                      // which INTENABLE does not mask
static_assert(kInterruptLines[14].kind == InterruptKind::kNmi);
constexpr std::uint32_t interrupts_of(InterruptKind kind) {
  std::uint32_t mask = 0;
  for (unsigned line = 0; line < kInterruptLines.size(); ++line)
    if (kInterruptLines[line].kind == kind) mask |= 1u << line;
  return mask;
}
// What INTSET can set.
inline constexpr std::uint32_t kSettableInterrupts = interrupts_of(InterruptKind::kSoftware);
// What INTCLEAR can clear: latched bits. Level and timer bits go when their cause does.
inline constexpr std::uint32_t kClearableInterrupts =
    kSettableInterrupts | interrupts_of(InterruptKind::kExternalEdge) | interrupts_of(InterruptKind::kNmi);
// The interrupts of a level above n, by n.
inline constexpr std::array<std::uint32_t, 16> kInterruptsAbove = [] {
  std::array<std::uint32_t, 16> masks{};
  for (unsigned level = 0; level < masks.size(); ++level)
    for (unsigned line = 0; line < kInterruptLines.size(); ++line)
      if (kInterruptLines[line].level > level) masks[level] |= 1u << line;
  return masks;
}();

}  // namespace espalier::xtensa
