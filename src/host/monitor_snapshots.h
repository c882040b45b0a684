// savevm, loadvm, delvm: a machine's states by name, kept while the process lives.
#pragma once

#include <cstdint>
#include <ctime>
#include <expected>
#include <map>
#include <string>
#include <vector>

#include "debug/run_control.h"
#include "esp32/machine.h"

namespace espalier::host {

// Between turns only. Saving and loading pause a machine that runs, and let it go on behind that.
class Snapshots {
 public:
  Snapshots(esp32::Machine& machine, debug::RunControl& control) : machine_(machine), control_(control) {}

  // In the place of one of that name. Empty: a name made of the time.
  void save(std::string name);
  // An error is one line.
  std::expected<void, std::string> load(const std::string& name);
  std::expected<void, std::string> remove(const std::string& name);
  // QEMU's table.
  std::string list() const;

 private:
  struct Snapshot {
    std::vector<std::uint8_t> state;
    std::time_t date;
    std::uint64_t clock_ns;  // the machine's
    std::uint64_t instructions;
  };
  esp32::Machine& machine_;
  debug::RunControl& control_;
  std::map<std::string, Snapshot> snapshots_;
};

}  // namespace espalier::host
