// Traces as a timeline: the Chrome trace event format, which ui.perfetto.dev opens.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "debug/trace_writer.h"

namespace espalier::debug {

// Tracks: for each core its tasks (and where it waits), its interrupt handlers, and what else it did; frames
// sent and received, as long as they take on the wire; each interrupt source while it is high; pads as
// counters; what no core caused. Format: "Trace Event Format" (Google), events of the phases B, E, X, i, C
// and M.
class PerfettoWriter final : public TraceWriter {
 public:
  explicit PerfettoWriter(TraceFile& file);
  void write(const base::TraceRecord& record) override;
  void finish() override;

 private:
  // Thread ids, in the order in which they are shown. Those of interrupt sources begin at kSources.
  enum Track : unsigned {
    kTasks = 1,
    kInterrupts = 2,
    kEvents = 3,
    kPerCore = 3,
    kChip = 7,
    kSent = 8,
    kReceived = 9,
    kSources = 16
  };
  struct Frame {
    std::uint64_t ns, length_ns;
    std::string name, arguments;
  };
  struct Core {
    std::string task;                   // open on its track
    bool waiting = false;               // open inside it
    std::vector<std::uint64_t> levels;  // of the interrupts whose handlers are open
  };

  bool core_event(const base::TraceRecord& record);
  void begin(unsigned track, std::uint64_t ns, std::string_view name, std::string_view arguments = {});
  void end(unsigned track, std::uint64_t ns);
  void instant(const base::TraceRecord& record);
  void frame(const base::TraceRecord& record, bool sent);
  void put_frame(unsigned track, std::optional<Frame>& pending, std::uint64_t until);
  void end_wait(unsigned cpu, std::uint64_t ns);
  void end_interrupts(unsigned cpu, std::uint64_t level, std::uint64_t ns);
  void source(const base::TraceRecord& record);
  void name_track(unsigned track, std::string_view name);
  // One event; `more` are members of it beside phase, track and time.
  void put(char phase, unsigned track, std::uint64_t ns, std::string_view more);

  TraceFile& file_;
  std::string line_;
  bool first_ = true;
  std::uint64_t last_ns_ = 0;
  std::array<Core, 2> cores_;
  std::array<std::optional<Frame>, 2> frames_;  // sent, received: the last one, whose length is not known yet
  std::map<std::uint64_t, bool> sources_;       // by number: high
};

}  // namespace espalier::debug
