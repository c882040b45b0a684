#include "debug/vcd.h"

#include <fmt/format.h>

#include <utility>

namespace espalier::debug {

using base::TraceEvent;

namespace {

// A printable character a wire, from '!' on.
char code_of(std::uint64_t pin) {
  return static_cast<char>('!' + pin);
}

}  // namespace

std::expected<std::unique_ptr<Vcd>, std::string> Vcd::start(esp32::Machine& machine,
                                                            const std::string& path) {
  auto file = TraceFile::create(path);
  if (!file) return std::unexpected(file.error());
  std::unique_ptr<Vcd> vcd(new Vcd(machine));
  vcd->file_ = std::move(*file);
  vcd->file_->on_error([&machine](const std::string& line) {
    machine.log().error(base::LogArea::kGeneral, "the waveform ends here: {}", line);
  });
  vcd->begin();
  machine.tracer().listen(TraceEvent::gpio_level, [to = vcd.get()](const base::TraceRecord& record) {
    to->at(record.time);
    to->file_->write(fmt::format("{}{}\n", record.values[1].number(), code_of(record.values[0].number())));
  });
  return vcd;
}

void Vcd::begin() {
  std::string text = "$version Espalier $end\n$timescale 1 ns $end\n$scope module esp32 $end\n";
  for (unsigned pin = 0; pin < devices::Gpio::kPins; ++pin)
    text += fmt::format("$var wire 1 {} GPIO{} $end\n", code_of(pin), pin);
  last_ns_ = base::ns_from_ticks(machine_.clock().now());
  text += fmt::format("$upscope $end\n$enddefinitions $end\n#{}\n$dumpvars\n", last_ns_);
  for (unsigned pin = 0; pin < devices::Gpio::kPins; ++pin)
    text += fmt::format("{}{}\n", machine_.chip().gpio.level(pin) ? 1 : 0, code_of(pin));
  file_->write(text + "$end\n");
}

// The two cores of a turn are a little apart; the file's time must not go back.
void Vcd::at(base::Ticks time) {
  const std::uint64_t ns = base::ns_from_ticks(time);
  if (ns <= last_ns_) return;
  last_ns_ = ns;
  file_->write(fmt::format("#{}\n", ns));
}

void Vcd::finish() {
  if (!file_) return;
  machine_.tracer().listen(TraceEvent::gpio_level, {});
  at(machine_.clock().now());
  file_->flush();
  file_.reset();
}

Vcd::~Vcd() {
  finish();
}

}  // namespace espalier::debug
