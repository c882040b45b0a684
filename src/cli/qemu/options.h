// The command line of `qemu-system-xtensa -machine esp32`, as plain values.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "base/serial_backend.h"
#include "host/session_options.h"

namespace espalier::cli::qemu {

// The other end of a serial port, a monitor or a QMP server.
struct CharDevice {
  base::SerialSpec line;
  // The monitor shares it (QEMU's mon: and -nographic); Ctrl-A C switches.
  bool multiplexed = false;
  bool operator==(const CharDevice&) const = default;
};

struct Options {
  host::SessionOptions session;  // what the machine is made of; its serial ports are set from `serial`

  std::vector<CharDevice> serial;  // UART0 to UART2
  std::vector<CharDevice> monitors;
  std::vector<CharDevice> qmp;
  bool no_reboot = false;
  bool no_shutdown = false;
  std::vector<std::string> trace;  // patterns
  std::vector<std::string> trace_events_files;
  std::string debug_log;        // -D
  bool log_interrupts = false;  // -d int
  bool log_code = false;        // -d in_asm
  std::string pidfile;
  bool daemonize = false;
  std::string uuid;

  // Instead of running: what to print to standard output before leaving with exit code 0.
  std::string answer;
  // Options that are accepted and have no effect here, each a line for standard error.
  std::vector<std::string> warnings;
};

// Parses what follows the program's name. An error is QEMU's kind of line, without the program's name:
// "-foo: invalid option".
std::expected<Options, std::string> parse(const std::vector<std::string>& arguments);

}  // namespace espalier::cli::qemu
