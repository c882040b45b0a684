// How the physical registers lie, and how the core moves among them.
#include "xtensa/window_row.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "xtensa/testing/test_machine.h"

namespace espalier::xtensa {
namespace {

using testing::TestMachine;

TEST(WindowRow, SixteenWindowsLieInIt) {
  for (const std::uint32_t row : {0u, kMovingWindows}) {
    for (std::uint32_t n = 0; n < kWindows; ++n) EXPECT_EQ(place_of_window(row + n, row), row + n);
    EXPECT_EQ(place_of_window(row + kWindows, row), row);
  }
}

TEST(WindowRow, EachWindowIsInOnePieceInOneOfThem) {
  for (std::uint32_t window = 0; window < kWindows; ++window) {
    unsigned whole = 0;
    for (const std::uint32_t row : {0u, kMovingWindows}) {
      if (!is_in_one_piece(window, row)) continue;
      ++whole;
      for (std::uint32_t n = 1; n <= 3; ++n)
        EXPECT_EQ(place_of_window(window + n, row), place_of_window(window, row) + n) << window;
    }
    EXPECT_EQ(whole, window <= 4 || (window >= 8 && window <= 12) ? 2u : 1u) << window;
  }
}

TEST(WindowRow, RegistersStayTheSameWhereverTheCoreGoes) {
  TestMachine machine;
  Core& core = machine.core();
  base::Random random(7);
  for (unsigned n = 0; n < 64; ++n) core.set_physical(n, n);
  for (int i = 0; i < 2'000; ++i) {
    core.rotate_to(random.below(16));
    const std::uint32_t first = 4 * core.state().windowbase;
    for (unsigned n = 0; n < 16; ++n) ASSERT_EQ(core.a(n), core.physical((first + n) % 64));
    // Each is written by one name and read by the other.
    const unsigned n = random.below(16);
    core.set_a(n, core.a(n) + 64);
    core.set_physical(n, core.physical(n) + 64);
    for (unsigned reg = 0; reg < 64; ++reg) ASSERT_EQ(core.physical(reg) % 64, reg);
  }
}

TEST(WindowRow, GoingUpAndDownByAFewMovesNone) {
  TestMachine machine;
  Core& core = machine.core();
  for (std::uint32_t start = 0; start < kWindows; ++start) {
    core.rotate_to(start);
    for (const int far : {1, 2, 3, 5}) {
      core.rotate_to(start + static_cast<std::uint32_t>(far));
      const std::uint32_t row = core.state().row;
      for (int i = 0; i < 10; ++i) {
        core.rotate_to(start);
        core.rotate_to(start + static_cast<std::uint32_t>(far));
      }
      EXPECT_EQ(core.state().row, row) << start;
    }
  }
}

TEST(WindowRow, GoingOnMovesThemOnceInEightWindows) {
  TestMachine machine;
  Core& core = machine.core();
  for (const std::uint32_t step : {1u, 15u}) {
    unsigned moves = 0;
    for (int i = 0; i < 160; ++i) {
      const std::uint32_t row = core.state().row;
      core.rotate_to(core.state().windowbase + step);
      moves += core.state().row != row;
    }
    EXPECT_NEAR(moves, 20, 1);
  }
}

}  // namespace
}  // namespace espalier::xtensa
