#include "esp32/debug_port.h"

#include <algorithm>
#include <utility>

namespace espalier::esp32 {

void DebugPort::detach() {
  observer_ = nullptr;
  for (const std::uint32_t pc : std::exchange(breakpoints_, {}))
    for (xtensa::Core* core : cores_) core->set_breakpoint(pc, false);
  set_watchpoints({});
  for (xtensa::Core* core : cores_) {
    core->cancel_step();
    core->hold(false);
  }
  stops_.clear();
}

void DebugPort::set_breakpoint(std::uint32_t pc, bool set) {
  std::erase(breakpoints_, pc);
  if (set) breakpoints_.push_back(pc);
  for (xtensa::Core* core : cores_) core->set_breakpoint(pc, set);
}

void DebugPort::set_watchpoints(std::vector<Watchpoint> watchpoints) {
  if (watchpoints_.empty() && watchpoints.empty()) return;
  watchpoints_ = std::move(watchpoints);
  memory_.set_watched(watchpoints_);
  for (xtensa::Core* core : cores_) {
    core->allow_translation(!memory_.watches_by_interpreter());
    core->invalidate_all_code();  // an access that has taken the slow path once takes it for good
  }
}

void DebugPort::stop(xtensa::Core& core, DebugStop::Kind kind, std::uint32_t address) {
  core.hold(true);
  stops_.push_back({core.index(), kind, address});
}

void DebugPort::stopped(xtensa::Core& core, xtensa::DebuggerEvent event) {
  stop(core, event == xtensa::DebuggerEvent::kStep ? DebugStop::Kind::kStep : DebugStop::Kind::kBreakpoint);
}

bool DebugPort::break_instruction(xtensa::Core& core) {
  if (!observer_) return false;
  Place& known = break_at_[core.index()];
  const Place place{core.state().pc, core.instructions()};
  if (std::exchange(known, {}) == place) return true;
  known = {place.pc, place.instructions + 1};  // stopping there counts as an instruction
  core.cancel_step();
  stop(core, DebugStop::Kind::kInstruction);
  return true;
}

void DebugPort::check(xtensa::Core& core, std::uint32_t address, unsigned size, bool store) {
  const std::uint64_t end = std::uint64_t{address} + size;
  for (const Watchpoint& watch : watchpoints_) {
    if (!(store ? watch.store : watch.load)) continue;
    if (watch.address >= end || std::uint64_t{watch.address} + watch.size <= address) continue;
    if (core.held()) return;  // one instruction, several accesses
    core.cancel_step();
    stop(core, DebugStop::Kind::kWatchpoint, watch.address);
    return;
  }
}

void DebugPort::deliver() {
  if (stops_.empty()) return;
  const std::vector<DebugStop> stops = std::exchange(stops_, {});
  if (observer_) observer_(stops);
}

std::size_t DebugPort::write(unsigned cpu, std::uint32_t address, std::span<const std::uint8_t> data) {
  std::size_t done = 0;
  while (done < data.size()) {
    const auto at = static_cast<std::uint32_t>(address + done);
    if (at < address) break;
    if (DeviceBus::contains(at)) {
      const std::size_t left = data.size() - done;
      const unsigned size = at % 4 == 0 && left >= 4 ? 4 : at % 2 == 0 && left >= 2 ? 2 : 1;
      std::uint32_t value = 0;
      for (unsigned n = 0; n < size; ++n) value |= std::uint32_t{data[done + n]} << 8 * n;
      devices_.store(at, size, value);
      done += size;
      continue;
    }
    const std::uint32_t home = MemoryMap::in_sram1_code(at) ? MemoryMap::sram1_data_address(at) : at;
    std::uint8_t* byte = memory_.writable(cpu, home, 1);
    if (byte == nullptr) break;
    *byte = data[done++];
    memory_.stored(home, 1);
  }
  return done;
}

}  // namespace espalier::esp32
