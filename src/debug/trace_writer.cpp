// Traces as text and as lines of JSON.
#include "debug/trace_writer.h"

#include <fmt/format.h>
#include <unistd.h>

#include <iterator>

#include "debug/trace_perfetto.h"

namespace espalier::debug {
namespace {

class TextWriter final : public TraceWriter {
 public:
  explicit TextWriter(TraceFile& file) : file_(file), pid_(getpid()) {}

  void write(const base::TraceRecord& record) override {
    const std::uint64_t us = base::ns_from_ticks(record.time) / 1000;
    const std::string text = base::trace_text(record);
    line_.clear();
    fmt::format_to(std::back_inserter(line_), "{}@{}.{:06}:{}{}{}\n", pid_, us / 1'000'000, us % 1'000'000,
                   record.event.name, text.empty() ? "" : " ", text);
    file_.write(line_);
  }

 private:
  TraceFile& file_;
  int pid_;
  std::string line_;
};

class JsonWriter final : public TraceWriter {
 public:
  explicit JsonWriter(TraceFile& file) : file_(file) {}

  void write(const base::TraceRecord& record) override {
    line_.clear();
    fmt::format_to(std::back_inserter(line_), R"({{"ns":{},"event":"{}")", base::ns_from_ticks(record.time),
                   record.event.name);
    if (record.cpu >= 0) fmt::format_to(std::back_inserter(line_), R"(,"core":{})", record.cpu);
    if (!record.values.empty()) line_ += ',';
    append_json_fields(line_, record);
    line_ += "}\n";
    file_.write(line_);
  }

 private:
  TraceFile& file_;
  std::string line_;
};

}  // namespace

void append_json_string(std::string& to, std::string_view text) {
  to += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      to += '\\';
      to += c;
    } else if (byte < 0x20 || byte >= 0x7f) {
      fmt::format_to(std::back_inserter(to), "\\u{:04x}", byte);
    } else {
      to += c;
    }
  }
  to += '"';
}

void append_json_fields(std::string& to, const base::TraceRecord& record) {
  base::TraceFields fields(record.event.fields);
  bool first = true;
  for (const base::TraceValue& value : record.values) {
    fields.next();
    fmt::format_to(std::back_inserter(to), "{}\"{}\":", first ? "" : ",", fields.name());
    first = false;
    if (value.is_text())
      append_json_string(to, value.text());
    else
      fmt::format_to(std::back_inserter(to), "{}", value.number());
  }
}

std::unique_ptr<TraceWriter> make_trace_writer(TraceFormat format, TraceFile& file) {
  switch (format) {
    case TraceFormat::kJson:
      return std::make_unique<JsonWriter>(file);
    case TraceFormat::kPerfetto:
      return std::make_unique<PerfettoWriter>(file);
    default:
      return std::make_unique<TextWriter>(file);
  }
}

}  // namespace espalier::debug
