#include "xtensa/instruction_traits.h"

#include <gtest/gtest.h>

#include "xtensa/decoder.h"
#include "xtensa/instruction_table.h"
#include "xtensa/testing/assembler.h"

namespace espalier::xtensa {
namespace {

Instruction instruction(std::string_view text) {
  const testing::Program program = testing::assemble(text, 0x40080000);
  return decode(0x40080000, program.bytes.data());
}

TEST(InstructionTraits, Panes) {
  EXPECT_EQ(panes_of(instruction("add a3, a2, a1")), 0u);
  EXPECT_EQ(panes_of(instruction("add a4, a2, a1")), 1u);
  EXPECT_EQ(panes_of(instruction("add a1, a8, a1")), 2u);
  EXPECT_EQ(panes_of(instruction("s32i a15, a2, 0")), 3u);
  EXPECT_EQ(panes_of(instruction("add.s f15, f15, f15")), 0u);
  EXPECT_EQ(panes_of(instruction("lsx f15, a2, a9")), 2u);
  EXPECT_EQ(panes_of(instruction("call0 0x40080100")), 0u);
  EXPECT_EQ(panes_of(instruction("call12 0x40080100")), 3u);
  EXPECT_EQ(panes_of(instruction("callx4 a9")), 2u);
  EXPECT_EQ(panes_of(instruction("entry a1, 32")), 0u);
  EXPECT_EQ(panes_of(instruction("extui a2, a3, 15, 15")), 0u);
}

TEST(InstructionTraits, EveryLoadAndStoreHasAShape) {
  for (const InstructionRow& row : kInstructionTable) {
    Instruction in{.op = row.op, .length = row.length};
    const AccessShape shape = access_shape(in);
    const bool accesses = row.is(kLoad | kStore) && !row.is(kDebugMode);
    EXPECT_EQ(shape.size != 0, accesses) << row.mnemonic;
    EXPECT_EQ(shape.load, accesses && row.is(kLoad)) << row.mnemonic;
    EXPECT_EQ(shape.store, accesses && row.is(kStore)) << row.mnemonic;
  }
}

TEST(InstructionTraits, ShapesThatDiffer) {
  EXPECT_EQ(access_shape(instruction("l8ui a2, a3, 7")).size, 1);
  EXPECT_EQ(access_shape(instruction("s16i a2, a3, 6")).size, 2);
  EXPECT_EQ(access_shape(instruction("l32i a2, a3, 8")).offset, 8u);
  EXPECT_FALSE(access_shape(instruction("l32r a2, 0x4007fff0")).base);
  EXPECT_EQ(access_shape(instruction("l32r a2, 0x4007fff0")).offset, 0x4007fff0u);
  EXPECT_TRUE(access_shape(instruction("ssx f1, a2, a3")).index);
  EXPECT_EQ(access_shape(instruction("lsip f1, a2, 8")).offset, 0u);
  EXPECT_EQ(access_shape(instruction("lddec m0, a2")).offset, 0u - 4);
  EXPECT_EQ(access_shape(instruction("ldinc m0, a2")).offset, 4u);
  EXPECT_EQ(access_shape(instruction("l32e a2, a3, -16")).offset, 0u - 16);
}

}  // namespace
}  // namespace espalier::xtensa
