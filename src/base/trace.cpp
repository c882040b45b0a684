#include "base/trace.h"

#include <fmt/args.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

namespace espalier::base {
namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r";
  const std::size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

}  // namespace

std::string trace_text(const TraceRecord& record) {
  fmt::dynamic_format_arg_store<fmt::format_context> args;
  for (const TraceValue& value : record.values) {
    if (value.is_text())
      args.push_back(value.text());
    else
      args.push_back(value.number());
  }
  return fmt::vformat(record.event.text, args);
}

bool matches_glob(std::string_view pattern, std::string_view name) {
  std::size_t p = 0, n = 0;
  std::size_t star = std::string_view::npos, star_name = 0;  // the last *, and where what it stands for ends
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_name = n;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == name[n])) {
      ++p;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++star_name;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

std::uint16_t Tracer::add_registers(std::string_view device) {
  std::string name(device);
  std::ranges::replace(name, ' ', '_');
  const std::string read = name + "_reg_read";
  for (std::size_t id = 0; id < count(); ++id)
    if (info(id).name == read) return id < kTable ? kNoEvent : static_cast<std::uint16_t>(id);
  const std::size_t first = count();
  assert(first + 2 <= kMost);
  for (const bool write : {false, true}) {
    Registers& made = registers_.emplace_back();
    made.name = write ? name + "_reg_write" : read;
    made.help = fmt::format("a register of {} is {}", device, write ? "written" : "read");
    made.info = {made.name, "address offset value",
                 write ? "{:#010x} [{:#05x}] <- {:#010x}" : "{:#010x} [{:#05x}] -> {:#010x}", made.help};
  }
  return static_cast<std::uint16_t>(first);
}

void Tracer::emit(std::size_t id, std::span<const TraceValue> values) {
  const Moment moment = clock_ ? clock_() : Moment{};
  const TraceRecord record{id, info(id), moment.time, moment.cpu, values};
  const std::uint8_t state = state_[id];
  if ((state & kSwitchedOn) != 0 && sink_) sink_(record);
  if ((state & kHeard) == 0) return;
  for (const auto& [event, listener] : listeners_)
    if (record.is(event)) listener(record);
}

void Tracer::listen(TraceEvent event, Sink listener) {
  const auto same = [event](const auto& one) { return one.first == event; };
  std::erase_if(listeners_, same);
  std::uint8_t& state = state_[static_cast<std::size_t>(event)];
  state = static_cast<std::uint8_t>(listener ? state | kHeard : state & ~kHeard);
  if (listener) listeners_.emplace_back(event, std::move(listener));
}

void Tracer::on_change(const void* owner, std::function<void()> observer) {
  std::erase_if(observers_, [owner](const auto& one) { return one.first == owner; });
  if (observer) observers_.emplace_back(owner, std::move(observer));
}

void Tracer::changed() {
  for (const auto& [owner, observer] : observers_) observer();
}

std::expected<void, std::string> Tracer::enable(std::string_view pattern, bool on) {
  bool found = false;
  for (std::size_t id = 0; id < count(); ++id) {
    if (!matches_glob(pattern, info(id).name)) continue;
    found = true;
    state_[id] = static_cast<std::uint8_t>(on ? state_[id] | kSwitchedOn : state_[id] & ~kSwitchedOn);
  }
  if (!found) return std::unexpected(fmt::format("trace event '{}' does not exist", pattern));
  changed();
  return {};
}

std::expected<void, std::string> Tracer::apply(std::string_view list) {
  for (;;) {
    const std::size_t comma = list.find(',');
    std::string_view pattern = trimmed(list.substr(0, comma));
    constexpr std::string_view kEnable = "enable=", kEvents = "events=";
    if (pattern.starts_with(kEnable)) pattern.remove_prefix(kEnable.size());  // QEMU's long form
    if (pattern.starts_with(kEvents)) {
      if (auto ok = apply_file(pattern.substr(kEvents.size())); !ok) return ok;
    } else {
      const bool off = pattern.starts_with('-');
      if (auto ok = enable(off ? pattern.substr(1) : pattern, !off); !ok) return ok;
    }
    if (comma == std::string_view::npos) return {};
    list.remove_prefix(comma + 1);
  }
}

std::expected<void, std::string> Tracer::apply_file(std::string_view path) {
  std::ifstream file{std::string(path)};
  const auto unreadable = [&] {
    return std::unexpected(fmt::format("cannot read {}: {}", path, std::strerror(errno)));
  };
  if (!file) return unreadable();
  std::string line;
  for (unsigned number = 1; std::getline(file, line); ++number) {
    const std::string_view pattern = trimmed(line);
    if (pattern.empty() || pattern.starts_with('#')) continue;
    const bool off = pattern.starts_with('-');
    if (auto ok = enable(off ? pattern.substr(1) : pattern, !off); !ok)
      return std::unexpected(fmt::format("{}, line {}: {}", path, number, ok.error()));
  }
  if (file.bad()) return unreadable();
  return {};
}

std::vector<Tracer::Listed> Tracer::events() const {
  std::vector<Listed> listed;
  listed.reserve(count());
  for (std::size_t id = 0; id < count(); ++id) listed.push_back({info(id), (state_[id] & kSwitchedOn) != 0});
  return listed;
}

}  // namespace espalier::base
