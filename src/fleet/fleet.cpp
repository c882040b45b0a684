#include "fleet/fleet.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <set>
#include <tuple>
#include <utility>

#include "base/random.h"
#include "fleet/limits.h"
#include "fleet/processors.h"

namespace espalier::fleet {
namespace {

constexpr std::array kStates = {DeviceState::kStarting, DeviceState::kRunning, DeviceState::kBackOff,
                                DeviceState::kStopped,  DeviceState::kExited,  DeviceState::kFailed};

std::size_t worker_count(const FleetSpec& spec) {
  return spec.workers != 0 ? spec.workers : usable_processors();
}

void add_totals(FleetStats& totals, const DeviceStats& device) {
  totals.instructions += device.instructions;
  totals.resets += device.resets;
  totals.panics += device.panics;
  totals.restarts += device.restarts;
  totals.frames_in += device.frames_in;
  totals.frames_out += device.frames_out;
}

}  // namespace

// ---- Life ----

Fleet::Fleet(const FleetSpec& spec, Tell tell)
    : spec_(spec), tell_(std::move(tell)), started_(wall_time()), started_ns_(base::EventLoop::now_ns()) {}

std::expected<std::unique_ptr<Fleet>, std::string> Fleet::create(const FleetSpec& spec, Tell tell) {
  if (auto ok = check_spec(spec); !ok) return std::unexpected(ok.error());
  std::unique_ptr<Fleet> fleet(new Fleet(spec, std::move(tell)));
  if (auto ok = fleet->start_all(); !ok) return std::unexpected(ok.error());
  return fleet;
}

std::expected<void, std::string> Fleet::start_all() {
  if (spec_.net == FleetNet::kLan) lan_ = std::make_unique<FleetLan>(spec_);
  const std::vector<MacAddress> macs = group_macs(spec_, host_id());
  std::vector<std::pair<Group*, std::shared_ptr<const DevicePlan>>> plans;
  std::vector<std::shared_ptr<const DevicePlan>> all;
  for (std::size_t i = 0; i < spec_.groups.size(); ++i) {
    auto group = std::make_unique<Group>();
    group->spec = std::make_shared<const GroupSpec>(spec_.groups[i]);
    group->mac = macs[i];
    auto inputs = load_group_inputs(*group->spec);
    if (!inputs) return std::unexpected(inputs.error());
    group->inputs = std::move(*inputs);
    const unsigned first = group->spec->first;
    for (unsigned ordinal = first; ordinal < first + group->spec->count; ++ordinal) {
      auto plan = plan_of(*group, ordinal);
      if (!plan) return std::unexpected(plan.error());
      plans.emplace_back(group.get(), *plan);
      all.push_back(*plan);
    }
    groups_.push_back(std::move(group));
  }
  if (auto ok = check_host(all); !ok) return ok;
  for (std::size_t i = 0; i < worker_count(spec_); ++i) workers_.push_back(std::make_unique<Worker>());
  if (lan_)
    if (auto ok = lan_->open(workers_); !ok) return ok;
  to_start_ = plans.size();
  for (auto& [group, plan] : plans) add(*group, std::move(plan), true);
  if (plans.empty()) events_->add(Event::Kind::kUp, {}, "no devices yet");
  return {};
}

Fleet::~Fleet() {
  shut_down();
}

void Fleet::on_down(std::function<void()> callback) {
  const std::lock_guard lock(mutex_);
  on_down_ = std::move(callback);
}

void Fleet::down() {
  std::function<void()> tell;
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(going_down_, true)) return;
    tell = on_down_;
  }
  events_->add(Event::Kind::kDown, {}, {});
  if (tell) tell();
}

void Fleet::shut_down() {
  down();
  const std::lock_guard change(change_mutex_);
  std::vector<MemberPtr> all = members();
  {
    const std::lock_guard lock(mutex_);
    for (auto& group : groups_) group->members.clear();
  }
  for (const MemberPtr& member : all) take_away(member, false);
  if (lan_) lan_->close();
  workers_.clear();  // each waits for what has been posted
}

// ---- What there is ----

