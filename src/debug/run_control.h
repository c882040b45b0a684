// Whether a machine runs, and who is told when that changes.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string_view>

#include "esp32/machine.h"

namespace espalier::debug {

// Why a machine does or does not run; QMP's names (`query-status`).
enum class RunState : std::uint8_t {
  kRunning,
  kPrelaunch,  // created paused, never resumed yet
  kPaused,     // by a command
  kDebug,      // a breakpoint, watchpoint or step has been reached
  kShutdown,   // asked to end: for good
};
std::string_view run_state_name(RunState state);

enum class RunEvent : std::uint8_t {
  kStop,           // it runs no longer
  kResume,         // it runs again
  kReset,          // the chip was reset from outside: system_reset()
  kGuestReset,     // the chip was reset by its firmware or a watchdog
  kShutdown,       // asked to end from outside: shut_down()
  kGuestShutdown,  // in the place of kGuestReset if no_reboot() is set: it has ended
};

// What debuggers, monitors and QMP command a machine with. The machine's thread asks running() before every
// turn; everything here belongs to that thread, callbacks of devices during a turn included. While a machine
// is paused its clock stands still, in realtime too: nothing that the guest could notice passes.
class RunControl {
 public:
  // Takes the machine's on_reset().
  RunControl(esp32::Machine& machine, bool start_paused);
  RunControl(const RunControl&) = delete;
  RunControl& operator=(const RunControl&) = delete;

  RunState state() const { return state_; }
  bool running() const { return state_ == RunState::kRunning; }

  // Ends a turn that is under way at the next instruction. Without effect unless it runs, or `state` is
  // kDebug and it is paused.
  void pause(RunState state = RunState::kPaused);
  // Without effect when it runs already, or has been shut down.
  void resume();
  // Power-on of the whole chip, as QEMU's system_reset; a paused machine stays paused.
  void system_reset();
  // For good. Whoever drives the machine saves what is to be saved and ends.
  void shut_down();
  // A reset of the chip by its firmware ends the machine instead (QEMU's -no-reboot).
  void no_reboot(bool set) { no_reboot_ = set; }
  // shut_down() and whatever no_reboot() ends pause the machine instead (QEMU's -no-shutdown).
  void no_shutdown(bool set) { no_shutdown_ = set; }

  using Observer = std::function<void(RunEvent)>;
  // Told of every change, after it, until the returned handle is gone. Observers may call anything here.
  [[nodiscard]] std::shared_ptr<void> observe(Observer observer);

 private:
  void tell(RunEvent event);
  void end(RunEvent event);

  esp32::Machine& machine_;
  RunState state_;
  bool no_reboot_ = false;
  bool no_shutdown_ = false;
  bool resetting_ = false;  // system_reset() is under way
  std::list<std::weak_ptr<Observer>> observers_;
};

}  // namespace espalier::debug
