// From Instruction to text, in the spelling of GNU objdump for the ESP32.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "xtensa/instruction.h"

namespace espalier::xtensa {

// What the disassembler may ask about the program; both may be left empty.
struct DisassemblyContext {
  // The name of an address ("app_main", "app_main+0x1c"), if it has one.
  std::function<std::optional<std::string>(std::uint32_t address)> symbol;
  // The word at an address, if it is known: the literal that an L32R loads.
  std::function<std::optional<std::uint32_t>(std::uint32_t address)> word;
};

// "0x400d1234", or "400d1234 <app_main+0x4>" where the address has a name.
std::string address_text(std::uint32_t address, const DisassemblyContext& context = {});

// The mnemonic, a tab and the operands: "addi.n\ta2, a2, -1", "rsr.sar\ta3", "ret.n". Where the context knows
// the literal of an L32R, it follows in brackets: "l32r\ta8, 400d0018 <lit> (3ffb0000 <first_call>)".
// Op::kInvalid gives ".byte", without operands.
std::string disassemble(const Instruction& instruction, const DisassemblyContext& context = {});

}  // namespace espalier::xtensa
