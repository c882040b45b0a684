#include "fleet/api/testing/fake_control.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace espalier::fleet::api::testing {

namespace {

std::string tail_of(std::string_view text, std::optional<std::size_t> lines) {
  if (!lines) return std::string(text);
  std::size_t begin = text.size();
  for (std::size_t line = 0; line < *lines && begin > 0; ++line) {
    const std::size_t before = begin < 2 ? std::string_view::npos : text.rfind('\n', begin - 2);
    begin = before == std::string_view::npos ? 0 : before + 1;
  }
  return std::string(text.substr(begin));
}

}  // namespace

FakeControl::FakeControl() : groups_{{"odd", "/images/odd.bin", 1}, {"web", "demo", 2}} {
  DeviceInfo device{.name = "odd-0",
                    .group = "odd",
                    .mac = "02:1f:00:00:00:00",
                    .hostname = "odd-0",
                    .state = DeviceState::kFailed,
                    .restart = RestartPolicy::kNo,
                    .exit_reason = "out of \xff",
                    .created = 1764125000.25};
  devices_.push_back({device, "", ""});
  device = {.name = "web-0",
            .group = "web",
            .mac = "02:1f:00:00:00:01",
            .hostname = "web-0",
            .address = "10.1.0.16",
            .ports = {{.address = "127.0.0.1", .host_port = 8000, .guest_port = 80},
                      {.address = "::1", .host_port = 5353, .guest_port = 53, .udp = true}},
            .state = DeviceState::kRunning,
            .ready = true,
            .created = 1764125000.25,
            .started = 1764125000.5};
  devices_.push_back({device, "one\ntwo\n", ""});
  device = {.name = "web-1",
            .group = "web",
            .ordinal = 1,
            .mac = "02:1f:00:00:00:02",
            .hostname = "web-1",
            .state = DeviceState::kStopped,
            .restart = RestartPolicy::kAlways,
            .restarts = 3,
            .exit_reason = "stopped",
            .created = 1764125000.25,
            .started = 1764125000.5,
            .ended = 1764125001};
  devices_.push_back({device, "", ""});
}

FleetInfo FakeControl::info() {
  const std::lock_guard lock(mutex_);
  FleetInfo info{.name = "test",
                 .net = "user",
                 .pid = 1,
                 .started = 1764125000,
                 .workers = 2,
                 .groups = groups_,
                 .ready = 1};
  for (int state = 0; state <= static_cast<int>(DeviceState::kFailed); ++state)
    info.states[std::string(name_of(static_cast<DeviceState>(state)))] = 0;
  for (const Device& device : devices_) ++info.states[std::string(name_of(device.info.state))];
  info.going_down = down_;
  return info;
}

std::vector<DeviceInfo> FakeControl::list() {
  const std::lock_guard lock(mutex_);
  std::vector<DeviceInfo> all;
  for (const Device& device : devices_) all.push_back(device.info);
  return all;
}

FakeControl::Device* FakeControl::find(std::string_view name) {
  const auto found =
      std::ranges::find(devices_, name, [](const Device& d) -> std::string_view { return d.info.name; });
  return found == devices_.end() ? nullptr : &*found;
}

Result<void> FakeControl::failure(std::string_view name) {
  if (error_) return std::unexpected(*error_);
  if (!name.empty() && !find(name))
    return std::unexpected(Error{Error::Kind::kNotFound, fmt::format("there is no device {}", name)});
  return {};
}

Result<DeviceInfo> FakeControl::device(std::string_view name) {
  const std::lock_guard lock(mutex_);
  if (const Device* const there = find(name)) return there->info;
  return std::unexpected(Error{Error::Kind::kNotFound, fmt::format("there is no device {}", name)});
}

