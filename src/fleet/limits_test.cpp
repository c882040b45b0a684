#include "fleet/limits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "base/tcp_socket.h"
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
  EXPECT_TRUE(check_room(kRoom, 100, 100));
  EXPECT_THAT(check_room(kRoom, 1000, 0).error(), HasSubstr("sysctl -w vm.max_map_count="));
  HostRoom room = kRoom;
  room.max_descriptors = 100;
  EXPECT_THAT(check_room(room, 20, 20).error(), HasSubstr("ulimit -n "));
  room = kRoom;
  room.free_memory = 10 << 20;
  EXPECT_THAT(check_room(room, 100, 0).error(), HasSubstr("10 MiB are free"));
  EXPECT_TRUE(check_room(room, 0, 0));
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

// The constants are what a machine really takes, or a fleet would run into a limit half way.
TEST(Limits, MachineNeedsAreWhatADemoTakes) {
  base::EventLoop loop;
  host::SessionOptions options;
  options.demo = true;
  options.serial[0] = {};
  const auto run = [&](host::Session& session) {
    const std::uint64_t end = base::EventLoop::now_ns() + 20'000'000'000;
    for (std::uint64_t sleep = 0; !session.network()->guest_known();) {
      ASSERT_LT(base::EventLoop::now_ns(), end);
      loop.poll(sleep);
      sleep = session.advance(false);
    }
  };
  host::Session first(loop, options);
  ASSERT_TRUE(first.open());
  run(first);
  const HostRoom before = host_room();
  host::Session second(loop, options);
  ASSERT_TRUE(second.open());
  run(second);
  const HostRoom after = host_room();
  const std::uint64_t mappings = after.mappings - before.mappings;
  RecordProperty("mappings", std::to_string(mappings));
  EXPECT_LE(mappings, kMachineNeeds.mappings);
  EXPECT_LE(after.descriptors - before.descriptors, kMachineNeeds.descriptors);
}

}  // namespace
}  // namespace espalier::fleet
