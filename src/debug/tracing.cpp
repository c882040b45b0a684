#include "debug/tracing.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <utility>

namespace espalier::debug {

std::expected<std::unique_ptr<Tracing>, std::string> Tracing::start(
    esp32::Machine& machine, const TraceOptions& options, const std::vector<image::ElfFile>& programs) {
  std::unique_ptr<Tracing> tracing(new Tracing(machine));
  base::Tracer& tracer = machine.tracer();
  for (const std::string& pattern : options.patterns)
    if (auto ok = tracer.apply(pattern); !ok)
      return std::unexpected(fmt::format("{}; `--trace help` lists them", ok.error()));
  if (options.patterns.empty() && options.format == TraceFormat::kPerfetto)
    if (auto ok = tracer.apply(kTimelineEvents); !ok) return std::unexpected(ok.error());
  for (const image::ElfFile& program : programs)
    if (const auto symbols = FreeRtosSymbols::find(program)) {
      tracing->watch_.set_symbols(*symbols);
      break;
    }
  auto file = TraceFile::create(options.file);
  if (!file) return std::unexpected(file.error());
  tracing->file_ = std::move(*file);
  tracing->file_->on_error([&machine](const std::string& line) {
    machine.log().error(base::LogArea::kGeneral, "the trace ends here: {}", line);
  });
  tracing->writer_ = make_trace_writer(options.format, *tracing->file_);
  tracer.set_sink([to = tracing.get()](const base::TraceRecord& record) {
    if (!to->file_->failed()) to->writer_->write(record);
  });
  return tracing;
}

void Tracing::finish() {
  machine_.tracer().set_sink({});
  if (const auto writer = std::move(writer_)) writer->finish();
  if (file_) file_->flush();
}

Tracing::~Tracing() {
  finish();
}

std::expected<std::string, std::string> list_trace_events() {
  // The events are those of the chip's devices, too: they come from a machine, which does not have to run.
  esp32::MachineOptions options;
  options.rom = std::make_shared<esp32::SharedRom>(rom::Rom());
  constexpr std::uint32_t kFlash = 1 << 20;
  auto flash = devices::FlashImage::create({}, kFlash);
  if (!flash) return std::unexpected(flash.error());
  options.flash = std::move(*flash);
  options.engine = xtensa::Engine::kInterpreter;
  const auto machine = esp32::Machine::create(options);
  if (!machine) return std::unexpected(machine.error());
  const std::vector<base::Tracer::Listed> events = (*machine)->tracer().events();
  std::size_t width = 0;
  for (const auto& listed : events) width = std::max(width, listed.event.name.size());
  std::string text;
  for (const auto& [event, on] : events)
    fmt::format_to(std::back_inserter(text), "{:{}}  {}\n", event.name, width, event.help);
  return text;
}

}  // namespace espalier::debug
