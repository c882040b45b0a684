// No instruction without a case.
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "xtensa/instruction_table.h"
#include "xtensa/testing/assembler.h"
#include "xtensa/testing/instruction_case.h"
#include "xtensa/testing/test_machine.h"

namespace espalier::xtensa {
namespace {

TEST(Coverage, EveryInstructionHasACase) {
  std::set<Op> seen;
  for (const auto& table :
       {testing::arithmetic_cases(), testing::shift_cases(), testing::memory_cases(), testing::branch_cases(),
        testing::loop_cases(), testing::window_cases(), testing::boolean_cases(), testing::mac16_cases(),
        testing::system_cases(), testing::fp_cases()}) {
    for (const testing::InstructionCase& test : table) {
      for (const Op op : testing::assemble(test.code, testing::kCode).instructions) seen.insert(op);
    }
  }
  std::string missing;
  for (const InstructionRow& row : kInstructionTable) {
    if (!seen.contains(row.op)) missing += std::string(row.mnemonic) + " ";
  }
  EXPECT_EQ(missing, "");
}

}  // namespace
}  // namespace espalier::xtensa
