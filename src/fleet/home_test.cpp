#include "fleet/home.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace espalier::fleet {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class Home : public testing::Test {
 protected:
  std::string folder;
  void SetUp() override {
    std::string name = testing::TempDir() + "espalier-home-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder = name;
    setenv("XDG_RUNTIME_DIR", folder.c_str(), 1);
  }
  void TearDown() override {
    unsetenv("XDG_RUNTIME_DIR");
    fs::remove_all(folder);
  }
  static void touch(const std::string& file) { std::ofstream(file) << "x"; }
  static std::size_t files_in(const std::string& path) {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(path), fs::directory_iterator()));
  }
};

TEST_F(Home, IsForItsUserAlone) {
  const auto made = home_folder();
  ASSERT_TRUE(made) << made.error();
  struct stat there {};
  ASSERT_EQ(stat(made->c_str(), &there), 0);
  EXPECT_EQ(there.st_mode & 0777, 0700u);
  chmod(made->c_str(), 0755);
  EXPECT_THAT(home_folder().error(), HasSubstr("open to others"));
}

TEST_F(Home, OneProcessHoldsAName) {
  const auto files = fleet_files("lab");
  ASSERT_TRUE(files) << files.error();
  EXPECT_EQ(look_up(*files), FleetLife::kNone);
  {
    const auto lock = FleetLock::take(*files);
    ASSERT_TRUE(lock) << lock.error();
    EXPECT_EQ(look_up(*files), FleetLife::kRunning);
    const auto second = FleetLock::take(*files);
    ASSERT_FALSE(second);
    EXPECT_THAT(second.error(),
                HasSubstr("a fleet named lab runs already (process " + std::to_string(getpid())));
    touch(files->socket);
    touch(files->log);
  }
  EXPECT_EQ(look_up(*files), FleetLife::kNone);
  EXPECT_EQ(files_in(folder + "/espalier"), 0u);
}

TEST_F(Home, WhatAKilledProcessLeavesIsCleared) {
  const auto files = fleet_files("lab");
  ASSERT_TRUE(files);
  const auto die_with_it = [&] {
    const pid_t child = fork();
    if (child == 0) {
      const auto lock = FleetLock::take(*files);
      touch(files->socket);
      raise(SIGKILL);
    }
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status));
  };
  die_with_it();
  EXPECT_TRUE(fs::exists(files->socket));
  EXPECT_EQ(all_fleet_files()->size(), 1u);
  EXPECT_EQ(look_up(*files), FleetLife::kCleared);
  EXPECT_EQ(files_in(folder + "/espalier"), 0u);
  die_with_it();
  {
    const auto lock = FleetLock::take(*files);
    ASSERT_TRUE(lock) << lock.error();
    EXPECT_FALSE(fs::exists(files->socket));
  }
  EXPECT_EQ(files_in(folder + "/espalier"), 0u);
}

TEST_F(Home, NamesAreNoPaths) {
  EXPECT_FALSE(fleet_files("../lab"));
  EXPECT_FALSE(fleet_files("a/b"));
}

}  // namespace
}  // namespace espalier::fleet
