// Threads, and how the machine runs for a debugger.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "debug/core_names.h"
#include "debug/gdb_registers.h"
#include "debug/gdb_session.h"

namespace espalier::debug {

using esp32::DebugStop;

namespace {

constexpr unsigned kCores = 2;

std::string escape_xml(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '<':
        escaped += "&lt;";
        break;
      case '&':
        escaped += "&amp;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      default:
        escaped.push_back(c);
    }
  }
  return escaped;
}

}  // namespace

// --- Threads

FreeRtos::Read GdbSession::task_memory() {
  return [this](std::uint32_t address, std::span<std::uint8_t> out) {
    // A list that has gone astray must not read registers.
    return !esp32::DeviceBus::contains(address) && machine_.peek(0, address, out) == out.size();
  };
}

std::vector<GdbSession::Thread> GdbSession::threads() {
  std::vector<FreeRtosTask> tasks;
  if (target_.tasks) tasks = target_.tasks->tasks(task_memory());
  std::vector<Thread> all;
  for (unsigned cpu = 0; cpu < kCores; ++cpu) {
    std::string text(kCoreNames[cpu]);
    for (const FreeRtosTask& task : tasks)
      if (task.cpu == cpu) text += fmt::format(": {} (running, priority {})", task.name, task.priority);
    if (machine_.core(cpu).halted()) text += ": not started";
    all.push_back({cpu + 1, cpu, text});
  }
  for (const FreeRtosTask& task : tasks)
    if (!task.cpu && task.tcb > kCores)
      all.push_back(
          {task.tcb, {}, fmt::format("{} ({}, priority {})", task.name, task.state, task.priority)});
  return all;
}

std::optional<GdbSession::Thread> GdbSession::thread(std::uint32_t id) {
  for (Thread& candidate : threads())
    if (candidate.id == id) return std::move(candidate);
  return std::nullopt;
}

std::optional<unsigned> GdbSession::cpu_of(std::uint32_t id) {
  if (id >= 1 && id <= kCores) return id - 1;
  // A task may have come to run since the debugger has asked.
  if (target_.tasks)
    for (const FreeRtosTask& task : target_.tasks->tasks(task_memory()))
      if (task.tcb == id) return task.cpu;
  return std::nullopt;
}

// g or c, and a thread: 0 is any, -1 all.
std::string GdbSession::select_thread(std::string_view arguments) {
  if (arguments.empty()) return "E16";
  const char use = arguments[0];
  arguments.remove_prefix(1);
  if (use != 'g' && use != 'c') return {};
  if (arguments == "-1" || arguments == "0") {
    if (use == 'c') stepped_ = 0;
    return "OK";
  }
  const auto id = parse_hex32(arguments);
  if (!id) return "E16";
  if (!thread(*id) && !cpu_of(*id)) return "E03";
  (use == 'g' ? selected_ : stepped_) = *id;
  return "OK";
}

std::string GdbSession::current_thread(std::string_view arguments) {
  if (!arguments.empty()) return {};  // qCRC
  return fmt::format("QC{:x}", selected_);
}

std::string GdbSession::first_threads(std::string_view) {
  std::string text = "m";
  for (const Thread& each : threads()) text += fmt::format("{}{:x}", text.size() == 1 ? "" : ",", each.id);
  return text;
}
std::string GdbSession::more_threads(std::string_view) {
  return "l";
}

std::string GdbSession::thread_info(std::string_view arguments) {
  const auto id = parse_hex32(arguments);
  const auto found = id ? thread(*id) : std::nullopt;
  return found ? to_hex(std::string_view(found->text)) : "E03";
}

std::string GdbSession::thread_alive(std::string_view arguments) {
  const auto id = parse_hex32(arguments);
  return id && thread(*id) ? "OK" : "E03";
}

std::string GdbSession::thread_list_xml() {
  std::string xml = "<?xml version=\"1.0\"?>\n<threads>\n";
  for (const Thread& each : threads()) {
    const std::string core = each.cpu ? fmt::format(" core=\"{}\"", *each.cpu) : "";
    xml += fmt::format("<thread id=\"{:x}\"{}>{}</thread>\n", each.id, core, escape_xml(each.text));
  }
  return xml + "</threads>\n";
}

// --- Going on

std::string GdbSession::continue_query(std::string_view) {
  return "vCont;c;C;s;S;r";
}

