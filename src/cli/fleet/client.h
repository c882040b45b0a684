// What the commands of `espalier fleet` but `up` do: talk to a fleet's process by its control API.
#pragma once

#include <expected>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "fleet/api/http_client.h"
#include "fleet/home.h"

namespace espalier::cli::fleet {

// A fleet that runs.
class Running {
 public:
  // By name; without one, the only one there is. One line if there is none, or none of that name; what a
  // killed process has left behind is removed then.
  static std::expected<Running, std::string> find(const std::string& name);
  // Whether there is any fleet of this user here.
  static bool any();

  using Json = nlohmann::json;
  // The answer's body; an answer with an error is its text.
  std::expected<Json, std::string> ask(std::string_view method, const std::string& target,
                                       const std::string& body = {}) const;
  // The names of the devices that are meant: each by its own name or its group's; all, if nothing is named.
  // One line if there is no such device.
  std::expected<std::vector<std::string>, std::string> devices(const std::vector<std::string>& who) const;
  // "/v1/devices/NAME" and what follows it.
  static std::string device_target(const std::string& device, std::string_view rest = {});

  const espalier::fleet::FleetFiles& files() const { return files_; }
  const espalier::fleet::api::Client& client() const { return client_; }
  espalier::fleet::api::Endpoint endpoint() const { return {.path = files_.socket}; }

 private:
  explicit Running(espalier::fleet::FleetFiles files)
      : files_(std::move(files)), client_({.path = files_.socket}) {}
  espalier::fleet::FleetFiles files_;
  espalier::fleet::api::Client client_;
};

// Each returns the exit code.
int list_devices(const std::string& fleet, bool json);
int show_stats(const std::string& fleet, bool json);
// Shows them again every `seconds`, until it is interrupted.
int show_top(const std::string& fleet, double seconds);
int show_logs(const std::string& fleet, const std::string& device, bool follow, std::optional<unsigned> tail);

struct ExecOptions {
  std::string device;
  std::string text;
  std::string until;    // what has to appear in answer; empty: whatever comes
  double timeout = 10;  // s for it
};
int execute(const std::string& fleet, const ExecOptions& options);

// start, stop, restart or, with DELETE, rm of each device.
int command_devices(const std::string& fleet, const std::string& command,
                    const std::vector<std::string>& devices);
// "GROUP=N" each; "N" where there is one group.
int scale(const std::string& fleet, const std::vector<std::string>& counts);
// Waits until the process is gone.
int down(const std::string& fleet);
// The fleets that run, a line each.
int list_fleets();

}  // namespace espalier::cli::fleet
