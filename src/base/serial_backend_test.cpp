#include "base/serial_backend.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/event_loop_test_support.h"
#include "base/serial_kinds.h"

namespace espalier::base {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using Kind = SerialSpec::Kind;

std::span<const std::uint8_t> raw(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

TEST(SerialSpec, Spellings) {
  EXPECT_EQ(parse_serial_spec("stdio")->kind, Kind::kStdio);
  EXPECT_EQ(parse_serial_spec("none")->kind, Kind::kNone);
  const auto file = parse_serial_spec("file:/a:b c");
  EXPECT_EQ(file->kind, Kind::kFile);
  EXPECT_EQ(file->path, "/a:b c");
  const auto path = parse_serial_spec("unix:x.sock");
  EXPECT_EQ(path->kind, Kind::kUnix);
  EXPECT_EQ(path->path, "x.sock");
  for (const auto& [text, address, port] :
       {std::tuple{"tcp:127.0.0.1:5000", "127.0.0.1", 5000}, std::tuple{"tcp:localhost:0", "127.0.0.1", 0},
        std::tuple{"tcp:0.0.0.0:65535", "0.0.0.0", 65535}, std::tuple{"tcp:[::1]:23", "::1", 23}}) {
    const auto spec = parse_serial_spec(text);
    ASSERT_TRUE(spec) << text;
    EXPECT_EQ(spec->kind, Kind::kTcp);
    EXPECT_EQ(spec->address, address);
    EXPECT_EQ(spec->port, port);
  }
}

TEST(SerialSpec, MistakesAreNamed) {
  for (const auto& [text, what] : {
           std::pair{"", "expected stdio"},
           std::pair{"stdio:", "expected stdio"},
           std::pair{"none:x", "expected stdio"},
           std::pair{"udp:1:2", "expected stdio"},
           std::pair{"file:", "the path is missing"},
           std::pair{"file", "the path is missing"},
           std::pair{"unix:", "the path is missing"},
           std::pair{"tcp:", "expected tcp:ADDR:PORT"},
           std::pair{"tcp:5000", "expected tcp:ADDR:PORT"},
           std::pair{"tcp::5000", "\"\" is not an IP address"},
           std::pair{"tcp:example.org:5000", "\"example.org\" is not an IP address"},
           std::pair{"tcp:::1:5000", "expected tcp:ADDR:PORT"},
           std::pair{"tcp:[1.2.3.4]:5000", "is not an IPv6 address"},
           std::pair{"tcp:127.0.0.1:", "\"\" is not a port"},
           std::pair{"tcp:127.0.0.1:65536", "\"65536\" is not a port"},
           std::pair{"tcp:127.0.0.1:-1", "\"-1\" is not a port"},
           std::pair{"tcp:127.0.0.1:80x", "\"80x\" is not a port"},
       }) {
    const auto spec = parse_serial_spec(text);
    ASSERT_FALSE(spec) << text;
    EXPECT_THAT(spec.error(), HasSubstr(what)) << text;
    EXPECT_THAT(spec.error(), StartsWith("serial \"" + std::string(text) + "\": "));
    EXPECT_EQ(spec.error().find('\n'), std::string::npos);
  }
}

class SerialTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/espalier-serial-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    folder = name;
  }
  void TearDown() override {
    serial.reset();
    std::filesystem::remove_all(folder);
  }
  void open(std::string_view text) {
    const auto spec = parse_serial_spec(text);
    ASSERT_TRUE(spec);
    auto made = open_serial(loop, *spec);
    ASSERT_TRUE(made) << made.error();
    serial = std::move(*made);
    attach();
  }
  void attach() {
    serial->on_input([this](std::span<const std::uint8_t> bytes) {
      const std::size_t n = std::min(room, bytes.size());
      got.append(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n));
      room -= n;
      return n;
    });
    serial->on_leave([this](SerialBackend::Leave why) { left.push_back(why); });
  }
  bool run_until(const std::function<bool()>& done) { return testing_support::run_until(loop, done); }
  void turns(int n = 5) {
    while (n-- > 0) loop.poll(2'000'000);
  }

  EventLoop loop;
  std::string folder;
  std::unique_ptr<SerialBackend> serial;
  std::size_t room = ~std::size_t{0};
  std::string got;
  std::vector<SerialBackend::Leave> left;
};