// ACTION[:THREAD];... For each core the first that names it, or names no thread.
std::string GdbSession::continue_with(std::string_view arguments) {
  Actions actions{};
  std::array<CodeRange, kCores> ranges{};
  std::array<bool, kCores> decided{};
  bool only_tasks = true;
  while (!arguments.empty()) {
    const std::size_t end = arguments.find(';');
    std::string_view one = arguments.substr(0, end);
    arguments.remove_prefix(end == std::string_view::npos ? arguments.size() : end + 1);
    const std::size_t colon = one.find(':');
    const std::string_view who = colon == std::string_view::npos ? "-1" : one.substr(colon + 1);
    const std::string_view what = one.substr(0, colon);
    Action action;
    CodeRange range;
    if (what == "c" || what.starts_with('C')) {
      action = Action::kContinue;
    } else if (what == "s" || what.starts_with('S')) {
      action = Action::kStep;
    } else if (what.starts_with('r')) {
      const std::size_t comma = std::min(what.find(','), what.size() - 1);
      const auto begin = parse_hex32(what.substr(1, comma - 1)), end_of = parse_hex32(what.substr(comma + 1));
      if (!begin || !end_of) return "E16";
      action = Action::kStep;
      range = {*begin, *end_of};
    } else {
      return "E16";
    }
    const auto id = parse_hex32(who);
    if (!id && who != "-1") return "E16";
    for (unsigned cpu = 0; cpu < kCores; ++cpu) {
      if (id && *id != 0 && cpu_of(*id) != cpu) continue;
      only_tasks = false;
      if (std::exchange(decided[cpu], true)) continue;
      actions[cpu] = action;
      ranges[cpu] = range;
    }
  }
  // A task that waits goes on when the cores do.
  if (only_tasks) actions.fill(Action::kContinue);
  stepped_ranges_ = ranges;
  resume(actions);
  return std::string(kNoReply);
}

// c[ADDRESS], C SIGNAL[;ADDRESS]: the signal means nothing here.
std::string GdbSession::continue_all(std::string_view) {
  stepped_ranges_ = {};
  resume({Action::kContinue, Action::kContinue});
  return std::string(kNoReply);
}

std::string GdbSession::step_one(std::string_view) {
  stepped_ranges_ = {};
  Actions actions = {Action::kContinue, Action::kContinue};
  actions[cpu_of(stepped_ != 0 ? stepped_ : selected_).value_or(0)] = Action::kStep;
  resume(actions);
  return std::string(kNoReply);
}

void GdbSession::resume(const Actions& actions) {
  debugger_waits_ = true;
  // What the other core has met in the same turn comes now, if it is still there.
  for (const DebugStop& stop : std::exchange(waiting_stops_, {})) {
    if (actions[stop.cpu] == Action::kHold) {
      waiting_stops_.push_back(stop);
      continue;
    }
    if (stop.kind == DebugStop::Kind::kBreakpoint &&
        !machine_.debug().has_breakpoint(machine_.core(stop.cpu).state().pc))
      continue;
    report(stop_reply(stop));
    return;
  }
  for (unsigned cpu = 0; cpu < kCores; ++cpu) {
    machine_.debug().hold(cpu, actions[cpu] == Action::kHold);
    machine_.debug().cancel_step(cpu);
    if (actions[cpu] == Action::kStep) machine_.debug().step(cpu);
  }
  // Whoever interrupts it is told of a core that ran.
  if (const auto cpu = cpu_of(selected_); !cpu || actions[*cpu] == Action::kHold)
    selected_ = actions[0] != Action::kHold ? 1 : 2;
  own_change_ = true;
  control_.resume();
  own_change_ = false;
  go_on_at_end_ = true;
  if (!control_.running()) {  // it has been shut down
    report("W00");
    finished_ = true;
  }
}

// Where GDB would step again. Not so at a breakpoint, which it counts as met.
bool GdbSession::in_stepped_range(const DebugStop& stop) const {
  const std::uint32_t pc = machine_.core(stop.cpu).state().pc;
  const CodeRange& range = stepped_ranges_[stop.cpu];
  return stop.kind == DebugStop::Kind::kStep && pc >= range.begin && pc < range.end &&
         !machine_.debug().has_breakpoint(pc);
}

