#include "debug/gdb_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "debug/gdb_client_test_support.h"
#include "esp32/guest_program_test_support.h"

namespace espalier::debug {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using testing_support::Client;

TEST(GdbAddress, WhatACommandLineMaySay) {
  EXPECT_EQ(parse_gdb_address("1234"), (GdbAddress{"127.0.0.1", 1234}));
  EXPECT_EQ(parse_gdb_address(":1234"), (GdbAddress{"127.0.0.1", 1234}));
  EXPECT_EQ(parse_gdb_address("tcp::1234"), (GdbAddress{"127.0.0.1", 1234}));
  EXPECT_EQ(parse_gdb_address("0.0.0.0:0"), (GdbAddress{"0.0.0.0", 0}));
  EXPECT_EQ(parse_gdb_address("localhost:1"), (GdbAddress{"127.0.0.1", 1}));
  EXPECT_EQ(parse_gdb_address("[::1]:65535"), (GdbAddress{"::1", 65535}));
  for (const char* wrong : {"", "x", "65536", "-1", "1.2.3:4", "host:1", "1234:", "[::1]"}) {
    const auto result = parse_gdb_address(wrong);
    ASSERT_FALSE(result) << wrong;
    EXPECT_THAT(result.error(), HasSubstr(wrong));
  }
}

class GdbServerTest : public ::testing::Test {
 protected:
  GdbServerTest() {
    base::ignore_sigpipe();
    esp32::MachineOptions options;
    options.rom = std::make_shared<esp32::SharedRom>(rom::Rom());
    options.flash = esp32::testing_support::flash_with("again: addi a2, a2, 1; j again");
    options.clock = esp32::ClockMode::kWarp;
    machine = esp32::Machine::create(options).value();
    control = std::make_unique<RunControl>(*machine, false);
    server = GdbServer::create(loop, {*machine, *control, {}, {}}, {}).value();
    port = testing_support::port_of(*server);
  }
  void turn() {
    if (control->running() && machine->run_round() == esp32::Machine::Progress::kIdle) machine->skip_idle();
    loop.poll(0);
  }
  // What comes for `client` until it contains `text`.
  std::string read_until(const Client& client, std::string_view text) {
    std::string all;
    for (int n = 0; n < 20'000 && all.find(text) == std::string::npos; ++n) {
      turn();
      char buffer[4096];
      const ssize_t got = recv(client.fd, buffer, sizeof buffer, MSG_DONTWAIT);
      if (got == 0) return all + "(closed)";
      if (got > 0) all.append(buffer, static_cast<std::size_t>(got));
    }
    return all;
  }
  bool runs() {
    const std::uint64_t before = machine->instructions();
    for (int n = 0; n < 50; ++n) turn();
    return machine->instructions() > before;
  }

  base::EventLoop loop;
  std::unique_ptr<esp32::Machine> machine;
  std::unique_ptr<RunControl> control;
  std::unique_ptr<GdbServer> server;
  std::uint16_t port = 0;
};

TEST_F(GdbServerTest, ListensOnThisHostAlone) {
  EXPECT_THAT(server->where(), StartsWith("127.0.0.1:"));
  EXPECT_FALSE(server->connected());
  EXPECT_TRUE(runs());
  const auto second = GdbServer::create(loop, {*machine, *control, {}, {}}, {"127.0.0.1", port});
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error(), HasSubstr("the port is in use"));
}

TEST_F(GdbServerTest, ServesOneAfterAnother) {
  for (int n = 0; n < 3; ++n) {
    Client client(port);
    ASSERT_TRUE(client.connected);
    client.send("$qSupported#37");
    EXPECT_THAT(read_until(client, "vContSupported"), StartsWith("+$PacketSize="));
    EXPECT_FALSE(control->running());
    Client second(port);
    EXPECT_EQ(read_until(second, "("), "(closed)");
    client.send("+$bad#00");
    EXPECT_EQ(read_until(client, "-"), "-");
    client.send("$c#63");
    EXPECT_EQ(read_until(client, "+"), "+");
    EXPECT_TRUE(runs());
    client.send("\x03");
    EXPECT_THAT(read_until(client, "#"), StartsWith("$T02thread:1;"));
    client.send("+$D#44");
    EXPECT_THAT(read_until(client, "(closed)"), StartsWith("+$OK#9a"));
    EXPECT_TRUE(runs());
    EXPECT_FALSE(server->connected());
  }
}

TEST_F(GdbServerTest, ADebuggerThatDisappearsLeavesTheMachineRunning) {
  // While it is stopped, while it runs, in the middle of a packet.
  for (const char* last : {"$?#3f", "$c#63", "$m3ffb", "$Z0,40080400,3#"}) {
    Client client(port);
    client.send("$Z0,40080403,3#4c");
    client.send(last);
    read_until(client, "OK");
    for (int n = 0; n < 20; ++n) turn();
    client.abort();
    for (int n = 0; n < 20 && server->connected(); ++n) turn();
    EXPECT_FALSE(server->connected()) << last;
    EXPECT_TRUE(control->running()) << last;
    EXPECT_TRUE(runs()) << last;
  }
}

TEST_F(GdbServerTest, OneThatAsksAndDoesNotReadIsTurnedOut) {
  Client client(port);
  std::string questions;
  for (int n = 0; n < 500; ++n) questions += gdb_frame("m40000000,2000");
  for (int n = 0; n < 200 && (n == 0 || server->connected()); ++n) {
    (void)::send(client.fd, questions.data(), questions.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    turn();
  }
  EXPECT_FALSE(server->connected());
  EXPECT_TRUE(runs());
}

}  // namespace
}  // namespace espalier::debug
