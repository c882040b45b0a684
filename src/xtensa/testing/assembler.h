// A small assembler for tests, on top of the instruction table: programs in text, without a cross compiler.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "xtensa/instruction.h"

namespace espalier::xtensa::testing {

// The bytes of one instruction, lowest first; `operands` in assembler order, addresses absolute. Throws
// std::invalid_argument where an operand cannot be encoded.
std::uint32_t encode(Op op, const std::vector<std::int64_t>& operands, std::uint32_t pc);

struct Program {
  std::uint32_t base = 0;
  std::vector<std::uint8_t> bytes;
  std::map<std::string, std::uint32_t, std::less<>> labels;
  std::vector<Op> instructions;

  std::uint32_t at(std::string_view label) const;
  std::uint32_t end() const { return base + static_cast<std::uint32_t>(bytes.size()); }
};

// Assembles lines (or statements separated by ';'), as GNU as spells them: "addi a2, a3, -1", "loop: bnez.n
// a2, loop", "rsr.sar a3". Numbers may be decimal or 0x..., registers a0 to a15 (sp), f, b, m, special
// registers also numbers ("rsr a2, 226"). Directives: ".align N", ".org ADDRESS", ".word N|label", ".byte N".
// A '#' begins a comment. Throws std::invalid_argument, naming the line, for what it does not understand.
Program assemble(std::string_view text, std::uint32_t base);

}  // namespace espalier::xtensa::testing
