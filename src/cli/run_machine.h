// `espalier run`: a machine with the host's side around it.
#pragma once

#include "host/session_options.h"

namespace espalier::cli {

// Boots the flash image and runs it until it is done. Returns the program's exit code (exit_code.h).
int run_machine(const host::SessionOptions& options);

}  // namespace espalier::cli
