#include "debug/profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "debug/core_names.h"

namespace espalier::debug {
namespace {

constexpr std::string_view kWaits = "(waits)";
// The first texts.
constexpr std::uint32_t core_text(unsigned cpu) {
  return 1 + cpu;
}
constexpr std::uint32_t kWaitsText = 3;
// An address whose upper two bits are a window increment lies in the caller's gigabyte.
constexpr std::uint32_t kOffsetMask = 0x3fffffff;
constexpr std::uint32_t kCallSize = 3;  // CALLn, CALLXn

}  // namespace

Profile::Profile(esp32::Machine& machine, Names names, std::optional<FreeRtosSymbols> symbols)
    : machine_(machine), names_(std::move(names)), symbols_(symbols) {
  texts_.emplace_back();  // index 0: no function is known
  for (const std::string_view name : kCoreNames) text(std::string(name));
  text(std::string(kWaits));
  const base::Ticks now = machine_.clock().now();
  for (Core& core : cores_) core.ended = now;
  machine_.scheduler().on_turn_end(
      this, [this](xtensa::Core& core, base::Ticks began) { turn_ended(core, began); });
}

Profile::~Profile() {
  machine_.scheduler().on_turn_end(this, {});
}

void Profile::turn_ended(xtensa::Core& core, base::Ticks began) {
  Core& state = cores_[core.index()];
  const base::Ticks now = machine_.clock().now();
  if (began > state.ended && state.waited) add({core_text(core.index()), kWaitsText}, began - state.ended);
  state.spent += now - std::max(began, std::min(state.ended, now));
  state.ended = std::max(state.ended, now);
  state.waited = core.waiting();
  if (state.spent < kInterval) return;
  add(stack_of(core), std::exchange(state.spent, 0));
}

std::uint32_t Profile::text(const std::string& name) {
  const auto [at, first] = text_numbers_.try_emplace(name, static_cast<std::uint32_t>(texts_.size()));
  if (first) texts_.push_back(name);
  return at->second;
}

std::uint32_t Profile::function_at(std::uint32_t address) {
  const auto [at, first] = functions_.try_emplace(address, 0);
  if (first)
    if (const std::string name = names_(address); !name.empty()) at->second = text(name);
  return at->second;
}

Profile::Stack Profile::stack_of(xtensa::Core& core) {
  const xtensa::State& s = core.state();
  Stack stack;  // innermost first, turned round at the end
  std::uint32_t pc = s.pc;
  stack.push_back(function_at(pc));
  // In a vector the windows are not what the ABI says.
  const bool walk = (s.ps & xtensa::kPsExcm) == 0 && (s.ps & xtensa::kPsWoe) != 0;
  std::uint32_t window = s.windowbase;
  unsigned distance = 0;  // of the caller's window from the present one; there are 16
  bool in_registers = true;
  std::uint32_t a0 = core.a(0), sp = core.a(1);
  if (const std::uint32_t increment = (s.ps & xtensa::kPsCallinc) >> xtensa::kPsCallincShift;
      walk && increment != 0 && stack[0] != 0 && function_at(pc - 1) != stack[0]) {
    // Before ENTRY the window is still the caller's.
    pc = (core.window_relative(4 * increment) & kOffsetMask) | (pc & ~kOffsetMask);
    stack.push_back(function_at(pc - kCallSize));
  }
  while (walk && stack.back() != 0 && stack.size() < kDeepest) {
    const std::uint32_t increment = a0 >> 30;
    if (increment == 0) break;
    pc = (a0 & kOffsetMask) | (pc & ~kOffsetMask);
    stack.push_back(function_at(pc - kCallSize));
    window = (window - increment) & 15;
    distance += increment;
    in_registers = in_registers && distance < 16 && (s.windowstart >> window & 1) != 0;
    if (in_registers) {
      a0 = core.physical(4 * window);
      sp = core.physical(4 * window + 1);
    } else {
      // The caller's a0 to a3 lie below its callee's stack pointer.
      const auto saved_a0 = plain_word(machine_, sp - 16), saved_sp = plain_word(machine_, sp - 12);
      if (!saved_a0 || !saved_sp || *saved_sp <= sp) break;
      a0 = *saved_a0;
      sp = *saved_sp;
    }
  }
  if (stack.back() == 0 && stack.size() > 1) stack.pop_back();
  if (stack.back() == 0) stack.back() = text("(unknown)");
  if (symbols_)
    if (const std::uint32_t tcb = current_tcb(machine_, *symbols_, core.index()); tcb != 0)
      stack.push_back(text("task " + task_name(machine_, *symbols_, tcb)));
  stack.push_back(core_text(core.index()));
  std::ranges::reverse(stack);
  return stack;
}

std::string Profile::folded() const {
  std::vector<std::string> lines;
  auto times = times_;
  const base::Ticks now = machine_.clock().now();
  for (unsigned cpu = 0; cpu < cores_.size(); ++cpu) {
    const Core& core = cores_[cpu];
    if (core.waited && now > core.ended) times[{core_text(cpu), kWaitsText}] += now - core.ended;
  }
  for (const auto& [stack, time] : times) {
    const std::uint64_t us = (time + base::kTicksPerMicrosecond / 2) / base::kTicksPerMicrosecond;
    if (us == 0) continue;
    std::string line;
    for (const std::uint32_t part : stack) line += (line.empty() ? "" : ";") + texts_[part];
    lines.push_back(fmt::format("{} {}\n", line, us));
  }
  std::ranges::sort(lines);
  return fmt::format("{}", fmt::join(lines, ""));
}

std::string Profile::summary(unsigned functions) const {
  struct Sum {
    std::uint32_t function = 0;
    base::Ticks self = 0, with_callees = 0;
  };
  std::map<std::uint32_t, Sum> sums;
  base::Ticks all = 0;
  for (const auto& [stack, time] : times_) {
    if (stack.back() == kWaitsText) continue;
    all += time;
    sums[stack.back()].self += time;
    // A function that calls itself is on the stack more than once.
    for (const std::uint32_t part : std::set<std::uint32_t>(stack.begin(), stack.end()))
      sums[part].with_callees += time;
  }
  std::vector<Sum> order;
  for (auto& [function, sum] : sums)
    if (sum.self != 0) order.push_back({function, sum.self, sum.with_callees});
  std::ranges::sort(order, [&](const Sum& a, const Sum& b) {
    return a.self != b.self ? a.self > b.self : texts_[a.function] < texts_[b.function];
  });
  order.resize(std::min<std::size_t>(order.size(), functions));
  std::string text = "  self  total  function\n";
  const auto percent = [all](base::Ticks time) {
    return 100 * static_cast<double>(time) / static_cast<double>(all);
  };
  for (const Sum& sum : order)
    fmt::format_to(std::back_inserter(text), "{:5.1f}% {:5.1f}%  {}\n", percent(sum.self),
                   percent(sum.with_callees), texts_[sum.function]);
  return text;
}

}  // namespace espalier::debug
