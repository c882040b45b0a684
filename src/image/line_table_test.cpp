#include "image/line_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "image/image_test_support.h"

namespace espalier::image {
namespace {

using test::make_elf;

// The last is a function that the linker has dropped.
Bytes line_program() {
  return test::make_debug_line({"main.c", "lib/util.h"}, {{{0x40080000, 1, 10},
                                                           {0x40080003, 1, 12},
                                                           {0x40080003, 2, 5, false},
                                                           {0x40080008, 1, 13},
                                                           {0x4008000c, 1, 0}},
                                                          {{0, 1, 99}, {4, 1, 0}}});
}

ElfFile program_with(Bytes debug_line) {
  return ElfFile::parse(make_elf({{.name = ".text",
                                   .address = 0x40080000,
                                   .data = Bytes(0x40, 1),
                                   .flags = SHF_ALLOC | SHF_EXECINSTR},
                                  {.name = ".debug_line", .data = std::move(debug_line), .flags = 0}}))
      .value();
}

TEST(LineTable, TellsFileAndLineOfEachInstruction) {
  const LineTable table = LineTable::read(program_with(line_program()));
  const auto line_at = [&table](std::uint32_t address) {
    const LineTable::Row* row = table.at(address);
    return row == nullptr ? std::string() : table.file(row->file) + ":" + std::to_string(row->line);
  };
  EXPECT_EQ(line_at(0x40080000), "main.c:10");
  EXPECT_EQ(line_at(0x40080002), "main.c:10");
  EXPECT_EQ(line_at(0x40080003), "lib/util.h:5") << "the later of two rows for one address";
  EXPECT_EQ(line_at(0x40080008), "main.c:13");
  EXPECT_EQ(line_at(0x4008000b), "main.c:13");
  EXPECT_EQ(line_at(0x4008000c), "") << "the sequence has ended";
  EXPECT_EQ(line_at(0x4007ffff), "");
}

TEST(LineTable, KeepsEveryRowOfTheProgram) {
  const LineTable table = LineTable::read(program_with(line_program()));
  ASSERT_EQ(table.rows().size(), 4u) << "what the linker has dropped is not there";
  EXPECT_EQ(table.rows()[1].line, 12u);
  EXPECT_EQ(table.rows()[1].size, 0u);
  EXPECT_TRUE(table.rows()[1].statement);
  EXPECT_FALSE(table.rows()[2].statement);
  EXPECT_EQ(table.rows()[2].size, 5u);
  EXPECT_EQ(table.file_count(), 2u);
}

TEST(LineTable, OfAProgramWithoutOneIsEmpty) {
  const auto elf = ElfFile::parse(make_elf({{.name = ".text", .address = 0x40080000, .data = Bytes(8, 1)}}));
  EXPECT_TRUE(LineTable::read(*elf).rows().empty());
}

// Whatever is in the file, it may only cost the lines of that table.
TEST(LineTable, DamageLosesLinesAndNoMore) {
  const Bytes good = line_program();
  for (std::size_t at = 0; at < good.size(); ++at)
    for (const std::uint8_t value : {0x00, 0x01, 0x7f, 0x80, 0xff}) {
      Bytes damaged = good;
      damaged[at] = value;
      const LineTable table = LineTable::read(program_with(damaged));
      for (const LineTable::Row& row : table.rows()) {
        EXPECT_GE(row.address, 0x40080000u);
        EXPECT_LT(row.address, 0x40080040u);
        EXPECT_LT(row.file, table.file_count());
      }
    }
  for (std::size_t size = 0; size < good.size(); ++size)
    LineTable::read(program_with(Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size))));
}

}  // namespace
}  // namespace espalier::image
