#include "debug/call_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <optional>
#include <utility>

#include "debug/core_names.h"
#include "debug/trace_writer.h"
#include "rom/rom.h"

namespace espalier::debug {
namespace {

double us(base::Ticks ticks) {
  return static_cast<double>(ticks) / base::kTicksPerMicrosecond;
}

bool is_idle(const RecordedSlice& slice) {
  return slice.context.starts_with("task IDLE");
}

// What is printed for one call, or for several alike in a row.
struct Shown {
  const RecordedCall* first = nullptr;
  unsigned times = 1;
  base::Ticks took = 0;
  std::string shape;  // equal for calls that look alike
  std::vector<Shown> children;
};

class Text {
 public:
  Text(const CallRecording& recording, const std::vector<CallTraceEvent>& events, const Symbols& symbols,
       unsigned depth)
      : recording_(recording), events_(events), symbols_(symbols), depth_(depth) {}

  std::string format() {
    // By time; an event that is as old as a slice has caused it.
    std::vector<const RecordedSlice*> slices;
    for (const RecordedSlice& slice : recording_.slices) slices.push_back(&slice);
    std::ranges::stable_sort(slices, {}, &RecordedSlice::begin);
    auto event = events_.begin();
    line("us", "took us", 0, "");
    for (std::size_t n = 0; n < slices.size();) {
      for (; event != events_.end() && event->time <= slices[n]->begin; ++event) put(*event);
      n += slice(slices, n);
    }
    for (; event != events_.end(); ++event) put(*event);
    summary();
    return std::move(text_);
  }

 private:
  void line(std::string_view time, std::string_view took, unsigned indent, std::string_view what) {
    fmt::format_to(std::back_inserter(text_), "{:>10}{:>10}  {:{}}{}\n", time, took, "", 2 * indent, what);
    while (text_.ends_with(" \n")) text_.erase(text_.size() - 2, 1);
  }
  std::string since_begin(base::Ticks time) const {
    return fmt::format("{:.2f}", us(time - recording_.begin));
  }
  void put(const CallTraceEvent& event) { line(since_begin(event.time), "", 0, "== " + event.text); }

  // Returns how many slices the lines stand for: idle tasks say nothing, and come again and again.
  std::size_t slice(const std::vector<const RecordedSlice*>& slices, std::size_t at) {
    const RecordedSlice& the = *slices[at];
    line(since_begin(the.begin), fmt::format("{:.2f}", us(the.end - the.begin)), 0,
         fmt::format("-- {}: {}", kCoreNames[the.cpu], the.context));
    if (is_idle(the)) return 1;
    for (const Shown& shown : collapsed(the.calls, 1)) put(shown, 1);
    return 1;
  }

  std::vector<Shown> collapsed(const std::vector<std::uint32_t>& calls, unsigned level) const {
    std::vector<Shown> result;
    if (level > depth_) return result;
    for (const std::uint32_t number : calls) {
      const RecordedCall& call = recording_.calls[number];
      Shown shown{.first = &call,
                  .took = call.end - call.begin,
                  .shape = {},
                  .children = collapsed(call.children, level + 1)};
      shown.shape = fmt::format("{}{}{}(", call.function, call.resumed ? "r" : "", call.open ? "o" : "");
      for (const std::string& note : call.notes) shown.shape += note + ";";
      for (const Shown& child : shown.children) shown.shape += fmt::format("{}x{}", child.shape, child.times);
      shown.shape += ")";
      if (!result.empty() && result.back().shape == shown.shape) {
        ++result.back().times;
        result.back().took += shown.took;
      } else {
        result.push_back(std::move(shown));
      }
    }
    return result;
  }

  std::string name_of(const RecordedCall& call) const {
    const CallRecording::Function& function = recording_.functions[call.function];
    return function.name.empty() ? fmt::format("{:#010x}", function.address) : function.name;
  }

  void put(const Shown& shown, unsigned level) {
    const RecordedCall& call = *shown.first;
    // Callers that do nothing but wait for the one that goes on are named beside it.
    if (call.resumed && shown.children.size() == 1 && shown.children[0].first->resumed &&
        call.notes.empty()) {
      callers_ += name_of(call) + " > ";
      put(shown.children[0], level);
      return;
    }
    std::string what = (call.resumed ? "back in " : "") + std::exchange(callers_, {}) + name_of(call);
    if (shown.times > 1) what += fmt::format(" x{}", shown.times);
    if (call.open) what += " ...";
    for (const std::string& note : call.notes) what += "   => " + note;
    line(since_begin(call.begin), fmt::format("{:.2f}", us(shown.took)), level, what);
    for (const Shown& child : shown.children) put(child, level + 1);
  }

  const std::string& layer_of(std::uint32_t function) {
    const auto [at, first] = layers_.try_emplace(function);
    if (!first) return at->second;
    const CallRecording::Function& the = recording_.functions[function];
    if (the.address - rom::kCodeBase < rom::kCodeSize) return at->second = "(mask ROM)";
    if (const image::LineTable::Row* row = symbols_.lines().at(the.address))
      at->second = layer_of_source(symbols_.lines().file(row->file));
    if (at->second.empty()) at->second = the.name.empty() ? "(unknown)" : the.name;
    return at->second;
  }

  void add_self(const std::vector<std::uint32_t>& calls, bool interrupt) {
    for (const std::uint32_t number : calls) {
      const RecordedCall& call = recording_.calls[number];
      by_layer_[layer_of(call.function)][interrupt ? 0 : 1] += call.self;
      add_self(call.children, interrupt);
    }
  }

