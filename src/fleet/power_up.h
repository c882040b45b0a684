// How a device's machine comes into being: the one place where a fleet makes one.
#pragma once

#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/event_loop.h"
#include "base/log.h"
#include "base/serial_backend.h"
#include "fleet/identity.h"
#include "fleet/lan.h"
#include "fleet/spec.h"
#include "host/boot_inputs.h"
#include "host/session.h"
#include "image/partition_table.h"
#include "net/publish.h"

namespace espalier::fleet {

// What all devices of a group boot from.
struct GroupInputs {
  std::shared_ptr<const host::BootInputs> boot;
  image::PartitionTable partitions;  // empty: the flash has no table
};
// Reads the group's files. Errors are one line, which begins with where the group stands.
std::expected<std::shared_ptr<const GroupInputs>, std::string> load_group_inputs(const GroupSpec& group);

// Takes a line of the emulator's about a device, by any thread.
using Tell = std::function<void(std::string_view device, base::LogLevel level, base::LogArea area,
                                std::string_view line)>;

// One device as it is to be, whatever becomes of it. Never changes.
struct DevicePlan {
  std::shared_ptr<const GroupSpec> group;
  std::shared_ptr<const GroupInputs> inputs;
  FleetNet net = FleetNet::kUser;
  Identity identity;
  std::string hostname;
  std::shared_ptr<const net::LanDirectory::Claim> claim;  // of its address; FleetNet::kLan only
  std::vector<net::Publish> ports;
  // Of what happens to it by chance: from the names of the fleet and the device, and what the group's file
  // says.
  std::uint64_t seed = 0;

  // Empty: standard error.
  Tell tell{};

  const std::string& name() const { return identity.name; }
};

// Whether what its partitions are to hold is there and fits; the error names the device.
std::expected<void, std::string> check_contents(const DevicePlan& plan);

// A machine that has executed nothing yet. `ports`: the plan's, or those bound the last time. Error: one
// line.
struct PowerUp {
  base::EventLoop& loop;
  LanSeat* lan;  // FleetNet::kLan only
  std::vector<net::Publish> ports;
  std::unique_ptr<base::SerialBackend> console;
  base::Logger::Sink log;
};
std::expected<std::unique_ptr<host::Session>, std::string> power_up(const DevicePlan& plan, PowerUp with);

}  // namespace espalier::fleet
