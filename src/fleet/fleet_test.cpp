#include "fleet/fleet.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <set>
#include <thread>

#include "base/tcp_socket.h"
#include "fleet/replica.h"
#include "host/mac_address.h"
#include "image/image_test_support.h"

namespace espalier::fleet {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

// Events as they come, and a way to wait for them.
class Events {
 public:
  explicit Events(Control& control)
      : subscription_(control.follow_events(0, [this](const Event& event) {
          const std::lock_guard lock(mutex_);
          events_.push_back(event);
          changed_.notify_all();
        })) {}

  // Until there have been `count` of the kind, of that device or of any.
  bool wait(Event::Kind kind, std::size_t count = 1, std::string_view device = {}) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(60), [&] { return of(kind, device) >= count; });
  }
  std::size_t count(Event::Kind kind, std::string_view device = {}) {
    const std::lock_guard lock(mutex_);
    return of(kind, device);
  }
  std::string detail(Event::Kind kind) {
    const std::lock_guard lock(mutex_);
    const auto at = std::ranges::find(events_, kind, &Event::kind);
    return at == events_.end() ? "" : at->detail;
  }

 private:
  std::size_t of(Event::Kind kind, std::string_view device) const {
    return static_cast<std::size_t>(std::ranges::count_if(
        events_, [&](const Event& e) { return e.kind == kind && (device.empty() || e.device == device); }));
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Event> events_;
  Subscription subscription_;
};

GroupSpec demo_group(unsigned count) {
  GroupSpec group;
  group.name = "demo";
  group.count = count;
  group.machine.demo = true;
  group.ports.push_back(*parse_port("0:80"));
  group.ready = "listening on port";
  return group;
}

std::uint16_t free_port() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  EXPECT_EQ(bind(fd, reinterpret_cast<const sockaddr*>(&address), size), 0);
  EXPECT_EQ(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
  close(fd);
  return ntohs(address.sin_port);
}

std::string get(std::uint16_t port, const std::string& path) {
  const auto fd = base::connect_tcp({.address = "127.0.0.1", .port = port});
  if (!fd) return "connect: " + fd.error();
  const std::string request = "GET " + path + " HTTP/1.0\r\n\r\n";
  if (write(*fd, request.data(), request.size()) < 0) return "write";
  std::string answer;
  char buffer[4096];
  for (ssize_t got = 0; (got = read(*fd, buffer, sizeof buffer)) > 0;)
    answer.append(buffer, static_cast<std::size_t>(got));
  close(*fd);
  return answer;
}

class FleetTest : public testing::Test {
 protected:
  std::unique_ptr<Fleet> fleet;
  std::unique_ptr<Events> events;

  void start(std::vector<GroupSpec> groups) {
    FleetSpec spec;
    spec.name = "test";
    spec.workers = 2;
    spec.groups = std::move(groups);
    auto made = Fleet::create(spec);
    ASSERT_TRUE(made) << made.error();
    fleet = std::move(*made);
    events = std::make_unique<Events>(*fleet);
  }
  void TearDown() override {
    events.reset();
    fleet.reset();
  }
  void type(std::string_view device, std::string_view text) {
    const auto typed =
        fleet->input(device, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
    ASSERT_TRUE(typed) << typed.error().message;
  }
};

// A partitioned device does not answer, the others do; when it heals, TCP repeats what was lost.
TEST_F(FleetTest, ACableIsCutAndHealsWhileItRuns) {
  start({demo_group(2)});
  ASSERT_TRUE(events->wait(Event::Kind::kReady, 2));
  const auto devices = fleet->list();
  EXPECT_NE(devices[0].link.seed, devices[1].link.seed);
  ASSERT_TRUE(fleet->impair("demo-0", {.partition = true}));
  EXPECT_EQ(events->detail(Event::Kind::kNetwork), "partition");
  EXPECT_TRUE(fleet->device("demo-0")->link.out.partition);
  EXPECT_THAT(get(devices[1].ports[0].host_port, "/hello"), HasSubstr("200 OK"));
  auto answer = std::async(std::launch::async, [&] { return get(devices[0].ports[0].host_port, "/hello"); });
  EXPECT_EQ(answer.wait_for(std::chrono::milliseconds(300)), std::future_status::timeout);
  ASSERT_TRUE(fleet->impair("demo-0", {.clear = true}));
  EXPECT_THAT(answer.get(), HasSubstr("200 OK"));
}

// Guests that hang in a loop: they wait for their flash, for ever.
GroupSpec busy_group() {
  GroupSpec group;
  group.name = "busy";
  group.count = 4;
  group.machine.image = ESPALIER_FLASH_STORES_IMAGE;
  group.ready = "kept";
  return group;
}

// A guest that hangs in a loop takes its turns and no more, beside
// others on the same two threads.
TEST_F(FleetTest, GuestsThatNeverRestLeaveTheOthersTheirTime) {
  start({busy_group(), demo_group(2)});
  ASSERT_TRUE(events->wait(Event::Kind::kReady, 6));
  const FleetStats before = fleet->stats();
  for (unsigned round = 0; round < 5; ++round)
    for (const char* name : {"demo-0", "demo-1"})
      EXPECT_THAT(get(fleet->device(name)->ports[0].host_port, "/hello"), HasSubstr("200 OK")) << name;
  const FleetStats after = fleet->stats();
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_GT(after.devices[i].instructions, before.devices[i].instructions) << after.devices[i].name;
    EXPECT_EQ(after.devices[i].resets, 0u);
  }
  EXPECT_EQ(after.restarts, 0u);
}

