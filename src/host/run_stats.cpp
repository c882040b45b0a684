#include "host/run_stats.h"

#include <fmt/format.h>

#include <string_view>

namespace espalier::host {

std::string format_stats(const RunStats& stats) {
  std::string text;
  const auto row = [&text](std::string_view name, const std::string& value) {
    text += fmt::format("espalier: {:<22}{}\n", name, value);
  };
  const auto count = [&row](std::string_view name, std::uint64_t value) {
    row(name, fmt::format("{}", value));
  };
  const auto seconds = [](std::uint64_t ns) {
    return fmt::format("{:.6f} s", static_cast<double>(ns) / 1e9);
  };
  const std::uint64_t accounted = stats.guest_ns + stats.timers_ns + stats.idle_ns;
  const double mips = stats.guest_ns == 0
                          ? 0.0
                          : 1e3 * static_cast<double>(stats.instructions[0] + stats.instructions[1]) /
                                static_cast<double>(stats.guest_ns);
  count("PRO CPU instructions", stats.instructions[0]);
  count("APP CPU instructions", stats.instructions[1]);
  row("MIPS", fmt::format("{:.1f}", mips));
  row("guest code", seconds(stats.guest_ns));
  row("device timers", seconds(stats.timers_ns));
  row("idle", seconds(stats.idle_ns));
  row("host side", seconds(stats.total_ns > accounted ? stats.total_ns - accounted : 0));
  row("turns", fmt::format("{}, {} of them short for a core that polls", stats.turns, stats.polling_turns));
  count("slow-path accesses", stats.slow_accesses);
  count("resets", stats.resets);
  count("regions translated", stats.engine.translated_regions);
  count("their instructions", stats.engine.translated_instructions);
  count("host code bytes", stats.engine.code_bytes);
  count("times thrown away", stats.engine.flushes);
  count("translations entered", stats.engine.entries);
  count("chained exits", stats.engine.chained_exits);
  count("window steps", stats.engine.window_steps);
  count("ways asked for", stats.engine.resumes);
  count("out-of-line accesses", stats.engine.slow_accesses);
  count("accesses re-routed", stats.engine.faults);
  return text;
}

}  // namespace espalier::host
