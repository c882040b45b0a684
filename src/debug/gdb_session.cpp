// Packets that look at the machine and change it: registers, memory, breakpoints, queries.
// Source: GDB manual, appendix "GDB Remote Serial Protocol".
#include "debug/gdb_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "debug/gdb_registers.h"

namespace espalier::debug {
namespace {

// errno values, as GDB's own server sends them.
constexpr std::string_view kBadAddress = "E0e", kInvalid = "E16", kTooMany = "E1c", kNoSuchThread = "E03";
constexpr std::size_t kMostPoints = 4096;

std::string little_endian(std::uint32_t value) {
  const std::array<std::uint8_t, 4> bytes = {
      static_cast<std::uint8_t>(value), static_cast<std::uint8_t>(value >> 8),
      static_cast<std::uint8_t>(value >> 16), static_cast<std::uint8_t>(value >> 24)};
  return to_hex(bytes);
}

std::optional<std::uint32_t> from_little_endian(std::string_view text) {
  const auto bytes = from_hex(text);
  if (!bytes || bytes->size() != 4) return std::nullopt;
  std::uint32_t value = 0;
  for (unsigned n = 0; n < 4; ++n) value |= std::uint32_t{(*bytes)[n]} << 8 * n;
  return value;
}

// What is before `separator`, taken off `text`; all of it if there is none.
std::string_view take(std::string_view& text, char separator) {
  const std::size_t at = text.find(separator);
  const std::string_view front = text.substr(0, at);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
  return front;
}

struct Range {
  std::uint32_t address, size;
};
// ADDRESS,SIZE; what follows `end` stays in `text`.
std::optional<Range> take_range(std::string_view& text, char end) {
  std::string_view both = take(text, end);
  const auto address = parse_hex32(take(both, ','));
  const auto size = parse_hex32(both);
  if (!address || !size) return std::nullopt;
  return Range{*address, *size};
}

constexpr std::string_view kUnavailable = "xxxxxxxx";

}  // namespace

std::span<const GdbSession::Row> GdbSession::rows() {
  // The first that fits; of two with a common beginning the longer one comes first.
  static constexpr Row kRows[] = {
      {"qSupported", &GdbSession::supported},
      {"QStartNoAckMode", &GdbSession::no_ack_mode},
      {"qXfer:", &GdbSession::read_object},
      {"qRcmd,", &GdbSession::run_monitor},
      {"qAttached", &GdbSession::attached},
      {"qSymbol", &GdbSession::ok},
      {"qOffsets", &GdbSession::offsets},
      {"qfThreadInfo", &GdbSession::first_threads},
      {"qsThreadInfo", &GdbSession::more_threads},
      {"qThreadExtraInfo,", &GdbSession::thread_info},
      {"qC", &GdbSession::current_thread},
      {"vCont?", &GdbSession::continue_query},
      {"vCont;", &GdbSession::continue_with},
      {"vCtrlC", &GdbSession::interrupt},
      {"vKill;", &GdbSession::kill},
      {"g", &GdbSession::read_all_registers},
      {"G", &GdbSession::write_all_registers},
      {"p", &GdbSession::read_register},
      {"P", &GdbSession::write_register},
      {"m", &GdbSession::read_memory},
      {"M", &GdbSession::write_memory_hex},
      {"X", &GdbSession::write_memory_binary},
      {"Z", &GdbSession::set_point},
      {"z", &GdbSession::remove_point},
      {"H", &GdbSession::select_thread},
      {"T", &GdbSession::thread_alive},
      {"?", &GdbSession::why_stopped},
      {"c", &GdbSession::continue_all},
      {"C", &GdbSession::continue_all},
      {"s", &GdbSession::step_one},
      {"S", &GdbSession::step_one},
      {"D", &GdbSession::detach},
      {"k", &GdbSession::kill},
      {"R", &GdbSession::restart},
      {"!", &GdbSession::ok},
  };
  return kRows;
}

GdbSession::GdbSession(GdbTarget& target, Send send)
    : target_(target),
      machine_(target.machine),
      control_(target.control),
      send_(std::move(send)),
      go_on_at_end_(target.control.running()),
      register_count_(kGdbCoreRegisters) {
  watch_ = control_.observe([this](RunEvent event) { on_run_event(event); });
  machine_.debug().attach([this](std::span<const esp32::DebugStop> stops) { on_stops(stops); });
  own_change_ = true;
  control_.pause(RunState::kDebug);
  own_change_ = false;
}

GdbSession::~GdbSession() {
  watch_.reset();
  machine_.debug().detach();
  if (go_on_at_end_) control_.resume();
}

void GdbSession::receive(std::span<const std::uint8_t> bytes) {
  for (const GdbInput& input : reader_.feed(bytes)) {
    if (finished_) return;
    switch (input.kind) {
      case GdbInput::Kind::kPacket:
        if (acks_) send_("+");
        if (std::string reply = answer(input.payload); reply != kNoReply) send_packet(reply);
        break;
      case GdbInput::Kind::kDamaged:
        if (acks_) send_("-");
        break;
      case GdbInput::Kind::kNack:
        if (acks_ && !last_frame_.empty()) send_(last_frame_);
        break;
      case GdbInput::Kind::kInterrupt:
        (void)interrupt({});
        break;
      case GdbInput::Kind::kAck:
        break;
    }
  }
}

void GdbSession::send_packet(std::string_view payload) {
  last_frame_ = gdb_frame(payload);
  send_(last_frame_);
}

std::string GdbSession::answer(std::string_view packet) {
  for (const Row& row : rows())
    if (packet.starts_with(row.prefix)) return (this->*row.handler)(packet.substr(row.prefix.size()));
  return {};  // not supported
}

// --- Queries

std::string GdbSession::ok(std::string_view) {
  return "OK";
}
std::string GdbSession::attached(std::string_view) {
  return "1";  // quitting the debugger detaches, and does not end the machine
}
std::string GdbSession::offsets(std::string_view) {
  return "Text=0;Data=0;Bss=0";
}

std::string GdbSession::supported(std::string_view) {
  return fmt::format(
      "PacketSize={:x};QStartNoAckMode+;vContSupported+;swbreak+;hwbreak+;qXfer:features:read+;"
      "qXfer:memory-map:read+;qXfer:threads:read+",
      GdbPacketReader::kMaxPayload);
}

std::string GdbSession::no_ack_mode(std::string_view) {
  acks_ = false;
  return "OK";
}

// OBJECT:read:ANNEX:OFFSET,LENGTH
std::string GdbSession::read_object(std::string_view arguments) {
  const std::string_view object = take(arguments, ':'), verb = take(arguments, ':'),
                         annex = take(arguments, ':');
  if (verb != "read") return {};
  std::string text;
  if (object == "features") {
    if (annex != "target.xml") return "E00";
    text = gdb_target_description();
  } else if (object == "memory-map") {
    text = gdb_memory_map();
  } else if (object == "threads") {
    text = thread_list_xml();
  } else {
    return {};
  }
  const auto range = take_range(arguments, '\0');
  if (!range) return std::string(kInvalid);
  if (range->address >= text.size()) return "l";
  // Half of it may be escaped.
  const std::size_t size = std::min<std::size_t>(range->size, GdbPacketReader::kMaxPayload / 2 - 8);
  const bool last = range->address + size >= text.size();
  return (last ? "l" : "m") + text.substr(range->address, size);
}

// --- Registers

std::string GdbSession::register_text(unsigned n) {
  if (const auto cpu = cpu_of(selected_)) return little_endian(read_gdb_register(machine_.core(*cpu), n));
  if (!target_.tasks) return std::string(kUnavailable);
  const auto saved = target_.tasks->registers(task_memory(), selected_);
  const auto found = saved.find(n);
  return found == saved.end() ? std::string(kUnavailable) : little_endian(found->second);
}

std::string GdbSession::read_all_registers(std::string_view) {
  std::string text;
  if (cpu_of(selected_) || !target_.tasks) {
    for (unsigned n = 0; n < register_count_; ++n) text += register_text(n);
    return text;
  }
  const auto saved = target_.tasks->registers(task_memory(), selected_);
  if (saved.empty()) return std::string(kNoSuchThread);
  for (unsigned n = 0; n < register_count_; ++n) {
    const auto found = saved.find(n);
    text += found == saved.end() ? std::string(kUnavailable) : little_endian(found->second);
  }
  return text;
}

// Of any length that g may have had. A register that is unavailable stays as it is.
std::string GdbSession::write_all_registers(std::string_view arguments) {
  const auto cpu = cpu_of(selected_);
  if (!cpu) return std::string(kNoSuchThread);
  if (arguments.size() % 8 != 0 || arguments.size() / 8 > kGdbWindowRegisters) return std::string(kInvalid);
  std::vector<std::optional<std::uint32_t>> values;
  for (std::size_t at = 0; at < arguments.size(); at += 8) {
    const std::string_view text = arguments.substr(at, 8);
    values.push_back(from_little_endian(text));
    if (!values.back() && text != kUnavailable) return std::string(kInvalid);
  }
  // The window's registers are among the 64 already.
  for (unsigned n = 0; n < std::min<std::size_t>(values.size(), kGdbAllRegisters); ++n)
    if (values[n] && !is_volatile_gdb_register(n)) write_gdb_register(machine_.core(*cpu), n, *values[n]);
  return "OK";
}

std::string GdbSession::read_register(std::string_view arguments) {
  const auto n = parse_hex32(arguments);
  if (!n || *n >= kGdbWindowRegisters) return std::string(kInvalid);
  return register_text(*n);
}

std::string GdbSession::write_register(std::string_view arguments) {
  const auto n = parse_hex32(take(arguments, '='));
  const auto value = from_little_endian(arguments);
  const auto cpu = cpu_of(selected_);
  if (!cpu) return std::string(kNoSuchThread);
  if (!n || !value || *n >= kGdbWindowRegisters) return std::string(kInvalid);
  write_gdb_register(machine_.core(*cpu), *n, *value);
  return "OK";
}

// --- Memory

// What there is from the address on: fewer bytes where something is missing. Reading registers has no effect,
// as a debugger's windows read whole peripherals at each stop: no byte leaves a FIFO, no interrupt is
// acknowledged.
std::string GdbSession::read_memory(std::string_view arguments) {
  const auto range = take_range(arguments, '\0');
  if (!range) return std::string(kInvalid);
  std::vector<std::uint8_t> bytes(std::min<std::size_t>(range->size, GdbPacketReader::kMaxPayload / 2));
  const std::size_t done = machine_.peek(memory_cpu(), range->address, bytes);
  if (done == 0 && !bytes.empty()) return std::string(kBadAddress);
  return to_hex(std::span(bytes).first(done));
}

std::string GdbSession::write_memory_hex(std::string_view arguments) {
  const auto range = take_range(arguments, ':');
  const auto bytes = from_hex(arguments);
  if (!range || !bytes || bytes->size() != range->size) return std::string(kInvalid);
  return machine_.debug().write(memory_cpu(), range->address, *bytes) == bytes->size()
             ? "OK"
             : std::string(kBadAddress);
}

std::string GdbSession::write_memory_binary(std::string_view arguments) {
  const auto range = take_range(arguments, ':');
  if (!range || arguments.size() != range->size) return std::string(kInvalid);
  const std::span bytes(reinterpret_cast<const std::uint8_t*>(arguments.data()), arguments.size());
  return machine_.debug().write(memory_cpu(), range->address, bytes) == bytes.size()
             ? "OK"
             : std::string(kBadAddress);
}

// --- Breakpoints and watchpoints: TYPE,ADDRESS,KIND[;conditions]

// Both kinds of breakpoint are the emulator's: the guest's memory stays as it is, and there are as many as
// one wants.
std::string GdbSession::set_point(std::string_view arguments) {
  const std::string_view type = take(arguments, ',');
  const auto range = take_range(arguments, ';');
  if (!range || type.size() != 1) return std::string(kInvalid);
  if (software_.size() + hardware_.size() + watches_.size() >= kMostPoints) return std::string(kTooMany);
  switch (type[0]) {
    case '0':
    case '1':
      (type[0] == '0' ? software_ : hardware_).insert(range->address);
      machine_.debug().set_breakpoint(range->address, true);
      return "OK";
    case '2':
    case '3':
    case '4': {
      if (range->size == 0 || range->size - 1 > ~range->address) return std::string(kInvalid);
      const Watch watch{type[0], range->address, range->size};
      if (std::ranges::find(watches_, watch) == watches_.end()) watches_.push_back(watch);
      arm_watchpoints();
      return "OK";
    }
    default:
      return {};
  }
}

std::string GdbSession::remove_point(std::string_view arguments) {
  const std::string_view type = take(arguments, ',');
  const auto range = take_range(arguments, ';');
  if (!range || type.size() != 1) return std::string(kInvalid);
  switch (type[0]) {
    case '0':
    case '1':
      (type[0] == '0' ? software_ : hardware_).erase(range->address);
      machine_.debug().set_breakpoint(
          range->address, software_.contains(range->address) || hardware_.contains(range->address));
      return "OK";
    case '2':
    case '3':
    case '4':
      std::erase(watches_, Watch{type[0], range->address, range->size});
      arm_watchpoints();
      return "OK";
    default:
      return {};
  }
}

void GdbSession::arm_watchpoints() {
  std::vector<esp32::WatchedRange> ranges;
  for (const Watch& watch : watches_)
    ranges.push_back({watch.address, watch.size, watch.type != '2', watch.type != '3'});
  machine_.debug().set_watchpoints(std::move(ranges));
}

// --- monitor

std::string GdbSession::run_monitor(std::string_view arguments) {
  const auto bytes = from_hex(arguments);
  if (!bytes) return std::string(kInvalid);
  std::string text = monitor_reply({reinterpret_cast<const char*>(bytes->data()), bytes->size()});
  // All but the last piece as console output.
  constexpr std::size_t kPiece = GdbPacketReader::kMaxPayload / 2 - 8;
  while (text.size() > kPiece) {
    send_packet("O" + to_hex(std::string_view(text).substr(0, kPiece)));
    text.erase(0, kPiece);
  }
  return text.empty() ? "OK" : to_hex(std::string_view(text));
}

std::string GdbSession::monitor_reply(std::string_view command) {
  while (command.ends_with(' ')) command.remove_suffix(1);
  while (command.starts_with(' ')) command.remove_prefix(1);
  if (command == "system_reset" || command == "reset") {
    control_.system_reset();
    waiting_stops_.clear();
    return "the chip has been reset; `maintenance flush register-cache` makes GDB look again\n";
  }
  if (command == "summary") return summary();
  if (command == "registers" || command.starts_with("registers ")) {
    constexpr std::pair<std::string_view, unsigned> kForms[] = {{"registers core", kGdbCoreRegisters},
                                                                {"registers all", kGdbAllRegisters},
                                                                {"registers window", kGdbWindowRegisters}};
    for (const auto& [name, count] : kForms)
      if (command == name) {
        register_count_ = count;
        return fmt::format("g is {} bytes from now on\n", 4 * count);
      }
    return "registers core, all or window?\n";
  }
  std::string text;
  if (target_.monitor)
    text = target_.monitor(command);
  else if (command != "help")
    return fmt::format("unknown command: '{}'\n", command);
  if (command != "help" && command != "?") return text;
  return text +
         "registers core|all|window  -- what g sends to GDB: 420 (the default), 628 or 692 bytes\n"
         "reset  -- system_reset\n"
         "summary  -- time, resets, both cores and the number of breakpoints\n";
}

std::string GdbSession::summary() const {
  std::string text =
      fmt::format("{}, {:.6f} s since power-on, {} resets\n", run_state_name(control_.state()),
                  static_cast<double>(machine_.clock().now()) / base::kTicksPerSecond, machine_.resets());
  for (unsigned cpu = 0; cpu < 2; ++cpu) {
    const xtensa::Core& core = machine_.core(cpu);
    text += fmt::format("{} CPU: pc {:#010x}, {} instructions{}\n", cpu == 0 ? "PRO" : "APP", core.state().pc,
                        core.instructions(),
                        core.halted()    ? ", not started"
                        : core.waiting() ? ", waits for an interrupt"
                                         : "");
  }
  return text + fmt::format("{} breakpoints, {} watchpoints\n", software_.size() + hardware_.size(),
                            watches_.size());
}

}  // namespace espalier::debug
