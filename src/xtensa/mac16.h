// MAC16: 16-bit multiplication into a 40-bit accumulator.
#pragma once

#include <cstdint>

#include "xtensa/core.h"
#include "xtensa/instruction.h"

namespace espalier::xtensa {

inline bool is_mac16(Op op) {
  return op >= Op::MUL_AA_LL && op <= Op::LDDEC;
}
// LDINC and LDDEC, alone or with a multiplication: the pointer moves by 4 or -4 before the load.
inline bool is_mac16_load(Op op) {
  return op >= Op::MULA_DA_LL_LDINC && op <= Op::LDDEC;
}
std::uint32_t mac16_pointer_step(Op op);

// The multiplication of any MAC16 instruction (none for LDINC, LDDEC); `ar` is the present window.
void mac16_multiply(State& state, const std::uint32_t* ar, Op op, unsigned r, unsigned s, unsigned t);

}  // namespace espalier::xtensa
