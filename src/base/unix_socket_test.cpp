#include "base/unix_socket.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace espalier::base {
namespace {

using ::testing::HasSubstr;

class UnixSocket : public ::testing::Test {
 protected:
  UnixSocket() {
    std::string pattern = (std::filesystem::temp_directory_path() / "espalier.XXXXXX").string();
    folder = mkdtemp(pattern.data());
    path = folder / "socket";
  }
  ~UnixSocket() override { std::filesystem::remove_all(folder); }

  std::filesystem::path folder;
  std::string path;
};

TEST_F(UnixSocket, ItsFileHasTheModeAskedFor) {
  const auto fd = listen_unix(path, 0600);
  ASSERT_TRUE(fd) << fd.error();
  struct stat st {};
  ASSERT_EQ(stat(path.c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777, 0600u);
  const auto client = connect_unix(path);
  ASSERT_TRUE(client) << client.error();
  close(*client);
  close(*fd);
}

TEST_F(UnixSocket, AListenersPathIsRefusedAKilledOnesIsReplaced) {
  const auto first = listen_unix(path);
  ASSERT_TRUE(first) << first.error();
  EXPECT_EQ(listen_unix(path).error(), "another program listens there");
  close(*first);
  const auto second = listen_unix(path);
  EXPECT_TRUE(second) << second.error();
  close(*second);
}

TEST_F(UnixSocket, WhatIsNoSocketStays) {
  std::ofstream(path) << "mine";
  EXPECT_EQ(listen_unix(path).error(), "the file exists and is no socket");
  EXPECT_EQ(std::filesystem::file_size(path), 4u);
}

TEST_F(UnixSocket, ErrorsSayWhy) {
  EXPECT_THAT(listen_unix(std::string(200, 'x')).error(), HasSubstr("longer than 107 bytes"));
  EXPECT_THAT(connect_unix(path).error(), HasSubstr("No such file"));
}

}  // namespace
}  // namespace espalier::base
