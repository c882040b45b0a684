// Shares virtual time between the two cores of a machine.
#pragma once

#include <array>
#include <cstdint>
#include <functional>

#include "base/event_queue.h"
#include "esp32/machine_clock.h"
#include "xtensa/core.h"

namespace espalier::esp32 {

// Runs both cores on one host thread in turns ("slices"), fires the timers that come due, and says when there
// is nothing to run. In warp the interleaving depends on the guest's instructions alone, so runs repeat
// exactly.
class Scheduler {
 public:
  Scheduler(MachineClock& clock, base::EventQueue& events, std::array<xtensa::Core*, 2> cores);

  // One turn of each runnable core, after the timers due. Returns false if no core can run before the next
  // timer or outside event; then, in warp, skip_idle() may follow.
  bool round();
  // Warp: jumps to the next timer and fires it. False if no timer is armed at all.
  bool skip_idle();
  // Realtime: host nanoseconds until the next timer (0 if due); kNever as ~0 if none is armed.
  std::uint64_t idle_ns();

  // Ends the present round as soon as the running instruction is done: a reset or a stop has been asked for.
  void interrupt_round();

  static bool runnable(const xtensa::Core& core);

 private:
  void run_core(xtensa::Core& core, base::Ticks start, base::Ticks& end, bool first);
  // Runs a turn and notes whether the core ended it polling.
  xtensa::Stop run_and_probe(xtensa::Core& core, std::uint64_t instructions);

  MachineClock& clock_;
  base::EventQueue& events_;
  std::array<xtensa::Core*, 2> cores_;
  xtensa::Core* running_ = nullptr;
  base::Ticks slice_end_ = 0;
  bool interrupted_ = false;
  std::array<bool, 2> polling_{};
};

}  // namespace espalier::esp32
