// Random programs that live long: loops that end, calls that return, accesses that mostly hit something,
// among them what goes wrong on purpose.
#pragma once

#include <cstdint>

#include "xtensa/testing/random_program.h"

namespace espalier::xtensa::testing {

// The same program for the same seed, always. Most are structured; some are instructions in any order, some
// bytes that mean nothing, run from any registers ("wild").
RandomProgram generate_program(std::uint64_t seed);

}  // namespace espalier::xtensa::testing
