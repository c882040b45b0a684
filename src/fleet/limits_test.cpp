#include "fleet/limits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "base/tcp_socket.h"
#include "fleet/power_up.h"
#include "host/session.h"

namespace espalier::fleet {
namespace {

using ::testing::HasSubstr;

constexpr HostRoom kRoom = {.max_mappings = 50'000,
                            .max_descriptors = 10'000,
                            .free_memory = std::uint64_t{1} << 30,
                            .mappings = 100,
                            .descriptors = 10};

TEST(Limits, SaysWhatToRaise) {
  EXPECT_TRUE(check_room(kRoom, {.machines = 100, .mappings = 8'000, .ports = 100}));
  EXPECT_THAT(check_room(kRoom, {.machines = 1000, .mappings = 55'000}).error(),
              HasSubstr("1000 devices need up to 56124 memory mappings and vm.max_map_count allows 50000; as "
                        "root: sysctl -w vm.max_map_count=56124"));
  HostRoom room = kRoom;
  room.max_descriptors = 100;
  EXPECT_THAT(check_room(room, {.machines = 20, .mappings = 1'100, .ports = 20}).error(),
              HasSubstr("ulimit -n "));
  room = kRoom;
  room.free_memory = 10 << 20;
  EXPECT_THAT(check_room(room, {.machines = 100, .mappings = 5'500}).error(), HasSubstr("10 MiB are free"));
  EXPECT_TRUE(check_room(room, {}));
}

TEST(Limits, OfThisHost) {
  const HostRoom room = host_room();
  EXPECT_GT(room.max_mappings, 1000u);
  EXPECT_GT(room.mappings, 10u);
  EXPECT_LT(room.mappings, room.max_mappings);
  EXPECT_GT(room.descriptors, 2u);
  EXPECT_GT(room.free_memory, 1u << 20);
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  EXPECT_EQ(files.rlim_cur, files.rlim_max);  // raised as far as it goes
  EXPECT_GT(resident_bytes(), 1u << 20);
  EXPECT_GT(process_cpu_ns(), 0u);
}

TEST(Limits, PortsInUseAreFound) {
  base::TcpEnd end{.address = "127.0.0.1"};
  const auto listener = base::listen_tcp(end);
  ASSERT_TRUE(listener) << listener.error();
  const net::Publish taken{.host_port = end.port, .guest_port = 80};
  EXPECT_THAT(check_ports_free({taken}).error(), HasSubstr("the port is in use"));
  close(*listener);
  EXPECT_TRUE(check_ports_free({taken, {.host_port = 0, .guest_port = 80}}));
}

// What a machine really takes, or a fleet would run into a limit half way: measured of a second one, since
// the first brings with it what all share.
class MachineNeedsTest : public testing::Test {
 protected:
  using Inputs = std::shared_ptr<const host::BootInputs>;

  static Inputs inputs_of(const std::filesystem::path& image) {
    host::SessionOptions options;
    options.image = image;
    options.demo = image.empty();
    auto inputs = host::load_inputs(options);
    EXPECT_TRUE(inputs) << inputs.error();
    return inputs ? *inputs : nullptr;
  }
  std::unique_ptr<host::Session> machine(const Inputs& inputs) {
    host::SessionOptions options;
    options.inputs = inputs;
    options.image = inputs->image.name;
    options.clock = host::ClockMode::kWarp;
    options.serial[0] = {};
    auto session = std::make_unique<host::Session>(loop, options);
    const auto opened = session->open();
    EXPECT_TRUE(opened) << opened.error();
    return session;
  }
  // Until both cores have executed so many more, or wait for something that does not come.
  void run(host::Session& session, std::uint64_t instructions) {
    const std::uint64_t end = session.machine().instructions() + instructions;
    const std::uint64_t deadline = base::EventLoop::now_ns() + 60'000'000'000;
    while (session.machine().instructions() < end && base::EventLoop::now_ns() < deadline) {
      loop.poll(0);
      if (session.advance(true) > 1'000'000'000) break;
    }
  }
  // The inputs of machines that go on from where one of these is after so many instructions.
  Inputs snapshot_of(const Inputs& inputs, std::uint64_t instructions) {
    const auto session = machine(inputs);
    run(*session, instructions);
    auto snapshot = session->snapshot();
    EXPECT_TRUE(snapshot) << snapshot.error();
    auto made = std::make_shared<host::BootInputs>(*inputs);
    made->flash = (*snapshot)->flash();
    made->snapshot = *snapshot;
    return made;
  }
  void expect_enough(const Inputs& inputs, Start start, std::uint64_t instructions) {
    ASSERT_TRUE(inputs);
    EXPECT_EQ(start_of({.boot = inputs, .partitions = {}}), start);
    const auto first = machine(inputs);
    run(*first, instructions);
    const HostRoom before = host_room();
    const auto second = machine(inputs);
    std::uint64_t most = 0;
    for (int i = 0; i < 10; ++i) {
      run(*second, instructions / 10);
      most = std::max(most, mapping_count() - before.mappings);
    }
    std::printf("%llu mappings, %llu asked for\n", static_cast<unsigned long long>(most),
                static_cast<unsigned long long>(mappings_of(start)));
    EXPECT_GT(most, 20u);  // it has run
    EXPECT_LE(most, mappings_of(start));
    EXPECT_LE(host_room().descriptors - before.descriptors, kMachineNeeds.descriptors);
  }

  base::EventLoop loop;
};

TEST_F(MachineNeedsTest, OfTheDemo) {
  const Inputs demo = inputs_of({});
  expect_enough(demo, Start::kDemo, 5'000'000);
  expect_enough(snapshot_of(demo, 2'000'000), Start::kDemoSnapshot, 5'000'000);
}

// Of real firmware, where it is.
class FirmwareNeedsTest : public MachineNeedsTest, public testing::WithParamInterface<const char*> {};

TEST_P(FirmwareNeedsTest, Booted) {
  const char* folder = std::getenv("ESPALIER_FIRMWARE");
  const char* home = std::getenv("HOME");
  const auto image =
      (folder != nullptr ? std::filesystem::path(folder)
                         : std::filesystem::path(home != nullptr ? home : "") / ".cache/espalier/firmware") /
      GetParam();
  if (!std::filesystem::exists(image)) GTEST_SKIP() << image << " is not there";
  const Inputs inputs = inputs_of(image);
  expect_enough(inputs, Start::kFirmware, 50'000'000);
  expect_enough(snapshot_of(inputs, 40'000'000), Start::kSnapshot, 50'000'000);
}

INSTANTIATE_TEST_SUITE_P(Images, FirmwareNeedsTest,
                         testing::Values("idf5.0-hello", "micropython-1.18.bin", "arduino-hello"));

}  // namespace
}  // namespace espalier::fleet
