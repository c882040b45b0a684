#include "fleet/json_log.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <ctime>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/log_names.h"

namespace espalier::fleet {

namespace {

constexpr std::size_t kLongestLine = 4096;

std::string_view level_of(Event::Kind kind) {
  switch (kind) {
    case Event::Kind::kPanic:
    case Event::Kind::kFailed:
      return "error";
    case Event::Kind::kReset:
    case Event::Kind::kBackOff:
      return "warn";
    default:
      return "info";
  }
}

std::string time_text(double time) {
  const auto ms = static_cast<std::int64_t>(std::llround(time * 1000));
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(static_cast<std::time_t>(ms / 1000)),
                     ms % 1000);
}

}  // namespace

double JsonLog::system_time() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

void JsonLog::put(double time, std::string_view device, std::string_view level, std::string_view area,
                  std::string_view message) {
  using Json = nlohmann::ordered_json;
  Json line = {{"time", time_text(time)}};
  if (!device.empty()) line["device"] = device;
  line["level"] = level;
  line["area"] = area;
  line["message"] = message;
  // A console may show anything; what is no UTF-8 is replaced.
  write_(line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
}

void JsonLog::log(std::string_view device, std::string_view level, std::string_view area,
                  std::string_view message) {
  const std::lock_guard lock(mutex_);
  put(now_(), device, level, area, message);
}

base::Logger::Sink JsonLog::sink(std::string device) {
  return
      [this, device = std::move(device)](base::LogLevel level, base::LogArea area, std::string_view message) {
        log(device, base::name_of(level), base::name_of(area), message);
      };
}

void JsonLog::flush(const std::string& device, std::string& line) {
  std::string_view text = line;
  while (text.ends_with('\r')) text.remove_suffix(1);
  put(now_(), device, "info", "console", text);
  line.clear();
}

void JsonLog::console(const std::string& device, std::span<const std::uint8_t> bytes) {
  const std::lock_guard lock(mutex_);
  std::string& line = lines_[device];
  for (const std::uint8_t byte : bytes) {
    if (byte == '\n') {
      flush(device, line);
      continue;
    }
    if (line.size() == kLongestLine) flush(device, line);
    line += static_cast<char>(byte);
  }
}

void JsonLog::end_console(const std::string& device) {
  const std::lock_guard lock(mutex_);
  const auto found = lines_.find(device);
  if (found == lines_.end()) return;
  if (!found->second.empty()) flush(device, found->second);
  lines_.erase(found);
}

void JsonLog::event(const Event& event) {
  const std::lock_guard lock(mutex_);
  put(event.time, event.device, level_of(event.kind), "event",
      fmt::format("{}{}{}", name_of(event.kind), event.detail.empty() ? "" : ": ", event.detail));
}

}  // namespace espalier::fleet
