#include "fleet/spec.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "host/mac_address.h"
#include "image/image_test_support.h"

namespace espalier::fleet {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string error_of(std::string_view text) {
  const auto spec = parse_fleet_spec(text, "fleet.toml");
  return spec ? std::string() : spec.error();
}

TEST(PortSpec, CountsUp) {
  const auto port = parse_port("9000+:80");
  ASSERT_TRUE(port) << port.error();
  EXPECT_EQ(port->of(0)->host_end(), "127.0.0.1:9000");
  EXPECT_EQ(port->of(17)->host_end(), "127.0.0.1:9017");
  EXPECT_EQ(port->of(17)->guest_port, 80);
  EXPECT_FALSE(port->of(60'000));
  EXPECT_EQ(parse_port("0.0.0.0:5000+:53/udp")->of(2)->host_end(), "0.0.0.0:5002/udp");
  EXPECT_EQ(parse_port("[::1]:5000+:53")->of(2)->host_end(), "[::1]:5002");
  EXPECT_EQ(parse_port("8080:80")->of(5)->host_port, 8080);
}

TEST(PortSpec, ErrorsNameTheText) {
  EXPECT_THAT(parse_port("9000+").error(), StartsWith("9000+: the guest's port is missing"));
  EXPECT_THAT(parse_port("x+:80").error(), StartsWith("x+:80: the host's port \"x\" is not a number"));
  EXPECT_THAT(parse_port("0+:80").error(), HasSubstr("port 0 is any free one"));
}

TEST(FleetSpec, ReadsImpairments) {
  const auto spec = parse_fleet_spec(R"(
[[device]]
name = "sensor"
demo = true
impair = { latency = "20ms", jitter = "5ms", loss = 0.01, duplicate = 0.001, rate = "1Mbit", seed = 7, out = { rate = 64000, partition = true } }
)",
                                     "fleet.toml");
  ASSERT_TRUE(spec) << spec.error();
  const net::LinkImpairment& link = spec->groups[0].machine.impair;
  EXPECT_EQ(
      net::impairment_text(link),
      "in: latency 20ms, jitter 5ms, loss 1%, duplicate 0.1%, rate 1Mbit; out: partition, latency 20ms, "
      "jitter 5ms, loss 1%, duplicate 0.1%, rate 64kbit");
  EXPECT_EQ(link.seed, 7u);
  const auto with = [](std::string_view impair) {
    return error_of("[[device]]\nname = \"a\"\ndemo = true\nimpair = " + std::string(impair));
  };
  EXPECT_THAT(with("{ latency = 20 }"),
              StartsWith("fleet.toml:4: impair.latency: latency: '20' is not a time"));
  EXPECT_THAT(with("{ lag = \"1ms\" }"), StartsWith("fleet.toml:4: impair.lag: 'lag' is none of latency"));
  EXPECT_THAT(with("{ in = { loss = 2 } }"), StartsWith("fleet.toml:4: impair.in.loss: loss: '2' is not"));
  EXPECT_THAT(with("{ in = 1 }"), StartsWith("fleet.toml:4: impair.in: a table is wanted"));
  EXPECT_THAT(with("{ seed = -1 }"),
              StartsWith("fleet.toml:4: impair.seed: seed: '-1' is not a whole number"));
  EXPECT_THAT(with("{ loss = [] }"), StartsWith("fleet.toml:4: impair.loss: a text or a number"));
}

TEST(FleetSpec, ReadsAFile) {
  const auto spec = parse_fleet_spec(R"(
[fleet]
name = "lab"
net = "user"
workers = 3

[[device]]
name = "sensor"
demo = true
count = 20
ports = ["9000+:80", "0.0.0.0:5000+:53/udp"]
mac = "02:00:00:00:10:00"
hostname = "{name}-{site}"
ready = "listening on port"
restart = "always"
cpu = 0.25
clock = "warp"
psram = "2M"
flash-size = "4M"
cpus = 1
reset-limit = 7
environment = { site = "berlin" }
persist = "state"

[device.partitions]
www = "www-{ordinal}.bin"
nvs = { wifi = { ssid = "lab", id = "{mac}", channel = 6, on = true, retries = { type = "u8", value = 3 } }, app = { cert = { type = "binary", file = "{name}.pem" }, id = { type = "u64", value = "{ordinal}" } } }
text = { file = "text.txt", template = true }

[[device]]
name = "gateway"
demo = true
)",
                                     "/etc/lab/fleet.toml");
  ASSERT_TRUE(spec) << spec.error();
  EXPECT_EQ(spec->name, "lab");
  EXPECT_EQ(spec->workers, 3u);
  ASSERT_EQ(spec->groups.size(), 2u);
  const GroupSpec& sensor = spec->groups[0];
  EXPECT_EQ(sensor.count, 20u);
  ASSERT_EQ(sensor.ports.size(), 2u);
  EXPECT_EQ(sensor.ports[1].of(3)->host_end(), "0.0.0.0:5003/udp");
  EXPECT_EQ(host::mac_text(*sensor.mac), "02:00:00:00:10:00");
  EXPECT_EQ(sensor.restart, RestartPolicy::kAlways);
  EXPECT_EQ(sensor.cpu, 0.25);
  EXPECT_EQ(sensor.machine.clock, host::ClockMode::kWarp);
  EXPECT_EQ(sensor.machine.psram_size, 2u << 20);
  EXPECT_EQ(sensor.machine.flash_size, 4u << 20);
  EXPECT_EQ(sensor.machine.cpus, 1u);
  EXPECT_EQ(sensor.machine.reset_limit, 7u);
  EXPECT_EQ(sensor.persist, "/etc/lab/state");
  ASSERT_EQ(sensor.partitions.size(), 3u);
  std::vector<std::string> rows;
  for (const image::NvsRow& row : sensor.partitions[0].nvs)
    rows.push_back(row.space + "." + row.key + " " + row.encoding + (row.file ? " file " : " ") + row.value);
  EXPECT_THAT(rows, testing::UnorderedElementsAre("wifi.ssid string lab", "wifi.id string {mac}",
                                                  "wifi.channel i32 6", "wifi.on u8 1", "wifi.retries u8 3",
                                                  "app.cert binary file /etc/lab/{name}.pem",
                                                  "app.id u64 {ordinal}"));
  EXPECT_EQ(sensor.partitions[1].file, "/etc/lab/text.txt");
  EXPECT_TRUE(sensor.partitions[1].is_template);
  EXPECT_EQ(sensor.partitions[2].file, "/etc/lab/www-{ordinal}.bin");
  EXPECT_FALSE(sensor.partitions[2].is_template);
  const GroupSpec& gateway = spec->groups[1];
  EXPECT_EQ(gateway.count, 1u);
  EXPECT_EQ(gateway.restart, RestartPolicy::kOnFailure);
  EXPECT_FALSE(gateway.mac);
}

TEST(FleetSpec, ReadsTheLan) {
  const auto spec = parse_fleet_spec(R"(
[fleet]
name = "lab"
net = "lan"
[lan]
network = "10.7.0.0/20"
first = "10.7.4.1"
restrict = true
uplink = ["tap:lab0", "connect:10.0.0.1:4000"]
[[device]]
demo = true
)",
                                     "f");
  ASSERT_TRUE(spec) << spec.error();
  EXPECT_EQ(spec->net, FleetNet::kLan);
  EXPECT_EQ(net::ipv4_text(spec->lan.network.gateway()), "10.7.0.2");
  EXPECT_EQ(net::ipv4_text(*spec->lan.first), "10.7.4.1");
  EXPECT_TRUE(spec->lan.restricted);
  ASSERT_EQ(spec->lan.uplinks.size(), 2u);
  EXPECT_EQ(net::text_of(spec->lan.uplinks[1]), "connect:10.0.0.1:4000");
}

