// What FreeRTOS keeps in a guest's memory, for tests.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "debug/free_rtos_tasks.h"

namespace espalier::debug::testing_support {

// ELF symbols and RAM of a made-up guest.
struct FreeRtosGuest {
  static constexpr std::uint32_t kBase = 0x3ffb0000, kSize = 0x4000;
  static constexpr std::uint32_t kCurrent = kBase, kRunning = kBase + 8, kReady = kBase + 0x100;
  static constexpr std::uint32_t kDelayed = kBase + 0x200, kSuspended = kBase + 0x240;

  FreeRtos rtos() const { return FreeRtos(FreeRtos::Symbols{{kCurrent, kCurrent + 4}, kRunning, lists()}); }
  std::vector<FreeRtos::List> lists() const {
    return {{kReady, "ready"}, {kReady + 20, "ready"}, {kDelayed, "blocked"}, {kSuspended, "suspended"}};
  }
  FreeRtos::Read read() {
    return [this](std::uint32_t address, std::span<std::uint8_t> out) {
      if (address < kBase || address - kBase + out.size() > kSize) return false;
      std::memcpy(out.data(), memory.data() + (address - kBase), out.size());
      return true;
    };
  }
  void put(std::uint32_t address, std::uint32_t value) { std::memcpy(&memory[address - kBase], &value, 4); }
  void task(std::uint32_t tcb, const char* name, std::uint32_t priority, std::uint32_t offset) {
    put(tcb, tcb + 0x800);  // top
    put(tcb + offset - 8, priority);
    put(tcb + offset - 4, tcb + 0x400);  // stack
    std::strcpy(reinterpret_cast<char*>(&memory[tcb + offset - kBase]), name);
  }
  // The state list items of `tcbs`, one after another.
  void list(std::uint32_t at, std::vector<std::uint32_t> tcbs) {
    put(at, static_cast<std::uint32_t>(tcbs.size()));
    std::uint32_t item = at + 8;
    for (const std::uint32_t tcb : tcbs) {
      put(item + 4, tcb + 4);
      item = tcb + 4;
      put(item + 12, tcb);
    }
    put(item + 4, at + 8);
  }
  std::array<std::uint8_t, kSize> memory{};
};

}  // namespace espalier::debug::testing_support
