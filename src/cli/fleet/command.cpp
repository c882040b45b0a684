#include "cli/fleet/command.h"

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/fleet/client.h"
#include "cli/fleet/clones.h"
#include "cli/fleet/fault.h"
#include "cli/fleet/net.h"
#include "cli/fleet/up.h"

namespace espalier::cli::fleet {
namespace {

struct Arguments {
  UpOptions up;
  std::string name;
  std::vector<std::string> devices;
  std::vector<std::string> counts;
  ExecOptions exec;
  CloneOptions clone;
  std::string file;
  NetOptions net;
  FaultOptions fault;
  bool json = false;
  bool follow = false;
  std::optional<unsigned> tail;
  double interval = 2;
};

// One that changes the cable, read by `parse`.
template <class T, class Parse>
CLI::Option* add_impairment(CLI::App& command, const std::string& name, std::shared_ptr<Arguments> arguments,
                            T net::ImpairmentPatch::*member, Parse parse, const std::string& type,
                            const std::string& what) {
  return command
      .add_option_function<std::string>(
          name,
          [arguments, member, parse, name](const std::string& text) {
            auto value = parse(text);
            if (!value) throw CLI::ValidationError(name, value.error());
            arguments->net.patch.*member = *value;
            arguments->net.change = true;
          },
          what)
      ->type_name(type);
}

void add_net_options(CLI::App& command, const std::shared_ptr<Arguments>& arguments) {
  using Patch = net::ImpairmentPatch;
  command.add_option("DEVICE|GROUP", arguments->net.who, "Whose cable (default: all are shown)");
  add_impairment(command, "--latency", arguments, &Patch::latency_ns, net::parse_duration, "TIME",
                 "That each frame takes longer, each way: 20ms");
  add_impairment(command, "--jitter", arguments, &Patch::jitter_ns, net::parse_duration, "TIME",
                 "By how much at most each frame's latency is off: 5ms");
  add_impairment(command, "--loss", arguments, &Patch::loss, net::parse_probability, "P",
                 "How many frames are lost: 1%");
  add_impairment(command, "--duplicate", arguments, &Patch::duplicate, net::parse_probability, "P",
                 "How many come twice");
  add_impairment(command, "--reorder", arguments, &Patch::reorder, net::parse_probability, "P",
                 "How many go without latency, and overtake");
  add_impairment(command, "--rate", arguments, &Patch::rate, net::parse_rate, "RATE",
                 "At most: 64kbit, 1Mbit; 0: no limit");
  const auto flag = [&](const std::string& name, const std::string& what, auto set) {
    command.add_flag_callback(
        name,
        [arguments, set] {
          set(arguments->net.patch);
          arguments->net.change = true;
        },
        what);
  };
  flag("--partition", "Nothing passes, though the link stays up",
       [](Patch& patch) { patch.partition = true; });
  flag("--heal", "The end of a partition", [](Patch& patch) { patch.partition = false; });
  flag("--clear", "A good cable again, before all the rest", [](Patch& patch) { patch.clear = true; });
  command
      .add_option_function<std::string>(
          "--direction",
          [arguments](const std::string& text) {
            const auto direction = net::parse_direction(text);
            if (!direction) throw CLI::ValidationError("--direction", direction.error());
            arguments->net.patch.direction = *direction;
          },
          "Of which way; in is to the guest (default: both)")
      ->type_name("both|in|out");
  command
      .add_option_function<std::uint64_t>(
          "--seed",
          [arguments](std::uint64_t seed) {
            arguments->net.patch.seed = seed;
            arguments->net.change = true;
          },
          "What happens to which frame follows from it (default: from the names of fleet and device)")
      ->type_name("N");
  command.add_flag("--json", arguments->net.json, "As JSON");
}

void add_fault_options(CLI::App& command, const std::shared_ptr<Arguments>& arguments) {
  command.add_option("DEVICE|GROUP", arguments->fault.who, "Whose machine")->required();
  command
      .add_option("KIND", arguments->fault.kind,
                  "power-cut, brown-out, bit-flip, clock-skew or stuck-network")
      ->required();
  struct Setting {
    const char *key, *type, *what;
  };
  constexpr Setting kSettings[] = {
      {"at", "N", "Once the machine has executed so many instructions (default: at once)"},
      {"within", "N", "At one of the next so many instructions, by the seed"},
      {"seed", "N", "What is left to chance follows from it (default: 0)"},
      {"for", "TIME", "How long power-cut, brown-out and stuck-network last (default: 100ms)"},
      {"memory", "ram|rtc|psram|flash", "bit-flip: which (default: ram)"},
      {"address", "ADDRESS", "bit-flip: of the byte; an offset in psram and flash (default: anywhere)"},
      {"bit", "0..7", "bit-flip: of the byte at the address"},
      {"bits", "N", "bit-flip: how many (default: 1)"},
      {"ppm", "PPM", "clock-skew: how many millionths faster than the host's the guest's clocks run"},
  };
  for (const Setting& setting : kSettings)
    command
        .add_option_function<std::string>(
            std::string("--") + setting.key,
            [arguments, key = setting.key](const std::string& value) {
              arguments->fault.settings.emplace_back(key, value);
            },
            setting.what)
        ->type_name(setting.type);
  command.footer("An event of kind fault says when it has happened and what exactly was done.");
}

}  // namespace

void add_fleet_command(CLI::App& app, Action& action) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* fleet = app.add_subcommand("fleet", "Run many devices in one process, and control them");
  fleet->require_subcommand(1);

