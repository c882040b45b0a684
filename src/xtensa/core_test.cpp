#include "xtensa/core.h"

#include <gtest/gtest.h>

#include "xtensa/testing/test_machine.h"

namespace espalier::xtensa {
namespace {

using testing::kCode;
using testing::TestMachine;

TEST(Smoke, CountsInALoop) {
  TestMachine machine;
  machine.state().ps = kPsWoe;
  machine.load_program(R"(
    movi a2, 0
    movi a3, 10
    loop a3, done
    addi a2, a2, 3
    done:
    waiti 0
  )");
  EXPECT_EQ(machine.core().run(1000), Stop::kWaiti);
  EXPECT_EQ(machine.core().a(2), 30u);
  EXPECT_EQ(machine.core().instructions(), 2u + 1 + 10 + 1);
}

}  // namespace
}  // namespace espalier::xtensa
