#include "debug/run_control.h"

#include <utility>
#include <vector>

namespace espalier::debug {

std::string_view run_state_name(RunState state) {
  switch (state) {
    case RunState::kRunning:
      return "running";
    case RunState::kPrelaunch:
      return "prelaunch";
    case RunState::kPaused:
      return "paused";
    case RunState::kDebug:
      return "debug";
    case RunState::kShutdown:
      return "shutdown";
  }
  return "internal-error";
}

RunControl::RunControl(esp32::Machine& machine, bool start_paused)
    : machine_(machine), state_(start_paused ? RunState::kPrelaunch : RunState::kRunning) {
  if (start_paused) machine_.clock().hold();
  // Called before the reset is carried out, with no turn under way.
  machine_.on_reset([this](devices::ResetCause cause) {
    if (std::exchange(resetting_, false)) {
      tell(RunEvent::kReset);
      return;
    }
    // Waking from deep sleep begins with a reset, but is no reboot.
    if (no_reboot_ && cause != devices::ResetCause::kDeepSleep)
      end(RunEvent::kGuestShutdown);
    else
      tell(RunEvent::kGuestReset);
  });
}

void RunControl::pause(RunState state) {
  if (state_ == RunState::kShutdown) return;
  if (!running()) {
    if (state == RunState::kDebug) state_ = state;
    return;
  }
  state_ = state;
  machine_.scheduler().interrupt_round();
  machine_.clock().hold();
  tell(RunEvent::kStop);
}

void RunControl::resume() {
  if (running() || state_ == RunState::kShutdown) return;
  state_ = RunState::kRunning;
  machine_.clock().release();
  tell(RunEvent::kResume);
}

void RunControl::system_reset() {
  if (state_ == RunState::kShutdown) return;
  resetting_ = true;
  machine_.request_reset(devices::ResetScope::kSystem, devices::ResetCause::kPowerOn);
  // A paused machine makes no turns in which it would be carried out.
  if (!running()) machine_.carry_out_resets();
}

void RunControl::shut_down() {
  if (state_ != RunState::kShutdown) end(RunEvent::kShutdown);
}

void RunControl::end(RunEvent event) {
  if (no_shutdown_) {
    pause();
    tell(event);
    return;
  }
  const bool ran = running();
  state_ = RunState::kShutdown;
  machine_.scheduler().interrupt_round();
  if (ran) machine_.clock().hold();
  tell(event);
}

std::shared_ptr<void> RunControl::observe(Observer observer) {
  auto handle = std::make_shared<Observer>(std::move(observer));
  observers_.push_back(handle);
  return handle;
}

void RunControl::tell(RunEvent event) {
  observers_.remove_if([](const auto& weak) { return weak.expired(); });
  // A copy: observers may come and go meanwhile.
  for (const auto& weak : std::vector(observers_.begin(), observers_.end()))
    if (const auto observer = weak.lock()) (*observer)(event);
}

}  // namespace espalier::debug
