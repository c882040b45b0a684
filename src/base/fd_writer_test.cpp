#include "base/fd_writer.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string>
#include <string_view>

namespace espalier::base {
namespace {

std::span<const std::uint8_t> raw(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// Both ends of a pipe or a socket pair, the writing end in blocking mode as a shell hands it over.
struct Ends {
  std::array<int, 2> fd{-1, -1};  // read, write
  explicit Ends(bool sockets) {
    const int result =
        sockets ? socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd.data()) : pipe2(fd.data(), O_CLOEXEC);
    if (result != 0) std::abort();
    fcntl(fd[0], F_SETFL, O_NONBLOCK);
  }
  ~Ends() {
    close_reader();
    close(fd[1]);
  }
  void close_reader() {
    if (fd[0] >= 0) close(fd[0]);
    fd[0] = -1;
  }
  std::string get() const {
    std::string all;
    char buffer[65536];
    for (ssize_t n = 0; (n = read(fd[0], buffer, sizeof buffer)) > 0;)
      all.append(buffer, static_cast<std::size_t>(n));
    return all;
  }
};

class FdWriterTest : public ::testing::TestWithParam<bool> {
 protected:
  EventLoop loop;
  Ends ends{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(PipeAndSocket, FdWriterTest, ::testing::Bool());

TEST_P(FdWriterTest, BytesLeaveAtTheNextPoll) {
  FdWriter writer(loop, ends.fd[1]);
  writer.write(raw("one "));
  writer.write(raw("two"));
  EXPECT_EQ(ends.get(), "");
  EXPECT_EQ(writer.queued(), 7u);
  loop.poll(0);
  EXPECT_EQ(ends.get(), "one two");
  EXPECT_EQ(writer.queued(), 0u);
}

TEST_P(FdWriterTest, ManyBytesLeaveAtOnce) {
  FdWriter writer(loop, ends.fd[1]);
  const std::string text(FdWriter::kAtOnce, 'x');
  writer.write(raw(text));
  EXPECT_EQ(ends.get(), text);
}

TEST_P(FdWriterTest, SlowReaderGetsEverythingInOrderAndNothingBlocks) {
  FdWriter writer(loop, ends.fd[1]);
  std::string sent;
  for (int i = 0; sent.size() < 2'000'000; ++i) sent += std::to_string(i) + ',';
  for (std::size_t at = 0; at < sent.size(); at += 1000)
    writer.write(raw(std::string_view(sent).substr(at, 1000)));
  EXPECT_TRUE(writer.congested());
  EXPECT_FALSE(loop.poll(1'000'000));  // and does not spin while the pipe is full
  std::string got;
  while (got.size() < sent.size()) {
    got += ends.get();
    loop.poll(1'000'000);
  }
  EXPECT_EQ(got, sent);
  EXPECT_FALSE(writer.congested());
  EXPECT_FALSE(loop.poll(0));
}

TEST_P(FdWriterTest, FlagsOfTheSharedFileStayAsTheyWere) {
  const int before = fcntl(ends.fd[1], F_GETFL);
  FdWriter writer(loop, ends.fd[1]);
  writer.write(raw(std::string(300'000, 'x')));
  loop.poll(0);
  EXPECT_EQ(fcntl(ends.fd[1], F_GETFL), before);
}

TEST_P(FdWriterTest, ReaderGoneIsReportedOnceAndNoSignal) {
  FdWriter writer(loop, ends.fd[1]);
  int errors = 0;
  int error = 0;
  writer.on_error([&](int e) {
    ++errors;
    error = e;
  });
  ends.close_reader();
  writer.write(raw("x"));
  loop.poll(0);
  EXPECT_EQ(errors, 1);
  EXPECT_EQ(error, EPIPE);
  EXPECT_TRUE(writer.failed());
  writer.write(raw(std::string(100'000, 'x')));
  loop.poll(0);
  EXPECT_EQ(errors, 1);
  EXPECT_EQ(writer.queued(), 0u);
  EXPECT_TRUE(writer.drain(0));
}

TEST_P(FdWriterTest, ReaderGoneWhileWaiting) {
  FdWriter writer(loop, ends.fd[1]);
  int errors = 0;
  writer.on_error([&](int) { ++errors; });
  writer.write(raw(std::string(500'000, 'x')));
  ends.close_reader();
  while (errors == 0) ASSERT_TRUE(loop.poll(5'000'000'000));
  EXPECT_TRUE(writer.failed());
}

TEST_P(FdWriterTest, DrainWaitsAsLongAsItIsTold) {
  FdWriter writer(loop, ends.fd[1]);
  writer.write(raw("rest"));
  EXPECT_TRUE(writer.drain(0));
  EXPECT_EQ(ends.get(), "rest");
  writer.write(raw(std::string(500'000, 'x')));
  const auto before = EventLoop::now_ns();
  EXPECT_FALSE(writer.drain(20'000'000));
  EXPECT_GE(EventLoop::now_ns() - before, 20'000'000u);
  ends.get();
  EXPECT_TRUE(writer.queued() > 0);
}

TEST(FdWriter, WithoutAnOpenFileOfItsOwnASmallPieceAtATime) {
  // A terminal of another user's cannot be opened again; the writer then asks before each piece. A pipe whose
  // access through /proc fails stands for it here: the descriptor limit is used up.
  EventLoop loop;
  Ends ends(false);
  rlimit old{};
  getrlimit(RLIMIT_NOFILE, &old);
  const rlimit none{.rlim_cur = 3, .rlim_max = old.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  FdWriter writer(loop, ends.fd[1]);
  setrlimit(RLIMIT_NOFILE, &old);
  const std::string sent(200'000, 'y');
  writer.write(raw(sent));
  std::string got;
  while (got.size() < sent.size()) {
    got += ends.get();
    loop.poll(1'000'000);
  }
  EXPECT_EQ(got, sent);
}

TEST(FdWriter, RegularFileKeepsTheSharedOffset) {
  EventLoop loop;
  char name[] = "/tmp/espalier-writer-XXXXXX";
  const int fd = mkstemp(name);
  ASSERT_GE(fd, 0);
  unlink(name);
  ASSERT_EQ(write(fd, "before ", 7), 7);
  {
    FdWriter writer(loop, fd);
    writer.write(raw("console "));
    loop.poll(0);
  }
  ASSERT_EQ(write(fd, "after", 5), 5);
  char all[32] = "";
  EXPECT_EQ(pread(fd, all, sizeof all, 0), 20);
  EXPECT_STREQ(all, "before console after");
  close(fd);
}

TEST(FdWriter, FullDiskIsAnError) {
  EventLoop loop;
  const int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
  ASSERT_GE(fd, 0);
  FdWriter writer(loop, fd);
  int error = 0;
  writer.on_error([&](int e) { error = e; });
  writer.write(raw("x"));
  loop.poll(0);
  EXPECT_EQ(error, ENOSPC);
  close(fd);
}

TEST(FdWriter, ClosedDescriptorSwallows) {
  EventLoop loop;
  const int fd = dup(2);
  close(fd);
  FdWriter writer(loop, fd);
  writer.write(raw("x"));
  EXPECT_FALSE(loop.poll(0));
  EXPECT_TRUE(writer.failed());
}

}  // namespace
}  // namespace espalier::base
