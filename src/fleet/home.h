// Where the fleets of this user on this host are found by their names: a folder with a socket and a lock for
// each.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace espalier::fleet {

// $XDG_RUNTIME_DIR/espalier, or /tmp/espalier-UID; made, for this user alone, where it is not there. One line
// if that cannot be, or if it is somebody else's.
std::expected<std::string, std::string> home_folder();

// The files of one fleet in it.
struct FleetFiles {
  std::string name;
  std::string socket;  // of the control API
  std::string lock;    // held by the fleet's process while it lives; its text is the process's number
  std::string log;     // what a detached fleet has to say
};
std::expected<FleetFiles, std::string> fleet_files(std::string_view name);
// Of all fleets, running or not.
std::expected<std::vector<FleetFiles>, std::string> all_fleet_files();

// Held by a fleet's process. The kernel gives it back when the process ends, however that comes, so what is
// found without its lock is left from one that was killed.
class FleetLock {
 public:
  // Takes the name, and removes what a dead process has left under it. One line if a fleet of that name runs.
  static std::expected<FleetLock, std::string> take(const FleetFiles& files);
  FleetLock(FleetLock&& other) noexcept;
  FleetLock& operator=(FleetLock&&) = delete;
  // Removes the fleet's files.
  ~FleetLock();

 private:
  FleetLock(FleetFiles files, int fd) : files_(std::move(files)), fd_(fd) {}
  FleetFiles files_;
  int fd_;
};

enum class FleetLife {
  kNone,     // there is nothing of that name
  kRunning,  // its process lives
  kCleared,  // its process was dead; what it had left is removed now
};
FleetLife look_up(const FleetFiles& files);

}  // namespace espalier::fleet
