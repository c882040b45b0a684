// The monitor at a terminal: greeting, prompt, answers.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "base/event_loop.h"
#include "base/serial_backend.h"
#include "host/line_editor.h"
#include "host/monitor.h"

namespace espalier::host {

// Greets each client of `port` with QEMU's line and "(qemu) ". A client that does not read its answers is not
// listened to until it does.
class MonitorConsole {
 public:
  // The port and the monitor outlive this.
  MonitorConsole(base::EventLoop& loop, base::SerialBackend& port, Monitor& monitor);
  ~MonitorConsole();
  MonitorConsole(const MonitorConsole&) = delete;
  MonitorConsole& operator=(const MonitorConsole&) = delete;

  // A multiplexed terminal has come back to the monitor, or leaves it.
  void focus(bool here);

 private:
  void print(std::string_view text);
  std::size_t take(std::span<const std::uint8_t> bytes);

  base::SerialBackend& port_;
  Monitor& monitor_;
  std::unique_ptr<LineEditor> editor_;
  bool waiting_ = false;
  base::EventLoop::Hook hook_;
};

}  // namespace espalier::host