// Nor do they keep others from starting for longer than they take to show that they have started.
TEST_F(FleetTest, WhoIsReadyLetsTheNextStart) {
  const GroupSpec busy = busy_group();
  FleetSpec spec;
  spec.workers = 1;
  spec.groups = {busy};
  auto made = Fleet::create(spec);
  ASSERT_TRUE(made) << made.error();
  fleet = std::move(*made);
  std::promise<timespec> all_ready;
  unsigned ready = 0;
  const Subscription subscription = fleet->follow_events(0, [&](const Event& event) {
    if (event.kind != Event::Kind::kReady || ++ready != busy.count) return;
    timespec used{};  // by the worker, whose thread this is
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    all_ready.set_value(used);
  });
  auto told = all_ready.get_future();
  ASSERT_EQ(told.wait_for(std::chrono::seconds(60)), std::future_status::ready);
  // Each of three would have had 100 ms before the next one's turn.
  const timespec used = told.get();
  EXPECT_LT(static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9, 0.3);
}

// The power of one device is cut: it boots again and is ready again, and the others notice nothing.
TEST_F(FleetTest, APowerCutIsOneDevicesOnly) {
  start({demo_group(3)});
  ASSERT_TRUE(events->wait(Event::Kind::kReady, 3));
  ASSERT_TRUE(fleet->inject("demo-1", *host::parse_fault("power-cut,for=50ms,seed=3")));
  ASSERT_TRUE(events->wait(Event::Kind::kFault, 1, "demo-1"));
  EXPECT_THAT(events->detail(Event::Kind::kFault), HasSubstr("off for 50ms, memory is lost, flash was idle"));
  ASSERT_TRUE(events->wait(Event::Kind::kReady, 2, "demo-1"));
  const auto devices = fleet->list();
  for (const DeviceInfo& device : devices) {
    EXPECT_EQ(device.restarts, 0u) << device.name;
    EXPECT_THAT(get(device.ports[0].host_port, "/hello"), HasSubstr("200 OK")) << device.name;
  }
  EXPECT_EQ(events->count(Event::Kind::kReady), 4u);
  fleet->stop("demo-2");
  EXPECT_EQ(fleet->inject("demo-2", {}).error().kind, Error::Kind::kConflict);
  EXPECT_EQ(fleet->inject("demo-1", *host::parse_fault("power-cut,at=1")).error().kind,
            Error::Kind::kInvalid);
}

TEST_F(FleetTest, ImpairmentsOutliveARestart) {
  GroupSpec group = demo_group(1);
  group.machine.impair = *net::parse_impairment("latency=50ms");
  start({group});
  ASSERT_TRUE(events->wait(Event::Kind::kReady, 1));
  ASSERT_TRUE(fleet->restart("demo-0"));
  ASSERT_TRUE(events->wait(Event::Kind::kReady, 2));
  const auto began = std::chrono::steady_clock::now();
  EXPECT_THAT(get(fleet->device("demo-0")->ports[0].host_port, "/hello"), HasSubstr("200 OK"));
  // The handshake and the request's answer: two times there and back.
  EXPECT_GE(std::chrono::steady_clock::now() - began, std::chrono::milliseconds(200));
  EXPECT_EQ(net::impairment_text(fleet->device("demo-0")->link), "latency 50ms");
}

