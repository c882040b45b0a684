#include "fleet/control.h"

#include <array>

namespace espalier::fleet {
namespace {

constexpr std::array<std::string_view, 6> kStates = {"starting", "running", "back-off",
                                                     "stopped",  "exited",  "failed"};
constexpr std::array<std::string_view, 3> kPolicies = {"no", "on-failure", "always"};
constexpr std::array<std::string_view, 15> kEvents = {"added",  "started", "ready",    "reset",   "panic",
                                                      "exited", "failed",  "back-off", "stopped", "removed",
                                                      "fault",  "network", "scaled",   "up",      "down"};

}  // namespace

std::string_view name_of(DeviceState state) {
  return kStates[static_cast<std::size_t>(state)];
}
std::string_view name_of(RestartPolicy policy) {
  return kPolicies[static_cast<std::size_t>(policy)];
}
std::string_view name_of(Event::Kind kind) {
  return kEvents[static_cast<std::size_t>(kind)];
}

}  // namespace espalier::fleet
