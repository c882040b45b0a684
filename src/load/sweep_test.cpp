#include "load/sweep.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "base/event_loop.h"
#include "load/instances.h"
#include "load/load_test_support.h"
#include "load/report.h"
#include "load/sweep_report.h"

namespace espalier::load {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class SweepTest : public testing::Test {
 protected:
  SweepTest() {
    std::string name = (fs::temp_directory_path() / "espalier-sweep-XXXXXX").string();
    folder_ = mkdtemp(name.data());
  }
  ~SweepTest() override { fs::remove_all(folder_); }
  std::string log() const { return folder_ + "/log"; }
  std::string text_of_log() const {
    std::ifstream file(log());
    return {std::istreambuf_iterator<char>(file), {}};
  }
  // The first of some ports that are free, below those that the kernel gives to outgoing connections.
  static std::uint16_t free_ports() {
    constexpr std::uint16_t kFirst = 21000, kLast = 30000, kSome = 8;
    const Launch nothing{.name = "true", .command = {"/bin/true"}, .one_process = true};
    for (auto base = static_cast<std::uint16_t>(kFirst + getpid() % 8000); base < kLast; base += kSome)
      if (Instances::start(nothing, kSome, base, "/dev/null")) return base;
    ADD_FAILURE() << "no free ports";
    return kFirst;
  }

