// Loads and stores: sizes, signs, alignment, what the page attributes leave to the environment, S32C1I.
#include <gtest/gtest.h>

#include "xtensa/testing/instruction_case.h"
#include "xtensa/testing/test_machine.h"

namespace espalier::xtensa {
namespace {

using testing::InstructionCase;
using testing::kCode;
using testing::kData;
using testing::kDevice;
using testing::kMixed;
using testing::TestMachine;

constexpr InstructionCase kCases[] = {
    {"l8ui a4, a2, 0", "a2=data+0x83 [data+0x80]=0x89abcdef", "a4=0x89"},
    {"l8ui a4, a2, 255", "a2=data-128", "a4=0x7f"},
    {"l16ui a4, a2, 2", "a2=data+0x80 [data+0x80]=0x89abcdef", "a4=0x89ab"},
    {"l16si a4, a2, 2", "a2=data+0x80 [data+0x80]=0x89abcdef", "a4=0xffff89ab"},
    {"l16si a4, a2, 510", "a2=data-510", "a4=0x100"},
    {"l32i a4, a2, 0", "a2=data", "a4=0x03020100"},
    {"l32i a2, a2, 1020", "a2=data-1020", "a2=0x03020100"},
    {"l32i.n a4, a2, 60", "a2=data-60", "a4=0x03020100"},
    {"j over; .align 4; literal: .word 0x12345678; over: l32r a4, literal", "", "a4=0x12345678", 2},
    {"l32ai a4, a2, 4", "a2=data", "a4=0x07060504"},
    {"s8i a4, a2, 1", "a2=data a4=0xabcdef", "[data+0]=0x0302ef00"},
    {"s16i a4, a2, 2", "a2=data a4=0xabcdef", "[data+0]=0xcdef0100"},
    {"s32i a4, a2, 4", "a2=data a4=0xabcdef", "[data+4]=0xabcdef [data+0]=0x03020100"},
    {"s32i.n a4, a2, 60", "a2=data a4=7", "[data+60]=7"},
    {"s32ri a4, a2, 0", "a2=data a4=7", "[data+0]=7"},
    {"s32nb a4, a2, 4", "a2=data a4=7", "[data+4]=7"},
    // The hardware does unaligned accesses in data memory, also across a page.
    {"l16ui a4, a2, 0", "a2=data+1", "a4=0x0201"},
    {"l16si a4, a2, 0", "a2=data+0x83 [data+0x80]=0x89000000 [data+0x84]=0xfe", "a4=0xfffffe89"},
    {"l32i a4, a2, 0", "a2=data+1", "a4=0x04030201"},
    {"l32i a4, a2, 0", "a2=data+0xffe [data+0xffc]=0xaabb0000 [data+0x1000]=0xccdd", "a4=0xccddaabb"},
    {"s16i a4, a2, 0", "a2=data+3 a4=0xabcd", "[data+0]=0xcd020100 [data+4]=0x070605ab"},
    {"s32i a4, a2, 0", "a2=data+2 a4=0x89abcdef", "[data+0]=0xcdef0100 [data+4]=0x070689ab"},
    {"s32i a4, a2, 0", "a2=data+0xffe a4=0x89abcdef [data+0xffc]=0 [data+0x1000]=0",
     "[data+0xffc]=0xcdef0000 [data+0x1000]=0x89ab"},
    // Those that synchronise want alignment: cause 9.
    {"l32ai a4, a2, 0", "a2=data+2", "exccause=9 excvaddr=data+2 epc1=code ps=0x40010 pc=vec+0x300", 1},
    {"s32ri a4, a2, 0", "a2=data+1", "exccause=9 excvaddr=data+1 epc1=code ps=0x40010 pc=vec+0x300", 1},
    {"s32c1i a4, a2, 0", "a2=data+1", "exccause=9 excvaddr=data+1 epc1=code ps=0x40010 pc=vec+0x300", 1},
    // Instruction memory takes aligned words only: cause 3.
    {"l32i a4, a2, 0", "a2=code", "a4=0x00002242"},
    {"l8ui a4, a2, 0", "a2=code+0x100", "exccause=3 excvaddr=code+0x100 epc1=code ps=0x40010 pc=vec+0x300",
     1},
    {"l32i a4, a2, 0", "a2=code+0x102", "exccause=3 excvaddr=code+0x102 epc1=code ps=0x40010 pc=vec+0x300",
     1},
    {"s16i a4, a2, 0", "a2=code+0x100", "exccause=3 excvaddr=code+0x100 epc1=code ps=0x40010 pc=vec+0x300",
     1},
    {"s32i a4, a2, 0", "a2=code+0x100 a4=5", "[code+0x100]=5"},
    // Nothing there: 28 and 29.
    {"l32i a4, a2, 4", "a2=0x1000", "exccause=28 excvaddr=0x1004 epc1=code ps=0x40010 pc=vec+0x300", 1},
    {"s8i a4, a2, 0", "a2=0xffffffff", "exccause=29 excvaddr=0xffffffff epc1=code ps=0x40010 pc=vec+0x300",
     1},
    {"l32i a4, a2, 0", "a2=0xffffffff", "exccause=28 excvaddr=0xffffffff epc1=code ps=0x40010 pc=vec+0x300",
     1},

    {"s32c1i a4, a2, 0", "a2=data a4=99 scompare1=0x03020100", "a4=0x03020100 [data+0]=99"},
    {"s32c1i a4, a2, 0", "a2=data a4=99 scompare1=0x03020101", "a4=0x03020100 [data+0]=0x03020100"},
    {"s32c1i a4, a2, 4", "a2=data a4=99 scompare1=0x07060504", "a4=0x07060504 [data+4]=99"},
    {"s32c1i a4, a2, 0", "a2=code+0x100 a4=99 scompare1=5 [code+0x100]=5", "a4=5 [code+0x100]=99"},
    // Off the local memories ATOMCTL decides; its bypass field is 0 after reset.
    {"s32c1i a4, a2, 0", "a2=0x50000100", "exccause=3 excvaddr=0x50000100 epc1=code ps=0x40010 pc=vec+0x300",
     1},
    {"s32c1i a4, a2, 0", "a2=0x50000100 atomctl=0x29 scompare1=1 [0x50000100]=1 a4=2", "a4=1 [0x50000100]=2"},

    {"l32e a4, a2, -64", "a2=data+64", "a4=0x03020100"},
    {"l32e a4, a2, -4", "a2=data+4", "a4=0x03020100"},
    {"s32e a4, a2, -16", "a2=data+16 a4=7", "[data+0]=7"},
    // Outside ring 0 the ESP32 cannot be; if it were, L32E would be refused.
    {"l32e a4, a2, -4", "a2=data+4 ps=0x40040", "exccause=8 epc1=code ps=0x40050 pc=vec+0x300", 1},
};

TEST(Memory, Cases) {
  testing::run_cases(kCases);
}

TEST(Memory, DeviceAccessesGoToTheEnvironmentWithTheirSize) {
  TestMachine machine;
  std::vector<std::string> log;
  machine.on_device_load = [&](std::uint32_t address, unsigned size) {
    log.push_back("load " + std::to_string(address - kDevice) + " " + std::to_string(size));
    return 0x89abcdefu >> 8 * (address & 3);
  };
  machine.on_device_store = [&](std::uint32_t address, unsigned size, std::uint32_t value) {
    log.push_back("store " + std::to_string(address - kDevice) + " " + std::to_string(size) + " " +
                  std::to_string(value));
  };
  machine.load_program(
      "l32i a4, a2, 8; l8ui a5, a2, 3; l16si a6, a2, 2; s32i a4, a2, 4; s8i a7, a2, 1; s16i a7, a2, 6");
  machine.state().ps = kPsWoe;
  machine.core().set_a(2, kDevice);
  machine.core().set_a(7, 77);
  EXPECT_EQ(machine.core().run(6), Stop::kBudget);
  EXPECT_EQ(log, (std::vector<std::string>{"load 8 4", "load 3 1", "load 2 2", "store 4 4 2309737967",
                                           "store 1 1 77", "store 6 2 77"}));
  EXPECT_EQ(machine.core().a(4), 0x89abcdefu);
  EXPECT_EQ(machine.core().a(6), 0xffff89abu);
}

TEST(Memory, StateIsExactInCallbacks) {
  TestMachine machine;
  machine.load_program(
      "addi a3, a3, 1; addi a3, a3, 1; l32i a4, a2, 0; addi a3, a3, 1; s32i a4, a2, 4; addi a3, a3, 1");
  machine.state().ps = kPsWoe;
  machine.core().set_a(2, kDevice);
  machine.core().set_a(3, 0);
  unsigned calls = 0;
  machine.on_device_load = [&](std::uint32_t, unsigned) {
    ++calls;
    EXPECT_EQ(machine.state().pc, kCode + 6);
    EXPECT_EQ(machine.core().instructions(), 2u);
    EXPECT_EQ(machine.core().a(3), 2u);
    return 5u;
  };
  machine.on_device_store = [&](std::uint32_t, unsigned, std::uint32_t value) {
    ++calls;
    EXPECT_EQ(value, 5u);
    EXPECT_EQ(machine.state().pc, kCode + 12);
    EXPECT_EQ(machine.core().instructions(), 4u);
  };
  machine.core().run(6);
  EXPECT_EQ(calls, 2u);
  EXPECT_EQ(machine.core().instructions(), 6u);
}

TEST(Memory, PlainAccessesNeverLeaveTheFastPath) {
  TestMachine machine;
  machine.load_program(
      "l32i a4, a2, 0; s32i a4, a2, 4; l8ui a5, a2, 1; s8i a5, a2, 9; l16ui a6, a2, 2; s16i a6, a2, 12");
  machine.state().ps = kPsWoe;
  machine.core().set_a(2, kData);
  machine.core().run(6);
  EXPECT_EQ(machine.slow_loads, 0u);
  EXPECT_EQ(machine.slow_stores, 0u);
}

TEST(Memory, CodeOutsideHostMemoryIsFetchedFromTheEnvironment) {
  TestMachine machine;
  machine.load_program("movi a4, 5; addi.n a4, a4, 2; movi a5, 7", kMixed);
  machine.state().ps = kPsWoe;
  machine.core().run(3);
  EXPECT_EQ(machine.core().a(4), 7u);
  EXPECT_EQ(machine.core().a(5), 7u);
  EXPECT_GE(machine.slow_fetches, 3u);
}

}  // namespace

std::span<const InstructionCase> testing::memory_cases() {
  return kCases;
}

}  // namespace espalier::xtensa
