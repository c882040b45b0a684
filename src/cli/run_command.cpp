#include "cli/run_command.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <sys/un.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <map>
#include <memory>
#include <utility>

#include "base/log.h"
#include "cli/validators.h"
#include "devices/gpio.h"
#include "fleet/replica.h"
#include "host/mac_address.h"

namespace espalier::cli {
namespace {

namespace fs = std::filesystem;

// The values of an option that has a few names to choose from.
template <class T>
using Choices = std::vector<std::pair<std::string, T>>;

template <class T>
std::expected<T, std::string> choose(const Choices<T>& choices, std::string_view text) {
  std::string names;
  for (const auto& [name, value] : choices) {
    if (name == text) return value;
    names += (names.empty() ? "" : ", ") + name;
  }
  return std::unexpected(fmt::format("'{}' is none of {}", text, names));
}

std::expected<void, std::string> set_net(const std::string& text, host::SessionOptions& options) {
  if (text == "user" || text == "none") {
    options.net = text == "user" ? host::NetMode::kUser : host::NetMode::kNone;
    return {};
  }
  if (text.find(':') == std::string::npos)
    return std::unexpected(fmt::format("'{}' is none of user, none, or a socket such as listen:4000", text));
  const auto link = net::parse_socket_link(text);
  if (!link) return std::unexpected(link.error());
  options.net = host::NetMode::kSocket;
  options.link = *link;
  return {};
}

// An option of one value, which `parse` turns into what `target` holds or into one line that says what is
// wrong.
template <class T, class Parse>
CLI::Option* add_parsed(CLI::App& command, const std::string& names, T& target, const std::string& help,
                        const std::string& type, Parse parse) {
  return command
      .add_option_function<std::string>(
          names,
          [&target, parse, names](const std::string& text) {
            auto value = parse(text);
            if (!value) throw CLI::ValidationError(names.substr(names.find("--")), value.error());
            target = *value;
          },
          help)
      ->type_name(type);
}

template <class T>
CLI::Option* add_choice(CLI::App& command, const std::string& name, T& target, const std::string& help,
                        const Choices<T>& choices) {
  std::string type;
  for (const auto& [choice, value] : choices) type += (type.empty() ? "" : "|") + choice;
  return add_parsed(command, name, target, help, type,
                    [choices](const std::string& text) { return choose(choices, text); });
}

// An option to be given any number of times. Each takes one value: what follows may be the image.
template <class T, class Parse>
CLI::Option* add_repeatable(CLI::App& command, const std::string& names, std::vector<T>& target,
                            const std::string& help, const std::string& type, Parse parse) {
  return command
      .add_option_function<std::vector<std::string>>(
          names,
          [&target, parse, names](const std::vector<std::string>& texts) {
            for (const std::string& text : texts) {
              auto value = parse(text);
              if (!value) throw CLI::ValidationError(names.substr(names.find("--")), value.error());
              target.push_back(*value);
            }
          },
          help)
      ->type_name(type)
      ->allow_extra_args(false);
}

std::expected<std::string, std::string> parse_text(const std::string& text) {
  if (text.empty()) return std::unexpected("the text to wait for is empty");
  return text;
}

std::expected<double, std::string> parse_seconds(std::string_view text) {
  double value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value) || value <= 0) {
    return std::unexpected(fmt::format("'{}' is no number of seconds greater than 0", text));
  }
  return value;
}

std::expected<std::uint32_t, std::string> parse_count(std::string_view text) {
  std::uint32_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    return std::unexpected(fmt::format("'{}' is no whole number", text));
  }
  return value;
}

std::expected<std::string, std::string> parse_log(const std::string& text) {
  base::Logger logger;
  auto configured = logger.configure(text);
  if (!configured) return std::unexpected(configured.error());
  return text;
}

std::expected<std::string, std::string> parse_any(const std::string& text) {
  return text;
}

}  // namespace

