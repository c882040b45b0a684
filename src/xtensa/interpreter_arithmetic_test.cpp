// ADD to REMS: integer arithmetic on registers.
#include <gtest/gtest.h>

#include "xtensa/testing/instruction_case.h"

namespace espalier::xtensa {
namespace {

using testing::InstructionCase;

constexpr InstructionCase kCases[] = {
    {"add a4, a2, a3", "a2=5 a3=7", "a4=12"},
    {"add a4, a2, a3", "a2=0xffffffff a3=1", "a4=0"},
    {"add a2, a2, a2", "a2=0x80000001", "a2=2"},
    {"add.n a4, a2, a3", "a2=0x7fffffff a3=1", "a4=0x80000000"},
    {"add a15, a14, a13", "a14=1 a13=2", "a15=3"},
    {"addx2 a4, a2, a3", "a2=0x80000003 a3=10", "a4=16"},
    {"addx4 a4, a2, a3", "a2=0x40000003 a3=10", "a4=22"},
    {"addx8 a4, a2, a3", "a2=0x20000003 a3=10", "a4=34"},
    {"sub a4, a2, a3", "a2=5 a3=7", "a4=-2"},
    {"subx2 a4, a2, a3", "a2=5 a3=7", "a4=3"},
    {"subx4 a4, a2, a3", "a2=5 a3=7", "a4=13"},
    {"subx8 a4, a2, a3", "a2=5 a3=7", "a4=33"},
    {"addi a4, a2, -128", "a2=100", "a4=-28"},
    {"addi a4, a2, 127", "a2=0xffffffff", "a4=126"},
    {"addi.n a4, a2, -1", "a2=0", "a4=-1"},
    {"addi.n a4, a2, 15", "a2=1", "a4=16"},
    {"addmi a4, a2, -32768", "a2=0", "a4=0xffff8000"},
    {"addmi a4, a2, 32512", "a2=1", "a4=32513"},
    {"movi a4, -2048", "", "a4=-2048"},
    {"movi a4, 2047", "", "a4=2047"},
    {"movi.n a4, -32", "", "a4=-32"},
    {"movi.n a4, 95", "", "a4=95"},
    {"mov.n a4, a2", "a2=0xdeadbeef", "a4=0xdeadbeef"},
    {"neg a4, a2", "a2=5", "a4=-5"},
    {"neg a4, a2", "a2=0x80000000", "a4=0x80000000"},
    {"abs a4, a2", "a2=-5", "a4=5"},
    {"abs a4, a2", "a2=5", "a4=5"},
    {"abs a4, a2", "a2=0x80000000", "a4=0x80000000"},
    {"moveqz a4, a2, a3", "a2=1 a3=0", "a4=1"},
    {"moveqz a4, a2, a3", "a2=1 a3=2", ""},
    {"movnez a4, a2, a3", "a2=1 a3=2", "a4=1"},
    {"movnez a4, a2, a3", "a2=1 a3=0", ""},
    {"movltz a4, a2, a3", "a2=1 a3=-1", "a4=1"},
    {"movltz a4, a2, a3", "a2=1 a3=0", ""},
    {"movgez a4, a2, a3", "a2=1 a3=0", "a4=1"},
    {"movgez a4, a2, a3", "a2=1 a3=0x80000000", ""},
    {"movnez a4, a2, a4", "a2=1 a4=9", "a4=1"},
    {"min a4, a2, a3", "a2=-1 a3=1", "a4=-1"},
    {"max a4, a2, a3", "a2=-1 a3=1", "a4=1"},
    {"minu a4, a2, a3", "a2=-1 a3=1", "a4=1"},
    {"maxu a4, a2, a3", "a2=-1 a3=1", "a4=-1"},
    {"min a4, a2, a3", "a2=0x80000000 a3=0x7fffffff", "a4=0x80000000"},
    {"max a4, a2, a3", "a2=0x80000000 a3=0x7fffffff", "a4=0x7fffffff"},
    {"nsa a4, a2", "a2=0", "a4=31"},
    {"nsa a4, a2", "a2=-1", "a4=31"},
    {"nsa a4, a2", "a2=1", "a4=30"},
    {"nsa a4, a2", "a2=0x80000000", "a4=0"},
    {"nsa a4, a2", "a2=0xffff0000", "a4=15"},
    {"nsa a4, a2", "a2=0x7fffffff", "a4=0"},
    {"nsau a4, a2", "a2=0", "a4=32"},
    {"nsau a4, a2", "a2=1", "a4=31"},
    {"nsau a4, a2", "a2=0x80000000", "a4=0"},
    {"sext a4, a2, 7", "a2=0x80", "a4=0xffffff80"},
    {"sext a4, a2, 7", "a2=0xffffff7f", "a4=0x7f"},
    {"sext a4, a2, 15", "a2=0x18000", "a4=0xffff8000"},
    {"sext a4, a2, 22", "a2=0x00400000", "a4=0xffc00000"},
    {"clamps a4, a2, 7", "a2=127", "a4=127"},
    {"clamps a4, a2, 7", "a2=128", "a4=127"},
    {"clamps a4, a2, 7", "a2=-128", "a4=-128"},
    {"clamps a4, a2, 7", "a2=-129", "a4=-128"},
    {"clamps a4, a2, 22", "a2=0x7fffffff", "a4=0x3fffff"},
    {"clamps a4, a2, 22", "a2=0x80000000", "a4=0xffc00000"},

    {"and a4, a2, a3", "a2=0xff00ff00 a3=0x0ff00ff0", "a4=0x0f000f00"},
    {"or a4, a2, a3", "a2=0xff00ff00 a3=0x0ff00ff0", "a4=0xfff0fff0"},
    {"xor a4, a2, a3", "a2=0xff00ff00 a3=0x0ff00ff0", "a4=0xf0f0f0f0"},

    {"mul16u a4, a2, a3", "a2=0x1ffff a3=0xffff", "a4=0xfffe0001"},
    {"mul16s a4, a2, a3", "a2=0x1ffff a3=0xffff", "a4=1"},
    {"mul16s a4, a2, a3", "a2=0x8000 a3=0x8000", "a4=0x40000000"},
    {"mul16s a4, a2, a3", "a2=0x8000 a3=0x7fff", "a4=0xc0008000"},
    {"mull a4, a2, a3", "a2=0xffffffff a3=0xffffffff", "a4=1"},
    {"mull a4, a2, a3", "a2=0x10001 a3=0x10001", "a4=0x00020001"},
    {"muluh a4, a2, a3", "a2=0xffffffff a3=0xffffffff", "a4=0xfffffffe"},
    {"mulsh a4, a2, a3", "a2=0xffffffff a3=0xffffffff", "a4=0"},
    {"mulsh a4, a2, a3", "a2=0x80000000 a3=0x80000000", "a4=0x40000000"},
    {"mulsh a4, a2, a3", "a2=0x80000000 a3=1", "a4=0xffffffff"},

    {"quou a4, a2, a3", "a2=0xffffffff a3=2", "a4=0x7fffffff"},
    {"quos a4, a2, a3", "a2=-7 a3=2", "a4=-3"},
    {"quos a4, a2, a3", "a2=0x80000000 a3=-1", "a4=0x80000000"},
    {"quos a4, a2, a3", "a2=7 a3=-1", "a4=-7"},
    {"remu a4, a2, a3", "a2=0xffffffff a3=10", "a4=5"},
    {"rems a4, a2, a3", "a2=-7 a3=2", "a4=-1"},
    {"rems a4, a2, a3", "a2=7 a3=-2", "a4=1"},
    {"rems a4, a2, a3", "a2=0x80000000 a3=-1", "a4=0"},
    // Division by zero: EXCCAUSE 6 at the kernel vector.
    {"quou a4, a2, a3", "a3=0", "exccause=6 epc1=code ps=0x40010 pc=vec+0x300", 1},
    {"quos a4, a2, a3", "a3=0", "exccause=6 epc1=code ps=0x40010 pc=vec+0x300", 1},
    {"remu a4, a2, a3", "a3=0", "exccause=6 epc1=code ps=0x40010 pc=vec+0x300", 1},
    {"movi a3, 0; rems a4, a2, a3", "", "a3=0 exccause=6 epc1=code+3 ps=0x40010 pc=vec+0x300"},
};

TEST(Arithmetic, Cases) {
  testing::run_cases(kCases);
}

}  // namespace

std::span<const InstructionCase> testing::arithmetic_cases() {
  return kCases;
}

}  // namespace espalier::xtensa
