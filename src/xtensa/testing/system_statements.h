// Statements of random programs that touch what the core itself goes by: special registers, levels, windows,
// breakpoints, exceptions.
#pragma once

#include "xtensa/testing/program_builder.h"

namespace espalier::xtensa::testing {

// RSR, WSR, XSR: any register, but what would send the program off the rails gets sensible values.
void special_register_statement(ProgramBuilder& b);
// All the rest.
void system_statement(ProgramBuilder& b);

}  // namespace espalier::xtensa::testing
