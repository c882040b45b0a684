#include "image/line_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "image/image_test_support.h"

namespace espalier::image {
namespace {

using test::make_elf;

// A DWARF 4 line table (DWARF 4, 6.2) of one sequence from 0x40080000 on:
//   +0 main.c:10, +3 main.c:12, +3 lib/util.h:5 (no statement), +8 main.c:13, +12 end
// and one of a function that the linker has dropped, at 0.
Bytes line_program() {
  Bytes header{1,    1,  1,
               0xfb, 14, 13};  // instruction length, operations, default_is_stmt, line base and range
  for (const int length : {0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1})
    header.push_back(static_cast<std::uint8_t>(length));
  const auto text = [&header](std::string_view name) {
    header.insert(header.end(), name.begin(), name.end());
    header.push_back(0);
  };
  text("lib");
  header.push_back(0);
  text("main.c"), header.insert(header.end(), {0, 0, 0});
  text("util.h"), header.insert(header.end(), {1, 0, 0});
  header.push_back(0);

  constexpr std::uint8_t kCopy = 1, kAdvancePc = 2, kAdvanceLine = 3, kSetFile = 4, kNegate = 6;
  Bytes program;
  const auto add = [&program](std::initializer_list<std::uint8_t> bytes) {
    program.insert(program.end(), bytes);
  };
  const auto set_address = [&](std::uint32_t address) {
    add({0, 5, 2});
    append32(program, address);
  };
  set_address(0x40080000);
  add({kAdvanceLine, 9, kCopy});
  add({kAdvancePc, 3, kAdvanceLine, 2, kCopy});
  add({kSetFile, 2, kAdvanceLine, 0x79, kNegate, kCopy});  // -7
  add({kAdvancePc, 5, kSetFile, 1, kAdvanceLine, 8, kNegate, kCopy});
  add({kAdvancePc, 4, 0, 1, 1});
  set_address(0);
  add({kAdvanceLine, 98, kCopy, kAdvancePc, 4, 0, 1, 1});

  Bytes table;
  append32(table, static_cast<std::uint32_t>(2 + 4 + header.size() + program.size()));
  append16(table, 4);
  append32(table, static_cast<std::uint32_t>(header.size()));
  table.insert(table.end(), header.begin(), header.end());
  table.insert(table.end(), program.begin(), program.end());
  return table;
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