  CLI::App* start = fleet->add_subcommand("up", "Start a fleet");
  add_up_options(*start, arguments->up);
  start->footer(
      "In the foreground it prints a line for each event of its devices, and Ctrl-C ends it. The other "
      "commands\n"
      "reach it by its name.");
  start->callback([arguments, &action] { action = [arguments] { return up(arguments->up); }; });

  // Those that talk to a fleet that runs.
  const auto add = [&](const std::string& name, const std::string& what, auto run) {
    CLI::App* command = fleet->add_subcommand(name, what);
    command->add_option("--name", arguments->name, "The fleet (default: the only one that runs)")
        ->type_name("NAME");
    command->callback([arguments, &action, run] { action = [arguments, run] { return run(*arguments); }; });
    return command;
  };
  const auto takes_device = [&](CLI::App* command) {
    command->add_option("DEVICE", arguments->exec.device, "Its name: GROUP-NUMBER")->required();
  };

  fleet->add_subcommand("ls", "List the fleets that run")->callback([&action] { action = list_fleets; });
  add("ps", "List the devices", [](const Arguments& a) {
    return list_devices(a.name, a.json);
  })->add_flag("--json", arguments->json, "As JSON");
  add("stats", "What the devices have done so far", [](const Arguments& a) {
    return show_stats(a.name, a.json);
  })->add_flag("--json", arguments->json, "As JSON");
  add("top", "The devices that take most processor time, again and again",
      [](const Arguments& a) { return show_top(a.name, a.interval); })
      ->add_option("--interval", arguments->interval, "How often (default: 2)")
      ->type_name("SECONDS")
      ->check(CLI::PositiveNumber);

  CLI::App* logs = add("logs", "What a device's console has shown",
                       [](const Arguments& a) { return show_logs(a.name, a.exec.device, a.follow, a.tail); });
  takes_device(logs);
  logs->add_flag("-f,--follow", arguments->follow, "And what it shows from now on");
  logs->add_option("--tail", arguments->tail, "Only the last lines (default: 64 KiB)")->type_name("LINES");

  CLI::App* exec = add("exec", "Type a line at a device's console, and show the answer",
                       [](const Arguments& a) { return execute(a.name, a.exec); });
  takes_device(exec);
  exec->add_option("TEXT", arguments->exec.text, "The line")->required();
  exec->add_option("--until", arguments->exec.until,
                   "Wait for this in the answer (default: until nothing comes for 0.2 s)")
      ->type_name("TEXT");
  exec->add_option("--timeout", arguments->exec.timeout, "Exit code 124 after this time (default: 10)")
      ->type_name("SECONDS")
      ->check(CLI::PositiveNumber);

  for (const auto& [name, what] : {std::pair<std::string, std::string>{"start", "Power devices up"},
                                   {"stop", "Power devices down, and keep them so"},
                                   {"restart", "Power devices down and up again"},
                                   {"rm", "Stop devices and take them out of the fleet"}})
    add(name, what, [name = name](const Arguments& a) { return command_devices(a.name, name, a.devices); })
        ->add_option("DEVICE", arguments->devices, "Their names")
        ->required();
  CLI::App* net = add("net", "Show how bad devices' cables are, and make them worse or better",
                      [](const Arguments& a) { return network(a.name, a.net); });
  add_net_options(*net, arguments);
  CLI::App* snapshot =
      add("snapshot", "Save a running device whole to a file, for others to go on from there",
          [](const Arguments& a) { return save_device(a.name, a.exec.device, a.file); });
  takes_device(snapshot);
  snapshot->add_option("-o,--output", arguments->file, "The snapshot to write")
      ->type_name("FILE")
      ->required();

  CLI::App* clone = add("clone", "More devices that go on from where a running one is",
                        [](const Arguments& a) { return clone_device(a.name, a.clone); });
  clone->add_option("DEVICE", arguments->clone.device, "Its name: GROUP-NUMBER")->required();
  clone->add_option("-n,--count", arguments->clone.count, "How many (default: 1)")
      ->type_name("N")
      ->check(CLI::Range(std::size_t{1}, std::size_t{65536}));
  clone->add_option("--group", arguments->clone.group, "The new group's name (default: DEVICE-clones)")
      ->type_name("NAME");
  clone
      ->add_option("-p,--publish", arguments->clone.ports,
                   "Their ports (default: those of the device's guest, at any free ports of this host)")
      ->type_name("[ADDR:]BASE+:GUESTPORT[/udp]")
      ->allow_extra_args(false);

  CLI::App* fault = add("fault", "Let something go wrong with devices on purpose",
                        [](const Arguments& a) { return cause_fault(a.name, a.fault); });
  add_fault_options(*fault, arguments);
  add("scale", "Set how many devices a group has", [](const Arguments& a) { return scale(a.name, a.counts); })
      ->add_option("[GROUP=]N", arguments->counts, "N alone where there is one group")
      ->required();
  add("down", "End a fleet, and leave nothing of it behind", [](const Arguments& a) { return down(a.name); });
}

}  // namespace espalier::cli::fleet
