#include "cli/fleet/clones.h"

#include <fmt/format.h>

#include "cli/cli.h"
#include "cli/exit_code.h"
#include "cli/fleet/client.h"
#include "image/file.h"

namespace espalier::cli::fleet {

int save_device(const std::string& fleet, const std::string& device, const std::string& file) {
  const auto running = Running::find(fleet);
  if (!running) return fail(running.error());
  const auto answer = running->client().request("GET", Running::device_target(device, "/snapshot"));
  if (!answer) return fail(answer.error());
  if (!answer->ok()) return fail(answer->error());
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(answer->body.data());
  if (auto written = image::write_file(file, {bytes, answer->body.size()}); !written)
    return fail(written.error());
  fmt::print(stderr, "espalier: {}: snapshot of {}, {} KiB\n", file, device,
             (answer->body.size() + 1023) / 1024);
  return kDone;
}

int clone_device(const std::string& fleet, const CloneOptions& options) {
  const auto running = Running::find(fleet);
  if (!running) return fail(running.error());
  Running::Json wanted{{"count", options.count}};
  if (!options.group.empty()) wanted["group"] = options.group;
  if (!options.ports.empty()) wanted["ports"] = options.ports;
  const auto group = running->ask("POST", Running::device_target(options.device, "/clones"), wanted.dump());
  if (!group) return fail(group.error());
  fmt::print("{} devices in the new group {}\n", options.count, group->value("name", ""));
  return kDone;
}

}  // namespace espalier::cli::fleet
