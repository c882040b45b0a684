#include "fleet/processors.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace espalier::fleet {
namespace {

namespace fs = std::filesystem;

// A tree of control groups, and a process in it.
class Processors : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "cgroup-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    groups.memberships = folder_ / "memberships";
    groups.root = folder_ / "tree";
    fs::create_directory(groups.root);
  }
  void TearDown() override { fs::remove_all(folder_); }

  void is_in(std::string_view memberships) { std::ofstream(groups.memberships) << memberships; }
  void write(const std::string& file, std::string_view text) {
    const fs::path path = fs::path(groups.root) / file;
    fs::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }

  ControlGroups groups;

 private:
  fs::path folder_;
};

TEST_F(Processors, QuotaOfVersion2AsAContainerSeesIt) {
  is_in("0::/\n");
  write("cpu.max", "150000 100000\n");
  EXPECT_EQ(processor_quota(groups), 1.5);
}

TEST_F(Processors, WithoutAQuotaThereIsNone) {
  EXPECT_EQ(processor_quota(groups), std::nullopt);  // no files at all
  is_in("0::/\n");
  EXPECT_EQ(processor_quota(groups), std::nullopt);  // a root has no cpu.max
  write("cpu.max", "max 100000\n");
  EXPECT_EQ(processor_quota(groups), std::nullopt);
  write("cpu.max", "nonsense\n");
  EXPECT_EQ(processor_quota(groups), std::nullopt);
}

TEST_F(Processors, TheLeastOfAllGroupsAboveCounts) {
  is_in("0::/lab.slice/fleet.service\n");
  write("lab.slice/cpu.max", "300000 100000\n");
  write("lab.slice/fleet.service/cpu.max", "max 100000\n");
  EXPECT_EQ(processor_quota(groups), 3);
  write("lab.slice/fleet.service/cpu.max", "50000 200000\n");
  EXPECT_EQ(processor_quota(groups), 0.25);
  write("other.slice/cpu.max", "1000 100000\n");  // of others
  EXPECT_EQ(processor_quota(groups), 0.25);
}

TEST_F(Processors, QuotaOfVersion1) {
  is_in("5:memory:/lab\n4:cpu,cpuacct:/lab\n0::/\n");
  write("cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
  write("cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(processor_quota(groups), std::nullopt);
  write("cpu,cpuacct/lab/cpu.cfs_quota_us", "250000\n");
  write("cpu,cpuacct/lab/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(processor_quota(groups), 2.5);
}

// The group's name is the host's there, and its folder is the root of what is mounted.
TEST_F(Processors, QuotaOfVersion1AsAContainerSeesIt) {
  is_in("7:cpuset:/docker/0123\n4:cpu:/docker/0123\n");
  write("cpu/cpu.cfs_quota_us", "40000\n");
  write("cpu/cpu.cfs_period_us", "50000\n");
  EXPECT_EQ(processor_quota(groups), 0.8);
  is_in("4:cpu:/../../other\n");
  EXPECT_EQ(processor_quota(groups), 0.8);
}

TEST_F(Processors, AQuotaIsRoundedUpAndNeverMoreThanThereAre) {
  EXPECT_EQ(processors_within(8, std::nullopt), 8u);
  EXPECT_EQ(processors_within(8, 2.0), 2u);
  EXPECT_EQ(processors_within(8, 2.01), 3u);
  EXPECT_EQ(processors_within(8, 0.1), 1u);
  EXPECT_EQ(processors_within(2, 7.5), 2u);
  EXPECT_EQ(processors_within(0, std::nullopt), 1u);
  EXPECT_EQ(processors_within(4, 1e30), 4u);
}

TEST(UsableProcessors, FollowTheAffinityMask) {
  cpu_set_t before;
  ASSERT_EQ(sched_getaffinity(0, sizeof before, &before), 0);
  EXPECT_GE(usable_processors(), 1u);
  EXPECT_LE(usable_processors(), static_cast<unsigned>(CPU_COUNT(&before)));
  cpu_set_t one;
  CPU_ZERO(&one);
  for (std::size_t cpu = 0; CPU_COUNT(&one) == 0; ++cpu)
    if (CPU_ISSET(cpu, &before)) CPU_SET(cpu, &one);
  ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
  EXPECT_EQ(usable_processors(), 1u);
  ASSERT_EQ(sched_setaffinity(0, sizeof before, &before), 0);
}

}  // namespace
}  // namespace espalier::fleet
