#include "cli/health_command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <expected>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "cli/exit_code.h"
#include "cli/fleet/client.h"
#include "fleet/api/http_client.h"
#include "load/generator.h"

namespace espalier::cli {
namespace {

// The environment's URL, for images whose health check is one command whatever runs in the container.
constexpr const char* kUrlVariable = "ESPALIER_HEALTH";

struct HealthArguments {
  std::string url;
  std::string fleet;
  std::string ready = "100%";
  double timeout = 3;  // s
};

// What the check has found, in one line: healthy, or the error.
using Health = std::expected<std::string, std::string>;
using Wrong = std::unexpected<std::string>;

// N, or a share of those that are to run. The share is rounded up: of three devices 50% are two.
struct Wanted {
  std::uint64_t number = 0;
  bool percent = false;

  std::uint64_t of(std::uint64_t devices) const { return percent ? (devices * number + 99) / 100 : number; }
};

std::expected<Wanted, std::string> parse_wanted(std::string_view text) {
  Wanted wanted{.percent = text.ends_with('%')};
  const std::string_view digits = text.substr(0, text.size() - (wanted.percent ? 1 : 0));
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), wanted.number);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size() ||
      (wanted.percent && wanted.number > 100))
    return Wrong(fmt::format("--ready: '{}' is neither a number of devices nor a share such as 90%", text));
  return wanted;
}

Health check_fleet(const HealthArguments& arguments, const Wanted& wanted) {
  const auto running = fleet::Running::find(arguments.fleet);
  if (!running) return Wrong(running.error());
  const espalier::fleet::api::Client client(running->endpoint(),
                                            std::chrono::duration_cast<std::chrono::milliseconds>(
                                                std::chrono::duration<double>(arguments.timeout)));
  const auto answer = client.request("GET", "/v1/fleet");
  if (!answer) return Wrong(answer.error());
  if (!answer->ok()) return Wrong(answer->error());
  const auto info = nlohmann::json::parse(answer->body, nullptr, false);
  if (!info.is_object()) return Wrong(fmt::format("{}: the answer is no JSON", running->files().socket));
  const std::string name = running->files().name;
  if (info.value("going_down", false)) return Wrong(fmt::format("the fleet {} goes down", name));
  std::uint64_t devices = 0;
  for (const auto& [state, count] : info["states"].items())
    if (state != "stopped") devices += count.get<std::uint64_t>();
  const auto ready = info["ready"].get<std::uint64_t>();
  const std::string found = fmt::format("{} of {} devices of the fleet {} are ready", ready, devices, name);
  if (ready < wanted.of(devices)) return Wrong(fmt::format("{}; {} are wanted", found, wanted.of(devices)));
  return found;
}

Health check_url(const HealthArguments& arguments, load::Target target) {
  load::LoadOptions options;
  options.targets.push_back(std::move(target));
  options.connections = 1;
  options.requests = 1;
  options.keep_alive = false;
  options.timeout_ns = static_cast<std::uint64_t>(arguments.timeout * 1e9);
  options.duration_ns = 2 * options.timeout_ns;  // the request's own end comes first
  const auto result = load::run_load(options);
  if (!result) return Wrong(result.error());
  const bool redirected = !result->bad_statuses.empty() && result->bad_statuses.begin()->first >= 300 &&
                          result->bad_statuses.begin()->first < 400;
  if (result->answered() == 1 || redirected) return arguments.url + " answers";
  return Wrong(result->first_failure.empty() ? arguments.url + ": no answer" : result->first_failure);
}

int check(HealthArguments arguments) {
  const char* url = std::getenv(kUrlVariable);
  if (arguments.url.empty() && arguments.fleet.empty() && url != nullptr && !fleet::Running::any())
    arguments.url = url;
  const auto wanted = parse_wanted(arguments.ready);
  if (!wanted) return fail(wanted.error());
  Health finding;
  if (arguments.url.empty()) {
    finding = check_fleet(arguments, *wanted);
  } else {
    auto targets = load::parse_url(arguments.url);
    // A name that nobody knows yet is a finding; what is no URL at all is a mistake of whoever asks.
    if (!targets && !arguments.url.starts_with("http://")) return fail(targets.error());
    finding = targets ? check_url(arguments, std::move(targets->front())) : Wrong(targets.error());
  }
  if (!finding) {
    fail(finding.error());
    return kExpectationFailed;
  }
  fmt::print("{}\n", *finding);
  return kDone;
}

}  // namespace

void add_health_command(CLI::App& app, Action& action) {
  auto arguments = std::make_shared<HealthArguments>();
  CLI::App* command =
      app.add_subcommand("health", "Tell by the exit code whether a fleet, or a guest's web server, is well");
  command->footer(
      "Without a URL it asks the fleet of this user that runs here: every device that is not stopped has to "
      "be\n"
      "ready. With one, a GET has to be answered with a status of 200 to 399. Exit codes: 0 well, 1 not, "
      "with\n"
      "one line that says why, 2 bad usage. Where no fleet runs the URL of the variable ESPALIER_HEALTH is "
      "asked.");
  CLI::Option* url = command->add_option("URL", arguments->url, "http://HOST:PORT/PATH");
  command->add_option("--name", arguments->fleet, "The fleet (default: the only one that runs)")
      ->type_name("NAME")
      ->excludes(url);
  command->add_option("--ready", arguments->ready, "So many devices have to be ready (default: 100%)")
      ->type_name("N|N%")
      ->excludes(url);
  command->add_option("--timeout", arguments->timeout, "Not well if there is no answer by then (default: 3)")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.001, 3600.0));
  command->callback([arguments, &action] { action = [arguments] { return check(*arguments); }; });
}

}  // namespace espalier::cli
