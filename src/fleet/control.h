// What a running fleet can be asked and told, by any thread: what the HTTP API and the program's foreground
// mode work with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host/fault.h"
#include "net/impairment.h"
#include "net/publish.h"

namespace espalier::fleet {

// What is wrong with a request, and one line that says so and names the thing.
struct Error {
  enum class Kind : std::uint8_t {
    kNotFound,     // no such device or group
    kInvalid,      // the request makes no sense: a negative count, text that is too long
    kConflict,     // not in the state the device is in, or a port is taken
    kUnavailable,  // the fleet is going down, or the host has no room for it
  };
  Kind kind;
  std::string message;
};

inline std::unexpected<Error> error(Error::Kind kind, std::string message) {
  return std::unexpected(Error{kind, std::move(message)});
}

template <class T>
using Result = std::expected<T, Error>;

enum class DeviceState : std::uint8_t {
  kStarting,  // its machine is still to be made
  kRunning,   // guest code runs
  kBackOff,   // it has ended and is started again after a while
  kStopped,   // by a command
  kExited,    // it has ended by itself, not by a failure, and stays so
  kFailed,    // it could not start, or ended by a failure, and stays so
};
// "starting", "running", "back-off", "stopped", "exited", "failed".
std::string_view name_of(DeviceState state);

enum class RestartPolicy : std::uint8_t { kNo, kOnFailure, kAlways };
// "no", "on-failure", "always".
std::string_view name_of(RestartPolicy policy);

// One device as it is at one moment. Times are seconds since 1970; 0: not yet.
struct DeviceInfo {
  std::string name;  // GROUP-ORDINAL, unique in the fleet
  std::string group;
  unsigned ordinal = 0;  // in its group, from 0
  std::string mac;       // "02:1f:...": in its eFuses
  // What its firmware has given the Ethernet MAC; empty: nothing yet, or no machine runs. A clone's is the
  // one that the firmware had read before the snapshot.
  std::string ethernet_mac{};
  std::string hostname;
  std::string address{};            // on the fleet's own network; empty: there is none
  std::vector<net::Publish> ports;  // with the host's ports that are bound
  DeviceState state = DeviceState::kStarting;
  bool ready = false;  // running, and its group's sign of readiness has been seen since it was started
  RestartPolicy restart = RestartPolicy::kOnFailure;
  unsigned restarts = 0;          // by the supervisor
  std::string exit_reason;        // one line, of the last end; empty: it has not ended yet
  net::LinkImpairment link = {};  // how bad its cable is
  double created = 0;
  double started = 0;  // of the present or the last machine
  double ended = 0;    // of the last one
};

// What one device has done since it was added, over all its machines.
struct DeviceStats {
  std::string name;
  std::string group;
  DeviceState state = DeviceState::kStarting;
  bool ready = false;
  std::uint64_t instructions = 0;
  double mips = 0;                  // of late, over a second or more
  std::uint64_t cpu_ns = 0;         // of host processor time
  double cpu_share = 0;             // of one host core, of late, over a second or more
  std::uint64_t resets = 0;         // of the chip
  std::uint64_t panics = 0;         // told on the console
  std::uint64_t restarts = 0;       // by the supervisor
  std::uint64_t frames_in = 0;      // Ethernet, to the guest
  std::uint64_t frames_out = 0;     // Ethernet, from the guest
  std::uint64_t console_bytes = 0;  // from the guest
  std::uint64_t up_ns = 0;          // of the present machine
  std::uint64_t guest_ns = 0;       // of the guest's time, which in warp is not the host's; the same
};

struct WorkerStats {
  std::size_t devices = 0;
  std::uint64_t cpu_ns = 0;    // of the thread
  std::uint64_t polls = 0;     // looks at the host
  std::uint64_t advances = 0;  // turns of devices
};

struct FleetStats {
  std::vector<DeviceStats> devices;
  std::vector<WorkerStats> workers;
  std::map<std::string, std::size_t> states;  // how many devices are in each; states with none too
  std::size_t ready = 0;
  std::uint64_t instructions = 0;  // totals of all devices there are and have been
  std::uint64_t resets = 0;
  std::uint64_t panics = 0;
  std::uint64_t restarts = 0;
  std::uint64_t frames_in = 0;
  std::uint64_t frames_out = 0;
  double mips = 0;
  std::uint64_t resident_bytes = 0;  // of the process
  std::uint64_t cpu_ns = 0;          // of the process
  std::uint64_t mappings = 0;        // of the process; the host's limit is vm.max_map_count
  std::uint64_t up_ns = 0;
};

struct GroupInfo {
  std::string name;
  std::string source;  // what it runs: a file, or "demo"
  std::size_t count = 0;
};

// New devices that go on from where a running one is.
struct CloneRequest {
  std::string group{};  // theirs, a new one; empty: DEVICE-clones
  std::size_t count = 1;
  // [ADDR:]BASE+:GUESTPORT[/udp]; none: the device's guest ports, at any free ports of the host
  std::vector<std::string> ports{};
};

struct FleetInfo {
  std::string name;
  std::string net;  // "user", ...
  int pid = 0;
  double started = 0;
  std::size_t workers = 0;
  std::vector<GroupInfo> groups;
  std::map<std::string, std::size_t> states;  // as in FleetStats
  std::size_t ready = 0;
  bool going_down = false;
};

struct Event {
  enum class Kind : std::uint8_t {
    kAdded,    // a device; it is started next
    kStarted,  // its machine runs. `detail`: its published ports
    kReady,    // it has shown its sign of readiness
    kReset,    // its chip was reset by its firmware or a watchdog
    kPanic,    // its console tells of a panic. `detail`: the line
    kExited,   // its machine has ended by itself. `detail`: why
    kFailed,   // its machine could not be made, or has failed. `detail`: why
    kBackOff,  // it is started again by its policy. `detail`: when
    kStopped,  // by a command
    kRemoved,  // it is there no more
    kFault,    // something went wrong with it on purpose. `detail`: what, so that it can be done again
    kNetwork,  // its cable was made worse or better. `detail`: how bad it is
    kScaled,   // a group. `detail`: "GROUP: from 3 to 5"
    kUp,       // all that was asked for at the start has been started
    kDown,     // the fleet goes down
  };
  std::uint64_t id = 0;  // counts up by one, from 1
  double time = 0;       // seconds since 1970
  Kind kind = Kind::kAdded;
  std::string device;  // name; empty where it is the fleet's
  std::string detail;  // one line
};
// "added", "started", "ready", "reset", "panic", "exited", "failed", "back-off", "stopped", "removed",
// "fault", "network", "scaled", "up", "down".
std::string_view name_of(Event::Kind kind);

// Ends a subscription when it is destroyed; waits for a callback that is under way in another thread. Not to
// be destroyed by that callback itself.
using Subscription = std::shared_ptr<void>;

// All functions may be called by any thread but a worker's, which means: not from the callbacks of
// subscriptions. They return within some milliseconds unless they say otherwise. Callbacks come from worker
// threads, one at a time for each subscription; they must be short and must not wait for anything.
class Control {
 public:
  virtual ~Control() = default;

