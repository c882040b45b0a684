#include "cli/fleet/up.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <malloc.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <functional>
#include <map>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include "base/event_loop.h"
#include "base/log.h"
#include "base/log_names.h"
#include "cli/cli.h"
#include "cli/exit_code.h"
#include "fleet/api/routes.h"
#include "fleet/api/to_json.h"
#include "fleet/fleet.h"
#include "fleet/home.h"
#include "fleet/json_log.h"
#include "fleet/replica.h"
#include "host/init_process.h"
#include "host/signal_watch.h"
#include "image/flash_settings.h"

namespace espalier::cli::fleet {
namespace {

using namespace espalier::fleet;
using Wrong = std::unexpected<std::string>;

// A line of the emulator's own.
using Say = std::function<void(base::LogLevel level, std::string_view line)>;

std::expected<std::vector<api::Endpoint>, std::string> endpoints_of(const UpOptions& options,
                                                                    const FleetFiles& files, const Say& say) {
  std::vector<api::Endpoint> endpoints{{.path = files.socket}};
  for (const std::string& text : options.listen) {
    auto endpoint = api::parse_endpoint(text);
    if (!endpoint) return Wrong("--listen: " + endpoint.error());
    if (!endpoint->is_unix()) {
      if (options.token_file.empty())
        return Wrong("--listen on TCP needs --token-file FILE, whose first line clients have to know");
      auto token = api::read_token_file(options.token_file);
      if (!token) return Wrong(token.error());
      endpoint->token = std::move(*token);
      if (const std::string warning = api::exposure_warning(*endpoint); !warning.empty())
        say(base::LogLevel::kWarn, warning);
    }
    endpoints.push_back(std::move(*endpoint));
  }
  return endpoints;
}

// Takes lines from the workers' threads, and prints them in the main one: a reader that does not keep up must
// not make machines wait.
class Printer {
 public:
  explicit Printer(base::EventLoop& loop) : loop_(loop) {}

  // Any thread.
  void put(std::string_view line) {
    const std::lock_guard lock(mutex_);
    if (waiting_.size() + line.size() > kMost) {
      ++dropped_;
      return;
    }
    waiting_ += line;
    loop_.wake();
  }
  void print() {
    std::string text;
    std::uint64_t dropped = 0;
    {
      const std::lock_guard lock(mutex_);
      text.swap(waiting_);
      dropped = std::exchange(dropped_, 0);
    }
    if (text.empty()) return;
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
    if (dropped != 0)
      fmt::print(stderr, "espalier: {} lines are lost: standard output was not read\n", dropped);
  }

 private:
  static constexpr std::size_t kMost = 16u << 20;  // bytes that may wait

  base::EventLoop& loop_;
  std::mutex mutex_;
  std::string waiting_;
  std::uint64_t dropped_ = 0;
};

std::string text_of(const Event& event) {
  const auto seconds = static_cast<std::time_t>(event.time);
  std::tm local{};
  localtime_r(&seconds, &local);
  return fmt::format("{:02}:{:02}:{:02} {} {}{}{}\n", local.tm_hour, local.tm_min, local.tm_sec,
                     event.device.empty() ? "fleet" : event.device, name_of(event.kind),
                     event.detail.empty() ? "" : ": ", event.detail);
}

// The consoles of all devices, as they come and go. A follower of events may not ask the fleet: that is for
// the main thread.
class ConsoleFollower {
 public:
  ConsoleFollower(Control& fleet, JsonLog& log) : fleet_(fleet), log_(log) {}

  // Any thread; the main one is woken by what is printed of the event.
  void take(const Event& event) {
    if (event.kind != Event::Kind::kAdded && event.kind != Event::Kind::kRemoved) return;
    const std::lock_guard lock(mutex_);
    news_.push_back(event);
  }
  void follow() {
    std::vector<Event> news;
    {
      const std::lock_guard lock(mutex_);
      news.swap(news_);
    }
    for (const Event& event : news) {
      if (event.kind == Event::Kind::kRemoved) {
        following_.erase(event.device);
        continue;
      }
      auto following =
          fleet_.follow_logs(event.device, std::nullopt,
                             [&log = log_, device = event.device](std::span<const std::uint8_t> bytes) {
                               if (bytes.empty())
                                 log.end_console(device);
                               else
                                 log.console(device, bytes);
                             });
      if (following) following_[event.device] = std::move(*following);
    }
  }

