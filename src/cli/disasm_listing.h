// Telling code from data in a program, and printing it.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "cli/disasm_program.h"

namespace espalier::cli {

// Which bytes of a program are instructions and which are literals, as far as it can be known: everything
// that execution can reach from the program's entries, and from what looks like a function's beginning.
class CodeMap {
 public:
  enum class Kind : std::uint8_t { kUnknown, kInstruction, kInside, kLiteral };

  explicit CodeMap(const Program& program);

  // kInside: not the first byte of an instruction or a literal.
  Kind at(std::uint32_t address) const;

 private:
  struct Part {
    const ProgramRegion* region;
    std::vector<Kind> kinds;
  };

  Part* part_at(std::uint32_t address);
  void explore(std::uint32_t entry);
  void step(std::uint32_t address, std::vector<std::uint32_t>& pending);
  bool claim(std::uint32_t address, unsigned length, Kind kind);
  bool looks_like_function(std::uint32_t address) const;

  const Program& program_;
  std::vector<Part> parts_;  // the executable regions
};

// Calls `line` with each line of the listing of [from, to), in the layout of GNU objdump:
//
//   400d1234 <app_main>:
//   400d1234:  004136        entry   a1, 32
//
// Literals are shown as .word, bytes that are no instruction as .byte. `line` returns false to stop.
void list_code(const Program& program, const CodeMap& map, std::uint32_t from, std::uint64_t to,
               const std::function<bool(std::string_view)>& line);

}  // namespace espalier::cli
