#include "xtensa/disassembler.h"

#include <gtest/gtest.h>

#include "xtensa/decoder.h"

namespace espalier::xtensa {
namespace {

std::string text(std::uint32_t word, std::uint32_t pc = 0x400d0000) {
  return disassemble(decode(pc, word));
}

TEST(Disassembler, RegistersAndNumbers) {
  EXPECT_EQ(text(0x803210), "add\ta3, a2, a1");
  EXPECT_EQ(text(0x0a3210), "add.s\tf3, f2, f1");
  EXPECT_EQ(text(0xf00d), "ret.n");
  EXPECT_EQ(text(0x004136), "entry\ta1, 32");
  EXPECT_EQ(text(0x49c500), "s32e\ta0, a5, -16");
  EXPECT_EQ(text(0x343820), "extui\ta3, a2, 8, 4");
  EXPECT_EQ(text(0x0041f0), "break\t1, 15");
}

TEST(Disassembler, LargeNumbersAreHexadecimal) {
  EXPECT_EQ(text(0xffa022), "movi\ta2, 255");
  EXPECT_EQ(text(0x00a122), "movi\ta2, 0x100");
  EXPECT_EQ(text(0x01af22), "movi\ta2, -255");
  EXPECT_EQ(text(0x00af22), "movi\ta2, 0xffffff00");
  EXPECT_EQ(text(0xffd232), "addmi\ta3, a2, 0xffffff00");
  EXPECT_EQ(text(0xfff136), "entry\ta1, 0x7ff8");
}

TEST(Disassembler, SpecialAndUserRegistersBelongToTheMnemonic) {
  EXPECT_EQ(text(0x03e620), "rsr.ps\ta2");
  EXPECT_EQ(text(0x03e220), "rsr.interrupt\ta2");
  EXPECT_EQ(text(0x13e220), "wsr.intset\ta2");
  EXPECT_EQ(text(0x61d120), "xsr.excsave1\ta2");
  EXPECT_EQ(text(0xe34e70), "rur.threadptr\ta4");
  EXPECT_EQ(text(0xf3e840), "wur.fcr\ta4");
}

TEST(Disassembler, Booleans) {
  EXPECT_EQ(text(0x023210), "andb\tb3, b2, b1");
  EXPECT_EQ(text(0x009820), "all4\tb2, b8:b9:b10:b11");
  EXPECT_EQ(text(0x009b20), "all4\tb2, b8:b9:b10:b11");
  EXPECT_EQ(text(0x00a020), "any8\tb2, b0:b1:b2:b3:b4:b5:b6:b7");
}

TEST(Disassembler, Mac16) {
  EXPECT_EQ(text(0x4b7534), "mula.da.hh.ldinc\tm3, a5, m1, a3");
  EXPECT_EQ(text(0x244044), "mul.dd.ll\tm1, m3");
  EXPECT_EQ(text(0x802104), "ldinc\tm2, a1");
}

TEST(Disassembler, BranchesShowWhatTheyCompareWithBeforeTheTarget) {
  EXPECT_EQ(text(0x00f226, 0x1000), "beqi\ta2, 0x100, 0x1004");
  EXPECT_EQ(text(0x00f2f7, 0x1000), "bbsi\ta2, 31, 0x1004");
}

TEST(Disassembler, InvalidInstruction) {
  EXPECT_EQ(text(0x03fff0), ".byte");
}

TEST(Disassembler, NamesOfAddressesAndLiterals) {
  DisassemblyContext context;
  context.symbol = [](std::uint32_t address) -> std::optional<std::string> {
    if (address == 0x400d0010) return "lit";
    if (address == 0x3ffb0004) return "value+0x4";
    return std::nullopt;
  };
  const Instruction l32r = decode(0x400d0014, 0xffff81);
  EXPECT_EQ(disassemble(l32r, context), "l32r\ta8, 400d0010 <lit>");
  context.word = [](std::uint32_t address) -> std::optional<std::uint32_t> {
    if (address == 0x400d0010) return 0x3ffb0004;
    return std::nullopt;
  };
  EXPECT_EQ(disassemble(l32r, context), "l32r\ta8, 400d0010 <lit> (3ffb0004 <value+0x4>)");
  // Neither the name nor the word is known.
  EXPECT_EQ(disassemble(decode(0x400d0018, 0xffff81), context), "l32r\ta8, 0x400d0014");
  EXPECT_EQ(disassemble(decode(0x400d000c, 0x000006), context), "j\t400d0010 <lit>");
}

}  // namespace
}  // namespace espalier::xtensa
