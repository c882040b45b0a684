// Named trace events: which there are, which are switched on, and where what they tell goes.
#pragma once

#include <array>
#include <cassert>
#include <concepts>
#include <cstdint>
#include <deque>
#include <expected>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"

namespace espalier::base {

enum class TraceEvent : std::uint16_t {
#define TRACE_EVENT(name, fields, text, help) name,
#include "base/trace_events.def"
#undef TRACE_EVENT
  kCount
};

// What an event is; see trace_events.def for what `fields` and `text` hold.
struct TraceEventInfo {
  std::string_view name;
  std::string_view fields;
  std::string_view text;
  std::string_view help;
};

inline constexpr TraceEventInfo kTraceEvents[] = {
#define TRACE_EVENT(name, fields, text, help) {#name, fields, text, help},
#include "base/trace_events.def"
#undef TRACE_EVENT
};

// The field names of an event, one after another: `while (fields.next()) use(fields.name(),
// fields.is_text())`.
class TraceFields {
 public:
  constexpr explicit TraceFields(std::string_view fields) : rest_(fields) {}
  constexpr bool next() {
    if (rest_.empty()) return false;
    const std::size_t space = rest_.find(' ');
    name_ = rest_.substr(0, space);
    rest_ = space == std::string_view::npos ? std::string_view() : rest_.substr(space + 1);
    return true;
  }
  constexpr bool is_text() const { return name_.starts_with('$'); }
  constexpr std::string_view name() const { return is_text() ? name_.substr(1) : name_; }

 private:
  std::string_view rest_;
  std::string_view name_;
};

// The value of a field. Text is the emitting code's and lives as long as the call.
class TraceValue {
 public:
  template <std::integral T>
  constexpr TraceValue(T number) : number_(static_cast<std::uint64_t>(number)) {}
  constexpr TraceValue(std::string_view text) : text_(text), is_text_(true) {}
  constexpr bool is_text() const { return is_text_; }
  constexpr std::uint64_t number() const { return number_; }
  constexpr std::string_view text() const { return text_; }

 private:
  std::uint64_t number_ = 0;
  std::string_view text_;
  bool is_text_ = false;
};

// One occurrence of an event.
struct TraceRecord {
  std::size_t id;               // a TraceEvent, or the number of a register event
  const TraceEventInfo& event;  // lives as long as the tracer
  Ticks time;                   // the machine's
  int cpu;                      // the core that ran just then; -1: none, a timer or the host brought it
  std::span<const TraceValue> values;

  bool is(TraceEvent e) const { return id == static_cast<std::size_t>(e); }
};

// The fields in the event's own words, as QEMU prints them: "MAC[0x04] -> 0x00000000".
std::string trace_text(const TraceRecord& record);

// Whether `pattern` matches all of `name`: * stands for any text, ? for any one character.
bool matches_glob(std::string_view pattern, std::string_view name);

// Each machine has one. An event that is off costs its emitter one test of a byte.
class Tracer {
 public:
  // The machine's time, and which core runs.
  struct Moment {
    Ticks time = 0;
    int cpu = -1;
  };
  using Clock = std::function<Moment()>;
  using Sink = std::function<void(const TraceRecord&)>;

  explicit Tracer(Clock clock = {}) : clock_(std::move(clock)) {}
  Tracer(const Tracer&) = delete;
  Tracer& operator=(const Tracer&) = delete;

  // Whether anybody wants to know of it. For emitters whose arguments cost something.
  bool on(TraceEvent event) const { return state_[static_cast<std::size_t>(event)] != 0; }
  // Tells of an event if it is on. The arguments are those of trace_events.def, in its order.
  template <TraceEvent event, class... Args>
  void trace(const Args&... args) {
    static_assert(takes<event, Args...>(), "the event has other fields: see base/trace_events.def");
    if (!on(event)) [[likely]]
      return;
    const std::array<TraceValue, sizeof...(Args)> values{TraceValue(args)...};
    emit(static_cast<std::size_t>(event), values);
  }

  // The events NAME_reg_read and NAME_reg_write of a device: the number of the first, the second's is one
  // more. A device of the same name shares them. Where an event of the table is called so the device tells of
  // its registers itself, and kNoEvent is the answer.
  static constexpr std::uint16_t kNoEvent = 0;
  std::uint16_t add_registers(std::string_view device);
  void trace_register(std::uint16_t event, std::uint32_t address, std::uint32_t offset, std::uint32_t value) {
    if (state_[event] == 0 || event == kNoEvent) [[likely]]
      return;
    const std::array<TraceValue, 3> values{address, offset, value};
    emit(event, values);
  }

  // Where the events go that are switched on. An empty one throws them away.
  void set_sink(Sink sink) { sink_ = std::move(sink); }
  // Tells `listener` of an event whether it is switched on or not, after the sink. An empty one ends that.
  void listen(TraceEvent event, Sink listener);

  // Switches the events on or off whose names match a glob pattern. Any time, also while the machine runs.
  // The error is one line: no event is called so.
  std::expected<void, std::string> enable(std::string_view pattern, bool on);
  // "open_eth_*,-open_eth_desc_*", in this order; "events=FILE" stands for the patterns in a file, one a
  // line, empty lines and those that begin with # left out.
  std::expected<void, std::string> apply(std::string_view list);
  // Every event of this machine, by the table and then by device.
  struct Listed {
    const TraceEventInfo& event;
    bool on;
  };
  std::vector<Listed> events() const;
  // Called after each change of what is on, for those who have to arm something first. An empty one ends that
  // for its owner.
  void on_change(const void* owner, std::function<void()> observer);

 private:
  static constexpr std::size_t kTable = static_cast<std::size_t>(TraceEvent::kCount);
  static constexpr std::size_t kMost = 256;
  enum State : std::uint8_t { kSwitchedOn = 1, kHeard = 2 };

  template <TraceEvent event, class... Args>
  static consteval bool takes() {
    const bool text[] = {!std::integral<Args>..., false};
    std::size_t n = 0;
    for (TraceFields fields(kTraceEvents[static_cast<std::size_t>(event)].fields); fields.next(); ++n)
      if (n >= sizeof...(Args) || text[n] != fields.is_text()) return false;
    return n == sizeof...(Args);
  }
  const TraceEventInfo& info(std::size_t id) const {
    return id < kTable ? kTraceEvents[id] : registers_[id - kTable].info;
  }
  std::size_t count() const { return kTable + registers_.size(); }
  [[gnu::cold]] void emit(std::size_t id, std::span<const TraceValue> values);
  std::expected<void, std::string> apply_file(std::string_view path);
  void changed();

  struct Registers {
    std::string name, help;
    TraceEventInfo info;
  };
  std::array<std::uint8_t, kMost> state_{};
  std::deque<Registers> registers_;  // their numbers begin at kTable
  std::vector<std::pair<TraceEvent, Sink>> listeners_;
  std::vector<std::pair<const void*, std::function<void()>>> observers_;
  Clock clock_;
  Sink sink_;
};

}  // namespace espalier::base
