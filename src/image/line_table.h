// Which line of which source file a program's instructions come from: the line tables of its DWARF
// information
// (.debug_line, DWARF 2 to 5). libdw reads them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "image/elf.h"

namespace espalier::image {

class LineTable {
 public:
  // A row of the table holds for the instructions of [address, address + size).
  struct Row {
    std::uint32_t address = 0;
    std::uint32_t size = 0;  // 0: the next row begins at the same address
    std::uint32_t file = 0;  // for file()
    std::uint32_t line = 0;  // from 1 on
    bool statement = false;  // a place at which a debugger would stop for the line
  };

  // Empty where the program has no such information. What is damaged is left out. Rows of code that is not in
  // the program (the linker has dropped it) are left out, too.
  static LineTable read(const ElfFile& elf);

  std::span<const Row> rows() const { return rows_; }  // by address
  // As the compiler names it, an absolute path mostly.
  const std::string& file(std::uint32_t number) const { return files_[number]; }
  std::uint32_t file_count() const { return static_cast<std::uint32_t>(files_.size()); }
  // The row that holds at `address`; null where none does.
  const Row* at(std::uint32_t address) const;

 private:
  std::vector<std::string> files_;
  std::vector<Row> rows_;
};

}  // namespace espalier::image
