#include "host/monitor.h"

#include <gmock/gmock.h>

#include <fstream>
#include <sstream>

#include "host/monitor_registers.h"
#include "host/monitor_test_support.h"

namespace espalier::host {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::StartsWith;

class MonitorTest : public testing::MachineTest {
 protected:
  void SetUp() override {
    MachineTest::SetUp();
    monitor = std::make_unique<Monitor>(*session);
  }
  std::string ask(std::string_view line) { return monitor->execute(line); }
  void fill(std::uint32_t address, std::initializer_list<std::uint8_t> bytes) {
    std::ranges::copy(bytes, session->machine().memory().writable(0, address, 1));
  }

  std::unique_ptr<Monitor> monitor;
};

TEST_F(MonitorTest, StatusFollowsTheMachine) {
  EXPECT_EQ(ask("info status"), "VM status: paused (prelaunch)\n");
  EXPECT_EQ(ask("cont"), "");
  EXPECT_EQ(ask("info status"), "VM status: running\n");
  EXPECT_EQ(ask(" stop "), "");
  EXPECT_EQ(ask("info status"), "VM status: paused\n");
  ask("c");
  EXPECT_TRUE(session->control().running());
  ask("q");
  EXPECT_EQ(session->control().state(), debug::RunState::kShutdown);
}

TEST_F(MonitorTest, QuitEndsAlsoWhatWouldStayAfterAShutdown) {
  session->control().no_shutdown(true);
  ask("quit");
  EXPECT_EQ(session->ended(), Session::End::kShutDown);
}

TEST_F(MonitorTest, SystemResetBeginsAgain) {
  ask("cont");
  run(3);
  ask("stop");
  ASSERT_NE(session->machine().core(0).state().pc, 0x40000400u);
  ask("system_reset");
  EXPECT_THAT(ask("info registers"), StartsWith("\nCPU#0\nPC=40000400\n"));
}

TEST_F(MonitorTest, MistakesAreAnsweredAsQemuDoes) {
  EXPECT_EQ(ask("foo"), "unknown command: 'foo'\n");
  EXPECT_EQ(ask("info foo"), "unknown command: 'info foo'\n");
  EXPECT_EQ(ask(""), "");
  EXPECT_EQ(ask("stop extra"),
            "stop|s: extraneous characters at the end of line\nTry \"help stop\" for more information\n");
  EXPECT_EQ(ask("loadvm"), "loadvm: string expected\nTry \"help loadvm\" for more information\n");
  EXPECT_EQ(ask("x/4q 0"), "invalid char in format: 'q'\nTry \"help x\" for more information\n");
  EXPECT_EQ(ask("x/4xw"), "unexpected end of expression\nTry \"help x\" for more information\n");
  EXPECT_EQ(ask("p $nothing"), "unknown register\nTry \"help p\" for more information\n");
}

TEST_F(MonitorTest, DumpsInQemusForm) {
  fill(0x3ffe0000,
       {0x06, 0x67, 0x3e, 0x00, 0xab, 0xab, 0xff, 0xff, 0x27, 0x0a, 'x', '\\', 0, 0, 0, 0x80, 1, 2, 3, 4});
  EXPECT_EQ(ask("x/5xw 0x3ffe0000"),
            "3ffe0000: 0x003e6706 0xffffabab 0x5c780a27 0x80000000\n3ffe0010: 0x04030201\n");
  EXPECT_EQ(ask("xp/1xg 0x3ffe0000"), "000000003ffe0000: 0xffffabab003e6706\n");
  EXPECT_EQ(ask("x/2dh 0x3ffe0004"), "3ffe0004: -21589    -1\n");
  EXPECT_EQ(ask("x/2uh 0x3ffe0004"), "3ffe0004: 43947 65535\n");
  EXPECT_EQ(ask("x/9xb 0x3ffe0000"), "3ffe0000: 0x06 0x67 0x3e 0x00 0xab 0xab 0xff 0xff\n3ffe0008: 0x27\n");
  EXPECT_EQ(ask("x 0x3ffe0000"), "3ffe0000: 0x06\n") << "the size of before";
  EXPECT_EQ(ask("x/4c 0x3ffe0008"), "3ffe0008: '\\'' '\\n' 'x' '\\\\'\n");
  EXPECT_EQ(ask("x/4xw 0x90000000"), "90000000: Cannot access memory\n");
  EXPECT_THAT(ask("x/999999999999xb 0x3ffe0000"), HasSubstr("in parts"));
  EXPECT_EQ(ask("p/x 12+4"), "0x10\n");
  EXPECT_EQ(ask("print 0-1"), "-1\n");
}

TEST_F(MonitorTest, DisassemblesWhatTheCoreSees) {
  fill(0x3ffe0000, {0x36, 0x41, 0x00, 0x1d, 0xf0, 0x00, 0x00, 0x00});
  EXPECT_THAT(ask("x/2i 0x3ffe0000"), HasSubstr("0x3ffe0000:  entry\ta1, 32\n0x3ffe0003:  retw.n\n"));
  EXPECT_THAT(ask("x/2i 0x90000000"), HasSubstr("out of bounds"));
}

TEST_F(MonitorTest, RegistersInQemusForm) {
  xtensa::Core& core = session->machine().core(0);
  core.rotate_to(2);
  core.state().windowstart = 5;
  core.set_a(1, 0x3ffe3000);
  core.state().fr[1] = 0x3fc00000;
  const std::string text = ask("info registers");
  EXPECT_THAT(text, HasSubstr("        LBEG="));
  EXPECT_THAT(text, HasSubstr("  WINDOWBASE=00000002"));
  EXPECT_THAT(text, HasSubstr(" A00=00000000  A01=3ffe3000  A02="));
  EXPECT_THAT(text, HasSubstr("AR08=00000000 AR09=3ffe3000 AR10=00000000 AR11=00000000 <=\n"));
  EXPECT_THAT(text, HasSubstr("AR12=00000000 AR13=00000000 AR14=00000000 AR15=00000000   \n"));
  EXPECT_THAT(text, HasSubstr("F01=3fc00000 (+1.50000000e+00)"));
  EXPECT_THAT(ask("info registers -a"), HasSubstr("\nCPU#1\n"));
  EXPECT_EQ(ask("p/x $a1"), "0x3ffe3000\n");
  EXPECT_EQ(ask("p/x $windowbase"), "0x2\n");
  ask("cpu 1");
  EXPECT_EQ(ask("p/x $a1"), "0x0\n");
  EXPECT_EQ(ask("p/x $prid"), "0xabab\n");
  EXPECT_EQ(ask("cpu 2"), "invalid CPU index\n");
}

TEST_F(MonitorTest, TreesNameEveryDevice) {
  const std::string mtree = ask("info mtree");
  EXPECT_THAT(mtree, StartsWith("address-space: memory\n"));
  EXPECT_THAT(mtree, HasSubstr("    000000003ff40000-000000003ff4"));
  EXPECT_THAT(mtree, HasSubstr("    0000000050000000-0000000050001fff (prio 0, ram): rtcslow\n"));
  const std::string qtree = ask("info qtree");
  for (const auto& mount : session->machine().device_bus().mounts()) {
    EXPECT_THAT(mtree, HasSubstr(": " + std::string(mount.device->name()) + "\n"));
    EXPECT_THAT(qtree, HasSubstr("dev: " + std::string(mount.device->name()) + ","));
  }
}

TEST_F(MonitorTest, NetworkAndForwardings) {
  EXPECT_EQ(ask("info network"),
            "open_eth.0: index=0,type=nic,\n \\ net0: index=0,type=user,net=10.0.2.0,restrict=off\n");
  EXPECT_EQ(ask("hostfwd_add bad"), "Invalid host forwarding rule 'bad' (No : separators)\n");
  EXPECT_EQ(ask("hostfwd_add other tcp::0-:80"), "unrecognized netdev id 'other'\n");
  EXPECT_EQ(ask("hostfwd_add net0 tcp:127.0.0.1:0-:80"), "");
  const std::string table = ask("info usernet");
  EXPECT_THAT(table,
              StartsWith("Hub -1 (net0):\n  Protocol[State]    FD  Source Address  Port   Dest. Address  "
                         "Port RecvQ SendQ\n  TCP[HOST_FORWARD]"));
  // FD, address, port.
  std::istringstream words(table.substr(table.find("HOST_FORWARD]") + 13));
  std::string fd, address, port;
  words >> fd >> address >> port;
  EXPECT_EQ(address, "127.0.0.1");
  EXPECT_EQ(ask("hostfwd_remove tcp::" + port), "host forwarding rule for tcp::" + port + " removed\n");
  EXPECT_EQ(ask("hostfwd_remove tcp::" + port), "host forwarding rule for tcp::" + port + " not found\n");
  EXPECT_EQ(ask("hostfwd_remove x"), "invalid format\n");
  EXPECT_EQ(ask("hostfwd_add tcp:0.0.0.0:0-:80"), "warning: 0.0.0.0:0 is open to other machines\n");
}

TEST_F(MonitorTest, TheNetworkComesAndGoes) {
  EXPECT_THAT(ask("netdev_add user,id=n1"), HasSubstr("connected to 'net0'"));
  EXPECT_EQ(ask("netdev_del n1"), "Error: Device 'n1' not found\n");
  EXPECT_EQ(ask("netdev_del net0"), "");
  EXPECT_EQ(ask("info network"), "open_eth.0: index=0,type=nic,\n");
  EXPECT_EQ(ask("info usernet"), "");
  EXPECT_EQ(ask("hostfwd_add tcp::0-:80"), "user mode network stack not in use\n");
  EXPECT_EQ(ask("netdev_add tap,id=n1"), "Parameter 'type' does not accept value 'tap'\n");
  EXPECT_EQ(ask("netdev_add user"), "Parameter 'id' is missing\n");
  EXPECT_THAT(ask("netdev_add user,id=n1,hostfwd=bad"), HasSubstr("Invalid host forwarding rule"));
  EXPECT_EQ(ask("info usernet"), "") << "a rule that is wrong leaves nothing behind";
  EXPECT_EQ(ask("netdev_add user,id=n1,restrict=on,hostfwd=tcp::0-:80"), "");
  EXPECT_THAT(ask("info network"), HasSubstr("n1: index=0,type=user,net=10.0.2.0,restrict=on"));
  EXPECT_THAT(ask("info usernet"), HasSubstr("HOST_FORWARD"));
}

TEST_F(MonitorTest, SnapshotsTakeTheMachineBack) {
  EXPECT_EQ(ask("info snapshots"), "There is no snapshot available.\n");
  ask("cont");
  run(3);
  ask("savevm first");
  EXPECT_EQ(ask("info status"), "VM status: running\n");
  ask("stop");
  const std::vector<std::uint8_t> then = session->machine().save();
  const std::string registers = ask("info registers -a");
  ask("cont");
  run(3);
  ask("stop");
  EXPECT_NE(session->machine().save(), then);
  EXPECT_EQ(ask("loadvm first"), "");
  EXPECT_EQ(session->machine().save(), then);
  EXPECT_EQ(ask("info registers -a"), registers);
  EXPECT_EQ(ask("info status"), "VM status: paused\n");
  EXPECT_THAT(ask("info snapshots"), HasSubstr("ID        TAG               VM SIZE                DATE     "
                                               "VM CLOCK     ICOUNT\n--        first "));
  EXPECT_EQ(ask("loadvm second"), "Error: Snapshot 'second' does not exist\n");
  ask("savevm");
  EXPECT_THAT(ask("info snapshots"), HasSubstr("--        vm-2"));
  EXPECT_EQ(ask("delvm first"), "");
  EXPECT_EQ(ask("delvm first"), "Error: Snapshot 'first' does not exist\n");
}

TEST_F(MonitorTest, HelpKnowsWhatThereIs) {
  EXPECT_EQ(ask("help system_reset"), "system_reset  -- reset the system\n");
  EXPECT_EQ(ask("help info status"), "info status  -- show the current VM status (running|paused)\n");
  EXPECT_EQ(ask("info"), ask("help info"));
  for (const Monitor::Command& command : Monitor::commands()) {
    EXPECT_THAT(ask("?"), HasSubstr(std::string(command.names) + " " + std::string(command.arguments)));
  }
  EXPECT_EQ(ask("info name"), "board\n");
  EXPECT_THAT(ask("info version"), StartsWith("7.2.0 (Espalier "));
  EXPECT_THAT(ask("info cpus"), StartsWith("* CPU #0: pc=0x40000400\n  CPU #1: "));
  EXPECT_THAT(monitor->completions("hostfwd_"), ElementsAre("hostfwd_add", "hostfwd_remove"));
  EXPECT_THAT(monitor->completions("info st"), ElementsAre("info status"));
}

TEST_F(MonitorTest, TheNetworkGoesByItsId) {
  SessionOptions options = session->options();
  options.network_id = "lan";
  session = std::make_unique<Session>(loop, options);
  ASSERT_TRUE(session->open());
  monitor = std::make_unique<Monitor>(*session);
  EXPECT_THAT(ask("info network"), HasSubstr(" \\ lan: index=0,type=user,"));
  EXPECT_THAT(ask("info usernet"), StartsWith("Hub -1 (lan):\n"));
  EXPECT_EQ(ask("hostfwd_add lan tcp::0-:80"), "");
  EXPECT_EQ(ask("hostfwd_add net0 tcp::0-:80"), "unrecognized netdev id 'net0'\n");
}

TEST_F(MonitorTest, TraceEventsAreSwitched) {
  base::Tracer& tracer = session->machine().tracer();
  EXPECT_FALSE(tracer.on(base::TraceEvent::cpu_waiti));
  EXPECT_EQ(ask("trace-event cpu_waiti on"), "");
  EXPECT_TRUE(tracer.on(base::TraceEvent::cpu_waiti));
  EXPECT_EQ(ask("trace-event cpu_waiti off"), "");
  EXPECT_FALSE(tracer.on(base::TraceEvent::cpu_waiti));
  EXPECT_THAT(ask("trace-event nonsense on"), HasSubstr("nonsense"));
  EXPECT_THAT(ask("trace-event cpu_waiti maybe"), StartsWith("Expected 'on' or 'off'\n"));
}

TEST_F(MonitorTest, FaultsHappenBeforeThePromptComesBack) {
  std::uint8_t byte = 0;
  const auto flash = [&] {
    session->machine().flash().read(0x1000, {&byte, 1});
    return byte;
  };
  ASSERT_EQ(flash(), 0xe9);
  EXPECT_THAT(ask("fault bit-flip memory=flash address=0x1000 bit=3"),
              StartsWith("bit-flip at instruction 0: flash 0x1000 bit 3"));
  EXPECT_EQ(flash(), 0xe1);
  EXPECT_THAT(ask("fault bit-flip,memory=flash,address=0x1000,bit=3"), StartsWith("bit-flip at "));
  EXPECT_EQ(flash(), 0xe9);
  ask("cont");
  run(3);
  ask("stop");
  ASSERT_NE(session->machine().core(0).state().pc, 0x40000400u);
  EXPECT_THAT(ask("fault power-cut"), HasSubstr(": memory is lost, "));
  EXPECT_EQ(session->machine().core(0).state().pc, 0x40000400u);
  EXPECT_EQ(ask("info status"), "VM status: paused\n");
}

TEST_F(MonitorTest, FaultsMayComeLater) {
  ask("cont");
  run(2);
  const std::uint64_t at = session->machine().instructions() + 100'000;
  EXPECT_EQ(ask(fmt::format("fault stuck-network at={} for=1s", at)), "");
  EXPECT_EQ(session->impaired_link(), nullptr);
  while (session->machine().instructions() <= at) run(1);
  ASSERT_NE(session->impaired_link(), nullptr);
  EXPECT_TRUE(session->impaired_link()->stuck());
}

TEST_F(MonitorTest, FaultsThatAreNoneAreNamed) {
  const std::string hint = "\nTry \"help fault\" for more information\n";
  EXPECT_EQ(ask("fault"), "fault: string expected" + hint);
  EXPECT_EQ(ask("fault flood"),
            "'flood' is none of power-cut, brown-out, bit-flip, clock-skew, stuck-network" + hint);
  EXPECT_EQ(ask("fault power-cut for"), "'for' is no KEY=VALUE" + hint);
  EXPECT_EQ(ask("fault bit-flip memory=psram"), "bit-flip: the chip has no PSRAM" + hint);
  EXPECT_THAT(ask("fault clock-skew ppm=5"), HasSubstr("in warp there is no clock"));
}

TEST_F(MonitorTest, TheDocumentationHasEveryCommand) {
  std::ifstream file(ESPALIER_MONITOR_DOC);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto row = [](std::string_view prefix, const Monitor::Command& command) {
    std::string names(command.names);
    for (auto at = names.find('|'); at != std::string::npos; at = names.find('|')) names.replace(at, 1, ", ");
    return fmt::format("| `{}{}` |", prefix, names);
  };
  for (const Monitor::Command& command : Monitor::commands()) EXPECT_THAT(text, HasSubstr(row("", command)));
  for (const Monitor::Command& command : Monitor::info_commands())
    EXPECT_THAT(text, HasSubstr(row("info ", command)));
}

}  // namespace
}  // namespace espalier::host