TEST_F(FleetTest, DevicesAreIndividuals) {
  start({demo_group(4)});
  ASSERT_TRUE(events->wait(Event::Kind::kReady, 4));
  EXPECT_TRUE(events->wait(Event::Kind::kUp));
  const auto devices = fleet->list();
  ASSERT_EQ(devices.size(), 4u);
  std::set<std::string> macs;
  for (unsigned i = 0; i < 4; ++i) {
    EXPECT_EQ(devices[i].name, "demo-" + std::to_string(i));
    EXPECT_EQ(devices[i].hostname, devices[i].name);
    EXPECT_EQ(devices[i].state, DeviceState::kRunning);
    EXPECT_TRUE(devices[i].ready);
    macs.insert(devices[i].mac);
    ASSERT_EQ(devices[i].ports.size(), 1u);
    EXPECT_NE(devices[i].ports[0].host_port, 0);
    EXPECT_THAT(get(devices[i].ports[0].host_port, "/hello"), HasSubstr("200 OK"));
    EXPECT_THAT(*fleet->logs(devices[i].name, {}), HasSubstr("MAC " + devices[i].mac));
  }
  EXPECT_EQ(macs.size(), 4u);
  const FleetStats stats = fleet->stats();
  EXPECT_EQ(stats.states.at("running"), 4u);
  EXPECT_EQ(stats.ready, 4u);
  EXPECT_GT(stats.frames_in, 4u);
  EXPECT_GT(stats.instructions, 1'000'000u);
  EXPECT_EQ(stats.workers.size(), 2u);
  EXPECT_EQ(stats.workers[0].devices, 2u);
  const FleetInfo info = fleet->info();
  EXPECT_EQ(info.name, "test");
  ASSERT_EQ(info.groups.size(), 1u);
  EXPECT_EQ(info.groups[0].count, 4u);
  EXPECT_EQ(info.groups[0].source, "demo");
}

TEST_F(FleetTest, APanicIsNoMatterOfTheOthers) {
  start({demo_group(3)});
  ASSERT_TRUE(events->wait(Event::Kind::kReady, 3));
  type("demo-1", "panic\n");
  ASSERT_TRUE(events->wait(Event::Kind::kPanic, 1, "demo-1"));
  EXPECT_THAT(events->detail(Event::Kind::kPanic), HasSubstr("asked for at the console"));
  ASSERT_TRUE(events->wait(Event::Kind::kReset, 1, "demo-1"));
  EXPECT_EQ(events->count(Event::Kind::kReset), 1u);
  EXPECT_EQ(events->count(Event::Kind::kPanic), 1u);
  const auto stats = fleet->stats();
  EXPECT_EQ(stats.panics, 1u);
  EXPECT_EQ(stats.resets, 1u);
  EXPECT_EQ(stats.states.at("running"), 3u);
  EXPECT_THAT(get(fleet->device("demo-0")->ports[0].host_port, "/hello"), HasSubstr("200 OK"));
}

TEST_F(FleetTest, StopStartRestartKeepTheIdentity) {
  start({demo_group(2)});
  ASSERT_TRUE(events->wait(Event::Kind::kReady, 2));
  const DeviceInfo before = *fleet->device("demo-0");
  ASSERT_TRUE(fleet->stop("demo-0"));
  EXPECT_EQ(fleet->device("demo-0")->state, DeviceState::kStopped);
  EXPECT_THAT(get(before.ports[0].host_port, "/hello"), HasSubstr("connect: "));
  const auto typed = fleet->input("demo-0", std::vector<std::uint8_t>{'x'});
  ASSERT_FALSE(typed);
  EXPECT_EQ(typed.error().kind, Error::Kind::kConflict);
  ASSERT_TRUE(fleet->start("demo-0"));
  ASSERT_TRUE(events->wait(Event::Kind::kReady, 2, "demo-0"));
  const DeviceInfo after = *fleet->device("demo-0");
  EXPECT_EQ(after.mac, before.mac);
  EXPECT_EQ(after.ports[0].host_port, before.ports[0].host_port);
  ASSERT_TRUE(fleet->restart("demo-0"));
  ASSERT_TRUE(events->wait(Event::Kind::kReady, 3, "demo-0"));
  EXPECT_EQ(events->count(Event::Kind::kStopped, "demo-1"), 0u);
  EXPECT_EQ(fleet->stop("demo-7").error().kind, Error::Kind::kNotFound);
  EXPECT_EQ(fleet->stop("demo-00").error().kind, Error::Kind::kNotFound);
}

