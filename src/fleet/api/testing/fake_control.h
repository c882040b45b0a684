// A fleet without machines, for tests of the API: what it is asked is what it tells.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "fleet/control.h"

namespace espalier::fleet::api::testing {

class FakeControl final : public Control {
 public:
  // Devices web-0 (running, a port, console "one\ntwo\n"), web-1 (stopped) and odd-0 (failed).
  FakeControl();

  FleetInfo info() override;
  std::vector<DeviceInfo> list() override;
  Result<DeviceInfo> device(std::string_view name) override;
  FleetStats stats() override;
  Result<void> start(std::string_view name) override;
  Result<void> stop(std::string_view name) override;
  Result<void> restart(std::string_view name) override;
  Result<void> remove(std::string_view name) override;
  Result<void> scale(const std::map<std::string, std::size_t>& counts) override;
  Result<std::vector<std::uint8_t>> snapshot(std::string_view name) override;
  Result<GroupInfo> clone(std::string_view name, const CloneRequest& request) override;
  Result<std::string> logs(std::string_view name, std::optional<std::size_t> tail) override;
  Result<Subscription> follow_logs(std::string_view name, std::optional<std::size_t> tail,
                                   ConsoleCallback callback) override;
  Result<void> input(std::string_view name, std::span<const std::uint8_t> bytes) override;
  Result<void> impair(std::string_view name, const net::ImpairmentPatch& patch) override;
  Result<void> inject(std::string_view name, const host::Fault& fault) override;
  Subscription follow_events(std::uint64_t after, EventCallback callback) override;
  void down() override;

  // What the device shows next, and what happens.
  void show(std::string_view device, std::string_view bytes);
  void tell(Event::Kind kind, std::string_view device = "", std::string_view detail = "");
  // The next commands fail with this.
  void fail_with(std::optional<Error> error);
  // How many bytes of input may wait before they are refused as kUnavailable; they wait until typed() is
  // called.
  void set_room(std::size_t room);
  std::string typed();
  std::size_t followers();
  // What inject() was last given.
  host::Fault fault();

 private:
  struct Device {
    DeviceInfo info;
    std::string console;
    std::string input;
  };
  struct Follower {
    std::string device;
    ConsoleCallback bytes;
    EventCallback events;
  };
  Device* find(std::string_view name);
  Result<void> set_state(std::string_view name, DeviceState state);
  Result<void> failure(std::string_view name);
  Subscription subscribe(std::shared_ptr<Follower> follower);

  // Recursive: callbacks are called with it held, as the real one's are one at a time.
  std::recursive_mutex mutex_;
  std::deque<Device> devices_;
  std::vector<GroupInfo> groups_;
  std::vector<Event> events_;
  std::vector<std::weak_ptr<Follower>> followers_;
  std::optional<Error> error_;
  std::size_t room_ = 65536;
  bool down_ = false;
  host::Fault fault_;
};

}  // namespace espalier::fleet::api::testing
