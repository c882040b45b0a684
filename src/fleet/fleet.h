// A fleet: devices spread over workers, grown and shrunk while it runs.
#pragma once

#include <atomic>
#include <expected>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "fleet/control.h"
#include "fleet/device.h"
#include "fleet/event_log.h"
#include "fleet/lan.h"
#include "fleet/spec.h"
#include "fleet/worker.h"

namespace espalier::fleet {

class Fleet final : public Control {
 public:
  // Everything that can be wrong is found before anything starts; the error is one line. The devices are
  // started in the background.
  // `tell` takes what the emulator has to say of a device, by any thread; without it that goes to standard
  // error.
  static std::expected<std::unique_ptr<Fleet>, std::string> create(const FleetSpec& spec, Tell tell = {});
  // As shut_down().
  ~Fleet() override;

  // Told, in whatever thread calls down(), that the fleet is to end. Whoever owns it destroys it then.
  void on_down(std::function<void()> callback);
  // Stops all devices, so that what their flashes persist has been written, and ends the workers. Nobody may
  // call anything of Control's meanwhile and afterwards.
  void shut_down();

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

 private:
  // A device as the fleet knows it; the Device itself is its worker's.
  struct Member {
    std::shared_ptr<const DevicePlan> plan;
    std::shared_ptr<Console> console;
    Worker* worker;
    std::unique_ptr<Device> device;  // the worker's thread only; null: gone
  };
  using MemberPtr = std::shared_ptr<Member>;
  struct Group {
    std::shared_ptr<const GroupSpec> spec;
    std::shared_ptr<const GroupInputs> inputs;
    MacAddress mac;                         // of ordinal 0
    std::map<unsigned, MemberPtr> members;  // by ordinal; under mutex_
  };

  Fleet(const FleetSpec& spec, Tell tell);
  std::expected<void, std::string> start_all();
  std::vector<unsigned> free_ordinals(const Group& group, std::size_t count) const;
  std::expected<std::shared_ptr<const DevicePlan>, std::string> plan_of(const Group& group,
                                                                        unsigned ordinal) const;
  std::expected<void, std::string> check_host(
      const std::vector<std::shared_ptr<const DevicePlan>>& plans) const;
  // `first`: one of those that create() starts.
  void add(Group& group, std::shared_ptr<const DevicePlan> plan, bool first);
  void take_away(const MemberPtr& member, bool wait);
  void forget(Member& member);
  void one_started();
  Group* find_group(std::string_view name);
  Result<MemberPtr> find(std::string_view name);
  std::vector<MemberPtr> members();
  template <class Task>
  auto on_device(std::string_view name, Task task) -> std::invoke_result_t<Task, Device&>;
  template <class T, class Task>
  std::vector<T> ask_all(Task task);
  void count_states(const std::vector<DeviceState>& states, std::map<std::string, std::size_t>& counts) const;

  Result<std::shared_ptr<const esp32::Snapshot>> snapshot_of(std::string_view name);
  // What a clone's group is to be, and the snapshot that it starts from.
  Result<std::unique_ptr<Group>> clone_group(const MemberPtr& of, const CloneRequest& request);
  // As plan_of(); each with ports of its own, for which the host has room.
  Result<std::vector<std::shared_ptr<const DevicePlan>>> plans_of(const Group& group,
                                                                  std::size_t count) const;

  FleetSpec spec_;
  Tell tell_;
  double started_;
  std::uint64_t started_ns_;
  std::shared_ptr<EventLog> events_ = std::make_shared<EventLog>();
  std::mutex change_mutex_;   // one change of what there is at a time; taken before mutex_
  mutable std::mutex mutex_;  // guards what follows, never held while a worker is waited for
  std::vector<std::unique_ptr<Group>> groups_;  // none is ever removed
  FleetStats gone_;                             // totals of devices that have been removed
  std::function<void()> on_down_;
  bool going_down_ = false;
  std::size_t next_worker_ = 0;
  std::atomic<std::size_t> to_start_{0};          // devices of create() that have not tried yet
  std::unique_ptr<FleetLan> lan_;                 // null: the devices have no common network
  std::vector<std::unique_ptr<Worker>> workers_;  // last: their threads use the rest
};

}  // namespace espalier::fleet