std::string problem_of(const host::SessionOptions& options) {
  if (options.lists_events()) return {};
  if (options.demo && !options.image.empty()) return "name an image or --demo, not both";
  if (!options.demo && options.image.empty() && !options.any_flash)
    return "which image? Name a flash image or a build folder, or use --demo";
  std::error_code error;
  if (options.persist) {
    if (options.demo) return "--persist: the demo has no image file to write to";
    if (options.image.empty()) return "--persist: there is no image file to write to; name one";
    if (fs::is_directory(options.image, error)) {
      return fmt::format("--persist: {} is a build folder; `espalier image merge` makes an image file of it",
                         options.image);
    }
  }
  if (!options.call_trace.empty() && options.net == host::NetMode::kNone)
    return "--call-trace follows what comes by the network: it needs --net user";
  if (options.calls.format == debug::CallTraceFormat::kPerfetto && options.calls.requests > 1)
    return "--call-trace-format perfetto: such a file holds one request";
  if (options.net != host::NetMode::kUser && !options.publish.empty()) return "--publish needs --net user";
  auto on_stdio = std::ranges::count(options.serial, base::SerialSpec::Kind::kStdio, &base::SerialSpec::kind);
  if (on_stdio > 1) return "only one of --serial, --serial1 and --serial2 can be stdio";
  for (const std::string* file : {&options.image, &options.rom, &options.efuse, &options.elf,
                                  &options.profile, &options.coverage, &options.call_trace}) {
    if (!file->empty() && !fs::exists(*file, error)) {
      return fmt::format("{}: {}", *file, error ? error.message() : "No such file or directory");
    }
  }
  return {};
}

void add_seconds(CLI::App& command, const std::string& name, std::optional<double>& target,
                 const std::string& help) {
  add_parsed(command, name, target, help, "SECONDS", parse_seconds);
}

