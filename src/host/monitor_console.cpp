#include "host/monitor_console.h"

#include <fmt/format.h>

#include <string>
#include <utility>

namespace espalier::host {

MonitorConsole::MonitorConsole(base::EventLoop& loop, base::SerialBackend& port, Monitor& monitor)
    : port_(port), monitor_(monitor), hook_(loop, [this, &loop] {
        if (waiting_ && !port_.congested()) {
          waiting_ = false;
          port_.resume_input();
          loop.wake();  // the answers' own hook has been called already
        }
      }) {
  port_.on_client([this] {
    // A new one for each: the half line of the one before is nobody's.
    editor_ = std::make_unique<LineEditor>(
        "(qemu) ", LineEditor::Calls{
                       .print = [this](std::string_view text) { print(text); },
                       .line =
                           [this](std::string_view line) {
                             print(monitor_.execute(line));
                             editor_->prompt();
                           },
                       .complete = [this](std::string_view start) { return monitor_.completions(start); }});
    print(fmt::format("Espalier " ESPALIER_VERSION ": QEMU {} monitor - type 'help' for more information\n",
                      kQemuVersion));
    editor_->prompt();
  });
  port_.on_input([this](std::span<const std::uint8_t> bytes) { return take(bytes); });
}

MonitorConsole::~MonitorConsole() {
  port_.on_client(nullptr);
  port_.on_input(nullptr);
}

void MonitorConsole::focus(bool here) {
  if (here)
    editor_->prompt();
  else
    print("\n");
}

std::size_t MonitorConsole::take(std::span<const std::uint8_t> bytes) {
  std::size_t taken = 0;
  for (const std::uint8_t byte : bytes) {
    if (port_.congested()) {
      waiting_ = true;
      break;
    }
    if (editor_) editor_->feed(byte);
    ++taken;
  }
  return taken;
}

void MonitorConsole::print(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n') out += '\r';
    out += c;
  }
  port_.write({reinterpret_cast<const std::uint8_t*>(out.data()), out.size()});
}

}  // namespace espalier::host
