// Emulators as processes: started in numbers, watched, and taken down again.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <vector>

#include "load/target.h"

namespace espalier::load {

// How to start devices whose web servers are then on consecutive ports of 127.0.0.1.
struct Launch {
  std::string name;  // for reports and the log's file name: "espalier", "qemu"
  // The program and its arguments. In each "{port}" is the device's port and "{n}" the number of devices.
  std::vector<std::string> command;
  // One process for all of them, to which {port} is the first one's; else a process each.
  bool one_process = false;
  // With one process: what makes it have {n} devices, run to its end. Empty: it cannot be asked to.
  std::vector<std::string> scale{};
};

// What processes and their children have used. Memory is the proportional set size: a page that several share
// counts as its share.
struct Usage {
  std::uint64_t memory_bytes = 0;
  double cpu_seconds = 0;
};

class Instances {
 public:
  // Starts `count` devices from port `base_port` up. What they write to standard error is appended to the
  // file `log`; standard input and output are /dev/null. They die with this process. The error names the
  // program or the port that is in the way.
  static std::expected<Instances, std::string> start(const Launch& launch, std::size_t count,
                                                     std::uint16_t base_port, const std::string& log);
  ~Instances();
  Instances(Instances&&) noexcept;
  Instances& operator=(Instances&&) = delete;
  Instances(const Instances&) = delete;

  // From now on there are `count` devices, at least as many as before; for a Launch with `scale`. The command
  // has ended then, with 0; the new devices come up. The error names the program, and how it ended, or a
  // port.
  std::expected<void, std::string> grow(const Launch& launch, std::size_t count, const std::string& log);

  // One for each device, with this path.
  std::vector<Target> targets(const std::string& path) const;
  Usage usage() const;
  // How many of the processes have ended, though nobody asked them to.
  std::size_t ended();
  // SIGTERM to all, SIGKILL to those that are still there after 10 s. Returns when all are gone.
  void stop();

 private:
  Instances() = default;
  std::vector<pid_t> processes_;
  std::size_t count_ = 0;
  std::uint16_t base_port_ = 0;
};

}  // namespace espalier::load
