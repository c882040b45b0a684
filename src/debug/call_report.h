// What a recording of calls looks like: as text for people, or as a timeline.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "debug/call_recorder.h"
#include "debug/symbols.h"

namespace espalier::debug {

// Something at the edge of the machine, in time: a frame.
struct CallTraceEvent {
  base::Ticks time = 0;
  std::string text;
};

// The part of a program that a source file belongs to: ESP-IDF's component ("freertos"; lwip's by their
// folders: "lwip/core"), else folder and file ("main/main.c"). Empty stays empty.
std::string layer_of_source(std::string_view path);

// For each slice a heading, below it its calls, indented: when they began (microseconds since the recording
// did), how long they took, what they are. What repeats is one line with a count, and calls deeper than
// `depth` are left out (their time is in their callers'). At the end a table of the time by layer.
std::string format_call_trace(const CallRecording& recording, const std::vector<CallTraceEvent>& events,
                              const Symbols& symbols, unsigned depth);

// The same as JSON for ui.perfetto.dev (Chrome's trace event format): a track for each context of each core.
std::string format_call_timeline(const CallRecording& recording, const std::vector<CallTraceEvent>& events);

}  // namespace espalier::debug
