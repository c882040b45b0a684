// How often instructions of a program have been executed.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "esp32/machine.h"
#include "image/elf.h"

namespace espalier::debug {

// Counts on both cores, translated code included (Core::count_executions()). What lies at an address need not
// be the program: before it the bootloader was there, an update may bring another one, and programs change
// themselves. An execution counts where, when the code was decoded, memory held the whole function as the
// program has it.
class ExecutionCounts {
 public:
  // `addresses` are those of the instructions to be counted; others are not.
  ExecutionCounts(esp32::Machine& machine, std::shared_ptr<const image::ElfFile> program,
                  std::vector<std::uint32_t> addresses);
  ~ExecutionCounts();
  ExecutionCounts(const ExecutionCounts&) = delete;
  ExecutionCounts& operator=(const ExecutionCounts&) = delete;

  // 0 for what is not counted.
  std::uint64_t at(std::uint32_t address) const;

 private:
  // A piece of the program that is there or not there as a whole: a function, or what lies between two.
  struct Piece {
    std::uint32_t address = 0;
    std::span<const std::uint8_t> bytes;
  };
  std::uint64_t* counter(unsigned cpu, std::uint32_t pc);
  Piece piece_at(std::uint32_t pc) const;
  bool is_there(unsigned cpu, const Piece& piece);

  esp32::Machine& machine_;
  std::shared_ptr<const image::ElfFile> program_;
  std::vector<std::uint32_t> addresses_;
  std::vector<Piece> pieces_;          // of each of addresses_
  std::vector<std::uint64_t> counts_;  // the same; never moved: decoded code points to them
};

}  // namespace espalier::debug
