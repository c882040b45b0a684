#include "base/log.h"

#include <array>
#include <cstdio>
#include <optional>

#include "base/log_names.h"

namespace espalier::base {
namespace {

constexpr std::array<std::string_view, 5> kLevelNames = {"error", "warn", "info", "debug", "trace"};
constexpr std::array<std::string_view, static_cast<std::size_t>(LogArea::kCount)> kAreaNames = {
    "general", "cpu", "unimp", "guest_error", "device", "flash", "net", "rom", "reset"};

template <std::size_t N>
std::optional<unsigned> find(const std::array<std::string_view, N>& names, std::string_view name) {
  for (unsigned i = 0; i < N; ++i)
    if (names[i] == name) return i;
  return std::nullopt;
}

void to_stderr(LogLevel level, LogArea area, std::string_view message) {
  // One write, so that lines of several machines do not mix.
  const std::string line = fmt::format("espalier: {} [{}] {}\n", name_of(level), name_of(area), message);
  std::fwrite(line.data(), 1, line.size(), stderr);
}

}  // namespace

std::string_view name_of(LogLevel level) {
  return kLevelNames[static_cast<std::size_t>(level)];
}
std::string_view name_of(LogArea area) {
  return kAreaNames[static_cast<std::size_t>(area)];
}

Logger::Logger() : Logger(to_stderr) {}
Logger::Logger(Sink sink) : sink_(std::move(sink)) {}

std::expected<void, std::string> Logger::configure(std::string_view text) {
  const std::string_view whole = text;
  std::uint32_t areas = 0;
  bool first = true;
  LogLevel level = level_;
  do {
    const std::size_t comma = text.find(',');
    const std::string_view word = text.substr(0, comma);
    text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
    if (first) {
      const auto at = find(kLevelNames, word);
      if (!at)
        return std::unexpected(
            fmt::format("--log {}: no level '{}'; one of {}", whole, word, fmt::join(kLevelNames, ", ")));
      level = static_cast<LogLevel>(*at);
      first = false;
      continue;
    }
    const auto at = find(kAreaNames, word);
    if (!at)
      return std::unexpected(
          fmt::format("--log {}: no area '{}'; one of {}", whole, word, fmt::join(kAreaNames, ", ")));
    areas |= 1u << *at;
  } while (!text.empty());
  level_ = level;
  areas_ = areas ? areas : ~0u;
  return {};
}

}  // namespace espalier::base
