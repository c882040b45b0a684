#include "cli/load_options.h"

#include <fmt/format.h>

#include <string>

namespace espalier::cli {
namespace {

std::uint64_t to_ns(double seconds) {
  return static_cast<std::uint64_t>(seconds * 1e9);
}

}  // namespace

load::LoadOptions LoadArguments::options() const {
  load::LoadOptions options;
  options.connections = connections;
  options.duration_ns = to_ns(seconds);
  options.warm_up_ns = to_ns(warm_up);
  options.timeout_ns = timeout_ms * 1'000'000;
  options.requests = requests;
  options.keep_alive = !no_keep_alive;
  return options;
}

void add_load_options(CLI::App& command, LoadArguments& arguments) {
  constexpr double kWeek = 604'800;
  const std::string connections = arguments.connections == 0
                                      ? "one for each device, but at least 16 and at most 6 to each"
                                      : std::to_string(arguments.connections);
  command
      .add_option("-c,--connections", arguments.connections,
                  "Open at the same time, to all targets together (default: " + connections + ")")
      ->check(CLI::Range(std::size_t{1}, std::size_t{1'000'000}));
  command
      .add_option("-d,--duration", arguments.seconds,
                  fmt::format("How long, in seconds, warm-up excluded (default: {:g})", arguments.seconds))
      ->check(CLI::Range(0.001, kWeek));
  command
      .add_option("--warmup", arguments.warm_up, "Seconds of the same load before, not counted (default: 0)")
      ->check(CLI::Range(0.0, kWeek));
  command
      .add_option("--timeout", arguments.timeout_ms,
                  "Milliseconds until a request without an answer has failed (default: 5000)")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{604'800'000}));
  command.add_flag("--no-keepalive", arguments.no_keep_alive, "A connection for each request");
}

}  // namespace espalier::cli
