#include "image/line_table.h"

#include <elfutils/libdw.h>

#include <algorithm>
#include <memory>
#include <unordered_map>

namespace espalier::image {
namespace {

struct ElfEnd {
  void operator()(Elf* elf) const { elf_end(elf); }
};
struct DwarfEnd {
  void operator()(Dwarf* dwarf) const { dwarf_end(dwarf); }
};

// Lines that belong to no source have number 0.
struct Line {
  Dwarf_Addr address = 0;
  int number = 0;
  bool statement = false, ends = false;
};

Line line_of(Dwarf_Line* row) {
  Line line;
  dwarf_lineaddr(row, &line.address);
  dwarf_lineno(row, &line.number);
  dwarf_linebeginstatement(row, &line.statement);
  dwarf_lineendsequence(row, &line.ends);
  return line;
}

}  // namespace

LineTable LineTable::read(const ElfFile& elf) {
  LineTable table;
  const ByteView bytes = elf.bytes();
  elf_version(EV_CURRENT);
  // libelf takes a plain pointer, and only reads.
  auto* const memory = reinterpret_cast<char*>(const_cast<std::uint8_t*>(bytes.data()));
  const std::unique_ptr<Elf, ElfEnd> file(elf_memory(memory, bytes.size()));
  if (!file) return table;
  const std::unique_ptr<Dwarf, DwarfEnd> dwarf(dwarf_begin_elf(file.get(), DWARF_C_READ, nullptr));
  if (!dwarf) return table;

  std::vector<const ElfSection*> code;
  for (const ElfSection& section : elf.sections())
    if (section.allocated() && section.executable()) code.push_back(&section);
  const auto is_code = [&code](Dwarf_Addr address) {
    return std::ranges::any_of(code, [address](const ElfSection* section) {
      return address >= section->address && address - section->address < section->size;
    });
  };
  std::unordered_map<std::string, std::uint32_t> numbers;
  Dwarf_CU* unit = nullptr;
  Dwarf_Lines* lines = nullptr;
  std::size_t count = 0;
  for (Dwarf_Off at = 0, next = 0;; at = next) {
    // An error is one table's: where the next one lies is known all the same, or it is the last.
    const int got = dwarf_next_lines(dwarf.get(), at, &next, &unit, nullptr, nullptr, &lines, &count);
    if (got > 0 || next <= at) break;
    if (got < 0) continue;
    std::unordered_map<const char*, std::uint32_t> known;  // of this table, whose names are one object each
    for (std::size_t n = 0; n + 1 < count; ++n) {
      Dwarf_Line* const row = dwarf_onesrcline(lines, n);
      const Line line = line_of(row);
      if (line.ends || line.number <= 0 || !is_code(line.address)) continue;
      const Dwarf_Addr end = line_of(dwarf_onesrcline(lines, n + 1)).address;
      const char* const name = dwarf_linesrc(row, nullptr, nullptr);
      if (name == nullptr || end < line.address) continue;
      const auto [number, first] = known.try_emplace(name, 0);
      if (first) {
        const auto [file_number, new_file] =
            numbers.try_emplace(name, static_cast<std::uint32_t>(table.files_.size()));
        if (new_file) table.files_.emplace_back(name);
        number->second = file_number->second;
      }
      table.rows_.push_back({static_cast<std::uint32_t>(line.address),
                             static_cast<std::uint32_t>(end - line.address), number->second,
                             static_cast<std::uint32_t>(line.number), line.statement});
    }
  }
  std::ranges::stable_sort(table.rows_, {}, &Row::address);
  return table;
}

const LineTable::Row* LineTable::at(std::uint32_t address) const {
  auto row = std::ranges::upper_bound(rows_, address, {}, &Row::address);
  while (row != rows_.begin()) {
    --row;
    if (address - row->address < row->size) return &*row;
    if (row->size != 0) break;
  }
  return nullptr;
}

}  // namespace espalier::image