TEST_F(FleetTest, ScalesUpAndDown) {
  start({demo_group(2)});
  ASSERT_TRUE(fleet->scale({{"demo", 5}}));
  ASSERT_TRUE(events->wait(Event::Kind::kReady, 5));
  EXPECT_EQ(fleet->list().size(), 5u);
  ASSERT_TRUE(fleet->remove("demo-1"));
  EXPECT_EQ(fleet->list().size(), 4u);
  ASSERT_TRUE(fleet->scale({{"demo", 5}}));  // gives the name to a new device
  ASSERT_TRUE(events->wait(Event::Kind::kReady, 2, "demo-1"));
  ASSERT_TRUE(fleet->scale({{"demo", 1}}));
  ASSERT_TRUE(events->wait(Event::Kind::kRemoved, 5));
  const auto devices = fleet->list();
  ASSERT_EQ(devices.size(), 1u);
  EXPECT_EQ(devices[0].name, "demo-0");
  // What has been is still counted.
  EXPECT_GT(fleet->stats().instructions, fleet->stats().devices[0].instructions);
  EXPECT_EQ(fleet->scale({{"other", 1}}).error().kind, Error::Kind::kNotFound);
  EXPECT_EQ(fleet->scale({{"demo", kMostOrdinals + 1}}).error().kind, Error::Kind::kInvalid);
}

// One of several processes that share the numbers: its devices are its own, its ports count from its first
// one.
TEST_F(FleetTest, AReplicaHasItsNumbersAndNoMore) {
  GroupSpec group = demo_group(2);
  FleetSpec spec{.name = "demo", .groups = {group}};
  ASSERT_TRUE(place(spec, {"demo", 5}));
  group = spec.groups[0];
  start({group});
  ASSERT_TRUE(events->wait(Event::Kind::kReady, 2));
  std::vector<std::string> names;
  for (const DeviceInfo& device : fleet->list()) names.push_back(device.name);
  EXPECT_THAT(names, testing::ElementsAre("demo-10", "demo-11"));
  EXPECT_EQ(fleet->device("demo-11")->mac, host::mac_text(device_mac(*group.mac, 11)));
  const auto more = fleet->scale({{"demo", 3}});
  ASSERT_FALSE(more);
  EXPECT_THAT(more.error().message, HasSubstr("has the numbers 10 to 11 and no more"));
  ASSERT_TRUE(fleet->remove("demo-10"));
  ASSERT_TRUE(fleet->scale({{"demo", 2}}));
  ASSERT_TRUE(events->wait(Event::Kind::kReady, 2, "demo-10"));
}

TEST_F(FleetTest, AReplicasPortsCountFromItsFirstDevice) {
  const unsigned base = free_port();
  GroupSpec group = demo_group(1);
  group.ports = {*parse_port(std::to_string(base) + "+:80")};
  group.first = 7;
  start({group});
  ASSERT_TRUE(events->wait(Event::Kind::kReady, 1));
  EXPECT_EQ(fleet->device("demo-7")->ports[0].host_port, base);
}

TEST_F(FleetTest, FollowersOfALogSeeTheEnd) {
  start({demo_group(1)});
  ASSERT_TRUE(events->wait(Event::Kind::kReady));
  std::mutex mutex;
  std::string seen;
  bool ended = false;
  auto following = fleet->follow_logs("demo-0", 1, [&](std::span<const std::uint8_t> bytes) {
    const std::lock_guard lock(mutex);
    seen.append(bytes.begin(), bytes.end());
    ended |= bytes.empty();
  });
  ASSERT_TRUE(following);
  EXPECT_THAT(seen, HasSubstr("listening on port"));
  type("demo-0", "panic\n");
  ASSERT_TRUE(events->wait(Event::Kind::kReset));
  ASSERT_TRUE(fleet->remove("demo-0"));
  const std::lock_guard lock(mutex);
  EXPECT_THAT(seen, HasSubstr("panic: core"));
  EXPECT_TRUE(ended);
}

