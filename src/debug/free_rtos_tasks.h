// The tasks of a guest that runs ESP-IDF's FreeRTOS, found by the symbols of its ELF file.
//
// Sources: ESP-IDF, components/freertos/FreeRTOS-Kernel/tasks.c (TCB: pxTopOfStack, two list items,
// uxPriority, pxStack, pcTaskName; the same in v3.2 to v6), list.h,
// components/xtensa/include/xtensa_context.h (XT_STK_*, XT_SOL_*), portable/xtensa/portasm.S.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "image/elf.h"

namespace espalier::debug {

struct FreeRtosTask {
  std::uint32_t tcb = 0;
  std::string name;
  std::string state;  // "running", "ready", "blocked", "suspended", "deleted"
  std::uint32_t priority = 0;
  std::optional<unsigned> cpu;  // where it runs
};

class FreeRtos {
 public:
  // False if there is no memory.
  using Read = std::function<bool(std::uint32_t address, std::span<std::uint8_t> out)>;

  struct List {
    std::uint32_t address;  // of a List_t
    const char* state;      // of the tasks in it
  };
  struct Symbols {
    std::array<std::uint32_t, 2> current{};  // where each core's current TCB is kept; 0: no such core
    std::uint32_t running = 0;               // xSchedulerRunning; 0: not known
    std::vector<List> lists;
  };
  explicit FreeRtos(Symbols symbols) : symbols_(std::move(symbols)) {}
  // Empty if the program has no FreeRTOS, or not its symbols.
  static std::optional<FreeRtos> find(const image::ElfFile& elf);

  // All tasks, those that run first; none before the scheduler has started. Whatever the memory holds: lists
  // that make no sense end where they stop to.
  std::vector<FreeRtosTask> tasks(const Read& read) const;
  // Registers of a task that does not run, by GDB's numbers; those that it has not saved are not there.
  std::map<unsigned, std::uint32_t> registers(const Read& read, std::uint32_t tcb) const;

 private:
  Symbols symbols_;
};

}  // namespace espalier::debug
