// espalier fleet up: the process that a fleet lives in.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "fleet/spec.h"

namespace CLI {
class App;
}

namespace espalier::cli::fleet {

// As they stand on the command line; empty or nothing: not given.
struct UpOptions {
  std::string image;
  bool demo = false;
  std::string from;
  std::string name;
  std::string identity;  // NAME-ORDINAL or auto
  std::optional<unsigned> count;
  std::vector<std::string> ports;
  std::string net;
  std::vector<std::string> uplinks;
  std::string restart;
  std::string clock;
  std::string psram;
  std::string flash_size;
  std::string ready;
  std::string persist;
  std::optional<double> cpu;
  std::optional<unsigned> workers;
  std::vector<std::string> listen;  // where the control API is offered besides its socket
  std::string token_file;           // for TCP
  bool detach = false;
  bool json = false;                // events as JSON lines
  std::string log_format = "text";  // or json: everything as JSON lines (fleet/json_log.h)
  bool logs = false;                // with json: the consoles' lines, too
};

void add_up_options(CLI::App& command, UpOptions& options);
// What the options describe, with the file that they name. An error is one line.
std::expected<espalier::fleet::FleetSpec, std::string> spec_of(const UpOptions& options);
// Runs the fleet until it is ended; or, detached, until it is up. Returns the exit code.
int up(const UpOptions& options);

}  // namespace espalier::cli::fleet
