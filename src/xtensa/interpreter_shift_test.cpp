// Shifts: by SAR, by immediates, and what sets SAR.
#include <gtest/gtest.h>

#include "xtensa/testing/instruction_case.h"

namespace espalier::xtensa {
namespace {

using testing::InstructionCase;

constexpr InstructionCase kCases[] = {
    {"ssr a2", "a2=0x25", "sar=5"},
    {"ssl a2", "a2=0x25", "sar=27"},
    {"ssl a2", "a2=0", "sar=32"},
    {"ssl a2", "a2=32", "sar=32"},
    {"ssa8l a2", "a2=7", "sar=24"},
    {"ssa8b a2", "a2=7", "sar=8"},
    {"ssa8b a2", "a2=4", "sar=32"},
    {"ssai 0", "sar=7", "sar=0"},
    {"ssai 31", "", "sar=31"},

    // SLL takes 32 - SAR: SAR 32 is no shift, SAR 0 shifts everything out.
    {"sll a4, a2", "a2=0x12345678 sar=32", "a4=0x12345678"},
    {"sll a4, a2", "a2=0x12345678 sar=28", "a4=0x23456780"},
    {"sll a4, a2", "a2=0xffffffff sar=0", "a4=0"},
    {"sll a4, a2", "a2=0xffffffff sar=1", "a4=0x80000000"},
    {"sll a4, a2", "a2=0x12345678 sar=40", "a4=0x123456"},
    {"srl a4, a2", "a2=0x80000001 sar=0", "a4=0x80000001"},
    {"srl a4, a2", "a2=0x80000001 sar=31", "a4=1"},
    {"srl a4, a2", "a2=0xffffffff sar=32", "a4=0"},
    {"srl a4, a2", "a2=0xffffffff sar=63", "a4=0"},
    {"sra a4, a2", "a2=0x80000000 sar=4", "a4=0xf8000000"},
    {"sra a4, a2", "a2=0x80000000 sar=32", "a4=0xffffffff"},
    {"sra a4, a2", "a2=0x40000000 sar=63", "a4=0"},
    {"sra a4, a2", "a2=0x80000000 sar=63", "a4=0xffffffff"},
    {"src a4, a2, a3", "a2=0x11223344 a3=0x55667788 sar=0", "a4=0x55667788"},
    {"src a4, a2, a3", "a2=0x11223344 a3=0x55667788 sar=8", "a4=0x44556677"},
    {"src a4, a2, a3", "a2=0x11223344 a3=0x55667788 sar=32", "a4=0x11223344"},
    {"src a4, a2, a3", "a2=0x11223344 a3=0x55667788 sar=40", "a4=0x00112233"},
    // Rotation: SRC of a register with itself.
    {"ssai 4; src a4, a2, a2", "a2=0x1234567f", "sar=4 a4=0xf1234567"},

    {"slli a4, a2, 1", "a2=0x80000001", "a4=2"},
    {"slli a4, a2, 31", "a2=3", "a4=0x80000000"},
    {"srli a4, a2, 0", "a2=0x80000001", "a4=0x80000001"},
    {"srli a4, a2, 15", "a2=0x80000001", "a4=0x10000"},
    {"srai a4, a2, 0", "a2=0x80000001", "a4=0x80000001"},
    {"srai a4, a2, 31", "a2=0x80000001", "a4=0xffffffff"},
    {"srai a4, a2, 31", "a2=0x7fffffff", "a4=0"},
    {"extui a4, a2, 0, 16", "a2=0x12345678", "a4=0x5678"},
    {"extui a4, a2, 4, 1", "a2=0x12345678", "a4=1"},
    {"extui a4, a2, 31, 1", "a2=0x80000000", "a4=1"},
    {"extui a4, a2, 24, 16", "a2=0x12345678", "a4=0x12"},
};

TEST(Shift, Cases) {
  testing::run_cases(kCases);
}

}  // namespace

std::span<const InstructionCase> testing::shift_cases() {
  return kCases;
}

}  // namespace espalier::xtensa