TEST(FleetSpec, ErrorsOfTheLanNameTheKey) {
  const auto error_of = [](std::string_view lan) {
    return parse_fleet_spec(
               fmt::format("[fleet]\nname = 'lab'\nnet = 'lan'\n[lan]\n{}\n[[device]]\ndemo = true\n", lan),
               "f")
        .error();
  };
  EXPECT_THAT(error_of("network = '10.1.0.1/16'"), HasSubstr("f:5: lan.network: '10.1.0.1/16' has bits set"));
  EXPECT_THAT(error_of("first = '10.1.0.3'"), HasSubstr("f:4: lan.first: 10.1.0.3 is no device's address"));
  EXPECT_THAT(error_of("uplink = 'eth0'"), HasSubstr("f:5: lan.uplink: 'eth0': no such link"));
  EXPECT_THAT(parse_fleet_spec("[lan]\n[[device]]\nname = 'a'\ndemo = true\n", "f").error(),
              HasSubstr("f:1: lan: there is no such network without net = \"lan\""));
}

TEST(FleetSpec, TheOnlyGroupMayBeNameless) {
  const auto spec = parse_fleet_spec("[fleet]\nname = 'lab'\n[[device]]\ndemo = true\n", "f");
  ASSERT_TRUE(spec) << spec.error();
  EXPECT_EQ(spec->groups[0].name, "lab");
}

