// Floating-point instructions done out of line by translated code: those that are rare or complicated, and
// the rare cases of the others. They need nothing but their operands, FCR and FSR.
#pragma once

#include <cstdint>

#include "xtensa/instruction.h"

namespace espalier::xtensa::jit {

class Translator;

// `r` is fr[r], `s` is fr[s] or ar[s], `t` is fr[t] or the immediate. The result is what the destination
// gets; of a comparison, 0 or 1. The host's floating-point environment has to be the guest's.
using FpOperation = std::uint32_t (*)(std::uint32_t r, std::uint32_t s, std::uint32_t t, Translator&);

// Null for instructions that are no such operation.
FpOperation fp_operation(Op op);

}  // namespace espalier::xtensa::jit
