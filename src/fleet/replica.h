// Identity from an orchestrator that runs a container several times under one name and counts them.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "fleet/identity.h"
#include "fleet/spec.h"

namespace espalier::fleet {

// One of them: Kubernetes calls the pods of a StatefulSet NAME-ORDINAL, Docker Swarm knows a slot that a host
// name may have in it. The name and the ordinal are the whole cluster's, so nothing of the host goes into
// what derives from them: where the replica is started again, its devices are who they were.
struct Replica {
  std::string name;
  unsigned ordinal = 0;

  std::string text() const { return device_name(name, ordinal); }
  // The base MAC address of a single device; `group`: see place().
  MacAddress mac() const;
};

// "NAME-ORDINAL", where NAME is as check_name() wants it. Otherwise one line that says what is wrong.
std::expected<Replica, std::string> parse_replica(std::string_view text);
// The same, where "auto" is the host's name up to its first dot. Nothing if that one has no ordinal, as that
// of a container by itself: whoever runs there is no replica, and host_id() tells it from others.
std::expected<std::optional<Replica>, std::string> find_replica(std::string_view text);

// Makes a fleet the one of this replica: each group of COUNT devices has the ordinals from ORDINAL * COUNT on
// and can grow no further, and its MAC addresses derive from the replica's name and the group's. Ports count
// from the first device of each replica, as each has a host to itself. Error: one line.
std::expected<void, std::string> place(FleetSpec& spec, const Replica& replica);

}  // namespace espalier::fleet
