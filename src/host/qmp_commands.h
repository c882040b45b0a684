// What QMP does to a machine.
#pragma once

#include "host/monitor.h"
#include "host/qmp_session.h"

namespace espalier::host {

// The schema's commands but those of the session itself. The monitor, and with it its session, outlives them.
QmpCommands qmp_commands(Monitor& monitor);
// {"qemu": {...}, "package": ...}
Json qmp_version();

}  // namespace espalier::host
