// The monitor's commands. The texts are those of QEMU 7.2's monitor.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "host/exposure.h"
#include "host/fault.h"
#include "host/monitor.h"
#include "host/monitor_expression.h"
#include "host/monitor_network.h"
#include "host/monitor_registers.h"
#include "host/monitor_tree.h"
#include "net/hostfwd.h"

namespace espalier::host {

namespace {

using Call = Monitor::Call;
using debug::RunState;

std::string said(const std::expected<void, std::string>& result) {
  return result ? std::string() : result.error() + "\n";
}

// "/fmt expr": the format behind a slash, if any, and the value.
struct Shown {
  DumpFormat format;
  std::int64_t value;
};
std::expected<Shown, std::string> shown(Monitor& monitor, const Call& call, std::string_view name,
                                        DumpFormat earlier) {
  const auto wrong = [&](std::string_view what) {
    return std::unexpected(fmt::format("{}\nTry \"help {}\" for more information\n", what, name));
  };
  std::string_view rest = call.rest;
  std::string_view text;
  if (rest.starts_with('/')) {
    const auto space = rest.find(' ');
    text = rest.substr(1, space == std::string_view::npos ? space : space - 1);
    rest = space == std::string_view::npos ? std::string_view{} : rest.substr(space);
  }
  const auto format = parse_dump_format(text, earlier);
  if (!format) return wrong(format.error());
  const auto value =
      evaluate(rest, [&](std::string_view reg) { return register_by_name(monitor.core(), reg); });
  if (!value) return wrong(value.error());
  return Shown{.format = *format, .value = *value};
}

std::string dump(Monitor& monitor, const Call& call, bool physical) {
  const auto what = shown(monitor, call, physical ? "xp" : "x", monitor.dump_format());
  if (!what) return what.error();
  monitor.dump_format() = what->format;
  return dump_memory(monitor.machine(), monitor.cpu(), what->format, static_cast<std::uint32_t>(what->value),
                     physical);
}

std::string print(Monitor& monitor, const Call& call) {
  const auto what = shown(monitor, call, "p", {.count = 1, .format = 'd', .size = 8});
  if (!what) return what.error();
  return print_value(what->format.format, what->value);
}

std::string choose_cpu(Monitor& monitor, const Call& call) {
  const std::string& word = call.words[0];
  unsigned cpu = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), cpu);
  if (error != std::errc{} || end != word.data() + word.size() || cpu > 1) return "invalid CPU index\n";
  monitor.choose_cpu(cpu);
  return {};
}

std::string cont(Monitor& monitor, const Call&) {
  monitor.control().resume();
  return {};
}
// What QEMU has not: the words of `run --fault`, with spaces or commas between them.
std::string fault(Monitor& monitor, const Call& call) {
  const auto wrong = [](std::string_view what) {
    return fmt::format("{}\nTry \"help fault\" for more information\n", what);
  };
  const auto parsed = parse_fault(fmt::format("{}", fmt::join(call.words, ",")));
  if (!parsed) return wrong(parsed.error());
  const auto done = monitor.session().inject_now(*parsed);
  if (!done) return wrong(done.error());
  return done->empty() ? std::string() : *done + "\n";
}
std::string gdbserver(Monitor& monitor, const Call& call) {
  const std::string device = call.words.empty() ? "tcp::1234" : call.words[0];
  if (device == "none") {
    monitor.session().stop_gdb();
    return "Disabled gdbserver\n";
  }
  const auto failed = [&](std::string_view why) {
    return fmt::format("{}\nCould not open gdbserver on device '{}'\n", why, device);
  };
  const auto address = debug::parse_gdb_address(device);
  if (!address) return failed(address.error());
  if (const auto ok = monitor.session().start_gdb(*address); !ok) return failed(ok.error());
  std::string text;
  if (const std::string warning = exposure_warning(address->address, address->port, "GDB"); !warning.empty())
    text = "warning: " + warning + "\n";
  return text + fmt::format("Waiting for gdb connection on device '{}'\n", device);
}
std::string help(Monitor& monitor, const Call& call) {
  return monitor.help(call.rest);
}
std::string info(Monitor& monitor, const Call&) {
  return monitor.info_help();
}
std::string quit(Monitor& monitor, const Call&) {
  monitor.control().no_shutdown(false);  // which is about what the guest does
  monitor.control().shut_down();
  return {};
}
std::string stop(Monitor& monitor, const Call&) {
  monitor.control().pause();
  return {};
}
std::string system_reset(Monitor& monitor, const Call&) {
  monitor.control().system_reset();
  return {};
}
std::string savevm(Monitor& monitor, const Call& call) {
  monitor.snapshots().save(call.words.empty() ? std::string() : call.words[0]);
  return {};
}
std::string loadvm(Monitor& monitor, const Call& call) {
  return said(monitor.snapshots().load(call.words[0]));
}
std::string delvm(Monitor& monitor, const Call& call) {
  return said(monitor.snapshots().remove(call.words[0]));
}
std::string trace_event(Monitor& monitor, const Call& call) {
  if (call.words[1] != "on" && call.words[1] != "off")
    return "Expected 'on' or 'off'\nTry \"help trace-event\" for more information\n";
  return said(
      monitor.machine().tracer().apply(fmt::format("{}{}", call.words[1] == "on" ? "" : "-", call.words[0])));
}

// ---- info ----

