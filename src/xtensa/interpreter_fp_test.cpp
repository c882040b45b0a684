// Every floating-point instruction once or more; fp_test.cpp has the arithmetic's corners.
#include <gtest/gtest.h>

#include "xtensa/testing/instruction_case.h"

namespace espalier::xtensa {
namespace {

using testing::InstructionCase;

// FSR: 0x80 inexact, 0x100 underflow, 0x200 overflow, 0x400 division by zero, 0x800 invalid.
constexpr InstructionCase kCases[] = {
    {"lsi f1, a2, 4", "a2=data", "f1=0x07060504"},
    {"lsip f1, a2, 8", "a2=data", "f1=0x03020100 a2=data+8"},
    {"lsx f1, a2, a3", "a2=data a3=8", "f1=0x0b0a0908"},
    {"lsxp f1, a2, a3", "a2=data+4 a3=-4", "f1=0x07060504 a2=data"},
    {"ssi f1, a2, 4", "a2=data f1=1.0", "[data+4]=0x3f800000"},
    {"ssip f1, a2, 4", "a2=data f1=1.0", "[data+0]=0x3f800000 a2=data+4"},
    {"ssx f1, a2, a3", "a2=data a3=8 f1=1.0", "[data+8]=0x3f800000"},
    {"ssxp f1, a2, a3", "a2=data a3=8 f1=1.0", "[data+0]=0x3f800000 a2=data+8"},
    {"lsi f1, a2, 0", "a2=data+2", "f1=0x05040302"},
    // A failed access moves no pointer.
    {"lsip f1, a2, 4", "a2=0x1000", "exccause=28 excvaddr=0x1000 epc1=code ps=0x40010 pc=vec+0x300"},
    {"ssip f1, a2, 4", "a2=0x1000", "exccause=29 excvaddr=0x1000 epc1=code ps=0x40010 pc=vec+0x300"},
    // Without the coprocessor: cause 32, for loads and stores too.
    {"add.s f1, f2, f3", "cpenable=0", "exccause=32 epc1=code ps=0x40010 pc=vec+0x300"},
    {"lsi f1, a2, 0", "a2=data cpenable=0xfe", "exccause=32 epc1=code ps=0x40010 pc=vec+0x300"},
    {"nop; wfr f1, a2", "cpenable=0", "exccause=32 epc1=code+3 ps=0x40010 pc=vec+0x300"},
    {"wsr.cpenable a2; wfr f1, a3", "a2=0", "cpenable=0 exccause=32 epc1=code+3 ps=0x40010 pc=vec+0x300"},
    {"wsr.cpenable a2; wfr f1, a3", "a2=1 cpenable=0 a3=9", "cpenable=1 f1=9"},
    // A window overflow comes first.
    {"wfr f1, a4", "cpenable=0 windowstart=3", "epc1=code ps=0x40010 windowbase=1 pc=vec+0x100"},

    {"rfr a2, f1", "f1=-2.5", "a2=0xc0200000"},
    {"wfr f1, a2", "a2=0xc0200000", "f1=-2.5"},
    {"mov.s f1, f2", "f2=0x7fa00001", "f1=0x7fa00001"},
    {"abs.s f1, f2", "f2=-0.0", "f1=0.0"},
    {"abs.s f1, f2", "f2=0xffa00001", "f1=0x7fa00001"},
    {"neg.s f1, f2", "f2=0.0", "f1=-0.0"},
    {"neg.s f1, f2", "f2=nan", "f1=0xffc00000"},
    {"const.s f1, 0", "", "f1=0.0"},
    {"const.s f1, 1", "", "f1=1.0"},
    {"const.s f1, 2", "", "f1=2.0"},
    {"const.s f1, 3", "", "f1=0.5"},
    {"const.s f1, 15", "", "f1=0.5"},
    {"moveqz.s f1, f2, a3", "f2=2.0 a3=0", "f1=2.0"},
    {"moveqz.s f1, f2, a3", "f2=2.0 a3=1", ""},
    {"movnez.s f1, f2, a3", "f2=2.0 a3=1", "f1=2.0"},
    {"movnez.s f1, f2, a3", "f2=2.0 a3=0", ""},
    {"movltz.s f1, f2, a3", "f2=2.0 a3=-1", "f1=2.0"},
    {"movltz.s f1, f2, a3", "f2=2.0 a3=0", ""},
    {"movgez.s f1, f2, a3", "f2=2.0 a3=0", "f1=2.0"},
    {"movgez.s f1, f2, a3", "f2=2.0 a3=-1", ""},
    {"movf.s f1, f2, b3", "f2=2.0 br=0", "f1=2.0"},
    {"movf.s f1, f2, b3", "f2=2.0 br=8", ""},
    {"movt.s f1, f2, b3", "f2=2.0 br=8", "f1=2.0"},
    {"movt.s f1, f2, b3", "f2=2.0 br=0", ""},

    {"add.s f1, f2, f3", "f2=1.5 f3=2.25", "f1=3.75"},
    {"add.s f1, f2, f3", "f2=1.0 f3=0x33800000", "f1=1.0 fsr=0x80"},  // a tie: to even
    {"add.s f1, f2, f3", "f2=1.0 f3=0x33800000 fcr=2", "f1=0x3f800001 fsr=0x80"},
    {"add.s f1, f2, f3", "f2=-1.0 f3=0xb3800000 fcr=3", "f1=0xbf800001 fsr=0x80"},
    {"add.s f1, f2, f3", "f2=1.0 f3=0x33c00000 fcr=1", "f1=1.0 fsr=0x80"},
    {"add.s f1, f2, f3", "f2=0.0 f3=-0.0", "f1=0.0"},
    {"add.s f1, f2, f3", "f2=-0.0 f3=-0.0", "f1=-0.0"},
    {"add.s f1, f2, f3", "f2=1.0 f3=-1.0 fcr=3", "f1=-0.0"},
    {"add.s f1, f2, f3", "f2=1 f3=2", "f1=3"},  // denormals
    {"add.s f1, f2, f3", "f2=0x7f7fffff f3=0x7f7fffff", "f1=inf fsr=0x280"},
    {"add.s f1, f2, f3", "f2=inf f3=-inf", "f1=nan fsr=0x800"},
    {"sub.s f1, f2, f3", "f2=1.5 f3=2.25", "f1=-0.75"},
    {"sub.s f1, f2, f3", "f2=inf f3=inf fsr=0x80", "f1=nan fsr=0x880"},
    {"mul.s f1, f2, f3", "f2=1.5 f3=-2.0", "f1=-3.0"},
    {"mul.s f1, f2, f3", "f2=0.0 f3=-2.0", "f1=-0.0"},
    {"mul.s f1, f2, f3", "f2=0.0 f3=inf", "f1=nan fsr=0x800"},
    {"mul.s f1, f2, f3", "f2=0x00800001 f3=0.5", "f1=0x00400000 fsr=0x180"},
    // Of two NaNs the second comes out, made quiet.
    {"add.s f1, f2, f3", "f2=0x7fc00001 f3=0x7fc00002", "f1=0x7fc00002"},
    {"mul.s f1, f2, f3", "f2=0xffc00001 f3=1.0", "f1=0xffc00001"},
    {"sub.s f1, f2, f3", "f2=0x7fa00001 f3=1.0", "f1=0x7fe00001 fsr=0x800"},
    {"madd.s f1, f2, f3", "f1=1.0 f2=2.0 f3=3.0", "f1=7.0"},
    {"madd.s f1, f2, f3", "f1=-1.0 f2=0x3f800800 f3=0x3f800800", "f1=0x3a000400"},  // fused: exact
    {"madd.s f1, f2, f3", "f1=0x7fc00003 f2=0x7fc00001 f3=0x7fc00002", "f1=0x7fc00003"},
    {"madd.s f1, f2, f3", "f1=1.0 f2=0x7fc00001 f3=0x7fc00002", "f1=0x7fc00002"},
    {"msub.s f1, f2, f3", "f1=1.0 f2=2.0 f3=3.0", "f1=-5.0"},
    {"msub.s f1, f2, f3", "f1=inf f2=inf f3=1.0", "f1=nan fsr=0x800"},
    {"maddn.s f1, f2, f3", "f1=1.0 f2=2.0 f3=3.0", "f1=7.0"},
    // Nearest whatever FCR says, and silent.
    {"maddn.s f1, f2, f3", "f1=1.0 f2=0x33800000 f3=1.0 fcr=2", "f1=1.0"},
    {"divn.s f1, f2, f3", "f1=1.5 f2=0.0 f3=1.0", "f1=1.5"},

    {"un.s b1, f2, f3", "f2=nan f3=1.0", "br=2"},
    {"un.s b1, f2, f3", "f2=2.0 f3=1.0 br=2", "br=0"},
    {"oeq.s b1, f2, f3", "f2=0.0 f3=-0.0", "br=2"},
    {"oeq.s b1, f2, f3", "f2=nan f3=nan br=2", "br=0"},
    {"oeq.s b1, f2, f3", "f2=0x7fa00000 f3=1.0 br=2", "br=0 fsr=0x800"},
    {"ueq.s b1, f2, f3", "f2=nan f3=1.0", "br=2"},
    {"ueq.s b1, f2, f3", "f2=1.0 f3=1.0", "br=2"},
    {"ueq.s b1, f2, f3", "f2=2.0 f3=1.0 br=0xffff", "br=0xfffd"},
    {"olt.s b1, f2, f3", "f2=-1.0 f3=1.0", "br=2"},
    {"olt.s b1, f2, f3", "f2=-0.0 f3=0.0 br=2", "br=0"},
    {"olt.s b1, f2, f3", "f2=nan f3=1.0 br=2", "br=0 fsr=0x800"},
    {"ult.s b1, f2, f3", "f2=nan f3=1.0", "br=2"},
    {"ult.s b1, f2, f3", "f2=-inf f3=0xff7fffff", "br=2"},
    {"ult.s b1, f2, f3", "f2=1.0 f3=1.0 br=2", "br=0"},
    {"ole.s b1, f2, f3", "f2=1.0 f3=1.0", "br=2"},
    {"ole.s b1, f2, f3", "f2=-1.0 f3=-2.0 br=2", "br=0"},
    {"ole.s b1, f2, f3", "f2=1.0 f3=nan br=2", "br=0 fsr=0x800"},
    {"ule.s b1, f2, f3", "f2=1.0 f3=nan", "br=2"},
    {"ule.s b1, f2, f3", "f2=1 f3=2", "br=2"},
    {"ule.s b1, f2, f3", "f2=2 f3=1 br=2", "br=0"},

    {"float.s f1, a2, 0", "a2=-7", "f1=-7.0"},
    {"float.s f1, a2, 15", "a2=0x80000000", "f1=-65536.0"},
    {"float.s f1, a2, 1", "a2=3", "f1=1.5"},
    {"float.s f1, a2, 0", "a2=0x01000001", "f1=16777216.0 fsr=0x80"},
    {"float.s f1, a2, 0", "a2=0x01000001 fcr=2", "f1=16777218.0 fsr=0x80"},
    {"ufloat.s f1, a2, 0", "a2=-1", "f1=4294967296.0 fsr=0x80"},
    {"ufloat.s f1, a2, 4", "a2=24", "f1=1.5"},
    {"round.s a2, f1, 0", "f1=2.5", "a2=2 fsr=0x80"},
    {"round.s a2, f1, 0", "f1=3.5", "a2=4 fsr=0x80"},
    {"round.s a2, f1, 1", "f1=-1.5", "a2=-3"},
    {"round.s a2, f1, 0", "f1=nan", "a2=0x7fffffff fsr=0x800"},
    {"trunc.s a2, f1, 0", "f1=-2.75", "a2=-2 fsr=0x80"},
    {"trunc.s a2, f1, 4", "f1=1.03125", "a2=16 fsr=0x80"},
    {"trunc.s a2, f1, 0", "f1=2147483648.0", "a2=0x7fffffff fsr=0x800"},
    {"trunc.s a2, f1, 0", "f1=-2147483648.0", "a2=0x80000000"},
    {"trunc.s a2, f1, 0", "f1=-inf", "a2=0x80000000 fsr=0x800"},
    {"trunc.s a2, f1, 15", "f1=1", "a2=0 fsr=0x80"},
    {"floor.s a2, f1, 0", "f1=-2.25", "a2=-3 fsr=0x80"},
    {"floor.s a2, f1, 0", "f1=2.75", "a2=2 fsr=0x80"},
    {"ceil.s a2, f1, 0", "f1=2.25", "a2=3 fsr=0x80"},
    {"ceil.s a2, f1, 0", "f1=-2.75", "a2=-2 fsr=0x80"},
    {"utrunc.s a2, f1, 0", "f1=4294967040.0", "a2=0xffffff00"},
    {"utrunc.s a2, f1, 0", "f1=4294967296.0", "a2=0xffffffff fsr=0x800"},
    {"utrunc.s a2, f1, 0", "f1=nan", "a2=0xffffffff fsr=0x800"},
    {"utrunc.s a2, f1, 0", "f1=-1.5", "a2=0xffffffff fsr=0x800"},
    {"utrunc.s a2, f1, 0", "f1=-0.5", "a2=0 fsr=0x80"},
    {"utrunc.s a2, f1, 0", "f1=-10000000000.0", "a2=0x80000000 fsr=0x800"},

    // The steps of division and square root; values that were measured on silicon.
    {"recip0.s f1, f2", "f2=1.0", "f1=0x3f7f0000"},
    {"recip0.s f1, f2", "f2=inf", "f1=0.0"},
    {"recip0.s f1, f2", "f2=-0.0", "f1=-inf"},
    {"recip0.s f1, f2", "f2=0x7e800000", "f1=0x007f8000"},
    {"div0.s f1, f2", "f2=nan", "f1=0x3f2a0000"},
    {"rsqrt0.s f1, f2", "f2=1.0", "f1=0x3f7f0000"},
    {"rsqrt0.s f1, f2", "f2=-1.0", "f1=0xffff0000"},
    {"sqrt0.s f1, f2", "f2=inf", "f1=0x3f7f0000"},
    {"sqrt0.s f1, f2", "f2=2.0", "f1=0x3f340000"},
    {"nexp01.s f1, f2", "f2=0x40490fdb", "f1=0xc0490fdb"},
    {"nexp01.s f1, f2", "f2=0.5", "f1=-2.0"},
    {"nexp01.s f1, f2", "f2=0x7fd5aa55", "f1=0xffd5aa55"},
    {"nexp01.s f1, f2", "f2=-inf", "f1=1.0"},
    {"mksadj.s f1, f2", "f2=1.0", "f1=0x3f9fc000"},
    {"mksadj.s f1, f2", "f2=-1.0", "f1=0x4fb7c000 fsr=0x800"},
    {"mkdadj.s f1, f2", "f1=1.0 f2=0.5", "f1=0x379dc000"},
    {"mkdadj.s f1, f2", "f1=0x12345678 f2=1.0", "f1=0x2fa3c000"},
    {"mkdadj.s f1, f2", "f1=0.0 f2=1.0", "f1=0x47b7c000 fsr=0x400"},
    {"addexp.s f1, f2", "f1=0x12345678 f2=0x1f800000", "f1=0x72345678"},
    {"addexpm.s f1, f2", "f1=0x12345678 f2=0x40490fdb", "f1=0xe4b45678"},
};

TEST(Fp, Cases) {
  testing::run_cases(kCases);
}

}  // namespace

std::span<const InstructionCase> testing::fp_cases() {
  return kCases;
}

}  // namespace espalier::xtensa
