#include "xtensa/decoder.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "xtensa/instruction_table.h"
#include "xtensa/register_names.h"

namespace espalier::xtensa {
namespace {

constexpr std::uint32_t kPc = 0x400d0000;

Instruction at(std::uint32_t pc, std::uint32_t word) {
  return decode(pc, word);
}
Instruction dec(std::uint32_t word) {
  return decode(kPc, word);
}

// The table itself.

TEST(InstructionTable, RowsStandInTheOrderOfOp) {
  for (std::size_t i = 0; i < kInstructionCount; ++i) {
    EXPECT_EQ(static_cast<std::size_t>(kInstructionTable[i].op), i) << kInstructionTable[i].mnemonic;
  }
}

TEST(InstructionTable, NoTwoRowsOverlap) {
  for (std::size_t i = 0; i < kInstructionCount; ++i) {
    const InstructionRow& a = kInstructionTable[i];
    for (std::size_t j = i + 1; j < kInstructionCount; ++j) {
      const InstructionRow& b = kInstructionTable[j];
      EXPECT_NE((a.match ^ b.match) & a.mask & b.mask, 0u) << a.mnemonic << " and " << b.mnemonic;
    }
  }
}

TEST(InstructionTable, EachRowIsConsistent) {
  std::set<std::string_view> mnemonics;
  for (const InstructionRow& row : kInstructionTable) {
    EXPECT_TRUE(mnemonics.insert(row.mnemonic).second) << row.mnemonic;
    EXPECT_EQ(row.match & ~row.mask, 0u) << row.mnemonic;
    EXPECT_EQ(row.length, instruction_length(static_cast<std::uint8_t>(row.match))) << row.mnemonic;
    if (row.length == 2) {
      EXPECT_EQ(row.mask >> 16, 0u) << row.mnemonic;
    }
    // op0 decides first, so every row has to fix it (CALLn keeps its n in the two bits above it).
    EXPECT_EQ(row.mask & 15, 15u) << row.mnemonic;
    EXPECT_EQ(row.is(kBranch | kLoop) || row.op == Op::J || row.op == Op::CALL0 || row.op == Op::L32R ||
                  row.op == Op::CALL4 || row.op == Op::CALL8 || row.op == Op::CALL12,
              row.operand_count > 0 && row.operands[row.operand_count - 1].print == Print::kTarget)
        << row.mnemonic;
    if (row.is(kLoad | kStore | kFp | kRing0 | kDebugMode)) {
      EXPECT_TRUE(row.is(kRaises)) << row.mnemonic;
    }
    if (row.is(kBranch | kJump | kCall | kReturn | kLoop)) {
      EXPECT_TRUE(row.is(kEndsBlock)) << row.mnemonic;
    }
  }
}

// No operand's bits may be among those that the encoding fixes, or the operand could not take all of its
// values.
TEST(InstructionTable, EachRowDecodesToItselfWhateverItsFreeBits) {
  for (const InstructionRow& row : kInstructionTable) {
    const std::uint32_t all = row.length == 2 ? 0xffff : 0xffffff;
    const bool has_register_number =
        row.op == Op::RSR || row.op == Op::WSR || row.op == Op::XSR || row.op == Op::RUR || row.op == Op::WUR;
    for (const std::uint32_t free : {0u, 0xffffffu, 0x5a5a5au, 0xa5a5a5u, 0x123456u}) {
      const Instruction i = dec(row.match | (free & ~row.mask & all));
      EXPECT_EQ(i.length, row.length) << row.mnemonic;
      if (!has_register_number) {
        EXPECT_EQ(i.op, row.op) << row.mnemonic;
      }
    }
  }
}

const Operand& operand(Op op, unsigned index) {
  return instruction_row(op).operands[index];
}

TEST(InstructionTable, OperandsSayWhatIsReadAndWritten) {
  EXPECT_TRUE(operand(Op::ADD, 0).writes());
  EXPECT_FALSE(operand(Op::ADD, 0).reads());
  EXPECT_FALSE(operand(Op::ADD, 1).writes());
  EXPECT_TRUE(operand(Op::MOVEQZ, 0).reads());  // it keeps its value where the condition fails
  EXPECT_TRUE(operand(Op::MOVEQZ, 0).writes());
  EXPECT_TRUE(operand(Op::S32C1I, 0).reads());
  EXPECT_TRUE(operand(Op::S32C1I, 0).writes());
  EXPECT_FALSE(operand(Op::S32I, 0).writes());
  EXPECT_TRUE(operand(Op::LSIP, 1).writes());
  EXPECT_FALSE(operand(Op::LSI, 1).writes());
  EXPECT_EQ(operand(Op::LSI, 0).file, RegisterFile::kFr);
  EXPECT_EQ(operand(Op::OEQ_S, 0).file, RegisterFile::kBr);
  EXPECT_EQ(operand(Op::ALL8, 1).group, 8);
  EXPECT_EQ(operand(Op::MULA_DD_HH_LDDEC, 0).file, RegisterFile::kMr);
  EXPECT_EQ(operand(Op::MULA_DD_HH_LDDEC, 0).place, Place::kImm);
  EXPECT_TRUE(operand(Op::MULA_DD_HH_LDDEC, 1).writes());
  EXPECT_EQ(operand(Op::EXTUI, 3).place, Place::kImm2);
  EXPECT_EQ(instruction_row(Op::F64ITER).operand_count, 5);
  EXPECT_EQ(instruction_row(Op::RET).operand_count, 0);
}

TEST(InstructionTable, Classes) {
  EXPECT_EQ(instruction_row(Op::ADD).flags, kPlain);
  EXPECT_EQ(instruction_row(Op::L32R).flags, kLoad | kRaises);
  EXPECT_EQ(instruction_row(Op::BEQZ_N).flags, kBranch | kEndsBlock);
  EXPECT_EQ(instruction_row(Op::LSIP).flags, kLoad | kFp | kRaises);
  EXPECT_EQ(instruction_row(Op::RETW_N).flags, kReturn | kWindow | kRaises | kEndsBlock);
  EXPECT_EQ(instruction_row(Op::QUOU).flags, kRaises);
}

// Lengths and what is no instruction.

TEST(Decoder, LengthFollowsBit3OfTheFirstByte) {
  EXPECT_EQ(dec(0x000000).length, 3);
  EXPECT_EQ(dec(0x000007).length, 3);
  EXPECT_EQ(dec(0x000008).length, 2);
  EXPECT_EQ(dec(0xf03d).length, 2);
}

TEST(Decoder, FirstNibbles14And15AreNoInstructionOfThisCore) {
  for (std::uint32_t rest = 0; rest < 1u << 20; rest += 0x111) {
    for (const std::uint32_t op0 : {14u, 15u}) {
      const Instruction i = dec(rest << 4 | op0);
      EXPECT_EQ(i.op, Op::kInvalid);
      EXPECT_EQ(i.length, 2);
    }
  }
}

TEST(Decoder, BitsBehindA16BitInstructionDoNotMatter) {
  for (const std::uint32_t behind : {0u, 0xffu, 0x80u, 0xffffu}) {
    const Instruction i = dec(behind << 16 | 0xf03d);
    EXPECT_EQ(i.op, Op::NOP_N);
    EXPECT_EQ(i.length, 2);
  }
}

TEST(Decoder, TheFourthByteDoesNotMatter) {
  EXPECT_EQ(dec(0xff0020f0).op, Op::NOP);
  EXPECT_EQ(dec(0xff7fc222).imm, dec(0x7fc222).imm);
}

TEST(Decoder, ReadsNoMoreBytesThanTheInstructionHas) {
  // The sanitizer build notices a byte too many.
  const std::vector<std::uint8_t> narrow = {0x3d, 0xf0};
  EXPECT_EQ(decode(kPc, narrow.data()).op, Op::NOP_N);
  const std::vector<std::uint8_t> wide = {0xf0, 0x20, 0x00};
  EXPECT_EQ(decode(kPc, wide.data()).op, Op::NOP);
}

TEST(Decoder, IllIsAnInstructionOfItsOwn) {
  EXPECT_EQ(dec(0x000000).op, Op::ILL);
  EXPECT_EQ(dec(0xf06d).op, Op::ILL_N);
}

TEST(Decoder, WhatTheConfigurationLacksIsInvalid) {
  EXPECT_EQ(dec(0x007002).op, Op::kInvalid);  // DPFR, a cache instruction
  EXPECT_EQ(dec(0x007242).op, Op::kInvalid);  // DHWB
  EXPECT_EQ(dec(0x0070e2).op, Op::kInvalid);  // IHI
  EXPECT_EQ(dec(0xf11000).op, Op::kInvalid);  // LDCT and its like
  EXPECT_EQ(dec(0x501000).op, Op::kInvalid);  // HWWITLBA: there is no MMU
  EXPECT_EQ(dec(0x003100).op, Op::kInvalid);  // RFUE: there is no such exception in XEA2
  EXPECT_EQ(dec(0x0a0001).op, Op::L32R);
  EXPECT_EQ(dec(0x0000d0 | 15 << 8).op, Op::CALLX4);
  EXPECT_EQ(dec(0x000040).op, Op::kInvalid);  // reserved in SNM0
}

TEST(Decoder, AnInvalidInstructionHasNothingButItsLength) {
  const Instruction i = dec(0x03fff0);  // RSR of register 255
  EXPECT_EQ(i.op, Op::kInvalid);
  EXPECT_EQ(i.length, 3);
  EXPECT_EQ(i.imm, 0);
  EXPECT_EQ(i.r, 0);
  EXPECT_EQ(i.s, 0);
  EXPECT_EQ(i.t, 0);
}

// Registers.

TEST(Decoder, FieldsRST) {
  const Instruction i = dec(0x803210);  // add a3, a2, a1
  EXPECT_EQ(i.op, Op::ADD);
  EXPECT_EQ(i.r, 3);
  EXPECT_EQ(i.s, 2);
  EXPECT_EQ(i.t, 1);
}

TEST(Decoder, SpecialRegistersOfThisCoreOnly) {
  const auto number = [](std::uint32_t base, std::uint32_t sr) { return dec(base | sr << 8 | 0x50); };
  EXPECT_EQ(number(0x030000, 3).op, Op::RSR);
  EXPECT_EQ(number(0x030000, 3).imm, 3);
  EXPECT_EQ(number(0x030000, 3).t, 5);
  EXPECT_EQ(number(0x130000, 230).op, Op::WSR);
  EXPECT_EQ(number(0x610000, 209).op, Op::XSR);
  EXPECT_EQ(number(0x610000, 209).imm, 209);
  // PRID is only read, INTCLEAR only written, INTERRUPT never exchanged, 83 (PTEVADDR) not there.
  EXPECT_EQ(number(0x030000, 235).op, Op::RSR);
  EXPECT_EQ(number(0x130000, 235).op, Op::kInvalid);
  EXPECT_EQ(number(0x610000, 235).op, Op::kInvalid);
  EXPECT_EQ(number(0x030000, 227).op, Op::kInvalid);
  EXPECT_EQ(number(0x130000, 227).op, Op::WSR);
  EXPECT_EQ(number(0x610000, 226).op, Op::kInvalid);
  EXPECT_EQ(number(0x030000, 83).op, Op::kInvalid);
  EXPECT_EQ(number(0x130000, 83).op, Op::kInvalid);
}

TEST(Decoder, UserRegistersHaveTheirNumberInDifferentFields) {
  const Instruction rur = dec(0xe34e70);  // rur.threadptr a4: number in s and t
  EXPECT_EQ(rur.op, Op::RUR);
  EXPECT_EQ(rur.imm, 231);
  EXPECT_EQ(rur.r, 4);
  const Instruction wur = dec(0xf3e740);  // wur.threadptr a4: number in r and s
  EXPECT_EQ(wur.op, Op::WUR);
  EXPECT_EQ(wur.imm, 231);
  EXPECT_EQ(wur.t, 4);
  EXPECT_EQ(dec(0xe34000).op, Op::kInvalid);
  EXPECT_EQ(dec(0xf30040).op, Op::kInvalid);
}

TEST(Decoder, Mac16Registers) {
  const Instruction i = dec(0x4b7534);  // mula.da.hh.ldinc m3, a5, m1, a3
  EXPECT_EQ(i.op, Op::MULA_DA_HH_LDINC);
  EXPECT_EQ(i.imm, 3);
  EXPECT_EQ(i.s, 5);
  EXPECT_EQ(i.r, 1);
  EXPECT_EQ(i.t, 3);
  const Instruction dd = dec(0x244044);  // mul.dd.ll m1, m3
  EXPECT_EQ(dd.op, Op::MUL_DD_LL);
  EXPECT_EQ(dd.r, 1);
  EXPECT_EQ(dd.t, 3);
  EXPECT_EQ(dec(0x240004).r, 0);
  EXPECT_EQ(dec(0x240004).t, 2);
  EXPECT_EQ(dec(0x802104).op, Op::LDINC);  // ldinc m2, a1
  EXPECT_EQ(dec(0x802104).imm, 2);
  EXPECT_EQ(dec(0x802104).s, 1);
}

// Immediates.

TEST(Decoder, MoviSign) {
  const auto movi = [](std::uint32_t imm12) {
    return dec((imm12 & 0xff) << 16 | 0xa002 | (imm12 >> 8) << 8 | 0x20).imm;
  };
  EXPECT_EQ(movi(0), 0);
  EXPECT_EQ(movi(0x7ff), 2047);
  EXPECT_EQ(movi(0x800), -2048);
  EXPECT_EQ(movi(0xfff), -1);
  EXPECT_EQ(movi(0x0ff), 255);  // the top bit of the low byte is no sign
  EXPECT_EQ(movi(0x100), 256);
  EXPECT_EQ(movi(0xf00), -256);
}

TEST(Decoder, MoviNReachesFromMinus32To95) {
  const auto movi_n = [](std::uint32_t imm7) { return dec((imm7 & 15) << 12 | 0x000c | (imm7 >> 4) << 4); };
  EXPECT_EQ(movi_n(0).op, Op::MOVI_N);
  EXPECT_EQ(movi_n(0).imm, 0);
  EXPECT_EQ(movi_n(63).imm, 63);
  EXPECT_EQ(movi_n(64).imm, 64);
  EXPECT_EQ(movi_n(95).imm, 95);
  EXPECT_EQ(movi_n(96).imm, -32);
  EXPECT_EQ(movi_n(127).imm, -1);
}

TEST(Decoder, AddiAndAddmi) {
  EXPECT_EQ(dec(0x7fc232).imm, 127);
  EXPECT_EQ(dec(0x80c232).imm, -128);
  EXPECT_EQ(dec(0x7fd232).op, Op::ADDMI);
  EXPECT_EQ(dec(0x7fd232).imm, 32512);
  EXPECT_EQ(dec(0x80d232).imm, -32768);
  EXPECT_EQ(dec(0xffd232).imm, -256);
}

TEST(Decoder, AddiNHasMinusOneInThePlaceOfZero) {
  EXPECT_EQ(dec(0x220b).imm, -1);
  EXPECT_EQ(dec(0x221b).imm, 1);
  EXPECT_EQ(dec(0x22fb).imm, 15);
}

TEST(Decoder, LoadAndStoreOffsetsAreScaled) {
  EXPECT_EQ(dec(0xff0232).imm, 255);   // l8ui
  EXPECT_EQ(dec(0xff1232).imm, 510);   // l16ui
  EXPECT_EQ(dec(0xff2232).imm, 1020);  // l32i
  EXPECT_EQ(dec(0xffe232).op, Op::S32C1I);
  EXPECT_EQ(dec(0xffe232).imm, 1020);
  EXPECT_EQ(dec(0xf238).op, Op::L32I_N);
  EXPECT_EQ(dec(0xf238).imm, 60);
  EXPECT_EQ(dec(0xff0013).op, Op::LSI);
  EXPECT_EQ(dec(0xff0013).imm, 1020);
}

TEST(Decoder, L32EOffsetsAreNegative) {
  EXPECT_EQ(dec(0x090500).op, Op::L32E);
  EXPECT_EQ(dec(0x090500).imm, -64);
  EXPECT_EQ(dec(0x09f500).imm, -4);
  EXPECT_EQ(dec(0x49c500).op, Op::S32E);
  EXPECT_EQ(dec(0x49c500).imm, -16);
}

TEST(Decoder, ShiftAmounts) {
  EXPECT_EQ(dec(0x012310).op, Op::SLLI);
  EXPECT_EQ(dec(0x012310).imm, 31);
  EXPECT_EQ(dec(0x0123f0).imm, 17);
  EXPECT_EQ(dec(0x112300).imm, 16);
  EXPECT_EQ(dec(0x1123f0).imm, 1);
  EXPECT_EQ(dec(0x012300).imm, 32);  // a shift by 0 cannot be written
  EXPECT_EQ(dec(0x412f30).op, Op::SRLI);
  EXPECT_EQ(dec(0x412f30).imm, 15);
  EXPECT_EQ(dec(0x212f30).op, Op::SRAI);
  EXPECT_EQ(dec(0x212f30).imm, 15);
  EXPECT_EQ(dec(0x312030).op, Op::SRAI);
  EXPECT_EQ(dec(0x312030).imm, 16);
  EXPECT_EQ(dec(0x312f30).imm, 31);
  EXPECT_EQ(dec(0x404f10).op, Op::SSAI);
  EXPECT_EQ(dec(0x404f10).imm, 31);
  EXPECT_EQ(dec(0x404f00).imm, 15);
}

TEST(Decoder, ExtuiHasItsShiftInTwoPieces) {
  const Instruction low = dec(0x042030);  // extui a2, a3, 0, 1
  EXPECT_EQ(low.op, Op::EXTUI);
  EXPECT_EQ(low.imm, 0);
  EXPECT_EQ(low.imm2, 1);
  const Instruction high = dec(0xf52f30);  // extui a2, a3, 31, 16
  EXPECT_EQ(high.op, Op::EXTUI);
  EXPECT_EQ(high.imm, 31);
  EXPECT_EQ(high.imm2, 16);
}

TEST(Decoder, SextAndClampsCountFrom7) {
  EXPECT_EQ(dec(0x232300).op, Op::SEXT);
  EXPECT_EQ(dec(0x232300).imm, 7);
  EXPECT_EQ(dec(0x2323f0).imm, 22);
  EXPECT_EQ(dec(0x332300).op, Op::CLAMPS);
  EXPECT_EQ(dec(0x332300).imm, 7);
}

TEST(Decoder, RotwIsSigned) {
  EXPECT_EQ(dec(0x408010).imm, 1);
  EXPECT_EQ(dec(0x408070).imm, 7);
  EXPECT_EQ(dec(0x408080).imm, -8);
  EXPECT_EQ(dec(0x4080f0).imm, -1);
}

TEST(Decoder, EntryCountsIn8Bytes) {
  EXPECT_EQ(dec(0x004136).op, Op::ENTRY);
  EXPECT_EQ(dec(0x004136).s, 1);
  EXPECT_EQ(dec(0x004136).imm, 32);
  EXPECT_EQ(dec(0xfff136).imm, 32760);
}

TEST(Decoder, BreakHasTwoImmediates) {
  const Instruction i = dec(0x0041f0);
  EXPECT_EQ(i.op, Op::BREAK);
  EXPECT_EQ(i.imm, 1);
  EXPECT_EQ(i.imm2, 15);
  EXPECT_EQ(dec(0xf52d).op, Op::BREAK_N);
  EXPECT_EQ(dec(0xf52d).imm, 5);
}

TEST(Decoder, B4const) {
  const int expected[] = {-1, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 32, 64, 128, 256};
  for (std::uint32_t i = 0; i < 16; ++i) {
    EXPECT_EQ(dec(i << 12 | 0x226).op, Op::BEQI);
    EXPECT_EQ(dec(i << 12 | 0x226).imm2, expected[i]) << i;
  }
}

TEST(Decoder, B4constu) {
  const int expected[] = {32768, 65536, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 32, 64, 128, 256};
  for (std::uint32_t i = 0; i < 16; ++i) {
    EXPECT_EQ(dec(i << 12 | 0x2b6).op, Op::BLTUI);
    EXPECT_EQ(dec(i << 12 | 0x2b6).imm2, expected[i]) << i;
    EXPECT_EQ(dec(i << 12 | 0x2f6).op, Op::BGEUI);
    EXPECT_EQ(dec(i << 12 | 0x2f6).imm2, expected[i]) << i;
  }
}

TEST(Decoder, BbciAndBbsiHaveBit4OfTheBitNumberInTheOpcode) {
  EXPECT_EQ(dec(0x0062f7).op, Op::BBCI);
  EXPECT_EQ(dec(0x0062f7).imm2, 15);
  EXPECT_EQ(dec(0x007207).op, Op::BBCI);
  EXPECT_EQ(dec(0x007207).imm2, 16);
  EXPECT_EQ(dec(0x00e2f7).op, Op::BBSI);
  EXPECT_EQ(dec(0x00f2f7).op, Op::BBSI);
  EXPECT_EQ(dec(0x00f2f7).imm2, 31);
}

// Addresses.

std::uint32_t target(std::uint32_t pc, std::uint32_t word) {
  return static_cast<std::uint32_t>(at(pc, word).imm);
}

TEST(Decoder, BranchTargets) {
  EXPECT_EQ(target(0x1000, 0x001237), 0x1004u);  // beq, offset 0
  EXPECT_EQ(target(0x1000, 0x7f1237), 0x1004u + 127);
  EXPECT_EQ(target(0x1000, 0x801237), 0x1004u - 128);
  EXPECT_EQ(target(0x1000, 0x7ff216), 0x1004u + 2047);  // beqz
  EXPECT_EQ(target(0x1000, 0x800216), 0x1004u - 2048);
  EXPECT_EQ(target(0x1003, 0xfff216), 0x1006u);        // no alignment
  EXPECT_EQ(target(0x1000, 0x7f0376), 0x1004u + 127);  // bf
  EXPECT_EQ(target(0, 0x801237), 0xffffff84u);         // around zero
}

TEST(Decoder, NarrowBranchesGoForwardOnly) {
  EXPECT_EQ(at(0x1000, 0x028c).op, Op::BEQZ_N);
  EXPECT_EQ(target(0x1000, 0x028c), 0x1004u);
  EXPECT_EQ(target(0x1000, 0xf2bc), 0x1004u + 63);
  EXPECT_EQ(at(0x1000, 0x02cc).op, Op::BNEZ_N);
  EXPECT_EQ(target(0x1001, 0xf2fc), 0x1005u + 63);
}

TEST(Decoder, JumpTargets) {
  EXPECT_EQ(target(0x40080000, 0x000006), 0x40080004u);
  EXPECT_EQ(target(0x40080001, 0x7fffc6), 0x40080005u + 131071);
  EXPECT_EQ(target(0x40080000, 0x800006), 0x40080004u - 131072);
}

TEST(Decoder, CallTargetsAreWordsFromTheAlignedPc) {
  for (std::uint32_t low = 0; low < 4; ++low) {
    EXPECT_EQ(target(0x40080000 + low, 0x000005), 0x40080004u) << low;
    EXPECT_EQ(target(0x40080000 + low, 0x7fffe5), 0x40080004u + 131071 * 4) << low;
    EXPECT_EQ(target(0x40080000 + low, 0x800015), 0x40080004u - 131072 * 4) << low;
  }
  EXPECT_EQ(dec(0x000005).op, Op::CALL0);
  EXPECT_EQ(dec(0x000015).op, Op::CALL4);
  EXPECT_EQ(dec(0x000025).op, Op::CALL8);
  EXPECT_EQ(dec(0x000035).op, Op::CALL12);
}

TEST(Decoder, L32RReachesBackwardsFromThePcRoundedUp) {
  EXPECT_EQ(target(0x40080000, 0xffff21), 0x4007fffcu);
  EXPECT_EQ(target(0x40080001, 0xffff21), 0x40080000u);
  EXPECT_EQ(target(0x40080003, 0xffff21), 0x40080000u);
  EXPECT_EQ(target(0x40080004, 0xffff21), 0x40080000u);
  EXPECT_EQ(target(0x40080000, 0x000021), 0x40080000u - 0x40000);
  EXPECT_EQ(target(0x40080000, 0x800021), 0x40080000u - 0x20000);  // no sign: always behind the pc
}

TEST(Decoder, LoopEndsLieAheadOnly) {
  EXPECT_EQ(dec(0x008376).op, Op::LOOP);
  EXPECT_EQ(dec(0x009376).op, Op::LOOPNEZ);
  EXPECT_EQ(dec(0x00a376).op, Op::LOOPGTZ);
  EXPECT_EQ(target(0x1000, 0x008376), 0x1004u);
  EXPECT_EQ(target(0x1000, 0xff8376), 0x1004u + 255);
}

// Names.

TEST(RegisterNames, InterruptHasTwo) {
  EXPECT_EQ(special_register_name(Op::RSR, 226), "interrupt");
  EXPECT_EQ(special_register_name(Op::WSR, 226), "intset");
  EXPECT_EQ(special_register_name(Op::XSR, 226), std::nullopt);
  EXPECT_EQ(special_register_name(Op::ADD, 3), std::nullopt);
  EXPECT_EQ(user_register_name(231), "threadptr");
  EXPECT_EQ(user_register_name(0), std::nullopt);
}

}  // namespace
}  // namespace espalier::xtensa
