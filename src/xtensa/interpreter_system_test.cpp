// Special and user registers, exceptions and what returns from them, region protection, EXPSTATE.
#include <gtest/gtest.h>

#include "xtensa/special_registers.h"
#include "xtensa/testing/instruction_case.h"
#include "xtensa/testing/test_machine.h"

namespace espalier::xtensa {
namespace {

using testing::InstructionCase;
using testing::kCode;
using testing::kVectors;
using testing::TestMachine;

constexpr InstructionCase kCases[] = {
    {"rsr.sar a4", "sar=17", "a4=17"},
    {"wsr.sar a4", "a4=0xffffffff", "sar=0x3f"},
    {"xsr.sar a4", "a4=9 sar=17", "a4=17 sar=9"},
    {"wsr.br a4", "a4=0xabcdef", "br=0xcdef"},
    {"rsr.acchi a4", "acc=-1", "a4=-1"},
    {"wsr.acchi a4", "a4=0x180", "acchi=0x80"},
    {"wsr.acclo a4", "a4=0x180", "acclo=0x180"},
    {"xsr.m2 a4", "a4=1 m2=2", "a4=2 m2=1"},
    {"wsr.scompare1 a4", "a4=5", "scompare1=5"},
    {"rsr.windowbase a4", "windowbase=3 windowstart=8", "a4=3"},
    {"wsr.windowbase a2", "a2=0x13", "windowbase=3"},
    {"xsr.windowstart a2", "a2=0x10001", "a2=1 windowstart=1"},
    {"rsr.ps a4", "ps=0x40023", "a4=0x40023"},
    {"wsr.ps a2", "a2=0xffffffdf", "ps=0x70f1f"},  // RING (bits 7..6) is not there
    {"rsr.prid a4", "", "a4=0xcdcd"},
    {"rsr.configid0 a4", "", "a4=0xc2bcfffe"},
    {"rsr.configid1 a4", "", "a4=0x1cc5fe96"},
    {"wsr.vecbase a4", "a4=0x400803ff", "vecbase=0x40080000"},
    {"wsr.exccause a4", "a4=0x7f", "exccause=0x3f"},
    {"wsr.excvaddr a4", "a4=0x7f", "excvaddr=0x7f"},
    {"wsr.cpenable a4", "a4=0x1ff", "cpenable=0xff"},
    {"wsr.epc1 a4", "a4=1", "epc1=1"},
    {"wsr.epc7 a4", "a4=7", "epc7=7"},
    {"wsr.eps2 a4", "a4=0x40003", "eps2=0x40003"},
    {"xsr.excsave1 a4", "a4=1 excsave1=2", "a4=2 excsave1=1"},
    {"rsr.excsave7 a4", "excsave7=2", "a4=2"},
    {"wsr.depc a4", "a4=7", "depc=7"},
    {"wsr.misc3 a4", "a4=7", "misc3=7"},
    {"wsr.memctl a4", "a4=7", "memctl=7"},
    {"wsr.atomctl a4", "a4=0x7f", "atomctl=0x3f"},
    {"wsr.ddr a4", "a4=7", "ddr=7"},
    {"wsr.icountlevel a4", "a4=0x10", "icountlevel=0"},
    {"wsr.dbreakc0 a4", "a4=0x3fffffff", "dbreakc0=0x3f"},
    {"wsr.dbreaka1 a4", "a4=0x3ffb0000", "dbreaka1=0x3ffb0000"},
    {"wsr.ibreaka0 a4", "a4=0x40080000", "ibreaka0=0x40080000"},
    {"wsr.debugcause a4", "a4=0xffff", "debugcause=0xfff"},
    // INTSET sets software interrupts only (7 and 29); INTCLEAR clears those and the edge-triggered ones.
    {"wsr.intset a4", "a4=-1", "interrupt=0x20000080"},
    {"rsr.interrupt a4", "interrupt=0x20000080", "a4=0x20000080"},
    {"wsr.intclear a4", "a4=-1 interrupt=0xdfffbfff", "interrupt=0x8fbfbb7f"},
    {"wsr.intclear a4", "a4=0x80 interrupt=0x20000080", "interrupt=0x20000000"},
    {"wsr.intenable a4", "a4=0x12345678", "intenable=0x12345678"},
    // Writing CCOMPAREn takes its interrupt back.
    {"wsr.ccompare0 a4", "a4=5 interrupt=0x18040", "ccompare0=5 interrupt=0x18000"},
    {"wsr.ccompare1 a4", "a4=5 interrupt=0x18040", "ccompare1=5 interrupt=0x10040"},
    {"xsr.ccompare2 a4", "a4=5 interrupt=0x18040 ccompare2=9", "a4=9 ccompare2=5 interrupt=0x8040"},
    // What does not exist, or not in this direction.
    {"rsr.lbeg a4", "lbeg=7", "a4=7"},
    {".byte 0x40; .byte 0x59; .byte 0x03", "", "exccause=0 epc1=code ps=0x40010 pc=vec+0x300", 1},  // RSR 89
    {".byte 0x40; .byte 0xe3; .byte 0x03", "", "exccause=0 epc1=code ps=0x40010 pc=vec+0x300",
     1},  // RSR INTCLEAR
    {".byte 0x40; .byte 0xeb; .byte 0x13", "", "exccause=0 epc1=code ps=0x40010 pc=vec+0x300",
     1},  // WSR PRID
    // Outside ring 0: the user's own registers are free.
    {"rsr.ps a4", "ps=0x40040", "exccause=8 epc1=code ps=0x40050 pc=vec+0x300"},
    {"rsr.sar a4", "ps=0x40040 sar=3", "a4=3"},
    {"rsil a4, 3", "ps=0x40040", "exccause=8 epc1=code ps=0x40050 pc=vec+0x300"},

    {"rur.threadptr a4", "threadptr=5", "a4=5"},
    {"wur.threadptr a4", "a4=5", "threadptr=5"},
    {"wur.f64r_lo a4; wur.f64r_hi a5; wur.f64s a6", "a4=1 a5=2 a6=3", "f64r_lo=1 f64r_hi=2 f64s=3"},
    {"rur.f64s a4", "f64s=5", "a4=5"},
    {"wur.expstate a4", "a4=5", "expstate=5"},
    {"wur.fcr a4", "a4=0xff", "fcr=0x7f"},
    {"wur.fsr a4", "a4=-1", "fsr=0xf80"},
    {"rur.fcr a4", "fcr=3", "a4=3"},
    {"rur.fsr a4", "fsr=0x80", "a4=0x80"},
    {"rur.fcr a4", "fcr=3 cpenable=0", "exccause=32 epc1=code ps=0x40010 pc=vec+0x300"},
    {"wur.fsr a4", "cpenable=0xfe", "exccause=32 epc1=code ps=0x40010 pc=vec+0x300"},
    {"rur.threadptr a4", "threadptr=5 cpenable=0", "a4=5"},
    {"setb_expstate 31", "expstate=1", "expstate=0x80000001"},
    {"clrb_expstate 0", "expstate=3", "expstate=2"},
    {"wrmsk_expstate a4, a5", "expstate=0xff a4=0x0a a5=0x0f", "expstate=0xfa"},
    {"read_impwire a4", "", "a4=0"},
    {"rer a4, a2", "a2=0x12", "a4=0xffffffed"},
    {"wer a4, a2", "", ""},

    {"memw; extw; rsync; esync; dsync; isync; excw", "", ""},
    {"ill", "", "exccause=0 epc1=code ps=0x40010 pc=vec+0x300"},
    {"ill.n", "ps=0x40020", "exccause=0 epc1=code ps=0x40030 pc=vec+0x340"},
    {"syscall", "ps=0x40020", "exccause=1 epc1=code ps=0x40030 pc=vec+0x340"},
    {"syscall", "ps=0x40030", "exccause=1 depc=code pc=vec+0x3c0"},
    {"nop; syscall", "vecbase=0x40080400", "exccause=1 epc1=code+3 ps=0x40010 pc=0x40080700"},
    {"simcall", "", "exccause=0 epc1=code ps=0x40010 pc=vec+0x300"},
    {"break 1, 15", "ps=0x40022", "debugcause=8 epc6=code eps6=0x40022 ps=0x40036 pc=vec+0x280"},
    {"break.n 3", "", "debugcause=16 epc6=code eps6=0x40000 ps=0x40016 pc=vec+0x280"},
    {"break 0, 0", "ps=0x40006", ""},
    {"break.n 0", "ps=0x40007", ""},
    {"rfe", "epc1=code+0x40 ps=0x40030", "ps=0x40020 pc=code+0x40"},
    {"rfde", "depc=code+0x40 ps=0x40030", "pc=code+0x40"},
    {"rfi 2", "epc2=code+0x40 eps2=0x40021 ps=0x40012", "ps=0x40021 pc=code+0x40"},
    {"rfi 7", "epc7=code+0x40 eps7=0x40021 ps=0x40017", "ps=0x40021 pc=code+0x40"},
    {"rfi 1", "", "exccause=0 epc1=code ps=0x40010 pc=vec+0x300"},
    {"rsil a4, 5", "ps=0x40023", "a4=0x40023 ps=0x40025"},
    {"waiti 3", "ps=0x40025", "ps=0x40023"},
    {"rfdo 0", "", "exccause=0 epc1=code ps=0x40010 pc=vec+0x300"},
    {"rfdd", "", "exccause=0 epc1=code ps=0x40010 pc=vec+0x300"},
    {"lddr32.p a2", "", "exccause=0 epc1=code ps=0x40010 pc=vec+0x300"},
    {"sddr32.p a2", "", "exccause=0 epc1=code ps=0x40010 pc=vec+0x300"},

    {"ritlb0 a4, a2", "a2=0x40001234", "a4=0x40000000"},
    {"rdtlb0 a4, a2", "a2=0x3ff01234", "a4=0x20000000"},
    {"ritlb1 a4, a2", "a2=0x40001234", "a4=0x40000002"},
    {"rdtlb1 a4, a2", "a2=0xe0001234", "a4=0xe0000002"},
    {"pitlb a4, a2", "a2=0x40001234", "a4=0x40000001"},
    {"pdtlb a4, a2", "a2=0x80001234", "a4=0x80000001"},
    {"witlb a4, a2; ritlb1 a5, a2; rdtlb1 a6, a2", "a2=0x80000000 a4=0xff", "a5=0x8000000f a6=0x80000002"},
    {"wdtlb a4, a2; ritlb1 a5, a2; rdtlb1 a6, a2", "a2=0x20000000 a4=0", "a5=0x20000002 a6=0x20000000"},
    {"iitlb a2; idtlb a2", "", ""},
    // Double-precision helpers: what they compute is not known; no compiler uses them.
    {"f64iter a4, a2, a3, 0, 0", "", "exccause=0 epc1=code ps=0x40010 pc=vec+0x300"},
    {"f64rnd a4, a2, a3, 0", "", "exccause=0 epc1=code ps=0x40010 pc=vec+0x300"},
    {"f64addc a4, a2, 0, 0", "", "exccause=0 epc1=code ps=0x40010 pc=vec+0x300"},
    {"f64subc a4, a2, 0, 0", "", "exccause=0 epc1=code ps=0x40010 pc=vec+0x300"},
    {"f64sig a4, a2", "", "exccause=0 epc1=code ps=0x40010 pc=vec+0x300"},
    {"f64cmpl a4, a2, a3", "", "exccause=0 epc1=code ps=0x40010 pc=vec+0x300"},
    {"f64cmph a4, a2, a3, 0", "", "exccause=0 epc1=code ps=0x40010 pc=vec+0x300"},
    {"f64norm a4, a2, a3, 0", "", "exccause=0 epc1=code ps=0x40010 pc=vec+0x300"},
    {"f64sexp a4, a2, a3", "", "exccause=0 epc1=code ps=0x40010 pc=vec+0x300"},
    {"rf64r a4, 0", "", "exccause=0 epc1=code ps=0x40010 pc=vec+0x300"},
    {"wf64r a4, a2, 0", "", "exccause=0 epc1=code ps=0x40010 pc=vec+0x300"},
};

TEST(System, Cases) {
  testing::run_cases(kCases);
}

TEST(System, EveryReadableRegisterReadsAndEveryWritableOneKeeps) {
  for (std::uint32_t number = 0; number < 256; ++number) {
    const SpecialRegister* row = find_special_register(number);
    if (row == nullptr) continue;
    ASSERT_EQ(static_cast<std::uint32_t>(row->number), number);
    TestMachine machine;
    const bool readable = (row->access & SpecialRegister::kRead) != 0;
    const bool writable = (row->access & SpecialRegister::kWrite) != 0;
    if (!readable || !writable || row->number == Sr::INTERRUPT || row->number == Sr::CCOUNT) continue;
    const std::uint32_t value = row->number == Sr::WINDOWSTART ? 0x8001 : 0x00000005;
    machine.core().write_special(row->number, value);
    EXPECT_EQ(machine.core().read_special(row->number), value & row->write_mask) << number;
  }
}

TEST(System, CcountFollowsTheEnvironmentsCycles) {
  TestMachine machine;
  machine.cycle_base = 0x1'0000'0000'0;
  machine.load_program(
      "rsr.ccount a2; nop; nop; rsr.ccount a3; wsr.ccount a4; rsr.ccount a5; rsr.ccompare1 a6");
  machine.state().ps = kPsWoe;
  machine.core().set_a(4, 1000);
  machine.core().run(6);
  EXPECT_EQ(machine.core().a(3) - machine.core().a(2), 3u);
  EXPECT_EQ(machine.core().a(5), 1001u);
  EXPECT_EQ(machine.compares_changed, (std::vector<unsigned>{0, 1, 2}));
}

TEST(System, CompareWritesReachTheEnvironment) {
  TestMachine machine;
  machine.load_program("wsr.ccompare2 a2; wsr.ccompare0 a2");
  machine.state().ps = kPsWoe;
  machine.core().run(2);
  EXPECT_EQ(machine.compares_changed, (std::vector<unsigned>{2, 0}));
}

TEST(System, ExternalRegistersAndRegionsReachTheEnvironment) {
  TestMachine machine;
  machine.load_program("wer a4, a2; witlb a4, a3; wdtlb a4, a3");
  machine.state().ps = kPsWoe;
  machine.core().set_a(2, 0x1000);
  machine.core().set_a(3, 0xa0000000);
  machine.core().set_a(4, 15);
  machine.core().run(3);
  EXPECT_EQ(machine.external_writes, (std::vector<std::pair<std::uint32_t, std::uint32_t>>{{0x1000, 15}}));
  EXPECT_EQ(machine.regions_changed, (std::vector<unsigned>{5, 5}));
  EXPECT_EQ(machine.state().instruction_region[5], 15);
  EXPECT_EQ(machine.state().data_region[5], 15);
  machine.regions_changed.clear();
  machine.core().reset();
  EXPECT_EQ(machine.state().instruction_region[5], 2);
  EXPECT_EQ(machine.regions_changed, (std::vector<unsigned>{5}));
}

TEST(System, PridTellsTheCores) {
  TestMachine app(0xabab);
  app.load_program("rsr.prid a2");
  app.state().ps = kPsWoe;
  app.core().run(1);
  EXPECT_EQ(app.core().a(2), 0xababu);
  EXPECT_EQ(app.core().read_special(Sr::PRID), 0xababu);
}

TEST(System, FetchFaultsAreExceptionsAtThePcThatFailed) {
  TestMachine machine;
  machine.load_program("jx a2");
  State& state = machine.state();
  state.ps = kPsWoe;
  state.vecbase = kVectors;
  machine.core().set_a(2, 0x60000000);
  machine.core().run(2);
  EXPECT_EQ(state.exccause, 20u);
  EXPECT_EQ(state.excvaddr, 0x60000000u);
  EXPECT_EQ(state.epc[1], 0x60000000u);
  EXPECT_EQ(state.pc, kVectors + kVecKernel);
  EXPECT_EQ(machine.core().instructions(), 2u);
}

TEST(System, VectorsThatCannotBeFetchedDoNotHangTheHost) {
  TestMachine machine;
  machine.state().pc = 0x60000000;
  machine.state().vecbase = 0x70000000;
  EXPECT_EQ(machine.core().run(1'000'000), Stop::kBudget);
  EXPECT_EQ(machine.core().instructions(), 1'000'000u);
  EXPECT_EQ(machine.state().pc, 0x70000000 + kVecDouble);
}

TEST(System, InstructionAcrossTwoPages) {
  for (const std::uint32_t pc : {kCode + 0xffe, kCode + 0xfff}) {
    TestMachine machine;
    machine.load_program("movi a2, 77; movi a3, 78", pc);
    machine.state().ps = kPsWoe;
    machine.core().run(2);
    EXPECT_EQ(machine.core().a(2), 77u);
    EXPECT_EQ(machine.core().a(3), 78u);
  }
  // The second page is not there: the fault is the instruction's, and only where it has bytes there.
  TestMachine machine;
  State& state = machine.state();
  state.vecbase = kVectors;
  machine.write(kCode + 0x3fffe, {0x3d, 0xf0});  // nop.n
  state.pc = kCode + 0x3fffe;
  machine.core().run(1);
  EXPECT_EQ(state.pc, kCode + 0x40000);
  machine.write(kCode + 0x3fffe, {0xf0, 0x20});  // the beginning of a nop
  state.pc = kCode + 0x3fffe;
  machine.core().run(1);
  EXPECT_EQ(state.exccause, 20u);
  EXPECT_EQ(state.excvaddr, kCode + 0x3fffe);
}

}  // namespace

std::span<const InstructionCase> testing::system_cases() {
  return kCases;
}

}  // namespace espalier::xtensa
