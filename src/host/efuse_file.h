// The file that keeps a machine's eFuses.
#pragma once

#include <memory>

#include "debug/run_control.h"
#include "esp32/machine.h"
#include "host/boot_inputs.h"
#include "host/session_options.h"

namespace espalier::host {

// What the machine burns is in options.efuse at once, unless efuse_read_only. A power-on from outside
// (system_reset) finds what the file holds by then, as in QEMU: tools burn with a second machine. A file that
// cannot be read or written is reported in the machine's log.
class EfuseFile {
 public:
  // Lives for as long as the machine.
  static void attach(esp32::Machine& machine, debug::RunControl& control, const SessionOptions& options,
                     const BootEfuses& efuses);

 private:
  EfuseFile(esp32::Machine& machine, const SessionOptions& options, const BootEfuses& efuses)
      : machine_(machine), options_(options), efuses_(efuses) {}
  void keep(const devices::EfuseValues& burnt);
  void read();

  esp32::Machine& machine_;
  SessionOptions options_;
  BootEfuses efuses_;
  std::shared_ptr<void> watch_;
};

}  // namespace espalier::host
