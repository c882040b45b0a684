// A decoded instruction, and the list of those that exist.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace espalier::xtensa {

// One enumerator for each row of the instruction table, named as the mnemonic in capitals with '_' for '.':
// ADD, ADDI_N, L32R, MADD_S, MULA_DA_HL_LDINC ... RSR/WSR/XSR and RUR/WUR are one operation each; their special
// or user register number is the immediate operand.
enum class Op : std::uint16_t {
#define XTENSA_INSTRUCTION(op, ...) op,
#include "xtensa/isa.def"
#undef XTENSA_INSTRUCTION
  kCount,
  kInvalid = kCount,  // bytes that are no instruction of the LX6: executing them raises IllegalInstruction
};

// What remains of an instruction once its fields have been taken apart. `r`, `s` and `t` are register numbers
// (AR, FR, BR or MR by the operation) as the ISA's fields of these names hold them; `imm` is the immediate, fully
// decoded: sign-extended, scaled, looked up (B4CONST), and for PC-relative operands the absolute target address.
// The table's row says which of them an operation uses.
struct Instruction {
  Op op = Op::kInvalid;
  std::uint8_t length = 0;  // bytes: 2 or 3
  std::uint8_t r = 0;
  std::uint8_t s = 0;
  std::uint8_t t = 0;
  std::int32_t imm = 0;
  std::int32_t imm2 = 0;  // second immediate: EXTUI's width, what BEQI..., BBSI... compare with, BREAK's second
};

}  // namespace espalier::xtensa