// A chip that resets too often is a failed machine, which the policy decides about.
TEST_F(FleetTest, RestartsByPolicy) {
  GroupSpec failing = demo_group(1);
  failing.name = "failing";
  failing.machine.reset_limit = 0;
  GroupSpec lasting = failing;
  lasting.name = "lasting";
  lasting.restart = RestartPolicy::kNo;
  start({failing, lasting});
  ASSERT_TRUE(events->wait(Event::Kind::kReady, 2));
  type("failing-0", "restart\n");
  type("lasting-0", "restart\n");
  ASSERT_TRUE(events->wait(Event::Kind::kFailed, 1, "lasting-0"));
  ASSERT_TRUE(events->wait(Event::Kind::kBackOff, 1, "failing-0"));
  ASSERT_TRUE(events->wait(Event::Kind::kReady, 2, "failing-0"));
  EXPECT_EQ(fleet->device("failing-0")->restarts, 1u);
  const DeviceInfo ended = *fleet->device("lasting-0");
  EXPECT_EQ(ended.state, DeviceState::kFailed);
  EXPECT_EQ(ended.restarts, 0u);
  EXPECT_NE(ended.exit_reason, "");
  EXPECT_EQ(events->count(Event::Kind::kBackOff, "lasting-0"), 0u);
  ASSERT_TRUE(fleet->start("lasting-0"));
  EXPECT_TRUE(events->wait(Event::Kind::kReady, 2, "lasting-0"));
}