  std::string folder_;
};

TEST_F(SweepTest, ProcessesAreStartedEachWithItsPort) {
  const std::uint16_t port = free_ports();
  Launch launch{.name = "shell", .command = {"/bin/sh", "-c", "echo port {port} of {n} >&2; exec sleep 60"}};
  auto instances = Instances::start(launch, 3, port, log());
  ASSERT_TRUE(instances) << instances.error();
  const std::uint64_t deadline = base::EventLoop::now_ns() + 20'000'000'000;
  while (std::ranges::count(text_of_log(), '\n') < 3 && base::EventLoop::now_ns() < deadline) usleep(1000);
  for (int i = 0; i < 3; ++i)
    EXPECT_THAT(text_of_log(), HasSubstr("port " + std::to_string(port + i) + " of 3\n"));
  EXPECT_EQ(instances->ended(), 0u);
  EXPECT_GT(instances->usage().memory_bytes, 0u);
  EXPECT_EQ(instances->targets("/x")[2].name(), "http://127.0.0.1:" + std::to_string(port + 2) + "/x");
  const std::uint64_t before = base::EventLoop::now_ns();
  instances->stop();
  EXPECT_LT(base::EventLoop::now_ns() - before, 9'000'000'000u);
}

TEST_F(SweepTest, OneProcessCanBeAllDevices) {
  const std::uint16_t port = free_ports();
  auto instances = Instances::start(
      {.name = "shell", .command = {"/bin/sh", "-c", "echo {n} from {port} >&2"}, .one_process = true}, 5,
      port, log());
  ASSERT_TRUE(instances) << instances.error();
  const std::uint64_t deadline = base::EventLoop::now_ns() + 20'000'000'000;
  while (instances->ended() == 0 && base::EventLoop::now_ns() < deadline) usleep(1000);
  EXPECT_EQ(instances->ended(), 1u);
  EXPECT_EQ(instances->targets("/").size(), 5u);
  EXPECT_EQ(text_of_log(), "5 from " + std::to_string(port) + "\n");
}

TEST_F(SweepTest, WhatAScriptStartsCountsToo) {
  auto instances = Instances::start(
      {.name = "shell",
       .command = {"/bin/sh", "-c",
                   "(while :; do :; done) & pid=$!; trap 'kill $pid' TERM; echo up >&2; wait"}},
      1, free_ports(), log());
  ASSERT_TRUE(instances) << instances.error();
  const std::uint64_t deadline = base::EventLoop::now_ns() + 30'000'000'000;
  while (instances->usage().cpu_seconds < 0.1 && base::EventLoop::now_ns() < deadline) usleep(10'000);
  EXPECT_GE(instances->usage().cpu_seconds, 0.1);
}

TEST_F(SweepTest, WhatCannotBeStartedIsNamed) {
  const auto missing =
      Instances::start({.name = "x", .command = {"/no/such/program"}}, 1, free_ports(), log());
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error(), "cannot start /no/such/program: No such file or directory");
  const test::Server server(test::always(""));
  const auto port = static_cast<std::uint16_t>(std::stoi(server.url("").substr(17)));
  const auto taken = Instances::start({.name = "x", .command = {"/bin/true"}}, 1, port, log());
  ASSERT_FALSE(taken);
  EXPECT_THAT(taken.error(), HasSubstr("port " + std::to_string(port) + " is in use"));
  EXPECT_FALSE(Instances::start({.name = "x", .command = {"/bin/true"}}, 10, 65530, log()));
}

TEST_F(SweepTest, DevicesThatDoNotAnswerAreTold) {
  SweepOptions options;
  options.contestants = {{.launch = {.name = "mute", .command = {"/bin/sleep", "60"}}},
                         {.launch = {.name = "brief", .command = {"/bin/true"}}}};
  options.counts = {2, 3};
  options.rates = {10};
  options.folder = folder_;
  options.base_port = free_ports();
  options.up_timeout_ns = 300'000'000;
  std::size_t told = 0;
  const auto rows = run_sweep(options, [&told](const SweepRow&) { ++told; });
  ASSERT_EQ(rows.size(), 2u);  // 3 are not tried where 2 do not come up
  EXPECT_EQ(told, 2u);
  EXPECT_EQ(rows[0].problem, "0 of 2 had answered after 0 s");
  EXPECT_THAT(rows[1].problem, HasSubstr("of the processes ended by themselves"));
}

// The process lives on while it is scaled; each device is answered for by a server of the test.
TEST_F(SweepTest, WhatCanBeScaledIsStartedOnce) {
  Launch launch{.name = "shell",
                .command = {"/bin/sh", "-c", "echo start {n} >&2; exec sleep 60"},
                .one_process = true,
                .scale = {"/bin/sh", "-c", "echo scale {n} >&2; test {n} != 7"}};
  const std::uint16_t port = free_ports();
  auto instances = Instances::start(launch, 1, port, log());
  ASSERT_TRUE(instances) << instances.error();
  ASSERT_TRUE(instances->grow(launch, 3, log()));
  EXPECT_EQ(instances->targets("/").size(), 3u);
  EXPECT_THAT(text_of_log(), HasSubstr("scale 3\n"));
  const auto failed = instances->grow(launch, 7, log());
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error(), "/bin/sh has not made it 7 devices; " + log() + " says why");
  EXPECT_EQ(instances->targets("/").size(), 3u);
  EXPECT_EQ(instances->ended(), 0u);
  launch.scale = {"/no/such/program"};
  EXPECT_EQ(instances->grow(launch, 4, log()).error(),
            "cannot start /no/such/program: No such file or directory");
}

TEST_F(SweepTest, ReportsSayTheSame) {
  SweepRow row;
  row.contestant = "espalier";
  row.devices = 10;
  row.up_seconds = 1.5;
  row.rate = 100;
  row.connections = 16;
  row.memory_bytes = 3 << 20;
  row.cpu_share = 0.25;
  for (int i = 0; i < 100; ++i) row.result.latency.record(i < 98 ? 1'000'000 : 20'000'000);
  row.result.outcomes[0] = row.result.answered_in_time = 100;
  row.result.measured = 1'000'000'000;
  SweepRow failed;
  failed.contestant = "qemu";
  failed.devices = 10;
  failed.problem = "3 of 10 had answered after 120 s";
  const std::vector<SweepRow> rows = {row, failed};

  EXPECT_THAT(table_line(row),
              testing::ContainsRegex("espalier +10 +1\\.50 +100 +100\\.0 +0 +1\\.0.. +20\\.0.. +20\\.0"));
  EXPECT_THAT(table_line(row), testing::Not(HasSubstr("overloaded")));
  EXPECT_THAT(table_line(failed), HasSubstr("3 of 10 had answered after 120 s\n"));
  const std::string csv = csv_of(rows);
  EXPECT_EQ(std::ranges::count(csv, '\n'), 3);
  EXPECT_THAT(csv, HasSubstr("\nespalier,10,1.500,100,16,100,100,0,100.00,"));
  EXPECT_THAT(csv, HasSubstr(",\"3 of 10 had answered after 120 s\"\n"));
  const auto json = json_of(SweepOptions{}, rows);
  EXPECT_EQ(json["rows"][0]["load"]["rate"], 100);
  EXPECT_EQ(json["rows"][0]["memory_bytes"], 3 << 20);
  EXPECT_EQ(json["rows"][1]["problem"], failed.problem);
  EXPECT_THAT(svg_of(rows), HasSubstr("100 requests a second in all"));

  row.result.answered_in_time = 90;
  EXPECT_THAT(table_line(row), HasSubstr("overloaded"));
}

TEST(LoadSweep, ConnectionsReachWithoutCrowdingADevice) {
  EXPECT_EQ(connections_for(1), 6u);
  EXPECT_EQ(connections_for(2), 12u);
  EXPECT_EQ(connections_for(3), 16u);
  EXPECT_EQ(connections_for(100), 100u);
}

}  // namespace
}  // namespace espalier::load
