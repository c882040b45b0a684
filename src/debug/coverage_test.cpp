#include "debug/coverage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "image/image_test_support.h"

namespace espalier::debug {
namespace {

using image::test::make_debug_line;
using image::test::make_elf;

constexpr std::uint32_t kBase = 0x40080000;

Symbols program(image::Bytes lines, const std::vector<image::test::TestElfSymbol>& symbols) {
  return Symbols(std::make_shared<image::ElfFile>(
      image::ElfFile::parse(make_elf({{.name = ".text",
                                       .address = kBase,
                                       .data = image::Bytes(0x100, 1),
                                       .flags = SHF_ALLOC | SHF_EXECINSTR},
                                      {.name = ".debug_line", .data = std::move(lines), .flags = 0}},
                                     symbols))
          .value()));
}

std::string lcov(const Symbols& symbols, std::map<std::uint32_t, std::uint64_t> counts) {
  return lcov_tracefile(symbols, [&counts](std::uint32_t address) { return counts[address - kBase]; });
}

TEST(Coverage, IsATracefileOfLcov) {
  const Symbols symbols = program(
      make_debug_line({"b.c", "a.c"},
                      {{{kBase, 1, 10}, {kBase + 3, 1, 11}, {kBase + 6, 1, 12, false}, {kBase + 9, 1, 0}},
                       {{kBase + 0x20, 2, 5}, {kBase + 0x24, 2, 0}}}),
      {{.name = "first", .value = kBase, .size = 9},
       {.name = "other", .value = kBase + 0x20, .size = 4},
       {.name = "no_lines", .value = kBase + 0x40, .size = 4}});
  EXPECT_EQ(lcov(symbols, {{0, 7}, {6, 9}}), R"(TN:
SF:a.c
FN:5,other
FNDA:0,other
FNF:1
FNH:0
DA:5,0
LF:1
LH:0
end_of_record
TN:
SF:b.c
FN:10,first
FNDA:7,first
FNF:1
FNH:1
DA:10,7
DA:11,0
LF:2
LH:1
end_of_record
)");
}

// for (i = 0; ...; ++i): three places of one line.
TEST(Coverage, ALineCountsAsOftenAsItsBusiestPlace) {
  const Symbols symbols = program(
      make_debug_line(
          {"a.c"},
          {{{kBase, 1, 10}, {kBase + 3, 1, 11}, {kBase + 6, 1, 10}, {kBase + 9, 1, 10}, {kBase + 12, 1, 0}}}),
      {{.name = "f", .value = kBase, .size = 12}});
  EXPECT_THAT(lcov(symbols, {{0, 1}, {3, 20}, {6, 20}, {9, 21}}),
              ::testing::HasSubstr("DA:10,21\nDA:11,20\n"));
}

TEST(Coverage, AnInlinedLineIsTheSumOfItsCopies) {
  const Symbols symbols = program(
      make_debug_line(
          {"a.c", "i.h"},
          {{{kBase, 1, 10}, {kBase + 3, 2, 4}, {kBase + 6, 1, 20}, {kBase + 9, 2, 4}, {kBase + 12, 1, 0}}}),
      {{.name = "f", .value = kBase, .size = 6}, {.name = "g", .value = kBase + 6, .size = 6}});
  EXPECT_THAT(lcov(symbols, {{0, 3}, {3, 3}, {6, 4}, {9, 4}}),
              ::testing::HasSubstr("SF:i.h\nFNF:0\nFNH:0\nDA:4,7\n"));
}

TEST(Coverage, CopiesOfAnInlineFunctionAreOneFunction) {
  const Symbols symbols =
      program(make_debug_line({"i.h"}, {{{kBase, 1, 4}, {kBase + 6, 1, 4}, {kBase + 12, 1, 0}}}),
              {{.name = "_Z4copyi", .value = kBase, .size = 6, .binding = STB_LOCAL},
               {.name = "_Z4copyi", .value = kBase + 6, .size = 6, .binding = STB_LOCAL}});
  EXPECT_THAT(lcov(symbols, {{0, 3}, {6, 4}}),
              ::testing::HasSubstr("FN:4,_Z4copyi\nFNDA:7,_Z4copyi\nFNF:1\nFNH:1\nDA:4,7\n"));
}

}  // namespace
}  // namespace espalier::debug
