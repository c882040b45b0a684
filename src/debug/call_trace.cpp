#include "debug/call_trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace espalier::debug {
namespace {

// "TCP 10.0.2.2:40112 -> 10.0.2.15:80, 78 bytes: GET /hello HTTP/1.1"
std::string description(net::Frame frame, const std::optional<Segment>& segment) {
  if (!segment) return fmt::format("{} bytes", frame.size());
  std::string text = fmt::format("{} {} -> {}, {} bytes", segment->tcp ? "TCP" : "UDP", segment->source,
                                 segment->destination, segment->payload.size());
  constexpr std::size_t kMost = 40;
  std::string words;
  for (const std::uint8_t byte : segment->payload.first(std::min(kMost, segment->payload.size()))) {
    if (byte < ' ' || byte > '~') break;
    words += static_cast<char>(byte);
  }
  return words.empty() ? text : text + ": " + words;
}

}  // namespace

CallTrace::CallTrace(esp32::Machine& machine, std::shared_ptr<const Symbols> symbols,
                     CallTraceOptions options, std::function<void(std::string_view)> write)
    : machine_(machine),
      symbols_(std::move(symbols)),
      options_(std::move(options)),
      write_(std::move(write)),
      recorder_(machine, *symbols_) {
  if (options_.filters.empty()) options_.filters.emplace_back();
}

CallTrace::~CallTrace() {
  machine_.scheduler().on_turn_end(this, {});
}

bool CallTrace::receive(net::Frame frame) {
  const bool spare = recorder_.on() || followed_ < options_.requests;
  const auto segment = spare ? segment_of(frame) : std::nullopt;
  const bool request = segment && std::ranges::any_of(options_.filters, [&](const auto& filter) {
                         return filter.matches(*segment);
                       });
  // A guest that is asked again at once never waits in between.
  if (request && recorder_.on() && answered_) end({});
  const bool starts = request && !recorder_.on() && followed_ < options_.requests;
  if (starts) {
    ++followed_;
    client_ = segment->source, server_ = segment->destination;
    answered_ = false;
    events_.clear();
    recorder_.start();
    machine_.scheduler().on_turn_end(this, [this](xtensa::Core&, base::Ticks) { turn_ended(); });
  }
  const base::Ticks now = machine_.clock().now();
  const std::string what = recorder_.on() ? description(frame, segment) : std::string();
  const bool taken = guest_->receive(frame);
  if (recorder_.on()) events_.push_back({now, fmt::format("frame in{}: {}", taken ? "" : " (lost)", what)});
  return taken;
}

void CallTrace::send(net::Frame frame) {
  if (recorder_.on()) {
    const auto segment = segment_of(frame);
    if (segment && segment->source == server_ && segment->destination == client_ && !segment->payload.empty())
      answered_ = true;
    recorder_.note("frame out: " + description(frame, segment));
  }
  network_->send(frame);
}

void CallTrace::turn_ended() {
  if (!recorder_.on()) return;
  if (recorder_.instructions() >= kMostInstructions) {
    end("cut off: there was no answer, or no end of work");
  } else if (answered_ && machine_.core(0).waiting() &&
             (machine_.core(1).waiting() || machine_.core(1).halted())) {
    end({});
  }
}

void CallTrace::end(std::string_view why) {
  const CallRecording recording = recorder_.stop();
  if (options_.format == CallTraceFormat::kPerfetto) {
    write_(format_call_timeline(recording, events_));
    return;
  }
  std::string text =
      fmt::format("request {}: {} instructions in {:.2f} us{}{}\n", followed_, recording.instructions,
                  static_cast<double>(recording.end - recording.begin) / base::kTicksPerMicrosecond,
                  why.empty() ? "" : "; ", why);
  text += format_call_trace(recording, events_, *symbols_, options_.depth);
  write_(text + "\n");
}

unsigned CallTrace::finish() {
  if (recorder_.on()) end("cut off: the run ended");
  return followed_;
}

}  // namespace espalier::debug
