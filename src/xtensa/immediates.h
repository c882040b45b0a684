// The immediate operands of isa.def: their names, and how a value is made from an instruction's word.
// Source: Xtensa ISA Reference Manual, chapter 6 (each instruction's format and its operands' encoding).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace espalier::xtensa {

// Which member of Instruction holds an operand.
enum class Place : std::uint8_t { kR, kS, kT, kImm, kImm2 };
// How an operand that is no register is written.
enum class Print : std::uint8_t { kNumber, kTarget, kSpecialRegister, kUserRegister };

// A field of `count` bits from bit `low` of the word.
struct BitField {
  std::uint8_t low = 0;
  std::uint8_t count = 0;

  constexpr std::uint32_t of(std::uint32_t word) const { return word >> low & ((1u << count) - 1); }
};

// How the bits of an immediate become its value, before scale, bias and base.
enum class Form : std::uint8_t {
  kUnsigned,
  kSigned,    // two's complement
  kOnes,      // the bits above are ones
  kMovi,      // MOVI.N's seven bits: -32 to 95
  kAddi,      // ADDI.N's four bits: -1 in the place of 0
  kLeft,      // 32 minus the bits: SLLI
  kB4const,   // what BEQI... compare with
  kB4constu,  // and BLTUI, BGEUI
};
// What a value is relative to.
enum class Base : std::uint8_t {
  kZero,
  kNext,         // pc + 4
  kAlignedNext,  // pc rounded down to a word, + 4: calls
  kAligned,      // pc rounded up to a word: literals
};

struct Immediate {
  std::string_view name;
  Place place = Place::kImm;
  Print print = Print::kNumber;
  BitField high, low;  // its bits; `high` may be empty
  Form form = Form::kUnsigned;
  std::uint8_t scale = 0;  // shift to the left
  std::int8_t bias = 0;    // added after it
  Base base = Base::kZero;

  // `word` is the instruction, its bits above its length clear.
  constexpr std::int32_t decode(std::uint32_t word, std::uint32_t pc) const;
};

