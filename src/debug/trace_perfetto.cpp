#include "debug/trace_perfetto.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "debug/core_names.h"

namespace espalier::debug {

using base::TraceEvent;

namespace {

// A bit at 100 Mbit/s; preamble, check sequence and gap beside the frame; the shortest frame.
constexpr std::uint64_t kNsPerByte = 80, kAroundFrame = 8 + 4 + 12, kShortest = 60;

std::string arguments_of(const base::TraceRecord& record) {
  std::string text;
  append_json_fields(text, record);
  return text;
}

std::string name_member(std::string_view name) {
  std::string text = "\"name\":";
  append_json_string(text, name);
  return text;
}

}  // namespace

PerfettoWriter::PerfettoWriter(TraceFile& file) : file_(file) {
  file_.write("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n");
  put('M', 0, 0, R"("name":"process_name","args":{"name":"ESP32"})");
  for (unsigned cpu = 0; cpu < 2; ++cpu) {
    name_track(kTasks + cpu * kPerCore, fmt::format("{}: tasks", kCoreNames[cpu]));
    name_track(kInterrupts + cpu * kPerCore, fmt::format("{}: interrupts", kCoreNames[cpu]));
    name_track(kEvents + cpu * kPerCore, fmt::format("{}: events", kCoreNames[cpu]));
  }
  name_track(kChip, "chip");
  name_track(kSent, "Ethernet: sent");
  name_track(kReceived, "Ethernet: received");
}

void PerfettoWriter::name_track(unsigned track, std::string_view name) {
  put('M', track, 0, fmt::format(R"("name":"thread_name","args":{{"name":"{}"}})", name));
  put('M', track, 0, fmt::format(R"("name":"thread_sort_index","args":{{"sort_index":{}}})", track));
}

void PerfettoWriter::put(char phase, unsigned track, std::uint64_t ns, std::string_view more) {
  last_ns_ = std::max(last_ns_, ns);
  line_.clear();
  fmt::format_to(std::back_inserter(line_), R"({}{{"ph":"{}","pid":1,"tid":{},"ts":{}.{:03}{}{}}})",
                 first_ ? "" : ",\n", phase, track, ns / 1000, ns % 1000, more.empty() ? "" : ",", more);
  first_ = false;
  file_.write(line_);
}

void PerfettoWriter::begin(unsigned track, std::uint64_t ns, std::string_view name,
                           std::string_view arguments) {
  std::string more = name_member(name);
  if (!arguments.empty()) more += fmt::format(R"(,"args":{{{}}})", arguments);
  put('B', track, ns, more);
}

void PerfettoWriter::end(unsigned track, std::uint64_t ns) {
  put('E', track, ns, {});
}

void PerfettoWriter::instant(const base::TraceRecord& record) {
  const unsigned track =
      record.cpu < 0 ? unsigned{kChip} : kEvents + static_cast<unsigned>(record.cpu) * kPerCore;
  put('i', track, base::ns_from_ticks(record.time),
      fmt::format(R"({},"s":"t","args":{{{}}})", name_member(record.event.name), arguments_of(record)));
}

void PerfettoWriter::end_wait(unsigned cpu, std::uint64_t ns) {
  if (!std::exchange(cores_[cpu].waiting, false)) return;
  end(kTasks + cpu * kPerCore, ns);
}

// Handlers of this level and above are over.
void PerfettoWriter::end_interrupts(unsigned cpu, std::uint64_t level, std::uint64_t ns) {
  auto& levels = cores_[cpu].levels;
  while (!levels.empty() && levels.back() >= level) {
    levels.pop_back();
    end(kInterrupts + cpu * kPerCore, ns);
  }
}

// What makes the slices of a core's tracks. False: it is something else.
bool PerfettoWriter::core_event(const base::TraceRecord& record) {
  if (record.values.empty() || record.values[0].is_text() || record.values[0].number() > 1) return false;
  const auto cpu = static_cast<unsigned>(record.values[0].number());
  const std::uint64_t ns = base::ns_from_ticks(record.time);
  Core& core = cores_[cpu];
  const auto number = [&](std::size_t n) { return record.values[n].number(); };
  if (record.is(TraceEvent::cpu_interrupt)) {
    end_wait(cpu, ns);
    // One is taken only above the level of those that are still being served.
    end_interrupts(cpu, number(1), ns);
    core.levels.push_back(number(1));
    begin(kInterrupts + cpu * kPerCore, ns, fmt::format("level {}", number(1)), arguments_of(record));
  } else if (record.is(TraceEvent::cpu_interrupt_done)) {
    end_interrupts(cpu, number(1), ns);
  } else if (record.is(TraceEvent::cpu_waiti)) {
    end_wait(cpu, ns);
    core.waiting = true;
    begin(kTasks + cpu * kPerCore, ns, "waits");
  } else if (record.is(TraceEvent::task_switch) || record.is(TraceEvent::cpu_reset)) {
    end_wait(cpu, ns);
    if (!core.task.empty()) end(kTasks + cpu * kPerCore, ns);
    core.task.clear();
    if (record.is(TraceEvent::cpu_reset)) {
      end_interrupts(cpu, 0, ns);
      instant(record);
      return true;
    }
    core.task = record.values[2].text().empty() ? "?" : record.values[2].text();
    begin(kTasks + cpu * kPerCore, ns, core.task, arguments_of(record));
  } else {
    return false;
  }
  return true;
}

void PerfettoWriter::source(const base::TraceRecord& record) {
  const std::uint64_t number = record.values[0].number();
  const bool high = record.values[2].number() != 0;
  const auto track = static_cast<unsigned>(kSources + number);
  const auto [at, first] = sources_.try_emplace(number, false);
  if (first) name_track(track, fmt::format("source {} {}", number, record.values[1].text()));
  if (at->second == high) return;
  at->second = high;
  const std::uint64_t ns = base::ns_from_ticks(record.time);
  high ? begin(track, ns, record.values[1].text()) : end(track, ns);
}

// A frame is on the wire for longer than the machine takes for it; the next one ends it, so that slices of a
// track never overlap.
void PerfettoWriter::frame(const base::TraceRecord& record, bool sent) {
  const std::uint64_t ns = base::ns_from_ticks(record.time);
  std::optional<Frame>& pending = frames_[sent ? 0 : 1];
  put_frame(sent ? kSent : kReceived, pending, ns);
  const std::uint64_t length = record.values[0].number();
  pending = Frame{ns, (std::max(length, kShortest) + kAroundFrame) * kNsPerByte,
                  fmt::format("{} bytes", length), arguments_of(record)};
}

void PerfettoWriter::put_frame(unsigned track, std::optional<Frame>& pending, std::uint64_t until) {
  if (!pending) return;
  const std::uint64_t length = std::min(pending->length_ns, until - pending->ns);
  put('X', track, pending->ns,
      fmt::format(R"({},"dur":{}.{:03},"args":{{{}}})", name_member(pending->name), length / 1000,
                  length % 1000, pending->arguments));
  pending.reset();
}

void PerfettoWriter::write(const base::TraceRecord& record) {
  if (core_event(record)) return;
  if (record.is(TraceEvent::ethernet_tx)) return frame(record, true);
  if (record.is(TraceEvent::ethernet_rx)) return frame(record, false);
  if (record.is(TraceEvent::interrupt_source)) return source(record);
  if (record.is(TraceEvent::gpio_level))
    return put('C', kChip, base::ns_from_ticks(record.time),
               fmt::format(R"("name":"GPIO{}","args":{{"level":{}}})", record.values[0].number(),
                           record.values[1].number()));
  instant(record);
}

void PerfettoWriter::finish() {
  for (const bool sent : {true, false})
    put_frame(sent ? kSent : kReceived, frames_[sent ? 0 : 1], ~std::uint64_t{0});
  const std::uint64_t ns = last_ns_;
  for (unsigned cpu = 0; cpu < 2; ++cpu) {
    end_wait(cpu, ns);
    if (!cores_[cpu].task.empty()) end(kTasks + cpu * kPerCore, ns);
    end_interrupts(cpu, 0, ns);
  }
  for (const auto& [number, high] : sources_)
    if (high) end(static_cast<unsigned>(kSources + number), ns);
  file_.write("\n]}\n");
}

}  // namespace espalier::debug