TEST(FleetSpec, EspIdfsCsvIsAPartition) {
  image::test::TemporaryFolder folder;
  folder.write("csv/nvs.csv",
               "key,type,encoding,value\napp,namespace,,\nid,data,u16,{ordinal}\ncert,file,binary,c.pem\n");
  const std::string text =
      "[[device]]\ndemo = true\n[device.partitions]\nnvs = { nvs-csv = 'csv/nvs.csv' }\n";
  const std::string path = folder.path() / "fleet.toml";
  const auto spec = parse_fleet_spec(text, path);
  ASSERT_TRUE(spec) << spec.error();
  const auto& rows = spec->groups[0].partitions[0].nvs;
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[1].value, "{ordinal}");
  EXPECT_EQ(rows[2].value, folder.path() / "csv/c.pem");
  folder.write("csv/nvs.csv", "key,type,encoding,value\nid,data,u16,1\n");
  EXPECT_THAT(parse_fleet_spec(text, path).error(), HasSubstr("csv/nvs.csv:2: id has no namespace"));
}

struct BadFile {
  const char* text;
  const char* error;
};

TEST(FleetSpec, ErrorsNameFileLineAndKey) {
  const BadFile files[] = {
      {"[fleet]\nname = 3\n", "fleet.toml:2: fleet.name: a text is wanted, not a whole number"},
      {"[fleet]\nnmae = 'x'\n",
       "fleet.toml:2: fleet.nmae: there is no such key; there are name, net, workers"},
      {"[fleet]\nnet = 'wifi'\n", "fleet.toml:2: fleet.net: 'wifi' is none of user, lan, none"},
      {"[fleet\n", "fleet.toml:1: "},
      {"other = 1\n", "fleet.toml:1: other: there is no such key"},
      {"device = 1\n", "fleet.toml:1: device: groups of devices are written [[device]]"},
      {"[[device]]\ndemo = true\ncount = -1\n", "fleet.toml:3: count: -1 is not from 0 to"},
      {"[[device]]\ndemo = true\ncount = 'many'\n",
       "fleet.toml:3: count: a whole number is wanted, not a text"},
      {"[[device]]\ndemo = true\n\nports = ['x:80']\n", "fleet.toml:4: ports: x:80: the host's port"},
      {"[[device]]\ndemo = true\nmac = '01:00:00:00:00:00'\n",
       "fleet.toml:3: mac: '01:00:00:00:00:00' is a group"},
      {"[[device]]\ndemo = true\nrestart = 'maybe'\n", "fleet.toml:3: restart: 'maybe' is none of"},
      {"[[device]]\ndemo = true\ncpu = 2\n", "fleet.toml:3: cpu: 2 is no share"},
      {"[[device]]\ndemo = true\ncpu = 'half'\n", "fleet.toml:3: cpu: a number is wanted, not a text"},
      {"[[device]]\ndemo = 1\n", "fleet.toml:2: demo: true or false is wanted, not a whole number"},
      {"[[device]]\ndemo = true\nflash-size = '3M'\n", "fleet.toml:3: flash-size: "},
      {"[[device]]\ndemo = true\nhostname = '{nmae}'\n", "fleet.toml:1: hostname: '{nmae}': {nmae} is none"},
      {"[[device]]\ndemo = true\n[device.partitions]\nnvs = 3\n",
       "fleet.toml:4: partitions.nvs: a file's name"},
      {"[[device]]\ndemo = true\n[device.partitions.nvs]\nspace = 3\n",
       "fleet.toml:4: partitions.nvs.space: a table of keys"},
      {"[[device]]\ndemo = true\n[device.partitions.nvs]\n",
       "fleet.toml:3: partitions.nvs: there is nothing to put into it"},
      {"[[device]]\ndemo = true\n[device.partitions.nvs.app]\na = 1.5\n",
       "fleet.toml:4: partitions.nvs.app.a: a text, a whole number, true"},
      {"[[device]]\ndemo = true\n[device.partitions.nvs.app]\na = '{nmae}'\n",
       "fleet.toml:1: partitions.nvs.app.a: '{nmae}': {nmae} is none"},
      {"[[device]]\ndemo = true\n[device.partitions.nvs.app]\na = { type = 'u8' }\n",
       "fleet.toml:4: partitions.nvs.app.a: expected { type = ..., value = ... }"},
      {"[[device]]\ndemo = true\n[device.partitions.nvs.app]\na = { type = 'u8', valeu = 1 }\n",
       "fleet.toml:4: partitions.nvs.app.a.valeu: there is no such key; there are file, type, value"},
      {"[[device]]\ndemo = true\n[device.partitions]\nwww = { file = 'a', nvs-csv = 'b' }\n",
       "fleet.toml:4: partitions.www.nvs-csv: there is no such key; there are file, template"},
      {"[[device]]\ndemo = true\n[device.partitions]\nnvs = { nvs-csv = '/nowhere.csv' }\n",
       "fleet.toml:4: partitions.nvs: /nowhere.csv: No such file"},
      {"[[device]]\ncount = 2\n", "fleet.toml:1: image: name an image or the demo"},
      {"[[device]]\nimage = 'nothing.bin'\n", "fleet.toml:1: image: nothing.bin: No such file"},
      {"\n\n[[device]]\nname = 'a b'\ndemo = true\n", "fleet.toml:3: name: 'a b' has other characters"},
      {"[[device]]\nname='a'\ndemo=true\n[[device]]\nname='a'\ndemo=true\n",
       "fleet.toml:4: name: there are two"},
      {"[[device]]\nname='a'\ndemo=true\n[[device]]\nname='a-1'\ndemo=true\n",
       "fleet.toml:4: name: a-1 could be a device of the group a"},
      {"[fleet]\n", "fleet.toml: there are no devices"},
  };
  for (const BadFile& file : files) EXPECT_THAT(error_of(file.text), StartsWith(file.error)) << file.text;
}

