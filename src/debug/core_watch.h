// Notices on each core when FreeRTOS has gone on to another task and when an interrupt's handler is over.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "debug/free_rtos.h"
#include "esp32/machine.h"

namespace espalier::debug {

// Tells the events task_switch and cpu_interrupt_done, and works only while one of them is on.
//
// Neither leaves a trace that the hardware could see: a task that yields is left by an ordinary return. So
// this looks at a core whenever it takes or leaves an interrupt, an exception or a window's handler, and at
// the end of each of its turns, which last at most some microseconds. After a switch windows are empty and
// the first return raises an underflow, so that a switch is noticed within some instructions.
class CoreWatch {
 public:
  explicit CoreWatch(esp32::Machine& machine);
  ~CoreWatch();
  CoreWatch(const CoreWatch&) = delete;
  CoreWatch& operator=(const CoreWatch&) = delete;

  // Without symbols there are no task_switch events.
  void set_symbols(const FreeRtosSymbols& symbols) { symbols_ = symbols; }

 private:
  void arm();
  void look(unsigned cpu);

  esp32::Machine& machine_;
  FreeRtosSymbols symbols_;
  bool armed_ = false;
  std::array<std::uint32_t, 2> tasks_{};
  std::array<std::vector<unsigned>, 2> levels_;  // of the interrupts that each core has taken and not left
};

}  // namespace espalier::debug