std::expected<std::shared_ptr<const DevicePlan>, std::string> Fleet::plan_of(const Group& group,
                                                                             unsigned ordinal) const {
  auto plan = std::make_shared<DevicePlan>();
  plan->group = group.spec;
  plan->tell = tell_;
  plan->inputs = group.inputs;
  plan->net = spec_.net;
  plan->identity = {.ordinal = ordinal,
                    .name = device_name(group.spec->name, ordinal),
                    .mac = device_mac(group.mac, ordinal),
                    .more = group.spec->environment};
  // JSON's numbers are exact up to there.
  plan->seed =
      base::seed_of(spec_.name + "/" + plan->name(), group.spec->machine.impair.seed) & base::kMostSeed;
  auto hostname = fill_template(group.spec->hostname, plan->identity);
  if (!hostname) return std::unexpected(fmt::format("{}hostname: {}", group.spec->where, hostname.error()));
  plan->hostname = std::move(*hostname);
  if (lan_) {
    plan->claim = lan_->claim(plan->name(), plan->hostname);
    if (!plan->claim)
      return std::unexpected(fmt::format("{}: there is no address left for it in {}/{}", plan->name(),
                                         net::ipv4_text(spec_.lan.network.network),
                                         spec_.lan.network.prefix_length));
  }
  for (const PortSpec& port : group.spec->ports) {
    const auto publish = port.of(ordinal - group.spec->first);
    if (!publish)
      return std::unexpected(
          fmt::format("{}: its port would be past 65535 ({}+)", plan->name(), port.first.host_port));
    plan->ports.push_back(*publish);
  }
  if (auto ok = check_contents(*plan); !ok) return std::unexpected(ok.error());
  return plan;
}

// Whether the host has room and ports for these besides what there is.
std::expected<void, std::string> Fleet::check_host(
    const std::vector<std::shared_ptr<const DevicePlan>>& plans) const {
  std::vector<net::Publish> ports;
  for (const auto& plan : plans) ports.insert(ports.end(), plan->ports.begin(), plan->ports.end());
  Wanted wanted{.machines = plans.size(), .ports = ports.size()};
  for (const auto& plan : plans) wanted.mappings += mappings_of(start_of(*plan->inputs));
  if (auto ok = check_room(host_room(), wanted); !ok) return ok;
  return check_ports_free(ports);
}

void Fleet::add(Group& group, std::shared_ptr<const DevicePlan> plan, bool first) {
  auto member = std::make_shared<Member>();
  member->plan = plan;
  member->console = std::make_shared<Console>();
  {
    const std::lock_guard lock(mutex_);
    member->worker = workers_[next_worker_++ % workers_.size()].get();
    group.members.emplace(plan->identity.ordinal, member);
  }
  events_->add(Event::Kind::kAdded, plan->name(), {});
  member->worker->post([this, member, first] {
    member->device = std::make_unique<Device>(*member->worker, lan_ ? lan_->seat(*member->worker) : nullptr,
                                              member->plan, member->console, events_);
    if (first) member->device->on_first_start([this] { one_started(); });
  });
}

void Fleet::one_started() {
  if (--to_start_ != 0) return;
  const double seconds = static_cast<double>(base::EventLoop::now_ns() - started_ns_) / 1e9;
  events_->add(Event::Kind::kUp, {}, fmt::format("all started after {:.1f} s", seconds));
}

// In the worker's thread.
void Fleet::forget(Member& member) {
  if (!member.device) return;
  member.device->stop();
  const DeviceStats last = member.device->stats();
  {
    const std::lock_guard lock(mutex_);
    add_totals(gone_, last);
  }
  member.device.reset();
  member.console->end();
  events_->add(Event::Kind::kRemoved, member.plan->name(), {});
}

void Fleet::take_away(const MemberPtr& member, bool wait) {
  if (wait)
    member->worker->call([&] { forget(*member); });
  else
    member->worker->post([this, member] { forget(*member); });
}

Fleet::Group* Fleet::find_group(std::string_view name) {
  const std::lock_guard lock(mutex_);
  const auto at = std::ranges::find_if(groups_, [&](const auto& group) { return group->spec->name == name; });
  return at == groups_.end() ? nullptr : at->get();
}

Result<Fleet::MemberPtr> Fleet::find(std::string_view name) {
  const std::size_t hyphen = name.rfind('-');
  Group* const group = hyphen == std::string_view::npos ? nullptr : find_group(name.substr(0, hyphen));
  if (group != nullptr) {
    unsigned ordinal = 0;
    std::from_chars(name.data() + hyphen + 1, name.data() + name.size(), ordinal);
    const std::lock_guard lock(mutex_);
    const auto at = group->members.find(ordinal);
    if (at != group->members.end() && at->second->plan->name() == name) return at->second;
  }
  return error(Error::Kind::kNotFound,
               fmt::format("there is no device '{}' in the fleet {}", name, spec_.name));
}

std::vector<Fleet::MemberPtr> Fleet::members() {
  const std::lock_guard lock(mutex_);
  std::vector<MemberPtr> all;
  for (const auto& group : groups_)
    for (const auto& [ordinal, member] : group->members) all.push_back(member);
  return all;
}