inline constexpr BitField kNoBits{};
inline constexpr std::array kImmediates = {
    // Offsets and constants.
    Immediate{"uimm8", Place::kImm, Print::kNumber, kNoBits, {16, 8}, Form::kUnsigned},
    Immediate{"uimm8x2", Place::kImm, Print::kNumber, kNoBits, {16, 8}, Form::kUnsigned, 1},
    Immediate{"uimm8x4", Place::kImm, Print::kNumber, kNoBits, {16, 8}, Form::kUnsigned, 2},
    Immediate{"uimm4x4", Place::kImm, Print::kNumber, kNoBits, {12, 4}, Form::kUnsigned, 2},
    Immediate{"nimm4x4", Place::kImm, Print::kNumber, kNoBits, {12, 4}, Form::kOnes, 2},
    Immediate{"uimm12x8", Place::kImm, Print::kNumber, kNoBits, {12, 12}, Form::kUnsigned, 3},
    Immediate{"simm8", Place::kImm, Print::kNumber, kNoBits, {16, 8}, Form::kSigned},
    Immediate{"simm8x256", Place::kImm, Print::kNumber, kNoBits, {16, 8}, Form::kSigned, 8},
    Immediate{"simm12", Place::kImm, Print::kNumber, {8, 4}, {16, 8}, Form::kSigned},
    Immediate{"simm4_t", Place::kImm, Print::kNumber, kNoBits, {4, 4}, Form::kSigned},
    Immediate{"simm7", Place::kImm, Print::kNumber, {4, 3}, {12, 4}, Form::kMovi},
    Immediate{"imm4n", Place::kImm, Print::kNumber, kNoBits, {4, 4}, Form::kAddi},
    Immediate{"imm_s", Place::kImm, Print::kNumber, kNoBits, {8, 4}},
    Immediate{"imm_t", Place::kImm, Print::kNumber, kNoBits, {4, 4}},
    Immediate{"imm2_t", Place::kImm2, Print::kNumber, kNoBits, {4, 4}},
    Immediate{"imm_t7", Place::kImm, Print::kNumber, kNoBits, {4, 4}, Form::kUnsigned, 0, 7},
    // Amounts of shifts; EXTUI's shift and width.
    Immediate{"sa_s", Place::kImm, Print::kNumber, {4, 1}, {8, 4}},
    Immediate{"sa_slli", Place::kImm, Print::kNumber, {20, 1}, {4, 4}, Form::kLeft},
    Immediate{"sa_srai", Place::kImm, Print::kNumber, {20, 1}, {8, 4}},
    Immediate{"extui_shift", Place::kImm, Print::kNumber, {16, 1}, {8, 4}},
    Immediate{"extui_width", Place::kImm2, Print::kNumber, kNoBits, {20, 4}, Form::kUnsigned, 0, 1},
    // What a branch compares with is in imm2, so that its target is always in imm.
    Immediate{"b4const", Place::kImm2, Print::kNumber, kNoBits, {12, 4}, Form::kB4const},
    Immediate{"b4constu", Place::kImm2, Print::kNumber, kNoBits, {12, 4}, Form::kB4constu},
    Immediate{"bbi", Place::kImm2, Print::kNumber, {12, 1}, {4, 4}},
    // Addresses.
    Immediate{"label6", Place::kImm, Print::kTarget, {4, 2}, {12, 4}, Form::kUnsigned, 0, 0, Base::kNext},
    Immediate{"label8", Place::kImm, Print::kTarget, kNoBits, {16, 8}, Form::kSigned, 0, 0, Base::kNext},
    Immediate{"loop8", Place::kImm, Print::kTarget, kNoBits, {16, 8}, Form::kUnsigned, 0, 0, Base::kNext},
    Immediate{"label12", Place::kImm, Print::kTarget, kNoBits, {12, 12}, Form::kSigned, 0, 0, Base::kNext},
    Immediate{"label18", Place::kImm, Print::kTarget, kNoBits, {6, 18}, Form::kSigned, 0, 0, Base::kNext},
    Immediate{
        "call18", Place::kImm, Print::kTarget, kNoBits, {6, 18}, Form::kSigned, 2, 0, Base::kAlignedNext},
    Immediate{"literal16", Place::kImm, Print::kTarget, kNoBits, {8, 16}, Form::kOnes, 2, 0, Base::kAligned},
    // Register numbers: RSR, WSR and XSR; WUR; RUR. MAC16's destination of a load.
    Immediate{"sr", Place::kImm, Print::kSpecialRegister, kNoBits, {8, 8}},
    Immediate{"ur_sr", Place::kImm, Print::kUserRegister, kNoBits, {8, 8}},
    Immediate{"ur_st", Place::kImm, Print::kUserRegister, kNoBits, {4, 8}},
    // Selectors of the double-precision helpers, and the number of EXPSTATE's bit.
    Immediate{"op2", Place::kImm, Print::kNumber, kNoBits, {20, 4}},
    Immediate{"op2_0", Place::kImm, Print::kNumber, kNoBits, {20, 1}},
    Immediate{"op2_1_0", Place::kImm, Print::kNumber, kNoBits, {20, 2}},
    Immediate{"op2_2", Place::kImm2, Print::kNumber, kNoBits, {22, 1}},
    Immediate{"r_2_1", Place::kImm, Print::kNumber, kNoBits, {13, 2}},
    Immediate{"r_0", Place::kImm2, Print::kNumber, kNoBits, {12, 1}},
    Immediate{"s_0", Place::kImm, Print::kNumber, kNoBits, {8, 1}},
    Immediate{"bit5_st", Place::kImm, Print::kNumber, kNoBits, {4, 5}},
};

inline constexpr std::array<std::uint32_t, 16> kB4const = {0xffffffff, 1,  2,  3,  4,  5,  6,   7,
                                                           8,          10, 12, 16, 32, 64, 128, 256};
inline constexpr std::array<std::uint32_t, 16> kB4constu = {32768, 65536, 2,  3,  4,  5,  6,   7,
                                                            8,     10,    12, 16, 32, 64, 128, 256};

constexpr std::int32_t Immediate::decode(std::uint32_t word, std::uint32_t pc) const {
  std::uint32_t value = high.of(word) << low.count | low.of(word);
  const unsigned count = high.count + low.count;
  switch (form) {
    case Form::kUnsigned:
      break;
    case Form::kSigned:
      value |= 0u - (value >> (count - 1) << count);
      break;
    case Form::kOnes:
      value |= ~0u << count;
      break;
    case Form::kMovi:
      value |= value >= 96 ? ~0u << 7 : 0;
      break;
    case Form::kAddi:
      value = value == 0 ? ~0u : value;
      break;
    case Form::kLeft:
      value = 32 - value;
      break;
    case Form::kB4const:
      value = kB4const[value];
      break;
    case Form::kB4constu:
      value = kB4constu[value];
      break;
  }
  value = (value << scale) + static_cast<std::uint32_t>(bias);
  switch (base) {
    case Base::kZero:
      break;
    case Base::kNext:
      value += pc + 4;
      break;
    case Base::kAlignedNext:
      value += (pc & ~3u) + 4;
      break;
    case Base::kAligned:
      value += (pc + 3) & ~3u;
      break;
  }
  return static_cast<std::int32_t>(value);
}

}  // namespace espalier::xtensa