FleetStats FakeControl::stats() {
  const std::lock_guard lock(mutex_);
  FleetStats stats{.workers = {{.devices = 3, .cpu_ns = 1'500'000'000, .polls = 7, .advances = 8}, {}},
                   .states = info().states,
                   .ready = 1,
                   .instructions = 1'234'567'890'123,
                   .resets = 1,
                   .panics = 2,
                   .restarts = 3,
                   .frames_in = 4,
                   .frames_out = 5,
                   .mips = 0.25,
                   .resident_bytes = 1 << 20,
                   .cpu_ns = 2'500'000'000,
                   .mappings = 100,
                   .up_ns = 10'000'000'000};
  for (const Device& device : devices_)
    stats.devices.push_back({.name = device.info.name,
                             .group = device.info.group,
                             .state = device.info.state,
                             .ready = device.info.ready,
                             .instructions = 1000,
                             .mips = 0.5,
                             .cpu_ns = 250'000'000,
                             .cpu_share = 0.125,
                             .console_bytes = device.console.size(),
                             .guest_ns = 9'000'000'000});
  return stats;
}

Result<void> FakeControl::set_state(std::string_view name, DeviceState state) {
  const std::lock_guard lock(mutex_);
  if (auto failed = failure(name); !failed) return failed;
  find(name)->info.state = state;
  return {};
}

Result<void> FakeControl::start(std::string_view name) {
  return set_state(name, DeviceState::kRunning);
}
Result<void> FakeControl::stop(std::string_view name) {
  return set_state(name, DeviceState::kStopped);
}
Result<void> FakeControl::restart(std::string_view name) {
  return set_state(name, DeviceState::kStarting);
}

Result<void> FakeControl::remove(std::string_view name) {
  const std::lock_guard lock(mutex_);
  if (auto failed = failure(name); !failed) return failed;
  show(name, {});
  std::erase_if(devices_, [&](const Device& device) { return device.info.name == name; });
  return {};
}

Result<void> FakeControl::scale(const std::map<std::string, std::size_t>& counts) {
  const std::lock_guard lock(mutex_);
  if (error_) return std::unexpected(*error_);
  for (const auto& [name, count] : counts)
    if (std::ranges::find(groups_, name, &GroupInfo::name) == groups_.end())
      return std::unexpected(Error{Error::Kind::kNotFound, fmt::format("there is no group {}", name)});
  for (GroupInfo& group : groups_)
    if (counts.contains(group.name)) group.count = counts.at(group.name);
  return {};
}

Result<std::vector<std::uint8_t>> FakeControl::snapshot(std::string_view name) {
  const std::lock_guard lock(mutex_);
  if (auto failed = failure(name); !failed) return std::unexpected(failed.error());
  return std::vector<std::uint8_t>{'S', 'N', 'A', 'P'};
}

Result<GroupInfo> FakeControl::clone(std::string_view name, const CloneRequest& request) {
  const std::lock_guard lock(mutex_);
  if (auto failed = failure(name); !failed) return std::unexpected(failed.error());
  std::string source = fmt::format("clone of {}", name);
  for (const std::string& port : request.ports) source += " " + port;
  groups_.push_back(
      {.name = request.group.empty() ? "clones" : request.group, .source = source, .count = request.count});
  return groups_.back();
}

Result<std::string> FakeControl::logs(std::string_view name, std::optional<std::size_t> tail) {
  const std::lock_guard lock(mutex_);
  if (auto failed = failure(name); !failed) return std::unexpected(failed.error());
  return tail_of(find(name)->console, tail);
}

Subscription FakeControl::subscribe(std::shared_ptr<Follower> follower) {
  followers_.push_back(follower);
  // Its end waits for a callback under way.
  return {nullptr, [this, follower](void*) mutable {
            const std::lock_guard lock(mutex_);
            follower.reset();
          }};
}

Result<Subscription> FakeControl::follow_logs(std::string_view name, std::optional<std::size_t> tail,
                                              ConsoleCallback callback) {
  const std::lock_guard lock(mutex_);
  auto shown = logs(name, tail);
  if (!shown) return std::unexpected(shown.error());
  if (!shown->empty()) callback({reinterpret_cast<const std::uint8_t*>(shown->data()), shown->size()});
  return subscribe(std::make_shared<Follower>(Follower{std::string(name), std::move(callback), {}}));
}

Result<void> FakeControl::input(std::string_view name, std::span<const std::uint8_t> bytes) {
  const std::lock_guard lock(mutex_);
  if (auto failed = failure(name); !failed) return failed;
  Device& device = *find(name);
  if (device.info.state != DeviceState::kRunning)
    return std::unexpected(Error{Error::Kind::kConflict, fmt::format("{} is not running", name)});
  if (device.input.size() + bytes.size() > room_)
    return std::unexpected(Error{Error::Kind::kUnavailable, fmt::format("{} does not take its input", name)});
  device.input.append(bytes.begin(), bytes.end());
  return {};
}

Result<void> FakeControl::impair(std::string_view name, const net::ImpairmentPatch& patch) {
  const std::lock_guard lock(mutex_);
  if (auto failed = failure(name); !failed) return failed;
  patch.apply(find(name)->info.link);
  return {};
}

Result<void> FakeControl::inject(std::string_view name, const host::Fault& fault) {
  const std::lock_guard lock(mutex_);
  if (auto failed = failure(name); !failed) return failed;
  if (find(name)->info.state != DeviceState::kRunning)
    return std::unexpected(Error{Error::Kind::kConflict, fmt::format("{} is not running", name)});
  fault_ = fault;
  return {};
}

host::Fault FakeControl::fault() {
  const std::lock_guard lock(mutex_);
  return fault_;
}

Subscription FakeControl::follow_events(std::uint64_t after, EventCallback callback) {
  const std::lock_guard lock(mutex_);
  for (const Event& event : events_)
    if (event.id > after) callback(event);
  return subscribe(std::make_shared<Follower>(Follower{{}, {}, std::move(callback)}));
}

void FakeControl::down() {
  const std::lock_guard lock(mutex_);
  down_ = true;
}

void FakeControl::show(std::string_view name, std::string_view bytes) {
  const std::lock_guard lock(mutex_);
  if (Device* const device = find(name)) device->console += bytes;
  for (const auto& weak : followers_)
    if (const auto follower = weak.lock(); follower && follower->bytes && follower->device == name)
      follower->bytes({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
}

void FakeControl::tell(Event::Kind kind, std::string_view device, std::string_view detail) {
  const std::lock_guard lock(mutex_);
  events_.push_back({.id = events_.size() + 1,
                     .time = 1764125000.5,
                     .kind = kind,
                     .device = std::string(device),
                     .detail = std::string(detail)});
  for (const auto& weak : followers_)
    if (const auto follower = weak.lock(); follower && follower->events) follower->events(events_.back());
}

void FakeControl::fail_with(std::optional<Error> error) {
  const std::lock_guard lock(mutex_);
  error_ = std::move(error);
}

void FakeControl::set_room(std::size_t room) {
  const std::lock_guard lock(mutex_);
  room_ = room;
}

std::string FakeControl::typed() {
  const std::lock_guard lock(mutex_);
  std::string all;
  for (Device& device : devices_) all += std::exchange(device.input, {});
  return all;
}

std::size_t FakeControl::followers() {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(
      std::ranges::count_if(followers_, [](const auto& follower) { return !follower.expired(); }));
}

}  // namespace espalier::fleet::api::testing
