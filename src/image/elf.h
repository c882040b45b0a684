// ELF files of Xtensa programs: sections, symbols, segments. libelf reads them.
#pragma once

#include <cstdint>
#include <expected>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "image/bytes.h"

namespace espalier::image {

struct ElfSection {
  std::string name;
  std::uint32_t type = 0;   // SHT_...
  std::uint32_t flags = 0;  // SHF_...
  std::uint32_t address = 0;
  std::uint32_t size = 0;       // in memory
  std::uint32_t offset = 0;     // in the file
  std::uint32_t file_size = 0;  // 0 for .bss and its like, `size` otherwise

  bool allocated() const;   // lies in the program's memory
  bool executable() const;  // holds instructions
};

// A part of the program that a loader copies into memory.
struct ElfSegment {
  std::uint32_t address = 0;       // where the program sees it
  std::uint32_t load_address = 0;  // where a loader puts it (p_paddr)
  std::uint32_t offset = 0;        // in the file
  std::uint32_t file_size = 0;
  std::uint32_t memory_size = 0;  // what exceeds file_size is zero
  std::uint32_t flags = 0;        // PF_R, PF_W, PF_X
};

struct ElfSymbol {
  enum class Kind : std::uint8_t { kUntyped, kFunction, kObject };
  std::string name;
  std::uint32_t address = 0;
  std::uint32_t size = 0;
  Kind kind = Kind::kUntyped;
  bool global = false;
};

class ElfFile {
 public:
  // Errors of load() name the file; those of parse() leave that to the caller.
  static std::expected<ElfFile, std::string> load(const std::filesystem::path& path);
  static std::expected<ElfFile, std::string> parse(Bytes bytes);

  std::uint32_t entry() const { return entry_; }
  const std::vector<ElfSection>& sections() const { return sections_; }
  const std::vector<ElfSegment>& segments() const {
    return segments_;
  }  // the PT_LOAD ones, in the file's order
  const std::vector<ElfSymbol>& symbols() const {
    return symbols_;
  }  // by address; sections and files left out

  ByteView data(const ElfSection& section) const;
  ByteView data(const ElfSegment& segment) const;
  ByteView bytes() const { return bytes_; }  // the file itself

  const ElfSection* section(std::string_view name) const;
  // By name; a global symbol goes before a local one.
  const ElfSymbol* find(std::string_view name) const;
  // The symbol that `address` lies in, or the last one before it in the same section; functions and objects
  // go before labels.
  const ElfSymbol* symbol_at(std::uint32_t address) const;
  // "main" or "main+0x12"; empty if nothing is known there.
  std::string describe(std::uint32_t address) const;

 private:
  const ElfSection* section_at(std::uint32_t address) const;

  Bytes bytes_;
  std::uint32_t entry_ = 0;
  std::vector<ElfSection> sections_;
  std::vector<ElfSegment> segments_;
  std::vector<ElfSymbol> symbols_;
};

}  // namespace espalier::image
