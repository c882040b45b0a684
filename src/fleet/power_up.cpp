#include "fleet/power_up.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <utility>

#include "fleet/partition_content.h"
#include "image/file.h"
#include "net/translated_network.h"

namespace espalier::fleet {
namespace {

namespace fs = std::filesystem;
using Wrong = std::unexpected<std::string>;
using image::Bytes;

struct Content {
  std::uint32_t offset;  // in the flash
  Bytes bytes;           // a whole partition
};

// Whole partitions, as this device is to find them.
std::expected<std::vector<Content>, std::string> partition_contents(const DevicePlan& plan) {
  std::vector<Content> contents;
  for (const PartitionSpec& wanted : plan.group->partitions) {
    const auto wrong = [&](std::string_view what) {
      return Wrong(fmt::format("partitions.{}: {}", wanted.name, what));
    };
    const image::Partition* partition = plan.inputs->partitions.find(wanted.name);
    if (partition == nullptr) return wrong("the image's partition table has no such partition");
    auto bytes = partition_content(wanted, plan.identity, partition->size);
    if (!bytes) return wrong(bytes.error());
    contents.push_back({.offset = partition->offset, .bytes = std::move(*bytes)});
  }
  return contents;
}

// The file that keeps the device's flash; made from the group's image when it is not there.
std::expected<std::string, std::string> persistent_flash(const DevicePlan& plan,
                                                         const std::vector<Content>& contents) {
  std::error_code error;
  const fs::path folder = plan.group->persist;
  const std::string file = (folder / (plan.name() + ".bin")).string();
  if (fs::exists(file, error)) return file;
  fs::create_directories(folder, error);
  if (error) return Wrong(fmt::format("persist: {}: {}", folder.string(), error.message()));
  auto image = host::load_image(plan.group->machine);
  if (!image) return Wrong(image.error());
  std::size_t end = image->data_end;
  for (const Content& content : contents) {
    std::ranges::copy(content.bytes, image->bytes.begin() + content.offset);
    end = std::max(end, content.offset + content.bytes.size());
  }
  image->bytes.resize(end);
  // All or nothing: a device must not boot from half a file after a crash.
  const std::string part = file + ".part";
  if (auto ok = image::write_file(part, image->bytes); !ok) return Wrong("persist: " + ok.error());
  fs::rename(part, file, error);
  if (error) return Wrong(fmt::format("persist: {}: {}", file, error.message()));
  return file;
}

host::NetMode session_net(FleetNet net) {
  switch (net) {
    case FleetNet::kUser:
      return host::NetMode::kUser;
    case FleetNet::kLan:
      return host::NetMode::kGiven;
    case FleetNet::kNone:
      break;
  }
  return host::NetMode::kNone;
}

// Into the fleet's switch, with its ports bound.
std::expected<std::unique_ptr<net::LanPort>, std::string> plug(const DevicePlan& plan, const PowerUp& with,
                                                               std::vector<net::Publish>& ports) {
  auto port = net::LanPort::plug(with.lan->lan, with.lan->bay, with.loop, base::Logger(with.log),
                                 {.address = plan.claim->address(), .hostname = plan.hostname});
  if (!port) return port;
  for (net::Publish& publish : ports) {
    const auto bound = (*port)->publish(publish);
    if (!bound) return Wrong(bound.error());
    publish.host_port = *bound;
  }
  return port;
}

net::EthernetAddress number_of(const MacAddress& mac) {
  net::EthernetAddress number = 0;
  for (const std::uint8_t byte : mac) number = number << 8 | byte;
  return number;
}

// A device that goes on from a snapshot takes itself for the one that was saved, on the network where that
// was.
std::unique_ptr<net::TranslatedNetwork> translated(const DevicePlan& plan, const net::Lan& lan,
                                                   std::unique_ptr<net::LanPort> port) {
  const esp32::Snapshot& snapshot = *plan.inputs->boot->snapshot;
  net::NetworkIdentity identity{.chip_mac = number_of(plan.identity.mac),
                                .saved_chip_mac = number_of(devices::mac_of(snapshot.chip().efuses)),
                                .lease = port->lease(),
                                .hostname = plan.hostname,
                                .domain = lan.domains.front()};
  net::LanPort& inner = *port;
  auto made =
      std::make_unique<net::TranslatedNetwork>(std::move(port), std::move(identity), snapshot.notes().lease);
  inner.show_addresses_as([outer = made.get()](std::uint32_t address) { return outer->to_guest(address); },
                          [outer = made.get()](std::uint32_t address) { return outer->from_guest(address); });
  return made;
}

}  // namespace

std::expected<std::shared_ptr<const GroupInputs>, std::string> load_group_inputs(const GroupSpec& group) {
  const auto wrong = [&](std::string_view what) { return Wrong(fmt::format("{}{}", group.where, what)); };
  auto boot = host::load_inputs(group.machine);
  if (!boot) return wrong(boot.error());
  auto inputs = std::make_shared<GroupInputs>();
  inputs->boot = std::move(*boot);
  if (group.partitions.empty()) return inputs;
  if (inputs->boot->snapshot)
    return wrong(
        "partitions: a snapshot's flash is as it was saved; give its partitions to the image, and boot that");
  // As much as may lie before a table.
  Bytes front;
  const devices::FlashImage& flash = *inputs->boot->flash;
  for (std::uint32_t page = 0; page < std::min(2u, flash.size() / devices::kFlashPageSize); ++page)
    front.insert(front.end(), flash.page(page), flash.page(page) + devices::kFlashPageSize);
  const auto offset = image::find_partition_table(front);
  if (!offset) return wrong("partitions: the image has no partition table");
  auto table = image::parse_partition_table(image::ByteView(front).subspan(*offset), flash.size());
  if (!table) return wrong("partitions: " + table.error());
  inputs->partitions = std::move(*table);
  return inputs;
}

std::expected<void, std::string> check_contents(const DevicePlan& plan) {
  if (auto contents = partition_contents(plan); !contents)
    return Wrong(fmt::format("{}{}: {}", plan.group->where, plan.name(), contents.error()));
  return {};
}

std::expected<std::unique_ptr<host::Session>, std::string> power_up(const DevicePlan& plan, PowerUp with) {
  const auto contents = partition_contents(plan);
  if (!contents) return Wrong(contents.error());
  host::SessionOptions options = plan.group->machine;
  options.serial = {};
  options.mac = plan.identity.mac;
  options.efuse_read_only = true;  // the file is the whole group's
  options.publish = std::move(with.ports);
  options.net = session_net(plan.net);
  options.slirp.hostname = plan.hostname;
  const bool persists = !plan.group->persist.empty();
  if (persists) {
    auto file = persistent_flash(plan, *contents);
    if (!file) return Wrong(file.error());
    options.image = *file;
    options.demo = false;
    options.flash_size = plan.inputs->boot->flash->size();
    options.write_through = true;
  }
  if (!persists) options.inputs = plan.inputs->boot;
  std::unique_ptr<net::LanPort> lan;
  if (plan.net == FleetNet::kLan) {
    auto plugged = plug(plan, with, options.publish);
    if (!plugged) return Wrong(plugged.error());
    lan = std::move(*plugged);
  }
  auto session = std::make_unique<host::Session>(with.loop, std::move(options));
  net::LanPort* const port = lan.get();
  net::TranslatedNetwork* translation = nullptr;
  if (lan && plan.inputs->boot->snapshot) {
    auto network = translated(plan, with.lan->lan, std::move(lan));
    translation = network.get();
    session->plug_into(std::move(network));
  } else if (lan) {
    session->plug_into(std::move(lan));
  }
  session->connect_serial(0, std::move(with.console));
  session->log_to(std::move(with.log));
  if (auto opened = session->open(); !opened) return Wrong(opened.error());
  if (translation != nullptr) {
    translation->guest_uses(session->machine().chip().open_eth.address());
    // Others find it without its having said anything.
    if (translation->seen_mac() != 0 && plan.inputs->boot->snapshot->notes().lease)
      port->has(translation->seen_mac());
  }
  if (persists) return session;
  devices::FlashStorage& flash = session->machine().flash();
  for (const Content& content : *contents) {
    flash.erase(content.offset, static_cast<std::uint32_t>(content.bytes.size()));
    flash.program(content.offset, content.bytes);
  }
  return session;
}

}  // namespace espalier::fleet
