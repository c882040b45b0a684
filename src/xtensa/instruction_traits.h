// What an engine has to know of an instruction besides its operation.
#pragma once

#include <cstdint>

#include "xtensa/instruction.h"

namespace espalier::xtensa {

// How many windows above the present one (0 to 3) an instruction's AR operands reach into, those that it uses
// without naming them included. They have to be free; else it raises window overflow. ENTRY says 0: the
// window that it opens depends on PS.CALLINC.
unsigned panes_of(const Instruction& in);

// By how much a call's target rotates the window: 1 to 3 for CALL4 to CALLX12, 0 for all others.
unsigned call_increment(Op op);

// NOP, and the instructions that order what the emulated core never takes out of order.
bool is_nothing(Op op);

// WSR and XSR of LEND. It is not looked at yet behind the instruction that writes it.
bool writes_lend(const Instruction& in);

// The memory access of a load or store: address = (base ? a[s] : 0) + (index ? a[t] : 0) + offset.
struct AccessShape {
  std::uint8_t size = 0;  // bytes; 0: the instruction accesses no memory
  bool load = false;
  bool store = false;
  bool base = true;
  bool index = false;
  std::uint32_t offset = 0;
};
AccessShape access_shape(const Instruction& in);

}  // namespace espalier::xtensa