TEST_F(FleetTest, ARunningDeviceIsMadeMany) {
  start({demo_group(1)});
  ASSERT_TRUE(events->wait(Event::Kind::kReady));
  const DeviceInfo source = fleet->list()[0];
  ASSERT_THAT(get(source.ports[0].host_port, "/hello"), HasSubstr("200 OK"));
  const auto group = fleet->clone("demo-0", {.group = "warm", .count = 3});
  ASSERT_TRUE(group) << group.error().message;
  EXPECT_EQ(group->name, "warm");
  EXPECT_EQ(group->source, "clone of demo-0");
  ASSERT_TRUE(events->wait(Event::Kind::kReady, 4));
  const auto devices = fleet->list();
  ASSERT_EQ(devices.size(), 4u);
  std::set<std::string> macs;
  std::set<unsigned> ports;
  for (const DeviceInfo& device : devices) {
    EXPECT_THAT(get(device.ports[0].host_port, "/hello"), HasSubstr("200 OK")) << device.name;
    macs.insert(device.mac);
    ports.insert(device.ports[0].host_port);
    // What its firmware has read already stays; no more is to be had without a reset.
    EXPECT_EQ(device.ethernet_mac, source.ethernet_mac);
  }
  EXPECT_EQ(macs.size(), 4u);
  EXPECT_EQ(ports.size(), 4u);
  EXPECT_NE(source.ethernet_mac, "");
  // They have not booted: the demo's console would say so.
  EXPECT_THAT(fleet->logs("warm-2", {}).value(), ::testing::Not(HasSubstr("listening on port")));

  // A reset makes the firmware read its own.
  type("warm-1", "restart\n");
  ASSERT_TRUE(events->wait(Event::Kind::kReset, 1, "warm-1"));
  for (int i = 0; i < 600 && fleet->device("warm-1")->ethernet_mac == source.ethernet_mac; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_NE(fleet->device("warm-1")->ethernet_mac, source.ethernet_mac);
  EXPECT_EQ(fleet->device("warm-0")->ethernet_mac, source.ethernet_mac);

  // It is a group like any other, and can be a source itself.
  ASSERT_TRUE(fleet->scale({{"warm", 1}, {"demo", 0}}));
  ASSERT_TRUE(fleet->clone("warm-0", {.count = 1}));
  EXPECT_TRUE(events->wait(Event::Kind::kReady, 1, "warm-0-clones-0"));
  EXPECT_EQ(fleet->info().groups.size(), 3u);
}

TEST_F(FleetTest, ClonesThatCannotBeAreRefusedBeforeAnythingIsMade) {
  start({demo_group(2)});
  ASSERT_TRUE(events->wait(Event::Kind::kReady, 2));
  const auto refusal = [&](std::string_view device, const CloneRequest& request) {
    const auto made = fleet->clone(device, request);
    return made ? "taken" : made.error().message;
  };
  EXPECT_THAT(refusal("demo-9", {}), HasSubstr("no device 'demo-9'"));
  EXPECT_THAT(refusal("demo-0", {.group = "demo"}), HasSubstr("two groups named demo"));
  EXPECT_THAT(refusal("demo-0", {.group = "demo-7"}), HasSubstr("could be a device of the group demo"));
  EXPECT_THAT(refusal("demo-0", {.group = "a b"}), HasSubstr("group: 'a b' has other characters"));
  EXPECT_THAT(refusal("demo-0", {.count = 0}), HasSubstr("count: 0 is not from 1"));
  EXPECT_THAT(refusal("demo-0", {.count = 70000}), HasSubstr("count: 70000 is not from 1"));
  EXPECT_THAT(refusal("demo-0", {.count = 2, .ports = {"9000:80"}}), HasSubstr("one port for 2 devices"));
  EXPECT_THAT(refusal("demo-0", {.count = 2, .ports = {"x"}}), HasSubstr("ports: x:"));
  const std::uint16_t taken = fleet->list()[0].ports[0].host_port;
  EXPECT_THAT(refusal("demo-0", {.ports = {std::to_string(taken) + ":80"}}), HasSubstr("cannot publish"));
  ASSERT_TRUE(fleet->stop("demo-1"));
  EXPECT_THAT(refusal("demo-1", {}), HasSubstr("demo-1 is not running: stopped"));
  EXPECT_EQ(fleet->snapshot("demo-1").error().kind, Error::Kind::kConflict);
  EXPECT_EQ(fleet->info().groups.size(), 1u);
  EXPECT_EQ(fleet->list().size(), 2u);
}

TEST_F(FleetTest, ADevicesSnapshotIsAFile) {
  image::test::TemporaryFolder folder;
  start({demo_group(1)});
  ASSERT_TRUE(events->wait(Event::Kind::kReady));
  const auto file = fleet->snapshot("demo-0");
  ASSERT_TRUE(file) << file.error().message;
  events.reset();
  fleet.reset();
  GroupSpec group = demo_group(2);
  group.machine.demo = false;
  group.machine.image = folder.write("demo.snap", *file);
  group.ready.clear();
  start({group});
  ASSERT_TRUE(events->wait(Event::Kind::kReady, 2));
  for (const DeviceInfo& device : fleet->list())
    EXPECT_THAT(get(device.ports[0].host_port, "/hello"), HasSubstr("200 OK"));
  group.partitions.push_back({.name = "nvs", .file = "x", .nvs = {}});
  FleetSpec spec;
  spec.groups = {group};
  EXPECT_THAT(Fleet::create(spec).error(), HasSubstr("partitions: a snapshot's flash is as it was saved"));
}

TEST_F(FleetTest, PortsInUseAreRefusedBeforeAnythingStarts) {
  base::TcpEnd end{.address = "127.0.0.1"};
  const auto listener = base::listen_tcp(end);
  ASSERT_TRUE(listener);
  FleetSpec spec;
  spec.groups.push_back(demo_group(1));
  spec.groups[0].ports = {*parse_port(std::to_string(end.port) + "+:80")};
  const auto made = Fleet::create(spec);
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error(), HasSubstr("the port is in use"));
  close(*listener);
  // Nor do two groups that grow into each other.
  start({demo_group(1)});
}

