// Instruction tests as data: a few instructions, registers before, registers after. Whatever is not named
// after has to be as it was before.
#pragma once

#include <span>
#include <string_view>

namespace espalier::xtensa::testing {

// `code` is assembled at kCode (statements separated by ';') and run for as many instructions as it has, or
// `steps`.
//
// `before` and `after` are lists of NAME=VALUE. Names: a0..a15 (of the window before), ar0..ar63, f0.., m0..,
// epc1..7, eps2..7, excsave1..7, ccompare0.., dbreaka0.., misc0.., all other members of State, acc (40 bits),
// and memory words as [ADDRESS]. Values: numbers, floats with a point or 'inf', 'nan', and addresses as
// code+N, end+N, data+N, vec+N. Without a "pc=" in `after`, execution has to go on behind the code.
//
// Before that, registers hold junk that tells them apart; PS is WOE alone, WINDOWBASE 0, WINDOWSTART 1, and
// the first words of data memory count up: [data+4*n] = 0x03020100 + 0x04040404 * n.
struct InstructionCase {
  std::string_view code;
  std::string_view before;
  std::string_view after;
  unsigned steps = 0;
};

// Runs every case and reports what differs.
void run_cases(std::span<const InstructionCase> cases);

// The tables of all test files; interpreter_coverage_test.cpp checks that no instruction is missing.
std::span<const InstructionCase> arithmetic_cases();
std::span<const InstructionCase> shift_cases();
std::span<const InstructionCase> memory_cases();
std::span<const InstructionCase> branch_cases();
std::span<const InstructionCase> loop_cases();
std::span<const InstructionCase> window_cases();
std::span<const InstructionCase> boolean_cases();
std::span<const InstructionCase> mac16_cases();
std::span<const InstructionCase> system_cases();
std::span<const InstructionCase> fp_cases();

}  // namespace espalier::xtensa::testing