void add_run_options(CLI::App& command, host::SessionOptions& options) {
  command.add_option("IMAGE", options.image,
                     "Merged flash image, build folder with flasher_args.json or flash_args, or snapshot");
  command.add_flag("--demo", options.demo, "Run the built-in guest, a web server, instead of an image");

  add_repeatable(command, "-p,--publish", options.publish,
                 "Lead a port of this host to one of the guest (default address: 127.0.0.1)",
                 "[ADDR:]HOSTPORT:GUESTPORT[/udp]", net::parse_publish)
      ->group("Network");
  command
      .add_option_function<std::string>(
          "--net",
          [&options](const std::string& text) {
            if (auto ok = set_net(text, options); !ok) throw CLI::ValidationError("--net", ok.error());
          },
          "What the guest's Ethernet is plugged into (default: user); a socket is the cable of QEMU's "
          "-netdev socket")
      ->type_name("user|none|listen:[ADDR:]PORT|connect:ADDR:PORT|mcast:ADDR:PORT")
      ->group("Network");
  add_parsed(
      command, "--impair", options.impair,
      "Make the cable bad, both ways: latency=20ms,jitter=5ms,loss=1%,duplicate=1%,reorder=25%,rate=1Mbit,"
      "partition; direction=in|out: one way; seed=N",
      "KEY=VALUE,...", net::parse_impairment)
      ->group("Network");
  add_repeatable(command, "--fault", options.faults,
                 "Something goes wrong on purpose: power-cut, brown-out, bit-flip, clock-skew or "
                 "stuck-network, and when: "
                 "power-cut,at=INSTRUCTIONS,seed=N (docs/fleet.md)",
                 "KIND[,KEY=VALUE...]", host::parse_fault)
      ->group("Machine");
  command.add_option("--pcap", options.pcap, "Record all frames of the guest's port, for Wireshark")
      ->type_name("FILE")
      ->group("Network");

  for (std::size_t i = 0; i < options.serial.size(); ++i) {
    std::string name = i == 0 ? "--serial" : fmt::format("--serial{}", i);
    add_parsed(command, name, options.serial[i],
               fmt::format("UART{} (default: {})", i, i == 0 ? "stdio; Ctrl-] leaves" : "none"),
               "stdio|tcp:ADDR:PORT|unix:PATH|file:PATH|pty|none", base::parse_serial_spec)
        ->group("Console");
  }
  add_repeatable(command, "--until", options.until,
                 "Stop with exit code 0 once the console has shown this; repeat it for more, in order",
                 "TEXT", parse_text)
      ->group("Console");
  add_parsed(command, "--timeout", options.timeout_seconds, "Stop with exit code 124 after this time",
             "SECONDS", parse_seconds)
      ->group("Console");

  add_choice<esp32::ClockMode>(command, "--clock", options.clock,
                               "The guest's time: the host's, or as fast as it can go (default: realtime)",
                               {{"realtime", esp32::ClockMode::kRealtime}, {"warp", esp32::ClockMode::kWarp}})
      ->group("Machine");
  add_choice<xtensa::Engine>(command, "--engine", options.engine,
                             "What executes instructions: translated host code where it pays, or the "
                             "interpreter alone (default: jit on x86-64)",
                             {{"jit", xtensa::Engine::kJit}, {"interp", xtensa::Engine::kInterpreter}})
      ->group("Machine");
  command.add_option("--rom", options.rom, "A real ESP32 ROM, ELF or dump (default: the built-in one)")
      ->type_name("FILE")
      ->group("Machine");
  add_parsed(command, "--mac", options.mac, "The chip's MAC address", "XX:XX:XX:XX:XX:XX", host::parse_mac)
      ->group("Machine");
  command.add_option("--efuse", options.efuse, "The chip's eFuses, 124 bytes")
      ->type_name("FILE")
      ->group("Machine");
  add_parsed(command, "--flash-size", options.flash_size, "Default: from the image", "1M|2M|4M|8M|16M",
             image::parse_flash_size)
      ->group("Machine");
  add_choice<std::uint32_t>(command, "--psram", options.psram_size, "External RAM (default: 0)",
                            {{"0", 0}, {"2M", 2u << 20}, {"4M", 4u << 20}})
      ->group("Machine");
  add_choice<unsigned>(command, "--cpus", options.cpus, "Cores (default: 2)", {{"1", 1}, {"2", 2}})
      ->group("Machine");
  add_choice<std::optional<std::uint32_t>>(
      command, "--strap", options.strapping,
      "What the strapping pins choose at reset: to boot from flash, or to wait on UART0 for a flashing tool, "
      "whose "
      "changes --persist keeps; IMAGE may then be blank or left out (default: flash)",
      {{"flash", devices::Gpio::kStrapFlashBoot}, {"download", devices::Gpio::kStrapDownload}})
      ->group("Machine");
  command
      .add_flag("--persist", options.persist,
                "Write changes of the flash back to the image, which is never touched otherwise")
      ->group("Machine");
  add_parsed(command, "--reset-limit", options.reset_limit,
             "Stop instead of resetting the chip more often than this", "N", parse_count)
      ->group("Machine");
  add_parsed(command, "--gdb", options.gdb,
             "Let GDB connect: `target remote` (default address: 127.0.0.1; port 0: any)", "[ADDR:]PORT",
             debug::parse_gdb_address)
      ->group("Debugger");
  command
      .add_flag("--gdb-wait", options.start_paused,
                "Wait with the first instruction until GDB continues; --gdb 1234 unless it says otherwise")
      ->group("Debugger");
  command.add_flag("--stats", options.stats,
                   "At the end, print what the machine has executed and where the time went");
  command.add_flag(
      "--perf-map", options.perf_map,
      "Write /tmp/perf-PID.map, from which `perf report` knows the guest's functions; their names "
      "come from NAME.elf beside NAME.bin");
  add_repeatable(command, "--trace", options.trace.patterns,
                 "Tell of the events that match, -PATTERN: no longer of these; `--trace help` lists them; "
                 "events=FILE: a file of patterns, one a line",
                 "PATTERN[,...]", parse_any)
      ->group("Tracing");
  command.add_option("--trace-file", options.trace.file, "Where to (default: standard error)")
      ->type_name("FILE")
      ->group("Tracing");
  add_choice<debug::TraceFormat>(command, "--trace-format", options.trace.format,
                                 "Lines as QEMU's, lines of JSON, or a timeline for ui.perfetto.dev, which "
                                 "needs no --trace (default: text)",
                                 {{"text", debug::TraceFormat::kText},
                                  {"json", debug::TraceFormat::kJson},
                                  {"perfetto", debug::TraceFormat::kPerfetto}})
      ->group("Tracing");
  command
      .add_option(
          "--elf", options.elf,
          "The program's ELF file: names for the backtrace of a panic, tasks in traces and as GDB's threads "
          "(default: the build folder's, or NAME.elf beside NAME.bin)")
      ->type_name("FILE")
      ->group("Tracing");
  command.add_option("--vcd", options.vcd, "Write the levels of all pads as a waveform, for GTKWave")
      ->type_name("FILE")
      ->group("Tracing");
  command
      .add_option(
          "--profile", options.profile,
          "Tell where the time goes: the functions of this ELF file that took most to standard error, "
          "all stacks, folded, to --profile-file")
      ->type_name("ELF")
      ->group("Tracing");
  command
      .add_option("--profile-file", options.profile_file,
                  "Where to (default: profile.folded); for flamegraph.pl or speedscope.app")
      ->type_name("FILE")
      ->group("Tracing");
  command
      .add_option("--coverage", options.coverage,
                  "Count how often each line of this ELF file's sources is executed, for lcov and genhtml")
      ->type_name("ELF")
      ->group("Tracing");
  command.add_option("--coverage-file", options.coverage_file, "Where to (default: espalier.info)")
      ->type_name("FILE")
      ->group("Tracing");
  command
      .add_option(
          "--call-trace", options.call_trace,
          "Follow a request from its frame to the answer's: what each task and interrupt calls, with the "
          "names of this ELF file")
      ->type_name("ELF")
      ->group("Call trace");
  command.add_option("--call-trace-file", options.call_trace_file, "Where to (default: standard error)")
      ->type_name("FILE")
      ->group("Call trace");
  add_repeatable(command, "--call-trace-filter", options.calls.filters,
                 "Which frames with data are requests (default: those to published ports; none: tcp)",
                 "tcp|udp[:PORT]", debug::FrameFilter::parse)
      ->group("Call trace");
  add_parsed(command, "--call-trace-requests", options.calls.requests, "How many are followed (default: 1)",
             "N", parse_count)
      ->group("Call trace");
  add_parsed(command, "--call-trace-depth", options.calls.depth,
             "Calls deeper than this are left out of the text (default: 64)", "N", parse_count)
      ->group("Call trace");
  add_choice<debug::CallTraceFormat>(
      command, "--call-trace-format", options.calls.format,
      "Text, or a timeline for ui.perfetto.dev (default: text)",
      {{"text", debug::CallTraceFormat::kText}, {"perfetto", debug::CallTraceFormat::kPerfetto}})
      ->group("Call trace");
  add_parsed(command, "--log", options.log,
             "The emulator's own messages: error, warn, info, debug or trace; then areas, such as unimp,net",
             "LEVEL[,AREA...]", parse_log);
}

