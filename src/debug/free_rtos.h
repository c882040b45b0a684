// What a debugger knows of ESP-IDF's FreeRTOS: which task each core runs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "esp32/machine.h"
#include "image/elf.h"

namespace espalier::debug {

// Where a program keeps it.
struct FreeRtosSymbols {
  std::uint32_t current_tcbs = 0;    // pxCurrentTCBs[2], before ESP-IDF 5 pxCurrentTCB[2]: the running tasks
  unsigned cores = 0;                // how many there are in it
  std::uint32_t name_offset = 0x34;  // of pcTaskName in a task's control block

  // Nothing if the program has no FreeRTOS, or has lost its symbols.
  static std::optional<FreeRtosSymbols> find(const image::ElfFile& elf);
};

// The word at `address` as the PRO CPU sees it; nothing where no plain memory lies.
std::optional<std::uint32_t> plain_word(esp32::Machine& machine, std::uint32_t address);
// The control block of the task that a core runs; 0: none yet, or no such core.
std::uint32_t current_tcb(esp32::Machine& machine, const FreeRtosSymbols& symbols, unsigned cpu);
// Its name, as the guest's bytes.
std::string task_name(esp32::Machine& machine, const FreeRtosSymbols& symbols, std::uint32_t tcb);

}  // namespace espalier::debug
