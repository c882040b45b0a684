// What surrounds a random program: the registers it starts with, and what happens from outside.
#pragma once

#include "xtensa/testing/program_builder.h"

namespace espalier::xtensa::testing {

// What native functions there are, by their place in RandomProgram::natives; see RandomRun.
inline constexpr unsigned kNativeKinds = 5;

void add_initial_state(ProgramBuilder& b);
// Interrupts, stores from elsewhere.
void add_events(ProgramBuilder& b);

}  // namespace espalier::xtensa::testing
