// A machine that can take exceptions, as most tests begin with.
#pragma once

#include "xtensa/testing/test_machine.h"
#include "xtensa/testing/vectors.h"

namespace espalier::xtensa::testing {

// The vectors' program is at kVectors, windows are on, a2 to a15 are 0 but for a5, which is kData; a1 is a
// stack in the middle of the data.
struct VectorMachine {
  VectorMachine() {
    machine.load_program(kVectorProgram, kVectors);
    state.vecbase = kVectors;
    state.pc = kCode;
    state.ps = kPsWoe;
    for (unsigned n = 2; n < 16; ++n) core.set_a(n, 0);
    core.set_a(1, kData + 0x1000);
    core.set_a(5, kData);
  }
  TestMachine machine;
  Core& core = machine.core();
  State& state = machine.state();
};

}  // namespace espalier::xtensa::testing
