// The kinds of serial back ends that QEMU's command line has beyond those of `run`.
#include "base/serial_kinds.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include <thread>

#include "base/event_loop_test_support.h"

namespace espalier::base {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using namespace std::string_literals;

std::span<const std::uint8_t> raw(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

class SerialKindsTest : public ::testing::Test {
 protected:
  void open(const SerialSpec& spec) {
    auto made = open_serial(loop, spec);
    ASSERT_TRUE(made) << made.error();
    serial = std::move(*made);
    serial->on_input([this](std::span<const std::uint8_t> bytes) {
      got.append(bytes.begin(), bytes.end());
      return bytes.size();
    });
  }
  bool run_until(const std::function<bool()>& done) { return testing_support::run_until(loop, done); }
  // What arrives at `fd` until there are `size` bytes.
  std::string read_bytes(int fd, std::size_t size) {
    fcntl(fd, F_SETFL, O_NONBLOCK);
    std::string bytes;
    run_until([&] {
      char buffer[256];
      const ssize_t n = read(fd, buffer, sizeof buffer);
      if (n > 0) bytes.append(buffer, static_cast<std::size_t>(n));
      return bytes.size() >= size;
    });
    return bytes;
  }
  // A port of 127.0.0.1 that is listened on by `listener`.
  std::uint16_t listen_somewhere(int& listener) {
    listener = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(listener, 1), 0);
    getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
    return ntohs(address.sin_port);
  }
  int connect_to(std::uint16_t port) {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return fd;
  }
  std::uint16_t port_of_serial() {
    const std::string where = serial->where();
    return static_cast<std::uint16_t>(std::stoi(where.substr(where.rfind(':') + 1)));
  }

  EventLoop loop;
  std::unique_ptr<SerialBackend> serial;
  std::string got;
};

TEST_F(SerialKindsTest, AClientConnectsToSomebodysServer) {
  int listener;
  const std::uint16_t port = listen_somewhere(listener);
  open({.kind = SerialSpec::Kind::kTcp, .path = {}, .address = "127.0.0.1", .port = port, .connect = true});
  const int peer = accept(listener, nullptr, nullptr);
  ASSERT_GE(peer, 0);
  serial->write(raw("out"));
  EXPECT_EQ(read_bytes(peer, 3), "out");
  ASSERT_EQ(write(peer, "in", 2), 2);
  EXPECT_TRUE(run_until([&] { return got == "in"; }));
  EXPECT_EQ(serial->where(), "");
  close(peer);
  close(listener);
}

TEST_F(SerialKindsTest, AServerThatIsNotThereIsNamed) {
  int listener;
  const std::uint16_t port = listen_somewhere(listener);
  close(listener);
  const auto made = open_serial(
      loop,
      {.kind = SerialSpec::Kind::kTcp, .path = {}, .address = "127.0.0.1", .port = port, .connect = true});
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error(), StartsWith("serial: cannot connect to tcp:127.0.0.1:"));
  EXPECT_THAT(made.error(), HasSubstr("refused"));
}

TEST_F(SerialKindsTest, WaitingForTheFirstClient) {
  int listener;
  const std::uint16_t port = listen_somewhere(listener);
  close(listener);
  std::thread client([&] {
    usleep(50'000);
    const int fd = connect_to(port);
    EXPECT_EQ(write(fd, "x", 1), 1);
    char byte;
    EXPECT_EQ(read(fd, &byte, 1), 1);
    close(fd);
  });
  open({.kind = SerialSpec::Kind::kTcp, .path = {}, .address = "127.0.0.1", .port = port, .wait = true});
  EXPECT_TRUE(run_until([&] { return got == "x"; }));
  serial->write(raw("y"));
  loop.poll(0);
  client.join();
}

TEST_F(SerialKindsTest, TelnetGreetsAndEscapes) {
  open({.kind = SerialSpec::Kind::kTcp, .path = {}, .address = "127.0.0.1", .telnet = true});
  const int fd = connect_to(port_of_serial());
  EXPECT_EQ(read_bytes(fd, 12), "\xff\xfb\x01\xff\xfb\x03\xff\xfb\x00\xff\xfd\x00"s.substr(0, 12));
  serial->write(raw("a\xff"));
  EXPECT_EQ(read_bytes(fd, 3), "a\xff\xff");
  ASSERT_EQ(write(fd,
                  "b\xff\xfd\x01"
                  "c",
                  5),
            5);
  EXPECT_TRUE(run_until([&] { return got == "bc"; }));
  close(fd);
}

TEST_F(SerialKindsTest, APseudoTerminalComesAndGoesAndComesBack) {
  open({.kind = SerialSpec::Kind::kPty, .path = {}, .address = {}});
  ASSERT_THAT(serial->where(), StartsWith("/dev/pts/"));
  serial->write(raw("lost"));
  for (int round = 0; round < 2; ++round) {
    const int slave = ::open(serial->where().c_str(), O_RDWR | O_NOCTTY | O_NONBLOCK);
    ASSERT_GE(slave, 0);
    ASSERT_EQ(write(slave, "in\r", 3), 3);
    EXPECT_TRUE(run_until([&] { return got == "in\r"; })) << "no line editing, no echo";
    serial->write(raw("out\n"));
    EXPECT_EQ(read_bytes(slave, 4), "out\n");
    close(slave);
    got.clear();
    // Nobody there: nothing to do for the loop.
    int events = 0;
    for (int i = 0; i < 10; ++i) events += loop.poll(1'000'000);
    EXPECT_LT(events, 4);
  }
}

}  // namespace
}  // namespace espalier::base