std::vector<unsigned> Fleet::free_ordinals(const Group& group, std::size_t count) const {
  const std::lock_guard lock(mutex_);
  std::vector<unsigned> found;
  for (unsigned ordinal = group.spec->first; found.size() < count; ++ordinal)
    if (!group.members.contains(ordinal)) found.push_back(ordinal);
  return found;
}

// ---- Questions ----

// `task(device)` of every device there is, in list()'s order; workers answer at the same time.
template <class T, class Task>
std::vector<T> Fleet::ask_all(Task task) {
  const std::vector<MemberPtr> all = members();
  std::vector<std::optional<T>> answers(all.size());
  std::vector<std::future<void>> pending;
  for (const auto& worker : workers_) {
    auto ask = std::make_shared<std::packaged_task<void()>>([&, asked = worker.get()] {
      for (std::size_t i = 0; i < all.size(); ++i)
        if (all[i]->worker == asked && all[i]->device) answers[i] = task(*all[i]->device);
    });
    pending.push_back(ask->get_future());
    worker->post([ask] { (*ask)(); });
  }
  for (auto& answer : pending) answer.get();
  std::vector<T> there;
  for (auto& answer : answers)
    if (answer) there.push_back(std::move(*answer));
  return there;
}

void Fleet::count_states(const std::vector<DeviceState>& states,
                         std::map<std::string, std::size_t>& counts) const {
  for (const DeviceState state : kStates) counts[std::string(name_of(state))] = 0;
  for (const DeviceState state : states) ++counts[std::string(name_of(state))];
}

FleetInfo Fleet::info() {
  FleetInfo info;
  info.name = spec_.name;
  info.net = name_of(spec_.net);
  info.pid = getpid();
  info.started = started_;
  info.workers = workers_.size();
  std::vector<DeviceState> states;
  for (const auto& [state, ready] : ask_all<std::pair<DeviceState, bool>>([](Device& device) {
         const DeviceInfo now = device.info();
         return std::pair(now.state, now.ready);
       })) {
    states.push_back(state);
    info.ready += ready;
  }
  count_states(states, info.states);
  const std::lock_guard lock(mutex_);
  for (const auto& group : groups_)
    info.groups.push_back(
        {.name = group->spec->name, .source = group->spec->source(), .count = group->members.size()});
  info.going_down = going_down_;
  return info;
}

std::vector<DeviceInfo> Fleet::list() {
  return ask_all<DeviceInfo>([](Device& device) { return device.info(); });
}

FleetStats Fleet::stats() {
  FleetStats stats;
  {
    const std::lock_guard lock(mutex_);
    stats = gone_;
  }
  stats.devices = ask_all<DeviceStats>([](Device& device) { return device.stats(); });
  for (const auto& worker : workers_) stats.workers.push_back(worker->call([&] { return worker->stats(); }));
  std::vector<DeviceState> states;
  for (const DeviceStats& device : stats.devices) {
    states.push_back(device.state);
    add_totals(stats, device);
    stats.ready += device.ready;
    stats.mips += device.mips;
  }
  count_states(states, stats.states);
  stats.resident_bytes = resident_bytes();
  stats.cpu_ns = process_cpu_ns();
  stats.mappings = mapping_count();
  stats.up_ns = base::EventLoop::now_ns() - started_ns_;
  return stats;
}

// `task` in the worker's thread, on the device of that name.
template <class Task>
auto Fleet::on_device(std::string_view name, Task task) -> std::invoke_result_t<Task, Device&> {
  const auto member = find(name);
  if (!member) return std::unexpected(member.error());
  return (*member)->worker->call([&]() -> std::invoke_result_t<Task, Device&> {
    if (!(*member)->device)
      return error(Error::Kind::kNotFound, fmt::format("the device {} has just been removed", name));
    return task(*(*member)->device);
  });
}

Result<DeviceInfo> Fleet::device(std::string_view name) {
  return on_device(name, [](Device& device) -> Result<DeviceInfo> { return device.info(); });
}

Result<std::string> Fleet::logs(std::string_view name, std::optional<std::size_t> tail) {
  const auto member = find(name);
  if (!member) return std::unexpected(member.error());
  return (*member)->console->tail(tail);
}

Result<Subscription> Fleet::follow_logs(std::string_view name, std::optional<std::size_t> tail,
                                        ConsoleCallback callback) {
  const auto member = find(name);
  if (!member) return std::unexpected(member.error());
  return (*member)->console->follow(tail, std::move(callback));
}

