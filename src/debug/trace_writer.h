// What a trace looks like in its file.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/trace.h"
#include "debug/trace_file.h"

namespace espalier::debug {

enum class TraceFormat : std::uint8_t {
  kText,      // as QEMU's log: "PID@SECONDS.MICROSECONDS:event fields"
  kJson,      // a JSON object a line
  kPerfetto,  // a JSON array for ui.perfetto.dev and chrome://tracing
};

class TraceWriter {
 public:
  virtual ~TraceWriter() = default;
  virtual void write(const base::TraceRecord& record) = 0;
  // The last of the file's text; nothing follows it.
  virtual void finish() {}
};

// `file` has to outlive the writer.
std::unique_ptr<TraceWriter> make_trace_writer(TraceFormat format, TraceFile& file);

// Appends `text` as a JSON string. Bytes outside ASCII, which a guest's names may hold, become \u00XX.
void append_json_string(std::string& to, std::string_view text);
// Appends the event's fields as members of a JSON object: "addr":4,"v":0.
void append_json_fields(std::string& to, const base::TraceRecord& record);

}  // namespace espalier::debug
