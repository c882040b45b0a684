// Random instructions, drawn from the instruction table.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "xtensa/instruction_table.h"
#include "xtensa/testing/random.h"

namespace espalier::xtensa::testing {

// What a row of the table is good for in a random program.
enum class Group : std::uint8_t {
  kInteger,  // computes with registers
  kDivide,
  kMac,
  kFp,
  kBoolean,  // of boolean registers
  kDouble,   // F64..., which raise IllegalInstruction
  kState,    // EXPSTATE, RUR, WUR
  kNothing,  // NOP and its like
  kLoad,     // AR, FP and MAC16 loads, S32C1I
  kStore,
  kSpecial,  // RSR, WSR, XSR
  kRegion,   // region protection, RER, WER
  kBranch,
  kLoop,
  kIllegal,  // raises an exception wherever it stands: SYSCALL, BREAK, ILL, RFDO...
  kControl,  // calls, returns, windows, levels: these need a plan
  kCount,
};
Group group_of(const InstructionRow& row);
const std::vector<Op>& ops_of(Group group);

// From which AR registers operands come: a bit each.
struct Registers {
  std::uint16_t read = 0xffff;
  std::uint16_t write = 0xffff;
};

// A register out of a set, which must not be empty.
unsigned random_register(Random& random, std::uint16_t set);

// An instruction of `op` with random operands; where those are PC-relative the caller has to see to them.
std::uint32_t random_word(Random& random, Op op, const Registers& registers);

// The operands as testing::encode() takes them.
std::array<std::int32_t, 5> operands_of(std::uint32_t word, std::uint32_t pc = 0);

// `word` with the AR register of the first operand at `place` replaced.
std::uint32_t with_register(std::uint32_t word, Place place, unsigned number);

}  // namespace espalier::xtensa::testing
