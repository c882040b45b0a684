// One device of a fleet: its machine, and what becomes of it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fleet/console.h"
#include "fleet/control.h"
#include "fleet/event_log.h"
#include "fleet/power_up.h"
#include "fleet/worker.h"
#include "host/console_watch.h"
#include "host/session.h"

namespace espalier::fleet {

// Belongs to its worker's thread, and is driven by it. Powers its machine up, watches it, tells the event
// log, and powers it up again by its group's policy.
class Device final : public Runnable {
 public:
  // It is to be started; that is its first turn.
  // `lan`: FleetNet::kLan only.
  Device(Worker& worker, LanSeat* lan, std::shared_ptr<const DevicePlan> plan,
         std::shared_ptr<Console> console, std::shared_ptr<EventLog> events);
  // Stops it without a word.
  ~Device() override;

  void start();
  void stop();

  // Bytes for its UART0; an error as of Control::input().
  Result<void> type(std::span<const std::uint8_t> bytes);
  void impair(const net::ImpairmentPatch& patch);
  // Its machine as it is now; kConflict if there is none.
  Result<std::shared_ptr<const esp32::Snapshot>> snapshot();
  // An error as of Control::inject().
  Result<void> inject(const host::Fault& fault);

  DeviceInfo info() const;
  DeviceStats stats();
  const DevicePlan& plan() const { return *plan_; }
  // Runs once, when the first attempt to start it is over.
  void on_first_start(std::function<void()> callback) { first_start_ = std::move(callback); }

 private:
  std::uint64_t advance(bool quiet) override;
  std::uint64_t run(bool quiet);
  void power_up();
  void power_down();
  void machine_ended();
  void end(DeviceState state, Event::Kind kind, std::string reason, bool failure);
  void on_output(std::span<const std::uint8_t> bytes);
  void on_control(debug::RunEvent event);
  void on_fault(const host::Fault& fault, const std::string& what);
  bool shows_readiness() const;
  std::string ethernet_mac() const;
  void log(base::LogLevel level, base::LogArea area, std::string_view message);
  void tell(Event::Kind kind, std::string detail = {});

  LanSeat* lan_;
  std::shared_ptr<const DevicePlan> plan_;
  std::shared_ptr<Console> console_;
  std::shared_ptr<EventLog> events_;
  std::function<void()> first_start_;

  DeviceState state_ = DeviceState::kStarting;
  std::unique_ptr<host::Session> session_;
  ConsoleLine* line_ = nullptr;  // the session's
  std::shared_ptr<void> control_observer_;
  std::vector<net::Publish> ports_;  // bound, or to be
  net::LinkImpairment link_;
  bool ready_ = false;
  std::optional<host::ConsoleWatch> ready_watch_;
  PanicLines panic_lines_;
  bool panicked_ = false;  // since the last reset: one panic may print several such lines
  unsigned log_lines_ = 0;

  unsigned restarts_ = 0;
  unsigned failures_in_a_row_ = 0;
  std::uint64_t retry_at_ns_ = 0;
  std::string exit_reason_;
  double created_;
  double started_ = 0;
  double ended_ = 0;
  std::uint64_t started_ns_ = 0;
  bool booting_ = false;           // in the worker's start gate
  std::uint64_t boot_cpu_ns_ = 0;  // cpu_ns() when it entered

  // Of all machines but the present one.
  std::uint64_t instructions_before_ = 0;
  std::uint64_t frames_in_before_ = 0;
  std::uint64_t frames_out_before_ = 0;
  std::uint64_t resets_ = 0;
  std::uint64_t panics_ = 0;
  std::uint64_t console_bytes_ = 0;
  struct Sample {
    std::uint64_t at_ns;
    std::uint64_t instructions;
    std::uint64_t cpu_ns;
  };
  Sample sample_{};
  double mips_ = 0;
  double cpu_share_ = 0;
};

}  // namespace espalier::fleet
