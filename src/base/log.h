// The emulator's own messages: to standard error, filtered by level and area.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <expected>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace espalier::base {

enum class LogLevel : std::uint8_t { kError, kWarn, kInfo, kDebug, kTrace };

// What a message is about. A user names areas in `--log LEVEL[,AREA...]`.
enum class LogArea : std::uint8_t {
  kGeneral,
  kCpu,
  kUnimp,
  kGuestError,
  kDevice,
  kFlash,
  kNet,
  kRom,
  kReset,
  kCount
};

// Each machine has one. Messages of an area pass if the machine's level reaches theirs and the area is
// selected.
class Logger {
 public:
  using Sink = std::function<void(LogLevel, LogArea, std::string_view message)>;

  // Warnings and errors of every area, to standard error.
  Logger();
  explicit Logger(Sink sink);

  // `text` is "debug", "debug,unimp", "trace,flash,net": a level, then areas (none means all). Returns what
  // is wrong with it otherwise.
  std::expected<void, std::string> configure(std::string_view text);

  bool enabled(LogLevel level, LogArea area) const {
    return level <= LogLevel::kWarn ? level <= level_
                                    : level <= level_ && (areas_ >> static_cast<unsigned>(area) & 1);
  }
  template <class... Args>
  void log(LogLevel level, LogArea area, fmt::format_string<Args...> format, Args&&... args) const {
    if (enabled(level, area)) sink_(level, area, fmt::format(format, std::forward<Args>(args)...));
  }
  template <class... Args>
  void error(LogArea area, fmt::format_string<Args...> format, Args&&... args) const {
    log(LogLevel::kError, area, format, std::forward<Args>(args)...);
  }
  template <class... Args>
  void warn(LogArea area, fmt::format_string<Args...> format, Args&&... args) const {
    log(LogLevel::kWarn, area, format, std::forward<Args>(args)...);
  }
  template <class... Args>
  void debug(LogArea area, fmt::format_string<Args...> format, Args&&... args) const {
    log(LogLevel::kDebug, area, format, std::forward<Args>(args)...);
  }
  template <class... Args>
  void trace(LogArea area, fmt::format_string<Args...> format, Args&&... args) const {
    log(LogLevel::kTrace, area, format, std::forward<Args>(args)...);
  }

 private:
  Sink sink_;
  LogLevel level_ = LogLevel::kWarn;
  std::uint32_t areas_ = ~0u;
};

}  // namespace espalier::base