void GdbSession::on_stops(std::span<const DebugStop> stops) {
  if (std::ranges::all_of(stops, [this](const DebugStop& stop) { return in_stepped_range(stop); })) {
    if (!control_.running()) return;  // stopped by somebody else in the same turn, and told
    for (const DebugStop& stop : stops) {
      machine_.debug().hold(stop.cpu, false);
      machine_.debug().step(stop.cpu);
    }
    return;
  }
  // First what is news.
  const auto told =
      std::ranges::find_if_not(stops, [this](const DebugStop& s) { return in_stepped_range(s); });
  for (unsigned cpu = 0; cpu < kCores; ++cpu) machine_.debug().cancel_step(cpu);
  own_change_ = true;
  control_.pause(RunState::kDebug);
  own_change_ = false;
  // A step's end is no news of a core that the debugger was not told of.
  for (const DebugStop& stop : stops)
    if (&stop != &*told && stop.kind != DebugStop::Kind::kStep) waiting_stops_.push_back(stop);
  report(stop_reply(*told));
}

std::string GdbSession::stop_reply(const DebugStop& stop) const {
  std::string reply = fmt::format("T05thread:{:x};core:{:x};", stop.cpu + 1, stop.cpu);
  switch (stop.kind) {
    case DebugStop::Kind::kBreakpoint:
      reply += hardware_.contains(machine_.core(stop.cpu).state().pc) ? "hwbreak:;" : "swbreak:;";
      break;
    case DebugStop::Kind::kWatchpoint:
      for (const Watch& watch : watches_) {
        if (watch.address != stop.address) continue;
        const char* kind = watch.type == '2' ? "watch" : watch.type == '3' ? "rwatch" : "awatch";
        reply += fmt::format("{}:{:x};", kind, stop.address);
        break;
      }
      break;
    case DebugStop::Kind::kStep:
    case DebugStop::Kind::kInstruction:
      break;
  }
  return reply;
}

// Only a debugger that waits for it must be told; others may ask.
void GdbSession::report(std::string reply) {
  if (const std::size_t at = reply.find("thread:"); at != std::string::npos)
    selected_ = static_cast<std::uint32_t>(reply[at + 7] - '0');
  last_stop_ = std::move(reply);
  if (std::exchange(debugger_waits_, false)) send_packet(last_stop_);
}

std::string GdbSession::why_stopped(std::string_view) {
  return last_stop_;
}

// Ctrl-C
std::string GdbSession::interrupt(std::string_view) {
  if (control_.running()) {
    control_.pause(RunState::kDebug);  // on_run_event() reports it
  } else if (debugger_waits_) {
    report(fmt::format("T02thread:{:x};", cpu_of(selected_).value_or(0) + 1));
  }
  return "OK";
}

void GdbSession::on_run_event(RunEvent event) {
  if (own_change_) return;
  switch (event) {
    case RunEvent::kStop: {
      for (unsigned cpu = 0; cpu < kCores; ++cpu) machine_.debug().cancel_step(cpu);
      const unsigned cpu = cpu_of(selected_).value_or(0);
      report(fmt::format("T02thread:{:x};core:{:x};", cpu + 1, cpu));
      return;
    }
    case RunEvent::kResume:  // by somebody else
      for (unsigned cpu = 0; cpu < kCores; ++cpu) machine_.debug().hold(cpu, false);
      return;
    case RunEvent::kShutdown:
    case RunEvent::kGuestShutdown:
      if (control_.state() != RunState::kShutdown) return;  // only paused
      report("W00");
      finished_ = true;
      return;
    case RunEvent::kReset:
    case RunEvent::kGuestReset:
      return;
  }
}

// --- The end

std::string GdbSession::detach(std::string_view) {
  go_on_at_end_ = true;
  send_packet("OK");
  finished_ = true;
  return std::string(kNoReply);
}

std::string GdbSession::kill(std::string_view arguments) {
  if (!arguments.empty()) send_packet("OK");  // vKill
  finished_ = true;
  go_on_at_end_ = false;
  own_change_ = true;
  control_.shut_down();
  own_change_ = false;
  return std::string(kNoReply);
}

std::string GdbSession::restart(std::string_view) {
  control_.system_reset();
  waiting_stops_.clear();
  return std::string(kNoReply);
}

}  // namespace espalier::debug