  void summary() {
    const base::Ticks all = recording_.end - recording_.begin;
    std::array<base::Ticks, 2> busy{};
    for (const RecordedSlice& slice : recording_.slices) {
      if (is_idle(slice)) continue;
      busy[slice.cpu] += slice.end - slice.begin;
      add_self(slice.calls, slice.interrupt);
    }
    struct Layer {
      std::string name;
      std::array<base::Ticks, 2> time;
      base::Ticks sum() const { return time[0] + time[1]; }
    };
    std::vector<Layer> layers;
    base::Ticks total = 0;
    for (const auto& [name, time] : by_layer_) {
      layers.push_back({name, time});
      total += layers.back().sum();
    }
    std::ranges::stable_sort(layers, std::ranges::greater(), &Layer::sum);
    fmt::format_to(std::back_inserter(text_), "\n{:>10} {:>10} {:>9}{:>8}  layer\n", "us", "interrupts",
                   "tasks", "share");
    for (const Layer& layer : layers)
      if (layer.sum() != 0)
        fmt::format_to(
            std::back_inserter(text_), "{:10.2f} {:10.2f} {:9.2f}{:7.1f}%  {}\n", us(layer.sum()),
            us(layer.time[0]), us(layer.time[1]),
            100 * static_cast<double>(layer.sum()) / static_cast<double>(std::max<base::Ticks>(total, 1)),
            layer.name);
    for (unsigned cpu = 0; cpu < 2; ++cpu)
      fmt::format_to(std::back_inserter(text_), "{:10.2f}{:29}  {} idle, of {:.2f}\n",
                     us(all - std::min(all, busy[cpu])), "", kCoreNames[cpu], us(all));
  }

  const CallRecording& recording_;
  const std::vector<CallTraceEvent>& events_;
  const Symbols& symbols_;
  unsigned depth_;
  std::string text_;
  std::string callers_;
  std::map<std::uint32_t, std::string> layers_;
  std::map<std::string, std::array<base::Ticks, 2>> by_layer_;
};

}  // namespace

std::string layer_of_source(std::string_view path) {
  constexpr std::string_view kComponents = "components/";
  const auto folder = [](std::string_view of) { return of.substr(0, of.find('/')); };
  if (const std::size_t at = path.rfind(kComponents); at != std::string_view::npos) {
    std::string_view rest = path.substr(at + kComponents.size());
    const std::string_view component = folder(rest);
    if (component != "lwip") return std::string(component);
    // lwip/lwip/src/core/ipv4/ip4.c is the stack itself, lwip/port/... what binds it to FreeRTOS.
    constexpr std::string_view kStack = "lwip/lwip/src/";
    const bool stack = rest.starts_with(kStack);
    rest.remove_prefix(stack ? kStack.size() : std::min(component.size() + 1, rest.size()));
    return fmt::format("lwip/{}", folder(rest));
  }
  const std::size_t slash = path.rfind('/');
  if (slash == std::string_view::npos || slash == 0) return std::string(path);
  const std::size_t before = path.rfind('/', slash - 1);
  return std::string(path.substr(before == std::string_view::npos ? 0 : before + 1));
}

std::string format_call_trace(const CallRecording& recording, const std::vector<CallTraceEvent>& events,
                              const Symbols& symbols, unsigned depth) {
  return Text(recording, events, symbols, depth).format();
}

std::string format_call_timeline(const CallRecording& recording, const std::vector<CallTraceEvent>& events) {
  std::string text = "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n";
  bool first = true;
  const auto put = [&](std::string_view name, std::string_view more) {
    text += first ? "" : ",\n";
    first = false;
    text += "{\"pid\":1,\"name\":";
    append_json_string(text, name);
    fmt::format_to(std::back_inserter(text), ",{}}}", more);
  };
  const auto time = [&](base::Ticks at) { return us(at - recording.begin); };
  put("process_name", R"("ph":"M","tid":0,"ts":0,"args":{"name":"ESP32"})");
  std::map<std::string, unsigned> tracks;
  const auto track_of = [&](const std::string& name) {
    const auto [at, is_new] = tracks.try_emplace(name, static_cast<unsigned>(tracks.size()) + 1);
    if (is_new) {
      std::string quoted;
      append_json_string(quoted, name);
      put("thread_name", fmt::format(R"("ph":"M","tid":{},"ts":0,"args":{{"name":{}}})", at->second, quoted));
    }
    return at->second;
  };
  for (const CallTraceEvent& event : events)
    put(event.text,
        fmt::format(R"("ph":"i","s":"g","tid":{},"ts":{:.3f})", track_of("Ethernet"), time(event.time)));
  const auto calls = [&](const auto& self, const std::vector<std::uint32_t>& numbers,
                         unsigned track) -> void {
    for (const std::uint32_t number : numbers) {
      const RecordedCall& call = recording.calls[number];
      const CallRecording::Function& function = recording.functions[call.function];
      put(function.name.empty() ? fmt::format("{:#010x}", function.address) : function.name,
          fmt::format(R"("ph":"X","tid":{},"ts":{:.3f},"dur":{:.3f})", track, time(call.begin),
                      us(call.end - call.begin)));
      self(self, call.children, track);
    }
  };
  for (const RecordedSlice& slice : recording.slices) {
    const std::string context = slice.interrupt ? std::string("interrupts") : slice.context;
    const unsigned track = track_of(fmt::format("{}: {}", kCoreNames[slice.cpu], context));
    put(slice.context, fmt::format(R"("ph":"X","tid":{},"ts":{:.3f},"dur":{:.3f})", track, time(slice.begin),
                                   us(slice.end - slice.begin)));
    calls(calls, slice.calls, track);
  }
  return text + "\n]}\n";
}

}  // namespace espalier::debug
