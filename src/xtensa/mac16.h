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

// What a MAC16 instruction multiplies, and what becomes of the product. LDINC and LDDEC have none.
struct Mac16Form {
  enum Kind : std::uint8_t { kReplace, kReplaceUnsigned, kAdd, kSubtract } kind = kAdd;
  bool first_is_mr = false, second_is_mr = false;  // m[r] instead of ar[s], m[t] instead of ar[t]
  bool first_high = false, second_high = false;    // halves
};
Mac16Form mac16_form(Op op);

// The multiplication of any MAC16 instruction (none for LDINC, LDDEC); `ar` is the present window.
void mac16_multiply(State& state, const std::uint32_t* ar, Op op, unsigned r, unsigned s, unsigned t);

}  // namespace espalier::xtensa
