// The monitor's commands about the network, and what QMP has of them.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "host/monitor.h"
#include "host/session.h"

namespace espalier::host {

std::string network_info(Session& session);
std::string usernet_info(Session& session);
std::string hostfwd_add(Monitor& monitor, const Monitor::Call& call);
std::string hostfwd_remove(Monitor& monitor, const Monitor::Call& call);
std::string netdev_add(Monitor& monitor, const Monitor::Call& call);
std::string netdev_del(Monitor& monitor, const Monitor::Call& call);

// Publishes a port. What there is to be warned of (it is open to other machines), or nothing; an error is a
// line.
std::expected<std::string, std::string> add_hostfwd(Session& session, std::string_view rule);

}  // namespace espalier::host
