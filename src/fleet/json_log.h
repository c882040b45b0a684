// Logs as lines of JSON, for whoever collects them: `fleet up --log-format json`.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <string_view>

#include "base/log.h"
#include "fleet/control.h"

namespace espalier::fleet {

// {"time":"2026-11-26T02:30:00.123Z","device":"demo-0","level":"info","area":"console","message":"Hello
// world!"} A line without a device is the fleet's. Areas are those of `--log`, and console and event. Any
// thread.
class JsonLog {
 public:
  // `write` gets whole lines, each with its line feed, one call at a time.
  using Write = std::function<void(std::string_view line)>;
  // Time is in seconds since 1970.
  explicit JsonLog(Write write, std::function<double()> now = system_time)
      : write_(std::move(write)), now_(std::move(now)) {}

  void log(std::string_view device, std::string_view level, std::string_view area, std::string_view message);
  // For a machine's own messages. The log has to outlive it.
  base::Logger::Sink sink(std::string device);
  // Bytes of a device's console. A line is told when it has ended; one of more than 4 KiB in pieces.
  void console(const std::string& device, std::span<const std::uint8_t> bytes);
  // The device is gone: what its console has shown of a line that has not ended.
  void end_console(const std::string& device);
  // Failures and panics are errors, resets and back-offs warnings.
  void event(const Event& event);

  static double system_time();

 private:
  void flush(const std::string& device, std::string& line);
  void put(double time, std::string_view device, std::string_view level, std::string_view area,
           std::string_view message);

  std::mutex mutex_;
  Write write_;
  std::function<double()> now_;
  std::map<std::string, std::string, std::less<>> lines_;  // of consoles, that have not ended
};

}  // namespace espalier::fleet
