// Fleet: devices as snapshots, and new ones that go on from where a running one is.
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "fleet/fleet.h"

namespace espalier::fleet {
namespace {

// What is published when nobody has said: the same guest ports, at any free ports of the host.
std::vector<PortSpec> any_ports(std::vector<PortSpec> ports) {
  for (PortSpec& port : ports) {
    port.first.host_port = 0;
    port.counts = false;
  }
  return ports;
}

}  // namespace

Result<std::vector<std::uint8_t>> Fleet::snapshot(std::string_view name) {
  const auto taken = snapshot_of(name);
  if (!taken) return std::unexpected(taken.error());
  return (*taken)->file();  // compressed here: the worker has other devices to run
}

Result<std::unique_ptr<Fleet::Group>> Fleet::clone_group(const MemberPtr& of, const CloneRequest& request) {
  const DevicePlan& source = *of->plan;
  GroupSpec spec = *source.group;
  spec.name = request.group.empty() ? source.name() + "-clones" : request.group;
  spec.count = static_cast<unsigned>(std::min<std::size_t>(request.count, spec.most));
  spec.clone_of = source.name();
  spec.mac.reset();
  spec.ready.clear();  // what it says has been shown
  spec.persist.clear();
  spec.partitions.clear();
  spec.machine.efuse.clear();
  spec.ports = any_ports(std::move(spec.ports));
  if (!request.ports.empty()) spec.ports.clear();
  for (const std::string& text : request.ports) {
    auto port = parse_port(text);
    if (!port) return error(Error::Kind::kInvalid, "ports: " + port.error());
    if (!port->counts && port->first.host_port != 0 && request.count > 1)
      return error(Error::Kind::kInvalid,
                   fmt::format("ports: {} is one port for {} devices; '{}+:{}' gives each its own", text,
                               request.count, port->first.host_port, port->first.guest_port));
    spec.ports.push_back(std::move(*port));
  }
  if (!spec.ports.empty() && source.net == FleetNet::kNone)
    return error(Error::Kind::kInvalid, "ports: there is no network to publish ports of");
  if (auto ok = check_name(spec.name); !ok) return error(Error::Kind::kInvalid, "group: " + ok.error());
  // A replica's clones have its numbers, too: those of other replicas are others.
  if (request.count == 0 || request.count > spec.most)
    return error(Error::Kind::kInvalid,
                 fmt::format("count: {} is not from 1 to {}", request.count, spec.most));
  FleetSpec all = spec_;
  all.groups.clear();
  {
    const std::lock_guard lock(mutex_);
    for (const auto& group : groups_) {
      all.groups.push_back(*group->spec);
      all.groups.back().mac = group->mac;
      all.groups.back().where.clear();
    }
  }
  spec.where.clear();
  all.groups.push_back(spec);
  if (auto ok = check_group_names(all.groups); !ok) return error(Error::Kind::kConflict, ok.error());

  auto taken = snapshot_of(source.name());
  if (!taken) return std::unexpected(taken.error());
  auto boot = std::make_shared<host::BootInputs>(*source.inputs->boot);
  boot->flash = (*taken)->flash();
  boot->snapshot = std::move(*taken);
  auto inputs = std::make_shared<GroupInputs>();
  inputs->boot = std::move(boot);
  auto group = std::make_unique<Group>();
  group->mac = group_macs(all, host_id()).back();
  group->spec = std::make_shared<const GroupSpec>(std::move(spec));
  group->inputs = std::move(inputs);
  return group;
}

Result<std::vector<std::shared_ptr<const DevicePlan>>> Fleet::plans_of(const Group& group,
                                                                       std::size_t count) const {
  std::vector<std::shared_ptr<const DevicePlan>> plans;
  std::set<std::tuple<bool, std::string, unsigned>> ports;
  const unsigned first = group.spec->first;
  for (unsigned ordinal = first; ordinal < first + count; ++ordinal) {
    auto plan = plan_of(group, ordinal);
    if (!plan) return error(Error::Kind::kInvalid, plan.error());
    for (const net::Publish& port : (*plan)->ports)
      if (port.host_port != 0 && !ports.insert({port.udp, port.address, port.host_port}).second)
        return error(Error::Kind::kConflict,
                     fmt::format("{}: {} is another new device's, too", (*plan)->name(), port.host_end()));
    plans.push_back(std::move(*plan));
  }
  if (auto ok = check_host(plans); !ok)
    return error(
        ok.error().starts_with("cannot publish") ? Error::Kind::kConflict : Error::Kind::kUnavailable,
        ok.error());
  return plans;
}

Result<GroupInfo> Fleet::clone(std::string_view name, const CloneRequest& request) {
  const std::lock_guard change(change_mutex_);
  if (const std::lock_guard lock(mutex_); going_down_)
    return error(Error::Kind::kUnavailable, "the fleet is going down");
  const auto member = find(name);
  if (!member) return std::unexpected(member.error());
  auto made = clone_group(*member, request);
  if (!made) return std::unexpected(made.error());
  auto plans = plans_of(**made, request.count);
  if (!plans) return std::unexpected(plans.error());
  Group& group = **made;
  {
    const std::lock_guard lock(mutex_);
    groups_.push_back(std::move(*made));
  }
  events_->add(Event::Kind::kScaled, {}, fmt::format("{}: from 0 to {}", group.spec->name, request.count));
  for (auto& plan : *plans) add(group, std::move(plan), false);
  return GroupInfo{.name = group.spec->name, .source = group.spec->source(), .count = request.count};
}

}  // namespace espalier::fleet