  virtual FleetInfo info() = 0;
  // By group as described, then by ordinal.
  virtual std::vector<DeviceInfo> list() = 0;
  virtual Result<DeviceInfo> device(std::string_view name) = 0;
  virtual FleetStats stats() = 0;

  // Powers a device up that is not running; one in back-off at once. Without effect on a running one.
  virtual Result<void> start(std::string_view name) = 0;
  // Powers it down and keeps it so; what its flash persists has been written when this returns.
  virtual Result<void> stop(std::string_view name) = 0;
  // Powers it down and up again.
  virtual Result<void> restart(std::string_view name) = 0;
  // Stops it and takes it out of the fleet. Its group's count goes down by one; scaling the group up
  // gives its name to a new device.
  virtual Result<void> remove(std::string_view name) = 0;
  // Sets how many devices each named group has: adds the lowest free ordinals, removes the highest. All or
  // nothing: with an error, which comes before anything is done, nothing changes. Devices are started
  // in the background.
  virtual Result<void> scale(const std::map<std::string, std::size_t>& counts) = 0;

  // The device's machine as it is now, as a snapshot's file. kConflict if none runs.
  virtual Result<std::vector<std::uint8_t>> snapshot(std::string_view name) = 0;
  // The same without a file: a group of clones that share all memory that they do not change. All or nothing,
  // as scale().
  virtual Result<GroupInfo> clone(std::string_view name, const CloneRequest& request) = 0;

  // What the device's console (UART0) has shown, at most the last 64 KiB of it. `tail`: only so many lines
  // from the end.
  virtual Result<std::string> logs(std::string_view name, std::optional<std::size_t> tail) = 0;
  // The same as first call of `callback` (in the calling thread; not if there is nothing), then all that
  // follows, without a gap. An empty span: the device has been removed, nothing follows.
  using ConsoleCallback = std::function<void(std::span<const std::uint8_t>)>;
  virtual Result<Subscription> follow_logs(std::string_view name, std::optional<std::size_t> tail,
                                           ConsoleCallback callback) = 0;
  // Bytes for the device's UART0. They wait until the guest takes them; with more than 64 KiB waiting
  // it is kUnavailable, with no machine running kConflict.
  virtual Result<void> input(std::string_view name, std::span<const std::uint8_t> bytes) = 0;

  // Makes the device's cable worse or better, now and for the machines to come.
  virtual Result<void> impair(std::string_view name, const net::ImpairmentPatch& patch) = 0;

  // Something goes wrong with the device's machine, now or later; an event tells when it has. Faults that are
  // to come end with the machine. With no machine running it is kConflict.
  virtual Result<void> inject(std::string_view name, const host::Fault& fault) = 0;

  // The last 1,000 events with an id greater than `after`, then all that follow.
  using EventCallback = std::function<void(const Event&)>;
  virtual Subscription follow_events(std::uint64_t after, EventCallback callback) = 0;

  // Starts the end of the whole fleet and returns at once: devices are stopped, then the process ends.
  virtual void down() = 0;
};

}  // namespace espalier::fleet