// A connection to a back end, as netcat would make it.
class Client {
 public:
  explicit Client(const std::string& where) {
    if (where.starts_with("unix:")) {
      fd_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
      sockaddr_un a{};
      a.sun_family = AF_UNIX;
      where.copy(a.sun_path, sizeof a.sun_path - 1, 5);
      connected = connect(fd_, reinterpret_cast<sockaddr*>(&a), sizeof a) == 0;
    } else {
      fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      sockaddr_in a{};
      a.sin_family = AF_INET;
      a.sin_port = htons(static_cast<std::uint16_t>(std::stoi(where.substr(where.rfind(':') + 1))));
      a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      connected = connect(fd_, reinterpret_cast<sockaddr*>(&a), sizeof a) == 0;
    }
    fcntl(fd_, F_SETFL, O_NONBLOCK);
  }
  ~Client() { close(fd_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  void put(std::string_view text) const {
    ASSERT_EQ(::send(fd_, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
  }
  std::string get() {
    std::string all;
    char buffer[65536];
    while (true) {
      const ssize_t n = recv(fd_, buffer, sizeof buffer, 0);
      if (n == 0 || (n < 0 && errno != EAGAIN)) closed = true;
      if (n <= 0) return all;
      all.append(buffer, static_cast<std::size_t>(n));
    }
  }
  int fd() const { return fd_; }
  bool connected = false;
  bool closed = false;

 private:
  int fd_ = -1;
};

class SocketSerialTest : public SerialTest, public ::testing::WithParamInterface<bool> {
 protected:
  void SetUp() override {
    SerialTest::SetUp();
    open(GetParam() ? "unix:" + folder + "/uart.sock" : "tcp:127.0.0.1:0");
  }
};
INSTANTIATE_TEST_SUITE_P(TcpAndUnix, SocketSerialTest, ::testing::Bool());

TEST_P(SocketSerialTest, BytesBothWays) {
  Client client(serial->where());
  ASSERT_TRUE(client.connected);
  client.put(std::string_view("in\0\xff\r\n", 6));
  ASSERT_TRUE(run_until([&] { return got.size() == 6; }));
  EXPECT_EQ(got, std::string("in\0\xff\r\n", 6));
  serial->write(raw(std::string_view("out\0\xff\n", 6)));
  std::string out;
  ASSERT_TRUE(run_until([&] { return (out += client.get()).size() == 6; }));
  EXPECT_EQ(out, std::string("out\0\xff\n", 6));
}

TEST_P(SocketSerialTest, WithoutAClientOutputIsLost) {
  serial->write(raw("nobody hears this"));
  turns();
  Client client(serial->where());
  turns();
  serial->write(raw("heard"));
  std::string out;
  ASSERT_TRUE(run_until([&] { return (out += client.get()).size() >= 5; }));
  EXPECT_EQ(out, "heard");
  EXPECT_TRUE(serial->drain(0));
}

TEST_P(SocketSerialTest, EveryClientIsGreeted) {
  int clients = 0;
  serial->on_client([&] { serial->write(raw(std::to_string(++clients))); });
  EXPECT_EQ(clients, 0);
  for (const char* greeting : {"1", "2"}) {
    Client client(serial->where());
    std::string out;
    ASSERT_TRUE(run_until([&] { return !(out += client.get()).empty(); }));
    EXPECT_EQ(out, greeting);
  }
  serial->on_client([&] { clients = 100; });
  EXPECT_EQ(clients, 100) << "the last one has not been taken leave of";
}

TEST_P(SocketSerialTest, OneClientAtATimeThenTheNext) {
  auto first = std::make_unique<Client>(serial->where());
  turns();
  Client second(serial->where());
  ASSERT_TRUE(run_until([&] {
    second.get();
    return second.closed;
  }));
  first->put("a");
  ASSERT_TRUE(run_until([&] { return got == "a"; }));
  first.reset();
  // Whether or not the loop has noticed, the next one gets in.
  Client third(serial->where());
  third.put("b");
  ASSERT_TRUE(run_until([&] { return got == "ab"; }));
  serial->write(raw("c"));
  std::string out;
  ASSERT_TRUE(run_until([&] { return !(out += third.get()).empty(); }));
  EXPECT_EQ(out, "c");
}

TEST_P(SocketSerialTest, ClientThatHasSentEverythingStillListens) {
  Client client(serial->where());
  client.put("only this");
  shutdown(client.fd(), SHUT_WR);
  ASSERT_TRUE(run_until([&] { return got == "only this"; }));
  turns();
  serial->write(raw("answer"));
  std::string out;
  ASSERT_TRUE(run_until([&] { return (out += client.get()).size() == 6; }));
  EXPECT_EQ(out, "answer");
  EXPECT_FALSE(loop.poll(1'000'000));  // the half-closed connection does not keep the loop busy
}

TEST_P(SocketSerialTest, InputWaitsForRoom) {
  room = 3;
  Client client(serial->where());
  client.put("abcdef");
  ASSERT_TRUE(run_until([&] { return got == "abc"; }));
  client.put("ghi");
  turns();
  EXPECT_EQ(got, "abc");
  room = 4;
  serial->resume_input();
  EXPECT_EQ(got, "abcdef");
  ASSERT_TRUE(run_until([&] { return got == "abcdefg"; }));
  room = 100;
  serial->resume_input();
  ASSERT_TRUE(run_until([&] { return got == "abcdefghi"; }));
}

TEST_P(SocketSerialTest, SlowClientGetsEverything) {
  Client client(serial->where());
  turns();
  std::string sent;
  // However much the kernel takes for itself.
  for (int i = 0; !serial->congested() && sent.size() < 100'000'000; ++i) {
    const std::string piece(10'000, static_cast<char>('a' + i % 26));
    serial->write(raw(piece));
    sent += piece;
    loop.poll(0);
  }
  EXPECT_TRUE(serial->congested());
  std::string out;
  ASSERT_TRUE(run_until([&] { return (out += client.get()).size() >= sent.size(); }));
  EXPECT_TRUE(out == sent);
  EXPECT_FALSE(serial->congested());
}

TEST_P(SocketSerialTest, ClientThatVanishesDoesNoHarm) {
  {
    Client client(serial->where());
    turns();
    serial->write(raw(std::string(3'000'000, 'x')));
  }
  ASSERT_TRUE(run_until([&] {
    serial->write(raw("more"));
    return !serial->congested();
  }));
  EXPECT_TRUE(left.empty());
}

TEST_F(SerialTest, TcpPortInUseIsNamed) {
  open("tcp:127.0.0.1:0");
  const std::string where = serial->where();
  const auto again = open_serial(loop, *parse_serial_spec(where));
  ASSERT_FALSE(again);
  EXPECT_THAT(again.error(), HasSubstr(where));
  EXPECT_THAT(again.error(), HasSubstr("in use"));
  const auto elsewhere = open_serial(loop, *parse_serial_spec("tcp:192.0.2.1:5000"));
  ASSERT_FALSE(elsewhere);
  EXPECT_THAT(elsewhere.error(), HasSubstr("no interface"));
}

TEST_F(SerialTest, UnixSocketFileComesAndGoes) {
  const std::string path = folder + "/uart.sock";
  open("unix:" + path);
  struct stat st {};
  EXPECT_EQ(stat(path.c_str(), &st), 0);
  const auto again = open_serial(loop, *parse_serial_spec("unix:" + path));
  ASSERT_FALSE(again);
  EXPECT_THAT(again.error(), HasSubstr("another program listens there"));
  EXPECT_EQ(stat(path.c_str(), &st), 0);
  serial.reset();
  EXPECT_NE(stat(path.c_str(), &st), 0);
}

TEST_F(SerialTest, StaleUnixSocketIsReplaced) {
  const std::string path = folder + "/uart.sock";
  const int dead = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un a{};
  a.sun_family = AF_UNIX;
  path.copy(a.sun_path, sizeof a.sun_path - 1);
  ASSERT_EQ(bind(dead, reinterpret_cast<sockaddr*>(&a), sizeof a), 0);
  close(dead);
  open("unix:" + path);
  Client client(serial->where());
  EXPECT_TRUE(client.connected);
}

TEST_F(SerialTest, UnixPathsThatCannotBe) {
  std::ofstream(folder + "/file") << "precious";
  const auto file = open_serial(loop, *parse_serial_spec("unix:" + folder + "/file"));
  ASSERT_FALSE(file);
  EXPECT_THAT(file.error(), HasSubstr("is no socket"));
  EXPECT_EQ(std::filesystem::file_size(folder + "/file"), 8u);
  const auto none = open_serial(loop, *parse_serial_spec("unix:" + folder + "/no/uart.sock"));
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error(), HasSubstr("No such file"));
  const auto deep = open_serial(loop, *parse_serial_spec("unix:/" + std::string(200, 'x')));
  ASSERT_FALSE(deep);
  EXPECT_THAT(deep.error(), HasSubstr("longer than"));
}

TEST_F(SerialTest, FileTakesEveryByte) {
  const std::string path = folder + "/console.log";
  std::ofstream(path) << "what was there before and is longer";
  open("file:" + path);
  serial->write(raw(std::string_view("boot\r\n\0\x1d", 8)));
  loop.poll(0);
  serial->write(raw("end"));
  serial.reset();
  std::ifstream in(path, std::ios::binary);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}), std::string("boot\r\n\0\x1d"
                                                                             "end",
                                                                             11));
}

TEST_F(SerialTest, UnwritableFileIsNamed) {
  for (const std::string& path : {folder, folder + "/no/console.log"}) {
    const auto made = open_serial(loop, *parse_serial_spec("file:" + path));
    ASSERT_FALSE(made);
    EXPECT_THAT(made.error(), HasSubstr("cannot write " + path + ": "));
  }
}

TEST_F(SerialTest, FullDiskIsReported) {
  open("file:/dev/full");
  serial->write(raw("x"));
  loop.poll(0);
  EXPECT_EQ(left, std::vector{SerialBackend::Leave::kOutputClosed});
}

TEST_F(SerialTest, NoneSwallows) {
  open("none");
  serial->write(raw("x"));
  EXPECT_FALSE(serial->congested());
  EXPECT_TRUE(serial->drain(0));
  EXPECT_FALSE(loop.poll(0));
}

class PipedSerialTest : public SerialTest {
 protected:
  std::array<int, 2> in{-1, -1};
  std::array<int, 2> out{-1, -1};
  void SetUp() override {
    SerialTest::SetUp();
    ASSERT_EQ(pipe2(in.data(), O_CLOEXEC), 0);
    ASSERT_EQ(pipe2(out.data(), O_CLOEXEC), 0);
    fcntl(out[0], F_SETFL, O_NONBLOCK);
    serial = open_stdio_serial(loop, {}, in[0], out[1]);
    attach();
  }
  void TearDown() override {
    SerialTest::TearDown();
    for (int* fd : {&in[0], &in[1], &out[0], &out[1]})
      if (*fd >= 0) close(*fd);
  }
  void feed(std::string_view text) {
    ASSERT_EQ(write(in[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  std::string output() {
    char buffer[65536];
    const ssize_t n = read(out[0], buffer, sizeof buffer);
    return n > 0 ? std::string(buffer, static_cast<std::size_t>(n)) : std::string();
  }
};

TEST_F(PipedSerialTest, BytesBothWaysCtrlBracketIncluded) {
  feed("abc\x1d\x03");  // no terminal: just bytes
  ASSERT_TRUE(run_until([&] { return got == "abc\x1d\x03"; }));
  serial->write(raw("out\r\n"));
  loop.poll(0);
  EXPECT_EQ(output(), "out\r\n");
  EXPECT_TRUE(left.empty());
}

TEST_F(PipedSerialTest, EndOfInputIsNoReasonToLeaveOrToSpin) {
  feed("last");
  close(in[1]);
  in[1] = -1;
  ASSERT_TRUE(run_until([&] { return got == "last"; }));
  turns();
  EXPECT_FALSE(loop.poll(1'000'000));
  EXPECT_TRUE(left.empty());
  serial->write(raw("still here"));
  loop.poll(0);
  EXPECT_EQ(output(), "still here");
  serial->resume_input();
  EXPECT_FALSE(loop.poll(0));
}

TEST_F(PipedSerialTest, InputWaitsInThePipe) {
  room = 2;
  feed("abcd");
  ASSERT_TRUE(run_until([&] { return got == "ab"; }));
  feed(std::string(10'000, 'x'));
  turns();
  EXPECT_FALSE(loop.poll(0));
  pollfd waiting{.fd = in[0], .events = POLLIN, .revents = 0};
  EXPECT_EQ(::poll(&waiting, 1, 0), 1);  // still in the pipe
  room = 100'000;
  serial->resume_input();
  ASSERT_TRUE(run_until([&] { return got.size() == 10'004; }));
}

TEST_F(PipedSerialTest, UartThatHasRoomAgainWhileItIsBeingServed) {
  int calls = 0;
  serial->on_input([&](std::span<const std::uint8_t> bytes) -> std::size_t {
    if (++calls > 20) return bytes.size();
    got += static_cast<char>(bytes[0]);
    serial->resume_input();
    return 1;
  });
  feed("abcdef");
  ASSERT_TRUE(run_until([&] { return got == "abcdef"; }));
  EXPECT_EQ(calls, 6);
}

TEST_F(PipedSerialTest, InputBeforeAnybodyListensIsKept) {
  serial.reset();
  auto other = open_stdio_serial(loop, {}, in[0], out[1]);
  feed("early");
  turns();
  std::string seen;
  other->on_input([&](std::span<const std::uint8_t> bytes) {
    seen.append(bytes.begin(), bytes.end());
    return bytes.size();
  });
  ASSERT_TRUE(run_until([&] { return seen == "early"; }));
}

TEST_F(PipedSerialTest, OutputsReaderGone) {
  close(out[0]);
  out[0] = -1;
  serial->write(raw("x"));
  loop.poll(0);
  EXPECT_EQ(left, std::vector{SerialBackend::Leave::kOutputClosed});
  serial->write(raw("x"));
  loop.poll(0);
  EXPECT_EQ(left.size(), 1u);
}

TEST_F(PipedSerialTest, WhatWaitsIsSentWhenItGoes) {
  serial->write(raw("last words"));
  serial.reset();
  EXPECT_EQ(output(), "last words");
}

TEST_F(SerialTest, InputFromAFileAndFromNowhere) {
  std::ofstream(folder + "/input") << "from a file";
  const int file = ::open((folder + "/input").c_str(), O_RDONLY | O_CLOEXEC);
  const int sink = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  serial = open_stdio_serial(loop, {}, file, sink);
  attach();
  ASSERT_TRUE(run_until([&] { return got == "from a file"; }));
  turns();
  EXPECT_FALSE(loop.poll(0));
  serial = open_stdio_serial(loop, {}, sink, sink);  // < /dev/null
  attach();
  turns();
  EXPECT_FALSE(loop.poll(0));
  serial = open_stdio_serial(loop, {}, -1, sink);  // <&-
  attach();
  serial->write(raw("x"));
  turns();
  EXPECT_TRUE(left.empty());
  close(file);
  close(sink);
}

}  // namespace
}  // namespace espalier::base
