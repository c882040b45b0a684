// Statements of random programs that access memory: data, stack, code, devices, and what is not there.
#pragma once

#include "xtensa/testing/program_builder.h"

namespace espalier::xtensa::testing {

void memory_statement(ProgramBuilder& b);
// A special value into an FP register; rounding modes and flags.
void float_statement(ProgramBuilder& b);

}  // namespace espalier::xtensa::testing
