#include "cli/fleet/net.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "cli/cli.h"
#include "cli/exit_code.h"
#include "cli/fleet/client.h"

namespace espalier::cli::fleet {
namespace {

using Json = Running::Json;

constexpr double kNsPerMs = 1e6;

net::Impairment impairment_of(const Json& way) {
  const auto ns = [&](const char* key) {
    return static_cast<std::uint64_t>(std::llround(way[key].get<double>() * kNsPerMs));
  };
  return {.latency_ns = ns("latency_ms"),
          .jitter_ns = ns("jitter_ms"),
          .loss = way["loss"],
          .duplicate = way["duplicate"],
          .reorder = way["reorder"],
          .rate = way["rate"],
          .partition = way["partition"]};
}

Json body_of(const net::ImpairmentPatch& patch) {
  constexpr const char* kDirections[] = {"both", "in", "out"};
  Json body{{"direction", kDirections[static_cast<std::size_t>(patch.direction)]}};
  const auto add = [&](const char* key, const auto& value) {
    if (value) body[key] = *value;
  };
  const auto add_ms = [&](const char* key, const std::optional<std::uint64_t>& ns) {
    if (ns) body[key] = static_cast<double>(*ns) / kNsPerMs;
  };
  if (patch.clear) body["clear"] = true;
  add_ms("latency_ms", patch.latency_ns);
  add_ms("jitter_ms", patch.jitter_ns);
  add("loss", patch.loss);
  add("duplicate", patch.duplicate);
  add("reorder", patch.reorder);
  add("rate", patch.rate);
  add("partition", patch.partition);
  add("seed", patch.seed);
  return body;
}

}  // namespace

int network(const std::string& fleet, const NetOptions& options) {
  if (options.change && options.who.empty())
    return fail("net: whose cable? Name devices or groups; `espalier fleet ps` lists them");
  const auto running = Running::find(fleet);
  if (!running) return fail(running.error());
  const auto devices = running->devices(options.who);
  if (!devices) return fail(devices.error());
  Json all = Json::array();
  for (const std::string& name : *devices) {
    const std::string target = Running::device_target(name, "/network");
    const auto answer = options.change ? running->ask("PATCH", target, body_of(options.patch).dump())
                                       : running->ask("GET", target);
    if (!answer) return fail(answer.error());
    if (options.json)
      all.push_back({{"name", name}, {"network", *answer}});
    else
      fmt::print(
          "{}: {}\n", name,
          net::impairment_text(
              {.in = impairment_of((*answer)["in"]), .out = impairment_of((*answer)["out"]), .seed = 0}));
  }
  if (options.json) fmt::print("{}\n", all.dump(2));
  return kDone;
}

}  // namespace espalier::cli::fleet