Subscription Fleet::follow_events(std::uint64_t after, EventCallback callback) {
  return events_->follow(after, std::move(callback));
}

// ---- Commands ----

Result<std::shared_ptr<const esp32::Snapshot>> Fleet::snapshot_of(std::string_view name) {
  return on_device(name, [](Device& device) { return device.snapshot(); });
}

Result<void> Fleet::start(std::string_view name) {
  return on_device(name, [](Device& device) -> Result<void> {
    device.start();
    return {};
  });
}

Result<void> Fleet::stop(std::string_view name) {
  return on_device(name, [](Device& device) -> Result<void> {
    device.stop();
    return {};
  });
}

Result<void> Fleet::restart(std::string_view name) {
  return on_device(name, [](Device& device) -> Result<void> {
    device.stop();
    device.start();
    return {};
  });
}

Result<void> Fleet::input(std::string_view name, std::span<const std::uint8_t> bytes) {
  return on_device(name, [&](Device& device) { return device.type(bytes); });
}

Result<void> Fleet::impair(std::string_view name, const net::ImpairmentPatch& patch) {
  return on_device(name, [&](Device& device) -> Result<void> {
    device.impair(patch);
    return {};
  });
}

Result<void> Fleet::inject(std::string_view name, const host::Fault& fault) {
  return on_device(name, [&](Device& device) { return device.inject(fault); });
}

Result<void> Fleet::remove(std::string_view name) {
  const std::lock_guard change(change_mutex_);
  const auto member = find(name);
  if (!member) return std::unexpected(member.error());
  Group* const group = find_group((*member)->plan->group->name);
  {
    const std::lock_guard lock(mutex_);
    group->members.erase((*member)->plan->identity.ordinal);
  }
  take_away(*member, true);
  return {};
}

Result<void> Fleet::scale(const std::map<std::string, std::size_t>& counts) {
  const std::lock_guard change(change_mutex_);
  std::vector<std::pair<Group*, std::shared_ptr<const DevicePlan>>> added;
  std::vector<std::shared_ptr<const DevicePlan>> plans;
  std::vector<std::pair<Group*, std::size_t>> resized;  // and how many it has now
  std::set<std::tuple<bool, std::string, unsigned>> ports;
  if (const std::lock_guard lock(mutex_); going_down_)
    return error(Error::Kind::kUnavailable, "the fleet is going down");
  for (const auto& [name, count] : counts) {
    Group* group = find_group(name);
    if (group == nullptr)
      return error(Error::Kind::kNotFound,
                   fmt::format("there is no group '{}' in the fleet {}", name, spec_.name));
    if (const std::size_t most = group->spec->most; count > most)
      return error(
          Error::Kind::kInvalid,
          most == kMostOrdinals
              ? fmt::format("{}: more than {} devices", name, most)
              : fmt::format("{}: this replica has the numbers {} to {} and no more; start more replicas",
                            name, group->spec->first, group->spec->first + most - 1));
    std::size_t present = 0;
    {
      const std::lock_guard lock(mutex_);
      present = group->members.size();
    }
    resized.emplace_back(group, present);
    for (const unsigned ordinal : free_ordinals(*group, count > present ? count - present : 0)) {
      auto plan = plan_of(*group, ordinal);
      if (!plan) return error(Error::Kind::kInvalid, plan.error());
      for (const net::Publish& port : (*plan)->ports)
        if (port.host_port != 0 && !ports.insert({port.udp, port.address, port.host_port}).second)
          return error(Error::Kind::kConflict,
                       fmt::format("{}: {} is another new device's, too", (*plan)->name(), port.host_end()));
      added.emplace_back(group, *plan);
      plans.push_back(*plan);
    }
  }
  if (auto ok = check_host(plans); !ok)
    return error(
        ok.error().starts_with("cannot publish") ? Error::Kind::kConflict : Error::Kind::kUnavailable,
        ok.error());
  for (const auto& [group, present] : resized) {
    const std::size_t wanted = counts.at(group->spec->name);
    if (wanted != present)
      events_->add(Event::Kind::kScaled, {},
                   fmt::format("{}: from {} to {}", group->spec->name, present, wanted));
    for (std::size_t left = present; left > wanted; --left) {
      MemberPtr last;
      {
        const std::lock_guard lock(mutex_);
        last = std::prev(group->members.end())->second;
        group->members.erase(std::prev(group->members.end()));
      }
      take_away(last, false);
    }
  }
  for (auto& [group, plan] : added) add(*group, std::move(plan), false);
  return {};
}

}  // namespace espalier::fleet
