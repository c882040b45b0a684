// `espalier qemu ...`, or the program called as qemu-system-xtensa: QEMU's command line.
#pragma once

#include <string>
#include <vector>

namespace espalier::cli::qemu {

// Does what `arguments` (without the program's name) say, as qemu-system-xtensa does. Messages begin with
// `program`. Returns the exit code: QEMU's, 0 or 1.
int run(const std::string& program, const std::vector<std::string>& arguments);

}  // namespace espalier::cli::qemu
