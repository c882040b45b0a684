#include "cli/fleet/fault.h"

#include <fmt/format.h>

#include "cli/cli.h"
#include "cli/exit_code.h"
#include "cli/fleet/client.h"
#include "host/fault.h"

namespace espalier::cli::fleet {
namespace {

Running::Json body_of(const host::Fault& fault) {
  const host::Fault none;
  Running::Json body{{"kind", name_of(fault.kind)}, {"seed", fault.seed}};
  if (fault.at) body["at"] = *fault.at;
  if (fault.within != 0) body["within"] = fault.within;
  if (fault.duration_ns != 0) body["duration_ms"] = static_cast<double>(fault.duration_ns) / 1e6;
  if (fault.memory != none.memory) body["memory"] = name_of(fault.memory);
  if (fault.address) body["address"] = *fault.address;
  if (fault.bit) body["bit"] = *fault.bit;
  if (fault.bits != none.bits) body["bits"] = fault.bits;
  if (fault.ppm != 0) body["ppm"] = fault.ppm;
  return body;
}

}  // namespace

int cause_fault(const std::string& fleet, const FaultOptions& options) {
  const auto kind = host::parse_fault_kind(options.kind);
  if (!kind) return fail("fault: " + kind.error());
  host::Fault fault = host::usual_fault(*kind);
  for (const auto& [key, value] : options.settings)
    if (auto ok = host::set_fault(fault, key, value); !ok) return fail("fault: --" + ok.error());
  if (auto ok = host::check_fault(fault); !ok) return fail("fault: " + ok.error());
  const auto running = Running::find(fleet);
  if (!running) return fail(running.error());
  const auto devices = running->devices({options.who});
  if (!devices) return fail(devices.error());
  for (const std::string& name : *devices)
    if (const auto done =
            running->ask("POST", Running::device_target(name, "/faults"), body_of(fault).dump());
        !done)
      return fail(done.error());
  return kDone;
}

}  // namespace espalier::cli::fleet
