// GDB's `monitor`, and the monitor's `gdbserver`: a debugger by a socket at a session's machine.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "debug/gdb_client_test_support.h"
#include "debug/gdb_packet.h"
#include "host/monitor.h"
#include "host/monitor_test_support.h"

namespace espalier::host {
namespace {

using debug::testing_support::Client;
using debug::testing_support::port_of;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class GdbMonitorTest : public testing::MachineTest {
 protected:
  void SetUp() override {
    MachineTest::SetUp();
    ASSERT_TRUE(session->start_gdb({}));
  }
  std::string command(std::string_view line) { return session->monitor().execute(line); }
  // The next packet that comes; "(closed)" if it was the end.
  std::string packet(Client& client) {
    for (int n = 0; n < 20'000; ++n) {
      if (!packets.empty()) {
        std::string first = packets.front();
        packets.erase(packets.begin());
        return first;
      }
      run(1);
      char buffer[4096];
      const ssize_t got = recv(client.fd, buffer, sizeof buffer, MSG_DONTWAIT);
      if (got == 0) return "(closed)";
      if (got < 0) continue;
      for (const debug::GdbInput& input :
           reader.feed({reinterpret_cast<const std::uint8_t*>(buffer), static_cast<std::size_t>(got)}))
        if (input.kind == debug::GdbInput::Kind::kPacket) packets.push_back(input.payload);
    }
    return "(nothing)";
  }
  // What GDB shows for `monitor LINE`: the text of O packets and of the reply.
  std::string monitor(Client& client, std::string_view line) {
    client.send(debug::gdb_frame("qRcmd," + debug::to_hex(line)));
    std::string text;
    for (;;) {
      std::string reply = packet(client);
      if (reply == "OK" || reply.starts_with('(')) return text;
      const bool more = reply.starts_with('O');
      const auto bytes = debug::from_hex(more ? std::string_view(reply).substr(1) : reply);
      EXPECT_TRUE(bytes) << reply;
      if (!bytes) return text;
      text.append(bytes->begin(), bytes->end());
      if (!more) return text;
    }
  }

  debug::GdbPacketReader reader;
  std::vector<std::string> packets;
};

TEST_F(GdbMonitorTest, AnswersWhatTheMonitorAnswers) {
  Client client(port_of(*session->gdb()));
  for (const char* line : {"info mtree", "info registers", "info registers -a", "info qtree", "info name",
                           "x/4xw 0x40000400", "p/x 6*7", "info", "info network", "nonsense", "cpu 7"})
    EXPECT_EQ(monitor(client, line), command(line)) << line;
  EXPECT_EQ(monitor(client, "nonsense"), "unknown command: 'nonsense'\n");
  EXPECT_THAT(monitor(client, "help"), StartsWith(command("help")));
  EXPECT_THAT(monitor(client, "help"), HasSubstr("\nsummary "));
  EXPECT_EQ(monitor(client, "info status"), "VM status: paused (debug)\n");
  EXPECT_EQ(monitor(client, "savevm"), "");
  EXPECT_THAT(command("info snapshots"), HasSubstr("vm-2")) << "there is one monitor";
}

TEST_F(GdbMonitorTest, ResetsTheChip) {
  Client client(port_of(*session->gdb()));
  session->control().resume();
  run(20);
  EXPECT_NE(session->machine().core(0).state().pc, xtensa::kResetVector);
  EXPECT_THAT(monitor(client, "system_reset"), HasSubstr("has been reset"));
  EXPECT_EQ(session->machine().resets(), 1u);
  EXPECT_EQ(session->machine().core(0).state().pc, xtensa::kResetVector);
  EXPECT_FALSE(session->control().running());
}

// -S, --gdb-wait: nothing has been executed, and the debugger decides when it begins.
TEST_F(GdbMonitorTest, AMachineThatWaitsBeginsWhenItIsTold) {
  EXPECT_EQ(session->control().state(), debug::RunState::kPrelaunch);
  run(20);
  EXPECT_EQ(session->machine().instructions(), 0u);
  Client client(port_of(*session->gdb()));
  client.send(debug::gdb_frame("p0"));
  EXPECT_EQ(packet(client), "00040040");
  client.send(debug::gdb_frame("vCont;s:1"));
  EXPECT_EQ(packet(client), "T05thread:1;core:0;");
  EXPECT_EQ(session->machine().instructions(), 1u);
  // It goes away without a word of going on: but it has let it run before.
  client.abort();
  run(20);
  EXPECT_TRUE(session->control().running());
  EXPECT_GT(session->machine().instructions(), 1u);
}

TEST_F(GdbMonitorTest, QuitEndsTheMachine) {
  Client client(port_of(*session->gdb()));
  EXPECT_EQ(monitor(client, "quit"), "");
  EXPECT_EQ(session->ended(), Session::End::kShutDown);
}

TEST_F(GdbMonitorTest, TheServerStartsMovesAndStops) {
  EXPECT_EQ(command("gdbserver none"), "Disabled gdbserver\n");
  run(1);
  EXPECT_EQ(session->gdb(), nullptr);
  EXPECT_EQ(command("gdbserver none"), "Disabled gdbserver\n");
  EXPECT_EQ(command("gdbserver tcp::0"), "Waiting for gdb connection on device 'tcp::0'\n");
  const std::uint16_t first = port_of(*session->gdb());
  Client client(first);
  EXPECT_EQ(monitor(client, "p 1"), "1\n");
  EXPECT_FALSE(session->control().running());
  // Where it is already: nothing changes.
  const std::string there = fmt::format("tcp::{}", first);
  EXPECT_EQ(command("gdbserver " + there), fmt::format("Waiting for gdb connection on device '{}'\n", there));
  EXPECT_EQ(monitor(client, "p 1"), "1\n");
  // Elsewhere: who was there is gone.
  EXPECT_EQ(command("gdbserver tcp:127.0.0.1:0"), "Waiting for gdb connection on device 'tcp:127.0.0.1:0'\n");
  EXPECT_NE(port_of(*session->gdb()), first);
  EXPECT_EQ(packet(client), "(closed)");
  EXPECT_FALSE(Client(first).connected);
  Client next(port_of(*session->gdb()));
  EXPECT_EQ(monitor(next, "p 1"), "1\n");
}

TEST_F(GdbMonitorTest, WhereItCannotListenItStaysWhereItWas) {
  const std::string where = session->gdb()->where();
  Session other(loop, session->options());
  ASSERT_TRUE(other.open());
  const std::string taken = "tcp:" + where;
  EXPECT_EQ(other.monitor().execute("gdbserver " + taken),
            fmt::format("gdb: cannot listen on {}: the port is in use; choose another one\n"
                        "Could not open gdbserver on device '{}'\n",
                        where, taken));
  EXPECT_EQ(other.gdb(), nullptr);
  EXPECT_EQ(command("gdbserver tcp:nowhere:1"),
            "'tcp:nowhere:1': the address should be a number, such as 127.0.0.1 or [::1]\n"
            "Could not open gdbserver on device 'tcp:nowhere:1'\n");
  EXPECT_EQ(session->gdb()->where(), where);
}

TEST_F(GdbMonitorTest, ADebuggerMayTakeItsOwnServerAway) {
  for (const char* line : {"gdbserver none", "gdbserver tcp::0"}) {
    ASSERT_TRUE(session->start_gdb({}));
    Client client(port_of(*session->gdb()));
    const std::string twice = debug::gdb_frame("qRcmd," + debug::to_hex(std::string_view(line)));
    client.send(twice + twice);
    EXPECT_NE(packet(client), "(closed)");
    EXPECT_NE(packet(client), "(closed)");
    EXPECT_EQ(packet(client), "(closed)");
    command("gdbserver none");
    run(1);
  }
}

TEST_F(GdbMonitorTest, WarnsOfOtherMachines) {
  EXPECT_EQ(command("gdbserver tcp:0.0.0.0:0"),
            "warning: GDB is open to other machines at 0.0.0.0:0; whoever reaches it rules this one\n"
            "Waiting for gdb connection on device 'tcp:0.0.0.0:0'\n");
}

}  // namespace
}  // namespace espalier::host