namespace {

// What is not said more exactly derives from the replica's name.
std::string take_identity(std::string_view identity, host::SessionOptions& options) {
  if (identity.empty()) return {};
  const auto replica = espalier::fleet::find_replica(identity);
  if (!replica) return "--identity: " + replica.error();
  const auto mac =
      *replica ? (*replica)->mac() : espalier::fleet::group_mac(espalier::fleet::host_id(), "fleet", "fleet");
  if (!options.mac) options.mac = mac;
  if (*replica) options.slirp.hostname = (*replica)->text();
  return {};
}

void add_command(CLI::App& app, Action& action, const Runner& run, const std::string& name,
                 const std::string& what, bool debugs) {
  auto identity = std::make_shared<std::string>();
  auto options = std::make_shared<host::SessionOptions>();
  CLI::App* command = app.add_subcommand(name, what);
  add_run_options(*command, *options);
  command
      ->add_option(
          "--identity", *identity,
          "Whose MAC address and DHCP host name the chip has: one of an orchestrator's replicas; auto: "
          "the host's name")
      ->type_name("NAME-ORDINAL|auto")
      ->envname("ESPALIER_IDENTITY")
      ->group("Machine");
  command->footer(
      "The guest's console is standard output, byte for byte; what the emulator itself has to say goes to "
      "standard "
      "error.");
  command->callback([options, identity, &action, run, debugs] {
    if (debugs) options->start_paused = true;
    options->any_flash = options->strapping == devices::Gpio::kStrapDownload;
    // QEMU's -s listens there, too.
    if (options->start_paused && !options->gdb) options->gdb = debug::GdbAddress{.port = 1234};
    action = [options, identity, run] {
      if (const std::string problem = take_identity(*identity, *options); !problem.empty())
        return fail(problem);
      if (std::string problem = problem_of(*options); !problem.empty()) return fail(problem);
      return run(*options);
    };
  });
}

}  // namespace

void add_run_command(CLI::App& app, Action& action, const Runner& run) {
  add_command(app, action, run, "run", "Boot a flash image, a build folder or the demo", false);
}

void add_debug_command(CLI::App& app, Action& action, const Runner& run) {
  add_command(app, action, run, "debug",
              "Boot it, but wait at the first instruction for GDB; the command that connects it is printed",
              true);
}

}  // namespace espalier::cli