TEST_F(FleetTest, PartitionsThatCannotBeFilledAreRefusedBeforeAnythingStarts) {
  image::test::TemporaryFolder folder;
  FleetSpec spec;
  GroupSpec& group = spec.groups.emplace_back();
  group.name = "a";
  group.count = 300;
  group.machine.image = folder.write("flash.bin", image::test::make_flash());
  PartitionSpec& partition = group.partitions.emplace_back();
  partition.name = "nvs";
  partition.nvs = {{.space = "app", .key = "id", .encoding = "u8", .value = "{ordinal}"}};
  EXPECT_EQ(Fleet::create(spec).error(), "a-256: partitions.nvs: app.id: 256 is not from 0 to 255");
  partition = {.name = "phy_init", .file = folder.write("big.bin", image::Bytes(4097)), .nvs = {}};
  EXPECT_THAT(Fleet::create(spec).error(), HasSubstr("big.bin has 4097 bytes and the partition 4096"));
  partition.name = "other";
  EXPECT_THAT(Fleet::create(spec).error(),
              HasSubstr("partitions.other: the image's partition table has no such"));
}

TEST_F(FleetTest, ADeviceThatCannotStartIsNoMatterOfTheOthers) {
  GroupSpec broken = demo_group(1);
  broken.name = "broken";
  broken.restart = RestartPolicy::kNo;
  broken.persist = "/dev/null/nowhere";
  start({demo_group(1), broken});
  ASSERT_TRUE(events->wait(Event::Kind::kReady, 1, "demo-0"));
  ASSERT_TRUE(events->wait(Event::Kind::kFailed, 1, "broken-0"));
  EXPECT_THAT(fleet->device("broken-0")->exit_reason, HasSubstr("persist: "));
  EXPECT_TRUE(events->wait(Event::Kind::kUp));
}

// Each device has a file of its own, which is complete when it has been stopped.
TEST_F(FleetTest, FlashIsKept) {
  std::string folder = testing::TempDir() + "espalier-fleet-XXXXXX";
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  GroupSpec group = demo_group(2);
  group.persist = folder + "/state";
  group.machine.flash_size = 4 << 20;
  start({group});
  ASSERT_TRUE(events->wait(Event::Kind::kReady, 2));
  ASSERT_TRUE(fs::exists(group.persist + "/demo-0.bin"));
  ASSERT_TRUE(fs::exists(group.persist + "/demo-1.bin"));
  ASSERT_TRUE(fleet->stop("demo-0"));
  std::fstream(group.persist + "/demo-0.bin", std::ios::in | std::ios::out | std::ios::binary)
      .seekp(0x1000)
      .put('\0');  // no bootloader any more
  events.reset();
  fleet.reset();
  start({group});
  ASSERT_TRUE(events->wait(Event::Kind::kReady, 1, "demo-1"));
  ASSERT_TRUE(events->wait(Event::Kind::kFailed, 1, "demo-0"));  // it boots from its own file
  events.reset();
  fleet.reset();
  fs::remove_all(folder);
}

TEST_F(FleetTest, DownIsToldOnce) {
  start({demo_group(1)});
  std::atomic<int> told = 0;
  fleet->on_down([&] { ++told; });
  fleet->down();
  fleet->down();
  EXPECT_EQ(told, 1);
  EXPECT_TRUE(fleet->info().going_down);
  EXPECT_EQ(fleet->scale({{"demo", 2}}).error().kind, Error::Kind::kUnavailable);
  EXPECT_EQ(events->count(Event::Kind::kDown), 1u);
}

// A guest that never sleeps, in warp, beside one that serves: both go on.
TEST_F(FleetTest, ABusyGuestDoesNotStarveOthers) {
  GroupSpec busy = demo_group(2);
  busy.name = "busy";
  busy.machine.clock = host::ClockMode::kWarp;
  FleetSpec spec;
  spec.workers = 1;
  spec.groups = {demo_group(1), busy};
  auto made = Fleet::create(spec);
  ASSERT_TRUE(made) << made.error();
  fleet = std::move(*made);
  events = std::make_unique<Events>(*fleet);
  ASSERT_TRUE(events->wait(Event::Kind::kReady, 3));
  for (int i = 0; i < 5; ++i)
    EXPECT_THAT(get(fleet->device("demo-0")->ports[0].host_port, "/hello"), HasSubstr("200 OK"));
  EXPECT_THAT(get(fleet->device("busy-1")->ports[0].host_port, "/hello"), HasSubstr("200 OK"));
}

}  // namespace
}  // namespace espalier::fleet
