// espalier disasm ELF|IMAGE [ADDRESS|SYMBOL]
#pragma once

#include "cli/cli.h"

namespace CLI {
class App;
}

namespace espalier::cli {

void add_disasm_command(CLI::App& app, Action& action);

}  // namespace espalier::cli