std::string info_cpus(Monitor& monitor, const Call&) {
  std::string text;
  for (unsigned cpu = 0; cpu < 2; ++cpu) {
    const xtensa::Core& core = monitor.machine().core(cpu);
    const char* state = !monitor.machine().chip().core_runs(cpu) ? " (held)"
                        : core.waiting()                         ? " (halted)"
                                                                 : "";
    text += fmt::format("{} CPU #{}: pc=0x{:08x}{}\n", cpu == monitor.cpu() ? '*' : ' ', cpu, core.state().pc,
                        state);
  }
  return text;
}
std::string info_mtree(Monitor& monitor, const Call&) {
  return memory_tree(monitor.machine());
}
std::string info_name(Monitor& monitor, const Call&) {
  const std::string& name = monitor.session().options().name;
  return name.empty() ? std::string() : name + "\n";
}
std::string info_network(Monitor& monitor, const Call&) {
  return network_info(monitor.session());
}
std::string info_qtree(Monitor& monitor, const Call&) {
  return device_tree(monitor.machine());
}
std::string info_registers(Monitor& monitor, const Call& call) {
  if (!call.words.empty() && call.words[0] != "-a")
    return "info registers: invalid option\nTry \"help info registers\" for more information\n";
  std::string text;
  for (unsigned cpu = 0; cpu < 2; ++cpu)
    if (!call.words.empty() || cpu == monitor.cpu())
      text += fmt::format("\nCPU#{}\n{}", cpu, registers_text(monitor.machine().core(cpu)));
  return text;
}
std::string info_snapshots(Monitor& monitor, const Call&) {
  return monitor.snapshots().list();
}
std::string info_status(Monitor& monitor, const Call&) {
  const RunState state = monitor.control().state();
  if (state == RunState::kRunning) return "VM status: running\n";
  if (state == RunState::kPaused) return "VM status: paused\n";
  return fmt::format("VM status: paused ({})\n", debug::run_state_name(state));
}
std::string info_usernet(Monitor& monitor, const Call&) {
  return usernet_info(monitor.session());
}
std::string info_version(Monitor&, const Call&) {
  return fmt::format("{} (Espalier " ESPALIER_VERSION ")\n", kQemuVersion);
}

constexpr Monitor::Command kCommands[] = {
    {"cont|c", "", "resume emulation", 0, 0, cont},
    {"cpu", "index", "set the default CPU", 1, 1, choose_cpu},
    {"delvm", "tag", "delete a VM snapshot from its tag", 1, 1, delvm},
    {"fault", "power-cut|brown-out|bit-flip|clock-skew|stuck-network [key=value ...]",
     "let something go wrong on purpose (see docs/fleet.md)", 1, Monitor::kAnyWords, fault},
    {"gdbserver", "[device]", "start gdbserver on given device (default 'tcp::1234'), stop with 'none'", 0, 1,
     gdbserver},
    {"help|?", "[cmd]", "show the help", 0, 2, help},
    {"hostfwd_add", "[netdev_id] [tcp|udp]:[hostaddr]:hostport-[guestaddr]:guestport",
     "redirect TCP or UDP connections from host to guest", 1, 2, hostfwd_add},
    {"hostfwd_remove", "[netdev_id] [tcp|udp]:[hostaddr]:hostport",
     "remove host-to-guest TCP or UDP redirection", 1, 2, hostfwd_remove},
    {"info", "[subcommand]", "show various information about the system state", 0, Monitor::kAnyWords, info},
    {"loadvm", "tag", "restore a VM snapshot from its tag", 1, 1, loadvm},
    {"netdev_add", "user,id=str[,hostfwd=rule][,restrict=on|off]", "add host network device", 1, 1,
     netdev_add},
    {"netdev_del", "id", "remove host network device", 1, 1, netdev_del},
    {"print|p", "/fmt expr", "print expression value (use $reg for CPU register access)", 0,
     Monitor::kAnyWords, print},
    {"quit|q", "", "quit the emulator", 0, 0, quit},
    {"savevm", "tag", "save a VM snapshot. If no tag is provided, a new snapshot is created", 0, 1, savevm},
    {"stop|s", "", "stop emulation", 0, 0, stop},
    {"system_reset", "", "reset the system", 0, 0, system_reset},
    {"trace-event", "name on|off", "changes status of a specific trace event", 2, 2, trace_event},
    {"x", "/fmt addr", "virtual memory dump starting at 'addr'", 0, Monitor::kAnyWords,
     [](Monitor& m, const Call& c) { return dump(m, c, false); }},
    {"xp", "/fmt addr", "physical memory dump starting at 'addr'", 0, Monitor::kAnyWords,
     [](Monitor& m, const Call& c) { return dump(m, c, true); }},
};

constexpr Monitor::Command kInfoCommands[] = {
    {"cpus", "", "show infos for each CPU", 0, 0, info_cpus},
    {"mtree", "", "show memory tree", 0, 0, info_mtree},
    {"name", "", "show the current VM name", 0, 0, info_name},
    {"network", "", "show the network state", 0, 0, info_network},
    {"qtree", "", "show device tree", 0, 0, info_qtree},
    {"registers", "[-a]", "show the cpu registers (-a: show register info for all cpus)", 0, 1,
     info_registers},
    {"snapshots", "", "show the currently saved VM snapshots", 0, 0, info_snapshots},
    {"status", "", "show the current VM status (running|paused)", 0, 0, info_status},
    {"usernet", "", "show user network stack connection states", 0, 0, info_usernet},
    {"version", "", "show the version of QEMU", 0, 0, info_version},
};

}  // namespace

std::span<const Monitor::Command> Monitor::commands() {
  return kCommands;
}
std::span<const Monitor::Command> Monitor::info_commands() {
  return kInfoCommands;
}

}  // namespace espalier::host
