// The trace of one machine from the command line's patterns to its file.
#pragma once

#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "debug/core_watch.h"
#include "debug/trace_file.h"
#include "debug/trace_writer.h"
#include "esp32/machine.h"
#include "image/elf.h"

namespace espalier::debug {

struct TraceOptions {
  std::vector<std::string> patterns;  // as Tracer::apply() takes them, in this order
  std::string file = "-";             // "-": standard error
  TraceFormat format = TraceFormat::kText;
  // Whether anything is traced from the beginning.
  bool wanted() const { return !patterns.empty() || format == TraceFormat::kPerfetto; }
};

// What a timeline shows if nobody asks for anything else.
inline constexpr std::string_view kTimelineEvents =
    "cpu_interrupt,cpu_interrupt_done,cpu_waiti,cpu_reset,cpu_clock,task_switch,interrupt_source,reset,"
    "ethernet_*,gpio_level";

class Tracing {
 public:
  // Switches the events on and begins to write. Errors are the rest of a line that begins with the option's
  // name; the file is made last. Without patterns kPerfetto traces kTimelineEvents, the others nothing until
  // something is switched on. `programs` are the ELF files whose FreeRTOS is looked for.
  static std::expected<std::unique_ptr<Tracing>, std::string> start(
      esp32::Machine& machine, const TraceOptions& options, const std::vector<image::ElfFile>& programs = {});
  ~Tracing();
  Tracing(const Tracing&) = delete;
  Tracing& operator=(const Tracing&) = delete;

  // Ends the trace and writes what is left of it. Where that fails, as where writing failed long before, the
  // machine's log tells, once.
  void finish();

 private:
  explicit Tracing(esp32::Machine& machine) : machine_(machine), watch_(machine) {}

  esp32::Machine& machine_;
  CoreWatch watch_;
  std::unique_ptr<TraceFile> file_;
  std::unique_ptr<TraceWriter> writer_;
};

// One line for each event that a machine has: its name, and what it is. Otherwise what the host could not
// give.
std::expected<std::string, std::string> list_trace_events();

}  // namespace espalier::debug
