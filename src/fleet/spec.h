// What a fleet is to be: groups of devices that are alike, as a command line or a TOML file describes them.
#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fleet/control.h"
#include "fleet/identity.h"
#include "host/session_options.h"
#include "image/nvs_rows.h"
#include "net/lan_directory.h"
#include "net/publish.h"
#include "net/uplink.h"

namespace espalier::fleet {

// A port that each device of a group publishes: [ADDR:]BASE+:GUESTPORT[/udp], where device number ORDINAL
// gets BASE + ORDINAL. Without '+' all would get the same, so only a group of one may, or BASE is 0: any free
// one.
struct PortSpec {
  net::Publish first;  // of ordinal 0
  bool counts = false;

  // Nothing if the host's port would be past 65535.
  std::optional<net::Publish> of(unsigned ordinal) const;
};
// Otherwise one line that names the text.
std::expected<PortSpec, std::string> parse_port(std::string_view text);

// What a partition of each device's flash holds when the device is first powered up: a file's content, or
// keys and values of NVS. Names of files and values are templates.
struct PartitionSpec {
  std::string name;          // its label in the partition table
  std::string file;          // empty: NVS
  bool is_template = false;  // the file's content is one, too
  std::vector<image::NvsRow> nvs;
};

struct GroupSpec {
  std::string name;
  unsigned count = 1;
  unsigned first = 0;             // the lowest ordinal
  unsigned most = kMostOrdinals;  // devices, however often it is scaled
  // What each machine is made of: image or demo, clock, PSRAM, flash size, eFuse file, ROM, ... No ports, no
  // consoles and no identity.
  host::SessionOptions machine;
  std::vector<PortSpec> ports;
  std::optional<MacAddress> mac;    // of ordinal 0; default: group_mac()
  std::string hostname = "{name}";  // template
  std::string
      ready;  // what the console shows when a device is ready; default: it has used its network address
  RestartPolicy restart = RestartPolicy::kOnFailure;
  double cpu = 0;       // the most of a host core that a device gets; 0: no limit
  std::string persist;  // a folder where each device's flash is kept; empty: it forgets
  std::map<std::string, std::string> environment;  // more words for templates
  std::vector<PartitionSpec> partitions;
  std::string where;  // "fleet.toml:12: " for errors; empty for a command line's

  std::string clone_of;  // the device whose machine they go on from; empty: of none

  // Demo, the image's name or "clone of DEVICE".
  std::string source() const {
    if (!clone_of.empty()) return "clone of " + clone_of;
    return machine.demo ? "demo" : machine.image;
  }
};

// What the devices' Ethernet is plugged into.
enum class FleetNet : std::uint8_t {
  kUser,  // each has its own NAT
  kLan,   // one switch for all, and a NAT outward
  kNone,
};
// "user", "lan", "none".
std::string_view name_of(FleetNet net);
std::expected<FleetNet, std::string> parse_fleet_net(std::string_view text);
// "no", "on-failure", "always".
std::expected<RestartPolicy, std::string> parse_restart_policy(std::string_view text);
// "realtime", "warp".
std::expected<host::ClockMode, std::string> parse_clock(std::string_view text);
// "0", "2M", "4M".
std::expected<std::uint32_t, std::string> parse_psram(std::string_view text);

// The devices' common network, with FleetNet::kLan.
struct LanSpec {
  net::LanNetwork network;
  std::optional<std::uint32_t> first;  // the lowest address of a device; default: network.first()
  bool restricted = false;             // nothing leads out of it, and in only by published ports
  std::vector<net::UplinkSpec> uplinks;
};
// Otherwise what is wrong with it, after the key.
std::expected<void, std::string> check_lan(const LanSpec& lan);

struct FleetSpec {
  std::string name = "fleet";
  FleetNet net = FleetNet::kUser;
  LanSpec lan;
  unsigned workers = 0;  // threads; 0: usable_processors()
  std::vector<GroupSpec> groups;
};

// Reads a file, or its text. An error is one line that begins with FILE:LINE: and names the key. Relative
// file names in it count from the file's folder.
std::expected<FleetSpec, std::string> load_fleet_spec(const std::string& path);
std::expected<FleetSpec, std::string> parse_fleet_spec(std::string_view text, const std::string& path);

// What can only be said of the whole: names and counts, ports that collide, MAC addresses that do, templates,
// files that are missing. The host's state is no part of it.
std::expected<void, std::string> check_spec(const FleetSpec& spec);

// Whether devices of these groups can be told apart by their names.
std::expected<void, std::string> check_group_names(const std::vector<GroupSpec>& groups);

// The MAC address of each group's ordinal 0, in the groups' order; groups whose hashes collide get others.
std::vector<MacAddress> group_macs(const FleetSpec& spec, std::string_view host);

}  // namespace espalier::fleet
