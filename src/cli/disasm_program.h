// The code of an ELF file or a firmware image, as `espalier disasm` sees it.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "image/bytes.h"
#include "image/elf.h"

namespace espalier::cli {

// A piece of the program's memory.
struct ProgramRegion {
  std::string name;  // of the section or partition
  std::uint32_t address = 0;
  bool executable = false;
  image::Bytes bytes;

  bool contains(std::uint32_t at) const { return at - address < bytes.size(); }
};

struct Program {
  std::vector<ProgramRegion> regions;   // by address
  std::vector<std::uint32_t> entries;   // where execution is known to begin: entry point, functions
  std::optional<image::ElfFile> names;  // whose symbols name the addresses

  const ProgramRegion* region_at(std::uint32_t address) const;
  std::optional<std::uint32_t> word_at(std::uint32_t address) const;
  std::optional<std::string> name_of(std::uint32_t address) const;
};

struct ProgramOptions {
  std::string path;  // ELF file, flash image, build folder, or a single ESP image
  std::optional<std::string>
      part;  // of a flash: a partition's label, or "bootloader"; default: the first application
  std::optional<std::string> elf;  // an ELF file whose symbols name an image's addresses
};

// Errors name the file.
std::expected<Program, std::string> load_program(const ProgramOptions& options);

}  // namespace espalier::cli