TEST(FleetSpec, PortsThatCollideAreRefused) {
  const auto two = [](const char* first, const char* second) {
    return error_of(std::string("[[device]]\nname = 'a'\ndemo = true\n") + first +
                    "\n[[device]]\nname = 'b'\ndemo = true\n" + second + "\n");
  };
  EXPECT_EQ(two("count = 10\nports = '9000+:80'", "ports = '9010+:80'"), "");
  EXPECT_EQ(two("count = 11\nports = '9000+:80'", "ports = '9010+:80'"),
            "fleet.toml:6: ports: a-10 and b-0 both publish 127.0.0.1:9010");
  EXPECT_EQ(two("count = 11\nports = '9000+:80'", "ports = '9010+:80/udp'"), "");
  EXPECT_THAT(two("count = 2\nports = '9000:80'", ""),
              StartsWith("fleet.toml:1: ports: 127.0.0.1:9000 is one port for 2 devices; '9000+:80' gives"));
  EXPECT_EQ(two("count = 2\nports = '0:80'", "count = 2\nports = '0:80'"), "");
  EXPECT_THAT(two("count = 20\nports = '65530+:80'", ""),
              StartsWith("fleet.toml:1: ports: 65530+ for 20 devices"));
}

TEST(FleetSpec, GroupsHaveTheirOwnAddresses) {
  FleetSpec spec;
  spec.groups.resize(3);
  spec.groups[0].name = "a";
  spec.groups[1].name = "b";
  spec.groups[1].mac = group_mac("host", spec.name, "c");
  spec.groups[2].name = "c";
  const auto macs = group_macs(spec, "host");
  EXPECT_EQ(macs[0], group_mac("host", spec.name, "a"));
  EXPECT_EQ(macs[1], *spec.groups[1].mac);
  EXPECT_NE(macs[2], macs[1]);  // whose hash it would have been
  EXPECT_EQ(macs, group_macs(spec, "host"));
}

TEST(FleetSpec, FilesThatCannotBeReadAreNamed) {
  EXPECT_THAT(load_fleet_spec("/nonexistent/fleet.toml").error(), HasSubstr("/nonexistent/fleet.toml"));
}

}  // namespace
}  // namespace espalier::fleet
