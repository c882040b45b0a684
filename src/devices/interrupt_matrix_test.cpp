#include "devices/interrupt_matrix.h"

#include <gtest/gtest.h>

#include <string>

namespace espalier::devices {
namespace {

TEST(InterruptMatrix, NothingIsRoutedAfterReset) {
  InterruptMatrix matrix;
  for (unsigned source = 0; source < InterruptMatrix::kSources; ++source) {
    EXPECT_EQ(matrix.mapping(0, source), 16u);
    EXPECT_EQ(matrix.mapping(1, source), 16u);
    matrix.set_source(source, true);
  }
  for (unsigned line = 0; line < 32; ++line) {
    EXPECT_FALSE(matrix.output(0, line).level());
    EXPECT_FALSE(matrix.output(1, line).level());
  }
}

TEST(InterruptMatrix, RoutesASourceToEachCoreOnItsOwn) {
  InterruptMatrix matrix;
  matrix.map(0, 34, 5);
  matrix.map(1, 34, 23);
  matrix.input(34)(true);
  EXPECT_TRUE(matrix.output(0, 5).level());
  EXPECT_TRUE(matrix.output(1, 23).level());
  EXPECT_FALSE(matrix.output(0, 23).level());
  matrix.input(34)(false);
  EXPECT_FALSE(matrix.output(0, 5).level());
  EXPECT_FALSE(matrix.output(1, 23).level());
}

TEST(InterruptMatrix, SharedLineStaysHighUntilItsLastSourceFalls) {
  InterruptMatrix matrix;
  matrix.map(0, 10, 3);
  matrix.map(0, 68, 3);
  matrix.set_source(10, true);
  matrix.set_source(68, true);
  matrix.set_source(10, false);
  EXPECT_TRUE(matrix.output(0, 3).level());
  matrix.set_source(68, false);
  EXPECT_FALSE(matrix.output(0, 3).level());
}

TEST(InterruptMatrix, RemappingAHighSourceMovesItsLevel) {
  InterruptMatrix matrix;
  matrix.set_source(22, true);
  matrix.map(0, 22, 9);
  EXPECT_TRUE(matrix.output(0, 9).level());
  matrix.map(0, 22, 12);
  EXPECT_FALSE(matrix.output(0, 9).level());
  EXPECT_TRUE(matrix.output(0, 12).level());
  matrix.map(0, 22, 0x20 | 13);  // five bits count
  EXPECT_EQ(matrix.mapping(0, 22), 13u);
  EXPECT_TRUE(matrix.output(0, 13).level());
}

TEST(InterruptMatrix, InternalLinesDisconnect) {
  InterruptMatrix matrix;
  for (unsigned line : {6u, 7u, 11u, 15u, 16u, 29u}) {
    matrix.map(0, 1, 2);
    matrix.set_source(1, true);
    EXPECT_TRUE(matrix.output(0, 2).level());
    matrix.map(0, 1, line);
    EXPECT_FALSE(matrix.output(0, 2).level());
    EXPECT_FALSE(matrix.output(0, line).level());
    matrix.set_source(1, false);
  }
}

TEST(InterruptMatrix, PulseReachesTheWireAsTwoEdges) {
  InterruptMatrix matrix;
  std::string seen;
  matrix.output(1, 10).connect([&](bool level) { seen += level ? '/' : '\\'; });
  matrix.map(1, 58, 10);
  matrix.set_source(58, true);
  matrix.set_source(58, false);
  matrix.set_source(58, false);
  EXPECT_EQ(seen, "/\\");
}

TEST(InterruptMatrix, StatusShowsSourcesWhateverTheirMapping) {
  InterruptMatrix matrix;
  matrix.set_source(0, true);
  matrix.set_source(33, true);
  matrix.set_source(68, true);
  EXPECT_EQ(matrix.status(0), 1u);
  EXPECT_EQ(matrix.status(1), 2u);
  EXPECT_EQ(matrix.status(2), 1u << 4);
}

TEST(InterruptMatrix, ResetDisconnectsButKeepsTheSourcesLevels) {
  InterruptMatrix matrix;
  matrix.map(0, 40, 8);
  matrix.set_source(40, true);
  matrix.reset();
  EXPECT_FALSE(matrix.output(0, 8).level());
  EXPECT_EQ(matrix.status(1), 1u << 8);
  matrix.map(0, 40, 8);
  EXPECT_TRUE(matrix.output(0, 8).level());
}

TEST(InterruptMatrix, ArchiveRestoresRoutesAndWires) {
  InterruptMatrix matrix;
  matrix.map(0, 40, 8);
  matrix.map(1, 41, 9);
  matrix.set_source(40, true);
  base::Archive out = base::Archive::saving();
  matrix.archive(out);

  InterruptMatrix other;
  other.map(1, 7, 20);
  other.set_source(7, true);
  base::Archive in = base::Archive::loading(out.bytes());
  other.archive(in);
  EXPECT_FALSE(in.failed());
  EXPECT_TRUE(other.output(0, 8).level());
  EXPECT_FALSE(other.output(1, 20).level());
  other.set_source(40, false);
  EXPECT_FALSE(other.output(0, 8).level());
  other.set_source(41, true);
  EXPECT_TRUE(other.output(1, 9).level());
}

}  // namespace
}  // namespace espalier::devices
