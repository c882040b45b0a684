#include "cli/cli.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <utility>

#include "cli/disasm_command.h"
#include "cli/exit_code.h"
#include "cli/fleet/command.h"
#include "cli/health_command.h"
#include "cli/image_command.h"
#include "cli/load_command.h"
#include "cli/run_command.h"
#include "cli/snapshot_command.h"

namespace espalier::cli {
namespace {

std::string one_line(std::string text) {
  std::ranges::replace(text, '\n', ' ');
  return text;
}

int parse_and_run(const std::vector<std::string>& arguments, const Runner& run) {
  CLI::App app("Runs unmodified ESP32 firmware on a PC or in a container.", "espalier");
  app.set_version_flag("--version", "espalier " ESPALIER_VERSION, "Print the version and stop");
  app.set_help_all_flag("--help-all", "Print the help of all commands and stop");
  app.get_formatter()->column_width(34);
  app.footer(
      "`espalier COMMAND --help` tells more of a command; `espalier qemu --help` of QEMU's command line.\n"
      "Exit codes: 0 done, 1 an expectation failed, 2 bad usage or bad input, 3 fault of the emulator, 124 "
      "timeout.");
  Action action;
  if (run) {
    add_run_command(app, action, run);
    add_debug_command(app, action, run);
    add_snapshot_command(app, action, run);
    fleet::add_fleet_command(app, action);
  }
  add_image_command(app, action);
  add_disasm_command(app, action);
  add_load_command(app, action);
  add_health_command(app, action);
  try {
    // CLI11 takes them last first.
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::Success& request) {  // --help, --version
    return app.exit(request) == 0 ? kDone : kBadInput;
  } catch (const CLI::ParseError& error) {
    return fail(one_line(error.what()));
  }
  if (!action) return fail("no command: `espalier --help` lists them");
  return action();
}

}  // namespace

int fail(const std::string& text) {
  fmt::print(stderr, "espalier: {}\n", text);
  return kBadInput;
}

int run_cli(const std::vector<std::string>& arguments, Runner run) {
  try {
    return parse_and_run(arguments, run);
  } catch (const std::exception& error) {
    fmt::print(stderr, "espalier: fault of the emulator: {}\n", one_line(error.what()));
  } catch (...) {
    fmt::print(stderr, "espalier: fault of the emulator\n");
  }
  return kEmulatorFault;
}

}  // namespace espalier::cli
