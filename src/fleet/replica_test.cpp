#include "fleet/replica.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <set>

#include "host/mac_address.h"

namespace espalier::fleet {
namespace {

using ::testing::HasSubstr;

FleetSpec fleet_of(unsigned count) {
  GroupSpec group{.name = "sensor", .count = count};
  group.machine.demo = true;
  return {.name = "sensor", .groups = {group}};
}

TEST(Replica, IsANameAndAnOrdinal) {
  const auto replica = parse_replica("lab-b-12");
  ASSERT_TRUE(replica) << replica.error();
  EXPECT_EQ(replica->name, "lab-b");
  EXPECT_EQ(replica->ordinal, 12u);
  EXPECT_EQ(replica->text(), "lab-b-12");
}

TEST(Replica, ErrorsSayWhatIsWrong) {
  EXPECT_THAT(parse_replica("sensor").error(), HasSubstr("'sensor' has no ordinal"));
  for (const char* text : {"sensor-", "sensor-x", "sensor-1x", "sensor-03", "sensor--1 "})
    EXPECT_THAT(parse_replica(text).error(), HasSubstr("does not end with an ordinal")) << text;
  EXPECT_THAT(parse_replica("sensor-65536").error(), HasSubstr("past the ordinal 65535"));
  EXPECT_THAT(parse_replica("a_b-1").error(), HasSubstr("'a_b' has other characters"));
  EXPECT_THAT(parse_replica("-1").error(), HasSubstr("the name is empty"));
}

// Two replicas differ, one and the same is the same everywhere, and so is the device of a fleet of one.
TEST(Replica, HasAnAddressThatIsNoMatterOfTheHost) {
  std::set<std::string> seen;
  for (const char* name : {"sensor", "gateway"})
    for (const unsigned ordinal : {0u, 1u, 2u, 65535u}) {
      const Replica replica{name, ordinal};
      EXPECT_EQ(replica.mac()[0] & 3, 2);
      EXPECT_TRUE(seen.insert(host::mac_text(replica.mac())).second);
    }
  FleetSpec spec = fleet_of(1);
  const Replica third{"sensor", 3};
  ASSERT_TRUE(place(spec, third));
  const auto here = group_macs(spec, "host-a");
  EXPECT_EQ(here, group_macs(spec, "host-b"));
  EXPECT_EQ(device_mac(here[0], spec.groups[0].first), third.mac());
}

TEST(Replica, FleetsHaveTheirShareOfTheOrdinals) {
  std::set<std::string> seen;
  for (unsigned ordinal = 0; ordinal < 3; ++ordinal) {
    FleetSpec spec = fleet_of(100);
    ASSERT_TRUE(place(spec, {"sensor", ordinal}));
    const GroupSpec& group = spec.groups[0];
    EXPECT_EQ(group.first, ordinal * 100);
    EXPECT_EQ(group.most, 100u);
    const MacAddress mac = group_macs(spec, "any")[0];
    for (unsigned i = 0; i < group.count; ++i) seen.insert(host::mac_text(device_mac(mac, group.first + i)));
  }
  EXPECT_EQ(seen.size(), 300u);
  FleetSpec spec = fleet_of(100);
  EXPECT_THAT(place(spec, {"sensor", 700}).error(),
              HasSubstr("sensor-700: 100 devices a replica would go past"));
}

TEST(Replica, AMacAddressThatIsGivenStays) {
  FleetSpec spec = fleet_of(2);
  spec.groups[0].mac = MacAddress{2, 0, 0, 0, 0x10, 0};
  ASSERT_TRUE(place(spec, {"sensor", 1}));
  EXPECT_EQ(host::mac_text(*spec.groups[0].mac), "02:00:00:00:10:00");
}

// What auto finds where the host has this name: in a namespace of its own, so that nobody else sees it.
int found_on(const std::string& host, const std::string& wanted) {
  constexpr int kCannot = 77;
  const pid_t child = fork();
  if (child == 0) {
    if (unshare(CLONE_NEWUTS | (getuid() != 0 ? CLONE_NEWUSER : 0)) != 0 ||
        sethostname(host.data(), host.size()) != 0)
      _exit(kCannot);
    const auto found = find_replica("auto");
    _exit(found && (*found ? (*found)->text() : "") == wanted ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(Replica, AutoIsTheHostsName) {
  const int status = found_on("sensor-3", "sensor-3");
  if (status == 77) GTEST_SKIP() << "the host's name cannot be another here";
  EXPECT_EQ(status, 0);
  EXPECT_EQ(found_on("sensor-4.sensor.default.svc.cluster.local", "sensor-4"), 0);
  EXPECT_EQ(found_on("0d1f5c1f7a3e", ""), 0);
  EXPECT_EQ(find_replica("sensor-5").value()->text(), "sensor-5");
  EXPECT_FALSE(find_replica("sensor"));
}

}  // namespace
}  // namespace espalier::fleet
