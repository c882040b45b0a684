// What a debugger on the host does to a machine: breakpoints, watchpoints and steps of its cores, and stores
// as theirs. The guest's own debug registers are apart from this.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "esp32/device_bus.h"
#include "esp32/memory_map.h"
#include "xtensa/core.h"

namespace espalier::esp32 {

// Why a core has stopped for the debugger.
struct DebugStop {
  enum class Kind : std::uint8_t {
    kBreakpoint,   // before the instruction at a breakpoint
    kStep,         // behind the one that was stepped
    kWatchpoint,   // behind the one that has accessed what is watched
    kInstruction,  // at a BREAK
  };
  unsigned cpu = 0;
  Kind kind = Kind::kBreakpoint;
  std::uint32_t address = 0;  // kWatchpoint: the watchpoint's
};

class DebugPort {
 public:
  using Watchpoint = WatchedRange;

  DebugPort(MemoryMap& memory, DeviceBus& devices) : memory_(memory), devices_(devices) {}
  void connect(std::array<xtensa::Core*, 2> cores) { cores_ = cores; }

  // Who is told of stops, when the turn in which they happened is over; null: nobody. What has stopped is
  // held. Without an observer BREAK instructions are the guest's.
  using Observer = std::function<void(std::span<const DebugStop>)>;
  void attach(Observer observer) { observer_ = std::move(observer); }
  // No breakpoints, no watchpoints, nothing held, nobody told.
  void detach();

  // The rest not from within a turn.
  //
  // Of both cores. Setting one twice is setting it once.
  void set_breakpoint(std::uint32_t pc, bool set);
  bool has_breakpoint(std::uint32_t pc) const { return cores_[0]->has_breakpoint(pc); }
  // All there are from now on; of both cores, by the address that they use. What is watched costs nothing but
  // for the 4 KiB pages of it; loads from where code may lie (IRAM, flash, ROM) are watched by the
  // interpreter alone.
  void set_watchpoints(std::vector<Watchpoint> watchpoints);
  // A core that is held does nothing while the other may run.
  void hold(unsigned cpu, bool held) { cores_[cpu]->hold(held); }
  bool held(unsigned cpu) const { return cores_[cpu]->held(); }
  // As Core::step(): the core stops behind the next instruction that it executes.
  void step(unsigned cpu) { cores_[cpu]->step(); }
  void cancel_step(unsigned cpu) { cores_[cpu]->cancel_step(); }

  // Writes memory as core `cpu` sees it, registers of peripherals included (with what writing them does).
  // Stops where nothing is, or what the guest can only read; returns how many bytes it has written. What
  // reads without any effect is Machine::peek().
  std::size_t write(unsigned cpu, std::uint32_t address, std::span<const std::uint8_t> data);

  // --- For the machine.
  void stopped(xtensa::Core& core, xtensa::DebuggerEvent event);
  // A BREAK. False if it is the guest's.
  bool break_instruction(xtensa::Core& core);
  // A slow-path access has been done.
  void accessed(xtensa::Core& core, std::uint32_t address, unsigned size, bool store) {
    if (!watchpoints_.empty()) check(core, address, size, store);
  }
  // The turn is over.
  void deliver();

 private:
  void check(xtensa::Core& core, std::uint32_t address, unsigned size, bool store);
  void stop(xtensa::Core& core, DebugStop::Kind kind, std::uint32_t address = 0);

  MemoryMap& memory_;
  DeviceBus& devices_;
  std::array<xtensa::Core*, 2> cores_{};
  Observer observer_;
  std::vector<std::uint32_t> breakpoints_;
  std::vector<Watchpoint> watchpoints_;
  std::vector<DebugStop> stops_;  // of this turn
  // The BREAK that the debugger knows of: going on from there goes on behind it.
  struct Place {
    std::uint32_t pc = 0;
    std::uint64_t instructions = ~std::uint64_t{0};
    bool operator==(const Place&) const = default;
  };
  std::array<Place, 2> break_at_;
};

}  // namespace espalier::esp32
