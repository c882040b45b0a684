#include "cli/load_command.h"

#include <fmt/format.h>

#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "base/event_loop.h"
#include "cli/exit_code.h"
#include "cli/fleet/client.h"
#include "cli/load_options.h"
#include "cli/load_sweep_command.h"
#include "cli/validators.h"
#include "host/signal_watch.h"
#include "image/file.h"
#include "load/fleet_targets.h"
#include "load/generator.h"
#include "load/report.h"

namespace espalier::cli {
namespace {

struct Arguments {
  LoadArguments load;
  std::vector<std::string> urls;
  std::string fleet;
  double rate = 0;
  std::string path;
  std::string json_file;
  std::string hdr_file;
  std::size_t worst = 3;
  bool allow_errors = false;
};

// The devices of a running fleet, as its process names them.
std::expected<std::vector<load::Target>, std::string> targets_of_fleet(const std::string& name,
                                                                       const std::string& path) {
  const auto running = fleet::Running::find(name);
  if (!running) return std::unexpected(running.error());
  const auto devices = running->ask("GET", "/v1/devices");
  if (!devices) return std::unexpected(devices.error());
  return load::targets_of_devices(*devices, path);
}

std::expected<std::vector<load::Target>, std::string> targets_of(const Arguments& arguments) {
  if (!arguments.fleet.empty())
    return targets_of_fleet(arguments.fleet, arguments.path.empty() ? "/hello" : arguments.path);
  std::vector<load::Target> targets;
  for (const std::string& url : arguments.urls) {
    auto some = load::parse_url(url);
    if (!some) return std::unexpected(some.error());
    targets.insert(targets.end(), some->begin(), some->end());
  }
  if (!arguments.path.empty())
    for (load::Target& target : targets) target.path = arguments.path;
  return targets;
}

// "-" is standard output.
std::expected<void, std::string> write(const std::string& file, const std::string& text) {
  if (file == "-") {
    fmt::print("{}", text);
    return {};
  }
  return image::write_file(file, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

int load_targets(const Arguments& arguments) {
  if (arguments.urls.empty() == arguments.fleet.empty())
    return fail("load: which server? Give a URL, such as http://127.0.0.1:8000/hello, or --fleet NAME");
  auto targets = targets_of(arguments);
  if (!targets) return fail(targets.error());
  load::LoadOptions options = arguments.load.options();
  options.targets = std::move(*targets);
  options.rate = arguments.rate;

  base::EventLoop loop;  // a signal's handler wakes it; the load's own loop wakes by itself
  const host::SignalWatch signals(loop);
  options.interrupted = [&signals] { return signals.signal() != 0; };
  const auto result = load::run_load(options);
  if (!result) return fail(result.error());

  // What goes to standard output for programs stays alone there.
  const bool text_is_in_the_way = arguments.json_file == "-" || arguments.hdr_file == "-";
  fmt::print(text_is_in_the_way ? stderr : stdout, "{}", load::text_of(options, *result, arguments.worst));
  if (!arguments.json_file.empty())
    if (auto done = write(arguments.json_file, load::json_of(options, *result).dump(2) + "\n"); !done)
      return fail(done.error());
  if (!arguments.hdr_file.empty())
    if (auto done = write(arguments.hdr_file, result->latency.table(1e6)); !done) return fail(done.error());
  const bool good = result->failed() == 0 && (result->answered() != 0 || result->interrupted);
  return good || arguments.allow_errors ? kDone : kExpectationFailed;
}

}  // namespace

void add_load_command(CLI::App& app, Action& action) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("load", "Send HTTP requests to guests and measure the answers");
  command->footer(
      "Requests go to the targets in turns. With --rate each is due at its own time, whatever became of "
      "those\n"
      "before, and its latency counts from then (open loop); without, each connection sends its next "
      "request\n"
      "when the last is answered (closed loop). Exit codes: 0 no errors, 1 errors, 2 bad usage.");
  command->add_option("URL", arguments->urls, "http://HOST:PORT/PATH; a name's addresses are a target each");
  command->add_option("--fleet", arguments->fleet, "All devices of this running fleet, instead of URLs")
      ->type_name("NAME");
  add_load_options(*command, arguments->load);
  command->add_option("--rate", arguments->rate, "Requests a second, to all targets together")
      ->check(CLI::Range(0.001, 1e7));
  command->add_option("-n,--requests", arguments->load.requests, "Stop after so many requests")
      ->check(CLI::PositiveNumber);
  command
      ->add_option("--path", arguments->path,
                   "The path to ask for, instead of the URLs' own; of a fleet: /hello")
      ->check(validator([](std::string& text) {
        return text.starts_with('/') && text.find_first_of(" \t\r\n") == std::string::npos
                   ? std::string()
                   : "'" + text + "' does not begin with / or has a space in it";
      }));
  command->add_option("--worst", arguments->worst, "List so many of the worst targets (default: 3)");
  command->add_option("--json", arguments->json_file, "Write all findings as JSON; - is standard output");
  command->add_option("--hdr", arguments->hdr_file,
                      "Write the latencies, in milliseconds, as HdrHistogram's tools do (.hgrm)");
  command->add_flag("--allow-errors", arguments->allow_errors, "Exit 0 also where requests failed");
  add_load_sweep_command(*command, action);
  // CLI11 calls this after the subcommand's own.
  command->callback([arguments, &action] {
    if (!action) action = [arguments] { return load_targets(*arguments); };
  });
}

}  // namespace espalier::cli