 private:
  Control& fleet_;
  JsonLog& log_;
  std::mutex mutex_;
  std::vector<Event> news_;
  std::map<std::string, Subscription> following_;
};

std::string summary_of(Fleet& fleet) {
  const FleetStats stats = fleet.stats();
  return fmt::format(
      "{} devices ran for {:.1f} s: {} million instructions, {:.1f} s of processor time, {} resets, {} "
      "panics, {} restarts, {} MiB of memory",
      stats.devices.size(), static_cast<double>(stats.up_ns) / 1e9, stats.instructions / 1'000'000,
      static_cast<double>(stats.cpu_ns) / 1e9, stats.resets, stats.panics, stats.restarts,
      stats.resident_bytes >> 20);
}

// The parent's end: whether the child got so far as to run the fleet.
int wait_for_start(int pipe, pid_t child, const FleetFiles& files) {
  char sign = 0;
  ssize_t got = 0;
  while ((got = read(pipe, &sign, 1)) < 0 && errno == EINTR) {
  }
  close(pipe);
  if (got == 1) {
    fmt::print(
        "the fleet {} is up (process {}); `espalier fleet ps` lists its devices, `espalier fleet down` ends "
        "it\n",
        files.name, child);
    return kDone;
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status)) return WEXITSTATUS(status);
  fmt::print(stderr, "espalier: the fleet's process was killed by signal {}\n", WTERMSIG(status));
  return kEmulatorFault;
}

// The child's: no terminal any more, and the parent may go. `started`: the pipe to it.
std::expected<void, std::string> leave_terminal(int started, const FleetFiles& files) {
  const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
  const int log = open(files.log.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
  if (null < 0 || log < 0) return Wrong(fmt::format("{}: {}", files.log, std::strerror(errno)));
  dup2(null, 0);
  dup2(log, 1);
  dup2(log, 2);
  close(null);
  close(log);
  const char sign = 1;
  [[maybe_unused]] const ssize_t written = write(started, &sign, 1);
  close(started);
  return {};
}

// `started`: where to tell that the fleet runs; -1: it stays in the foreground.
// glibc gives each thread a heap of its own, which grows by a page and a system call at a time: 60 of them for
// a clone, in which the other workers wait to map what theirs need. What all share grows by `M_TOP_PAD`.
void share_heap() {
  mallopt(M_ARENA_MAX, 1);
  mallopt(M_TOP_PAD, 1 << 20);
  mallopt(M_TRIM_THRESHOLD, 4 << 20);
}

int run(const UpOptions& options, const FleetSpec& spec, const FleetFiles& files, int started) {
  base::ignore_sigpipe();
  host::reap_orphans();
  share_heap();
  base::EventLoop loop;
  host::SignalWatch signals(loop);
  Printer printer(loop);
  JsonLog log([&](std::string_view line) { printer.put(line); });
  const bool json = options.log_format == "json";
  const Say say = [&](base::LogLevel level, std::string_view line) {
    if (json)
      log.log({}, base::name_of(level), "general", line);
    else
      fmt::print(stderr, "espalier: {}\n", line);
  };
  Tell tell;
  if (json)
    tell = [&](std::string_view device, base::LogLevel level, base::LogArea area, std::string_view line) {
      log.log(device, base::name_of(level), base::name_of(area), line);
    };
  auto endpoints = endpoints_of(options, files, say);
  if (!endpoints) return fail(endpoints.error());
  auto lock = FleetLock::take(files);
  if (!lock) return fail(lock.error());
  auto fleet = Fleet::create(spec, std::move(tell));
  if (!fleet) return fail(fleet.error());
  std::atomic<bool> down = false;
  (*fleet)->on_down([&] {
    down = true;
    loop.wake();
  });
  auto server = api::serve(**fleet, std::move(*endpoints));
  if (!server) return fail(server.error());
  for (const api::Endpoint& endpoint : (*server)->endpoints())
    if (!endpoint.is_unix())
      say(base::LogLevel::kInfo, fmt::format("the control API is at {}", endpoint.name()));
  if (started >= 0)
    if (auto ok = leave_terminal(started, files); !ok) return fail(ok.error());
  ConsoleFollower consoles(**fleet, log);
  Subscription events = (*fleet)->follow_events(0, [&](const Event& event) {
    if (options.logs) consoles.take(event);
    if (json)
      log.event(event);
    else if (options.json)
      printer.put(api::text_of(api::to_json(event)) + "\n");
    else if (event.kind != Event::Kind::kAdded)
      printer.put(text_of(event));
  });
  while (!down && signals.signal() == 0) {
    consoles.follow();
    printer.print();
    loop.poll(base::EventLoop::kForever);
  }
  (*fleet)->down();
  const std::string summary = summary_of(**fleet);
  server->reset();
  if (!json) events.reset();  // people need not read that each device is stopped
  (*fleet)->shut_down();
  events.reset();
  say(base::LogLevel::kInfo, summary);
  printer.print();
  return kDone;
}

}  // namespace

void add_up_options(CLI::App& command, UpOptions& options) {
  command.add_option("IMAGE", options.image, "Merged flash image, or build folder, that all devices run");
  command.add_flag("--demo", options.demo, "Run the built-in guest, a web server, instead of an image");
  command
      .add_option(
          "--from", options.from,
          "A TOML file that describes the fleet (docs/fleet.md); what describes devices stands there alone")
      ->type_name("FILE");
  command.add_option("--name", options.name, "The fleet's name (default: the file's, or fleet)")
      ->type_name("NAME");
  command
      .add_option(
          "--identity", options.identity,
          "One of an orchestrator's replicas, each of which has its own numbers; auto: the host's name")
      ->type_name("NAME-ORDINAL|auto")
      ->envname("ESPALIER_IDENTITY");
  command.add_option("-n,--count", options.count, "How many devices (default: 1)")->type_name("N");
  command
      .add_option("-p,--publish", options.ports,
                  "Lead a port of this host to one of each guest: BASE plus the device's number")
      ->type_name("[ADDR:]BASE+:GUESTPORT[/udp]")
      ->allow_extra_args(false);
  command.add_option("--net", options.net, "What the guests' Ethernet is plugged into (default: user)")
      ->type_name("user|lan|none");
  command
      .add_option("--uplink", options.uplinks,
                  "Join the lan to an interface of the host's, or by a socket to another lan or a QEMU")
      ->type_name("tap:IF|listen:[ADDR:]PORT|connect:ADDR:PORT|mcast:ADDR:PORT")
      ->allow_extra_args(false);
  command
      .add_option("--restart", options.restart,
                  "When a device that has ended is started again (default: on-failure)")
      ->type_name("no|on-failure|always");
  command.add_option("--ready", options.ready, "What a device's console shows when it is ready")
      ->type_name("TEXT");
  command.add_option("--persist", options.persist, "Keep each device's flash in this folder")
      ->type_name("DIR");
  command.add_option("--cpu", options.cpu, "The most of a host core that a device gets")->type_name("SHARE");
  command.add_option("--clock", options.clock, "The guests' time (default: realtime)")
      ->type_name("realtime|warp");
  command.add_option("--psram", options.psram, "External RAM (default: 0)")->type_name("0|2M|4M");
  command.add_option("--flash-size", options.flash_size, "Default: from the image")
      ->type_name("1M|2M|4M|8M|16M");
  command
      .add_option("--workers", options.workers,
                  "Threads that run machines (default: one for each core that this process may use)")
      ->type_name("N");
  command.add_option("--listen", options.listen, "Offer the control API here, too: unix:PATH or [ADDR:]PORT")
      ->type_name("WHERE")
      ->allow_extra_args(false);
  command
      .add_option("--token-file", options.token_file, "Its first line is what clients over TCP have to know")
      ->type_name("FILE");
  command.add_flag("-d,--detach", options.detach, "Return when the fleet is up, and leave it running");
  CLI::Option* json = command.add_flag("--json", options.json, "Print events as lines of JSON");
  CLI::Option* format =
      command
          .add_option("--log-format", options.log_format,
                      "json: print events and the emulator's messages as lines of JSON (default: text)")
          ->type_name("text|json")
          ->check(CLI::IsMember({"text", "json"}))
          ->excludes(json);
  command.add_flag("--logs", options.logs, "With --log-format json: the lines of all consoles, too")
      ->needs(format);
}

namespace {

std::expected<void, std::string> add_uplinks(const UpOptions& options, FleetSpec& spec) {
  if (!options.uplinks.empty() && spec.net != FleetNet::kLan)
    return Wrong("--uplink needs a network to join: --net lan");
  for (const std::string& text : options.uplinks) {
    auto uplink = net::parse_uplink(text);
    if (!uplink) return Wrong("--uplink " + uplink.error());
    spec.lan.uplinks.push_back(std::move(*uplink));
  }
  return {};
}

// What a file says of its devices cannot be said again beside it, where there may be many groups of them.
std::expected<void, std::string> check_beside_file(const UpOptions& options) {
  struct Described {
    bool given;
    std::string_view option;
    std::string_view key;  // what the file has for it
  };
  const Described all[] = {
      {!options.image.empty(), "IMAGE", "image in a [[device]]"},
      {options.demo, "--demo", "demo in a [[device]]"},
      {options.count.has_value(), "-n", "count in a [[device]]"},
      {!options.ports.empty(), "-p", "ports in a [[device]]"},
      {!options.net.empty(), "--net", "net in [fleet]"},
      {!options.restart.empty(), "--restart", "restart in a [[device]]"},
      {!options.ready.empty(), "--ready", "ready in a [[device]]"},
      {!options.persist.empty(), "--persist", "persist in a [[device]]"},
      {options.cpu.has_value(), "--cpu", "cpu in a [[device]]"},
      {!options.clock.empty(), "--clock", "clock in a [[device]]"},
      {!options.psram.empty(), "--psram", "psram in a [[device]]"},
      {!options.flash_size.empty(), "--flash-size", "flash-size in a [[device]]"},
  };
  for (const Described& one : all)
    if (one.given)
      return Wrong(fmt::format("{} beside --from: {} describes the devices, by {}", one.option, options.from,
                               one.key));
  return {};
}

std::expected<FleetSpec, std::string> described_by(const UpOptions& options,
                                                   const std::optional<Replica>& replica) {
  FleetSpec spec;
  const bool described = options.demo || !options.image.empty();
  if (!options.from.empty()) {
    if (auto ok = check_beside_file(options); !ok) return Wrong(ok.error());
    auto loaded = load_fleet_spec(options.from);
    if (!loaded) return Wrong(loaded.error());
    spec = std::move(*loaded);
    if (!options.name.empty()) spec.name = options.name;
    if (options.workers) spec.workers = *options.workers;
    if (auto ok = add_uplinks(options, spec); !ok) return Wrong(ok.error());
    return spec;
  }
  if (options.demo && !options.image.empty()) return Wrong("name an image or --demo, not both");
  if (!described) return Wrong("which image? Name a flash image or a build folder, or use --demo or --from");
  if (replica) spec.name = replica->name;
  GroupSpec group;
  group.name = spec.name;
  if (!options.name.empty()) spec.name = options.name;
  if (!replica) group.name = spec.name;
  if (options.workers) spec.workers = *options.workers;
  if (!options.net.empty()) {
    const auto net = parse_fleet_net(options.net);
    if (!net) return Wrong("--net: " + net.error());
    spec.net = *net;
  }
  if (auto ok = add_uplinks(options, spec); !ok) return Wrong(ok.error());
  group.count = options.count.value_or(1);
  group.machine.image = options.image;
  group.machine.demo = options.demo;
  group.ready = options.ready;
  group.persist = options.persist;
  for (const std::string& text : options.ports) {
    auto port = parse_port(text);
    if (!port) return Wrong("--publish " + port.error());
    group.ports.push_back(std::move(*port));
  }
  if (!options.restart.empty()) {
    const auto policy = parse_restart_policy(options.restart);
    if (!policy) return Wrong("--restart: " + policy.error());
    group.restart = *policy;
  }
  if (options.cpu) {
    if (!(*options.cpu > 0 && *options.cpu <= 1))
      return Wrong(fmt::format("--cpu: {} is no share of a core, more than 0 and at most 1", *options.cpu));
    group.cpu = *options.cpu;
  }
  if (!options.clock.empty()) {
    const auto clock = parse_clock(options.clock);
    if (!clock) return Wrong("--clock: " + clock.error());
    group.machine.clock = *clock;
  }
  if (!options.psram.empty()) {
    const auto size = parse_psram(options.psram);
    if (!size) return Wrong("--psram: " + size.error());
    group.machine.psram_size = *size;
  }
  if (!options.flash_size.empty()) {
    const auto size = image::parse_flash_size(options.flash_size);
    if (!size) return Wrong("--flash-size: " + size.error());
    group.machine.flash_size = *size;
  }
  spec.groups.push_back(std::move(group));
  return spec;
}

}  // namespace

std::expected<FleetSpec, std::string> spec_of(const UpOptions& options) {
  std::optional<Replica> replica;
  if (!options.identity.empty()) {
    auto found = find_replica(options.identity);
    if (!found) return Wrong("--identity: " + found.error());
    replica = std::move(*found);
  }
  auto spec = described_by(options, replica);
  if (spec && replica)
    if (auto ok = place(*spec, *replica); !ok) return Wrong("--identity: " + ok.error());
  return spec;
}

int up(const UpOptions& options) {
  if (options.logs && options.log_format != "json") return fail("--logs needs --log-format json");
  const auto spec = spec_of(options);
  if (!spec) return fail(spec.error());
  if (auto ok = check_spec(*spec); !ok) return fail(ok.error());
  const auto files = fleet_files(spec->name);
  if (!files) return fail(files.error());
  if (!options.detach) return run(options, *spec, *files, -1);
  if (host::is_init_process())
    return fail(
        "-d: this is process 1 of a container, which ends with it; leave -d out (`docker run -d` detaches)");
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return fail(fmt::format("cannot make a pipe: {}", std::strerror(errno)));
  const pid_t child = fork();
  if (child < 0) return fail(fmt::format("cannot start the fleet's process: {}", std::strerror(errno)));
  if (child != 0) {
    close(ends[1]);
    return wait_for_start(ends[0], child, *files);
  }
  close(ends[0]);
  setsid();
  return run(options, *spec, *files, ends[1]);
}

}  // namespace espalier::cli::fleet
