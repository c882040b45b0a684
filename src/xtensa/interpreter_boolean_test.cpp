// Boolean registers and MAC16.
#include <gtest/gtest.h>

#include "xtensa/testing/instruction_case.h"

namespace espalier::xtensa {
namespace {

using testing::InstructionCase;

constexpr InstructionCase kCases[] = {
    {"andb b0, b1, b2", "br=6", "br=7"},         {"andb b0, b1, b2", "br=3", "br=2"},
    {"andbc b0, b1, b2", "br=2", "br=3"},        {"andbc b0, b1, b2", "br=7", "br=6"},
    {"orb b15, b1, b2", "br=4", "br=0x8004"},    {"orb b15, b1, b2", "br=0x8000", "br=0"},
    {"orbc b0, b1, b2", "br=0", "br=1"},         {"orbc b0, b1, b2", "br=5", "br=4"},
    {"xorb b0, b1, b2", "br=2", "br=3"},         {"xorb b0, b1, b2", "br=7", "br=6"},
    {"any4 b0, b4", "br=0x80", "br=0x81"},       {"any4 b0, b4", "br=0x101", "br=0x100"},
    {"all4 b0, b12", "br=0xf000", "br=0xf001"},  {"all4 b0, b12", "br=0xe001", "br=0xe000"},
    {"any8 b1, b8", "br=0x8000", "br=0x8002"},   {"any8 b1, b8", "br=0xff", "br=0xfd"},
    {"all8 b15, b0", "br=0xff", "br=0x80ff"},    {"all8 b15, b0", "br=0x80fe", "br=0xfe"},
    {"movf a4, a2, b5", "a2=9 br=0", "a4=9"},    {"movf a4, a2, b5", "a2=9 br=0x20", ""},
    {"movt a4, a2, b5", "a2=9 br=0x20", "a4=9"}, {"movt a4, a2, b5", "a2=9 br=0xffdf", ""},
};

TEST(Boolean, Cases) {
  testing::run_cases(kCases);
}

// Halves: 0x7fff is the largest, 0x8000 the most negative.
constexpr InstructionCase kMacCases[] = {
    {"mul.aa.ll a2, a3", "a2=0x00027fff a3=0x00037fff", "acc=0x3fff0001"},
    {"mul.aa.hl a2, a3", "a2=0x00020005 a3=0x00030007", "acc=14"},
    {"mul.aa.lh a2, a3", "a2=0x00020005 a3=0x00030007", "acc=15"},
    {"mul.aa.hh a2, a3", "a2=0xfffe0005 a3=0x00030007", "acc=-6"},
    {"mul.ad.ll a2, m2", "a2=0x00020005 m2=0x00030007", "acc=35"},
    {"mul.ad.hl a2, m3", "a2=0x00020005 m3=0x00030007", "acc=14"},
    {"mul.ad.lh a2, m2", "a2=0x00020005 m2=0x00030007", "acc=15"},
    {"mul.ad.hh a2, m3", "a2=0x00020005 m3=0x00030007", "acc=6"},
    {"mul.da.ll m0, a3", "m0=0x00020005 a3=0x00030007", "acc=35"},
    {"mul.da.hl m1, a3", "m1=0x00020005 a3=0x00030007", "acc=14"},
    {"mul.da.lh m0, a3", "m0=0x00020005 a3=0x00030007", "acc=15"},
    {"mul.da.hh m1, a3", "m1=0x00020005 a3=0x00030007", "acc=6"},
    {"mul.dd.ll m0, m2", "m0=0x00020005 m2=0x00030007", "acc=35"},
    {"mul.dd.hl m1, m3", "m1=0x00020005 m3=0x00030007", "acc=14"},
    {"mul.dd.lh m0, m3", "m0=0x00020005 m3=0x00030007", "acc=15"},
    {"mul.dd.hh m1, m2", "m1=0x80000005 m2=0x80000007", "acc=0x40000000"},
    {"umul.aa.ll a2, a3", "a2=0xffff a3=0xffff", "acc=0xfffe0001"},
    {"umul.aa.hl a2, a3", "a2=0xffff0000 a3=0x2", "acc=0x1fffe"},
    {"umul.aa.lh a2, a3", "a2=0x3 a3=0xffff0000", "acc=0x2fffd"},
    {"umul.aa.hh a2, a3", "a2=0x80000000 a3=0x80000000", "acc=0x40000000"},
    // The accumulator has 40 bits and wraps.
    {"mula.aa.ll a2, a3", "a2=5 a3=7 acc=100", "acc=135"},
    {"mula.aa.ll a2, a3", "a2=-5 a3=7 acc=10", "acc=-25"},
    {"mula.aa.hl a2, a3", "a2=0x00020005 a3=0x00030007 acc=0xffffffff", "acc=0x10000000d"},
    {"mula.aa.lh a2, a3", "a2=1 a3=0x00010000 acc=0x7fffffffff", "acc=0x8000000000"},
    {"mula.aa.hh a2, a3", "a2=0xffff0000 a3=0x00010000 acc=0x8000000000", "acc=0x7fffffffff"},
    {"mula.ad.ll a2, m2", "a2=5 m2=7 acc=1", "acc=36"},
    {"mula.ad.hl a2, m3", "a2=0x00020005 m3=0x00030007 acc=1", "acc=15"},
    {"mula.ad.lh a2, m2", "a2=0x00020005 m2=0x00030007 acc=1", "acc=16"},
    {"mula.ad.hh a2, m3", "a2=0x00020005 m3=0x00030007 acc=1", "acc=7"},
    {"mula.da.ll m1, a3", "m1=0x00020005 a3=0x00030007 acc=1", "acc=36"},
    {"mula.da.hl m0, a3", "m0=0x00020005 a3=0x00030007 acc=1", "acc=15"},
    {"mula.da.lh m1, a3", "m1=0x00020005 a3=0x00030007 acc=1", "acc=16"},
    {"mula.da.hh m0, a3", "m0=0x00020005 a3=0x00030007 acc=1", "acc=7"},
    {"mula.dd.ll m0, m3", "m0=0x00020005 m3=0x00030007 acc=1", "acc=36"},
    {"mula.dd.hl m1, m2", "m1=0x00020005 m2=0x00030007 acc=1", "acc=15"},
    {"mula.dd.lh m0, m2", "m0=0x00020005 m2=0x00030007 acc=1", "acc=16"},
    {"mula.dd.hh m1, m3", "m1=0x00020005 m3=0x00030007 acc=1", "acc=7"},
    {"muls.aa.ll a2, a3", "a2=5 a3=7 acc=0", "acc=-35"},
    {"muls.aa.hl a2, a3", "a2=0x00020005 a3=0x00030007 acc=100", "acc=86"},
    {"muls.aa.lh a2, a3", "a2=0x00020005 a3=0x00030007 acc=100", "acc=85"},
    {"muls.aa.hh a2, a3", "a2=0x00020005 a3=0x00030007 acc=100", "acc=94"},
    {"muls.ad.ll a2, m2", "a2=5 m2=7 acc=0x100000000", "acc=0xffffffdd"},
    {"muls.ad.hl a2, m3", "a2=0x00020005 m3=0x00030007 acc=100", "acc=86"},
    {"muls.ad.lh a2, m2", "a2=0x00020005 m2=0x00030007 acc=100", "acc=85"},
    {"muls.ad.hh a2, m3", "a2=0x00020005 m3=0x00030007 acc=100", "acc=94"},
    {"muls.da.ll m1, a3", "m1=0x00020005 a3=0x00030007 acc=100", "acc=65"},
    {"muls.da.hl m0, a3", "m0=0x00020005 a3=0x00030007 acc=100", "acc=86"},
    {"muls.da.lh m1, a3", "m1=0x00020005 a3=0x00030007 acc=100", "acc=85"},
    {"muls.da.hh m0, a3", "m0=0x00020005 a3=0x00030007 acc=100", "acc=94"},
    {"muls.dd.ll m0, m3", "m0=0x00020005 m3=0x00030007 acc=100", "acc=65"},
    {"muls.dd.hl m1, m2", "m1=0x00020005 m2=0x00030007 acc=100", "acc=86"},
    {"muls.dd.lh m0, m2", "m0=0x00020005 m2=0x00030007 acc=100", "acc=85"},
    {"muls.dd.hh m1, m3", "m1=0x00020005 m3=0x00030007 acc=100", "acc=94"},
    // The pointer moves first, then the load; the multiplication has the old values.
    {"ldinc m1, a2", "a2=data+4", "m1=0x0b0a0908 a2=data+8"},
    {"lddec m3, a2", "a2=data+4", "m3=0x03020100 a2=data"},
    {"mula.da.ll.ldinc m0, a2, m0, a3", "a2=data m0=5 a3=7 acc=0", "acc=35 m0=0x07060504 a2=data+4"},
    {"mula.da.ll.lddec m1, a2, m0, a3", "a2=data+8 m0=5 a3=7 acc=1", "acc=36 m1=0x07060504 a2=data+4"},
    {"mula.da.hl.ldinc m2, a2, m1, a3", "a2=data m1=0x00020005 a3=0x00030007 acc=0",
     "acc=14 m2=0x07060504 a2=data+4"},
    {"mula.da.hl.lddec m3, a2, m1, a3", "a2=data+4 m1=0x00020005 a3=0x00030007 acc=0",
     "acc=14 m3=0x03020100 a2=data"},
    {"mula.da.lh.ldinc m0, a2, m1, a3", "a2=data m1=0x00020005 a3=0x00030007 acc=0",
     "acc=15 m0=0x07060504 a2=data+4"},
    {"mula.da.lh.lddec m0, a2, m1, a3", "a2=data+4 m1=0x00020005 a3=0x00030007 acc=0",
     "acc=15 m0=0x03020100 a2=data"},
    {"mula.da.hh.ldinc m0, a2, m1, a3", "a2=data m1=0x00020005 a3=0x00030007 acc=0",
     "acc=6 m0=0x07060504 a2=data+4"},
    {"mula.da.hh.lddec m0, a2, m1, a3", "a2=data+4 m1=0x00020005 a3=0x00030007 acc=0",
     "acc=6 m0=0x03020100 a2=data"},
    {"mula.dd.ll.ldinc m2, a2, m0, m2", "a2=data m0=0x00020005 m2=0x00030007 acc=0",
     "acc=35 m2=0x07060504 a2=data+4"},
    {"mula.dd.ll.lddec m2, a2, m0, m2", "a2=data+4 m0=0x00020005 m2=0x00030007 acc=0",
     "acc=35 m2=0x03020100 a2=data"},
    {"mula.dd.hl.ldinc m1, a2, m0, m3", "a2=data m0=0x00020005 m3=0x00030007 acc=0",
     "acc=14 m1=0x07060504 a2=data+4"},
    {"mula.dd.hl.lddec m1, a2, m0, m3", "a2=data+4 m0=0x00020005 m3=0x00030007 acc=0",
     "acc=14 m1=0x03020100 a2=data"},
    {"mula.dd.lh.ldinc m1, a2, m0, m3", "a2=data m0=0x00020005 m3=0x00030007 acc=0",
     "acc=15 m1=0x07060504 a2=data+4"},
    {"mula.dd.lh.lddec m1, a2, m0, m3", "a2=data+4 m0=0x00020005 m3=0x00030007 acc=0",
     "acc=15 m1=0x03020100 a2=data"},
    {"mula.dd.hh.ldinc m1, a2, m0, m3", "a2=data m0=0x00020005 m3=0x00030007 acc=0",
     "acc=6 m1=0x07060504 a2=data+4"},
    {"mula.dd.hh.lddec m1, a2, m0, m3", "a2=data+4 m0=0x00020005 m3=0x00030007 acc=0",
     "acc=6 m1=0x03020100 a2=data"},
    // The pointer as a factor: its old value.
    {"mula.da.ll.ldinc m0, a2, m1, a2", "a2=data m1=1 acc=0", "acc=0 m0=0x07060504 a2=data+4"},
    // A load that fails changes nothing.
    {"mula.da.ll.ldinc m0, a2, m1, a3", "a2=0x1000 m1=1 acc=5",
     "exccause=28 excvaddr=0x1004 epc1=code ps=0x40010 pc=vec+0x300"},
    {"ldinc m0, a2", "a2=0x1000", "exccause=28 excvaddr=0x1004 epc1=code ps=0x40010 pc=vec+0x300"},
};

TEST(Mac16, Cases) {
  testing::run_cases(kMacCases);
}

}  // namespace

std::span<const InstructionCase> testing::boolean_cases() {
  return kCases;
}
std::span<const InstructionCase> testing::mac16_cases() {
  return kMacCases;
}

}  // namespace espalier::xtensa
