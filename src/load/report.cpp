#include "load/report.h"

#include <fmt/format.h>

#include <array>
#include <utility>
#include <vector>

namespace espalier::load {
namespace {

struct Percentile {
  const char* name;
  double percent;
};
constexpr std::array<Percentile, 4> kPercentiles = {{{"p50", 50}, {"p90", 90}, {"p99", 99}, {"p99.9", 99.9}}};

double seconds(std::uint64_t ns) {
  return static_cast<double>(ns) / 1e9;
}
double microseconds(double ns) {
  return ns / 1e3;
}

std::string number(std::uint64_t value) {
  std::string text = std::to_string(value);
  for (std::size_t at = text.size(); at > 3;) text.insert(at -= 3, ",");
  return text;
}

std::string counted(std::size_t count, const char* what) {
  return fmt::format("{} {}{}", number(count), what, count == 1 ? "" : "s");
}

std::string size_text(double bytes) {
  constexpr std::array kUnits = {"B", "KiB", "MiB", "GiB"};
  std::size_t unit = 0;
  for (; bytes >= 1024 && unit + 1 < kUnits.size(); ++unit) bytes /= 1024;
  return fmt::format("{:.{}f} {}", bytes, unit == 0 ? 0 : 1, kUnits[unit]);
}

// Failures as (what, how many), the codes of bad statuses one by one.
std::vector<std::pair<std::string, std::uint64_t>> failures_of(const LoadResult& result) {
  std::vector<std::pair<std::string, std::uint64_t>> list;
  for (std::size_t i = 1; i < kOutcomes; ++i) {
    const auto outcome = static_cast<Outcome>(i);
    if (outcome == Outcome::kBadStatus) {
      for (const auto& [code, count] : result.bad_statuses)
        list.emplace_back(fmt::format("status {}", code), count);
    } else if (result.outcomes[i] != 0) {
      list.emplace_back(name_of(outcome), result.outcomes[i]);
    }
  }
  return list;
}

std::string latency_line(const Histogram& latency) {
  std::string text;
  for (const Percentile& p : kPercentiles)
    text += fmt::format("{} {}, ", p.name, time_text(static_cast<double>(latency.percentile(p.percent))));
  return text + fmt::format("max {}, mean {}", time_text(static_cast<double>(latency.max())),
                            time_text(latency.mean()));
}

nlohmann::ordered_json json_of(const Histogram& latency) {
  nlohmann::ordered_json json{{"min", microseconds(static_cast<double>(latency.min()))},
                              {"mean", microseconds(latency.mean())}};
  for (const Percentile& p : kPercentiles)
    json[p.name] = microseconds(static_cast<double>(latency.percentile(p.percent)));
  json["max"] = microseconds(static_cast<double>(latency.max()));
  return json;
}

}  // namespace

std::string time_text(double ns) {
  constexpr std::array<std::pair<double, const char*>, 3> kUnits = {{{1e9, "s"}, {1e6, "ms"}, {1e3, "us"}}};
  for (const auto& [unit, name] : kUnits)
    if (ns >= unit * 0.9995) {
      const double value = ns / unit;
      return fmt::format("{:.{}f} {}", value, value < 9.995 ? 2 : value < 99.95 ? 1 : 0, name);
    }
  return fmt::format("{:.0f} ns", ns);
}

std::string text_of(const LoadOptions& options, const LoadResult& result, std::size_t worst) {
  std::string text = fmt::format("{}, {}, ", counted(options.targets.size(), "target"),
                                 counted(options.connections, "connection"));
  text +=
      options.rate > 0
          ? fmt::format("open loop: {:g} requests a second, latency from when each was due\n", options.rate)
          : std::string("closed loop: each connection as fast as it is answered\n");
  text += fmt::format("requests     {} in {:.2f} s: {} answered, {} failed{}\n", number(result.requests()),
                      seconds(result.measured), number(result.answered()), number(result.failed()),
                      result.interrupted ? " (interrupted)" : "");
  text += fmt::format(
      "throughput   {:.1f} answers/s, {}/s received, {} of bodies\n", result.throughput(),
      size_text(result.measured == 0 ? 0 : static_cast<double>(result.bytes) / seconds(result.measured)),
      size_text(static_cast<double>(result.body_bytes)));
  text += fmt::format("latency      {}\n", latency_line(result.latency));
  if (options.rate > 0) {
    text += fmt::format("from sending {}\n", latency_line(result.service));
    if (result.latest_start > 10'000'000)
      text += fmt::format("this client  came up to {} late itself: the host is busy\n",
                          time_text(static_cast<double>(result.latest_start)));
  }
  text += fmt::format("connections  {} opened, {} closed by the other side between requests\n",
                      number(result.connections), number(result.closed_by_peer));
  if (result.warm_up_requests != 0)
    text += fmt::format("warm-up      {} requests, {} failed; not counted above\n",
                        number(result.warm_up_requests), number(result.warm_up_failures));
  if (result.failed() != 0) {
    std::string list;
    for (const auto& [what, count] : failures_of(result))
      list += fmt::format("{}{} {}", list.empty() ? "" : ", ", what, number(count));
    text += fmt::format("errors       {}\n  the first  {}\n", list, result.first_failure);
  }
  if (result.targets.size() > 1) {
    for (const std::size_t i : result.worst_targets(worst)) {
      const TargetResult& target = result.targets[i];
      text += fmt::format("worst        {}: {} answered, {} failed, p50 {}, p99 {}, max {}\n", target.name,
                          number(target.answered), number(target.failed),
                          time_text(static_cast<double>(target.latency.percentile(50))),
                          time_text(static_cast<double>(target.latency.percentile(99))),
                          time_text(static_cast<double>(target.latency.max())));
    }
  }
  return text;
}

nlohmann::ordered_json json_of(const LoadOptions& options, const LoadResult& result) {
  nlohmann::ordered_json json{{"loop", options.rate > 0 ? "open" : "closed"}};
  if (options.rate > 0) json["rate"] = options.rate;
  json["connections"] = options.connections;
  json["keep_alive"] = options.keep_alive;
  json["seconds"] = seconds(result.measured);
  json["interrupted"] = result.interrupted;
  json["requests"] = result.requests();
  json["answered"] = result.answered();
  json["failed"] = result.failed();
  json["per_second"] = result.throughput();
  json["bytes"] = result.bytes;
  json["body_bytes"] = result.body_bytes;
  json["latency_us"] = json_of(result.latency);
  json["from_sending_us"] = json_of(result.service);
  json["client_late_us"] = microseconds(static_cast<double>(result.latest_start));
  json["connections_opened"] = result.connections;
  json["connections_closed_by_peer"] = result.closed_by_peer;
  json["warm_up"] = {{"requests", result.warm_up_requests}, {"failed", result.warm_up_failures}};
  json["errors"] = nlohmann::ordered_json::object();
  for (const auto& [what, count] : failures_of(result)) json["errors"][what] = count;
  if (!result.first_failure.empty()) json["first_error"] = result.first_failure;
  json["targets"] = nlohmann::ordered_json::array();
  for (const TargetResult& target : result.targets) {
    nlohmann::ordered_json entry{
        {"url", target.name}, {"answered", target.answered}, {"failed", target.failed}};
    if (target.latency.count() != 0) entry["latency_us"] = json_of(target.latency);
    json["targets"].push_back(std::move(entry));
  }
  return json;
}

}  // namespace espalier::load
