// -d in_asm: guest code, disassembled when the machine meets it.
#pragma once

#include <cstdio>
#include <expected>
#include <memory>
#include <string>

#include "esp32/machine.h"

namespace espalier::cli::qemu {

// Writes each piece of code that a core decodes, once for every time it is decoded (again after it has
// changed):
//   ----------------
//   IN:
//   0x40080400:  entry   a1, 32
class CodeLog {
 public:
  // To the end of a file, or to standard error if `path` is empty. Errors name the file.
  static std::expected<std::unique_ptr<CodeLog>, std::string> start(esp32::Machine& machine,
                                                                    const std::string& path);
  ~CodeLog();
  CodeLog(const CodeLog&) = delete;
  CodeLog& operator=(const CodeLog&) = delete;

 private:
  CodeLog(esp32::Machine& machine, std::FILE* file) : machine_(machine), file_(file) {}
  void decoded(unsigned cpu, std::uint32_t address, std::uint32_t size);

  esp32::Machine& machine_;
  std::FILE* file_;
};

}  // namespace espalier::cli::qemu
