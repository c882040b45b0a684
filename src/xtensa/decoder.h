// From bytes to Instruction.
#pragma once

#include <cstdint>

#include "xtensa/instruction.h"

namespace espalier::xtensa {

// The most bytes that an instruction of the LX6 has.
inline constexpr unsigned kMaxInstructionLength = 3;

// The length of the instruction that begins with this byte: 2 or 3.
constexpr unsigned instruction_length(std::uint8_t first_byte) {
  return first_byte & 8 ? 2 : 3;
}

// Decodes the instruction at `pc`, whose bytes stand in `word` with the first one lowest; bits above its
// length are ignored. Bytes that are no instruction of the ESP32's LX6 give Op::kInvalid with the length that
// their first byte announces; among them are the cache and MMU instructions that this configuration lacks,
// accesses to special or user registers that it lacks, and first nibbles 14 and 15.
//
// Members of the result that the operation does not name hold the raw field (`r`, `s`, `t`) or 0 (`imm`,
// `imm2`). Where the target of a branch, jump, call or loop is an operand, it is in `imm`, and what a branch
// compares with (BEQI's constant, BBSI's bit number) in `imm2`. MAC16: `r` is the number of mx (0, 1), `t` of
// my (2, 3), `imm` of mw (0 to 3), the destination of LDINC and LDDEC.
Instruction decode(std::uint32_t pc, std::uint32_t word);

// The same from memory. Reads the first byte, then no more bytes than the instruction has.
inline Instruction decode(std::uint32_t pc, const std::uint8_t* bytes) {
  std::uint32_t word = bytes[0] | static_cast<std::uint32_t>(bytes[1]) << 8;
  if (instruction_length(bytes[0]) == 3) word |= static_cast<std::uint32_t>(bytes[2]) << 16;
  return decode(pc, word);
}

}  // namespace espalier::xtensa
