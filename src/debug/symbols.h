// Names for addresses of a guest's code: function, file, line.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "image/elf.h"
#include "image/line_table.h"

namespace espalier::debug {

// One program and the mask ROM. C++ names are those of the source ("Motor::start(int)").
class Symbols {
 public:
  // `rom`: the program of the built-in ROM's own guest code, null with a real one.
  explicit Symbols(std::shared_ptr<const image::ElfFile> program,
                   std::shared_ptr<const image::ElfFile> rom = nullptr)
      : program_(std::move(program)), rom_(std::move(rom)) {}

  const image::ElfFile& program() const { return *program_; }
  const std::shared_ptr<const image::ElfFile>& shared_program() const { return program_; }
  // Read when first asked for, which takes some hundredths of a second.
  const image::LineTable& lines() const;

  struct Function {
    std::string name;
    std::uint32_t address = 0;  // where it begins
  };
  // What `address` lies in; empty if nothing is known there.
  std::optional<Function> function_at(std::uint32_t address) const;
  // The same without where it begins; empty if none is known.
  std::string function(std::uint32_t address) const;
  // "main.c:42", with the file as its compiler named it; empty if it is not known.
  std::string line(std::uint32_t address) const;
  // "app_main+0x12 (0x400d1234) at main/main.c:42", as far as that is known.
  std::string describe(std::uint32_t address) const;

 private:
  std::shared_ptr<const image::ElfFile> program_, rom_;
  mutable std::optional<image::LineTable> lines_;
};

// The name as it stands in C++ sources; any other name as it is.
std::string demangled(const std::string& name);

}  // namespace espalier::debug
