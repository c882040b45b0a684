#include "host/qmp_server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <charconv>

#include "host/monitor_test_support.h"
#include "host/qmp_commands.h"

namespace espalier::host {
namespace {

using ::testing::HasSubstr;

class QmpServerTest : public testing::MachineTest {
 protected:
  void SetUp() override {
    MachineTest::SetUp();
    monitor = std::make_unique<Monitor>(*session);
  }
  void TearDown() override { server.reset(); }
  void serve_fake() {
    auto made = std::make_unique<testing::FakePort>();
    port = made.get();
    server = std::make_unique<QmpServer>(loop, std::move(made), *monitor);
    port->connect();
    messages();
    EXPECT_EQ(returned("qmp_capabilities"), Json::object());
  }
  // What has been sent since, checked against the schema.
  std::vector<Json> messages() {
    std::vector<Json> all;
    std::string text = port->take();
    for (std::size_t at; (at = text.find('\n')) != std::string::npos; text.erase(0, at + 1)) {
      all.push_back(Json::parse(text.substr(0, at)));
      EXPECT_EQ(qmp_schema().violation(qmp_schema().root(), all.back()), std::nullopt) << all.back();
    }
    return all;
  }
  // Names of the events, "return" and "error".
  std::string kinds(const std::vector<Json>& all) {
    std::string text;
    for (const Json& message : all)
      text += (text.empty() ? "" : " ") +
              (message.contains("event") ? message["event"].get<std::string>() : message.begin().key());
    return text;
  }
  std::vector<Json> execute(std::string_view command, const Json& arguments = Json::object()) {
    port->type(Json({{"execute", command}, {"arguments", arguments}}).dump() + "\n");
    auto all = messages();
    for (const Json& message : all)
      if (message.contains("return")) {
        const base::JsonSchema& schema = qmp_schema();
        EXPECT_EQ(
            schema.violation(schema.root()["commands"][std::string(command)]["returns"], message["return"]),
            std::nullopt)
            << command << ": " << message;
      }
    return all;
  }
  Json returned(std::string_view command, const Json& arguments = Json::object()) {
    for (const Json& message : execute(command, arguments))
      if (message.contains("return")) return message["return"];
    return "nothing";
  }

  std::unique_ptr<Monitor> monitor;
  testing::FakePort* port = nullptr;
  std::unique_ptr<QmpServer> server;
};

TEST_F(QmpServerTest, EveryCommandOfTheSchemaIsThereAndNoOther) {
  QmpCommands commands = qmp_commands(*monitor);
  commands["qmp_capabilities"];
  commands["query-commands"];
  EXPECT_EQ(commands.size(), qmp_schema().root()["commands"].size());
  for (const auto& [name, schema] : qmp_schema().root()["commands"].items())
    EXPECT_TRUE(commands.contains(name)) << name;
}

TEST_F(QmpServerTest, QueriesAnswerByTheSchema) {
  serve_fake();
  EXPECT_EQ(returned("query-name")["name"], "board");
  EXPECT_THAT(returned("query-version")["package"].get<std::string>(), HasSubstr("espalier"));
  EXPECT_EQ(returned("query-status"),
            Json::parse(R"({"status":"prelaunch","singlestep":false,"running":false})"));
  EXPECT_EQ(returned("query-commands").size(), qmp_schema().root()["commands"].size());
}

TEST_F(QmpServerTest, RunningAndItsEvents) {
  serve_fake();
  EXPECT_EQ(kinds(execute("cont")), "RESUME return");
  EXPECT_EQ(returned("query-status")["status"], "running");
  EXPECT_EQ(kinds(execute("stop")), "STOP return");
  EXPECT_EQ(kinds(execute("stop")), "return") << "it stands already";
  const auto reset = execute("system_reset");
  ASSERT_EQ(kinds(reset), "return RESET");
  EXPECT_EQ(reset[1]["data"], Json::parse(R"({"guest":false,"reason":"host-qmp-system-reset"})"));
  const auto quit = execute("quit");
  ASSERT_EQ(kinds(quit), "return SHUTDOWN");
  EXPECT_EQ(quit[1]["data"], Json::parse(R"({"guest":false,"reason":"host-qmp-quit"})"));
  EXPECT_EQ(session->ended(), Session::End::kShutDown);
  server->announce_end("host-signal");
  EXPECT_TRUE(messages().empty()) << "said already";
}

TEST_F(QmpServerTest, ResetsAndEndsByTheGuest) {
  serve_fake();
  session->machine().request_reset(devices::ResetScope::kSystem, devices::ResetCause::kSoftwareCore);
  session->machine().carry_out_resets();
  const auto all = messages();
  ASSERT_EQ(kinds(all), "RESET");
  EXPECT_EQ(all[0]["data"], Json::parse(R"({"guest":true,"reason":"guest-reset"})"));
  server->announce_end("host-signal");
  EXPECT_EQ(kinds(messages()), "SHUTDOWN");
}

TEST_F(QmpServerTest, AResetThatEndsTheMachineIsNoReset) {
  serve_fake();
  session->control().no_reboot(true);
  session->machine().request_reset(devices::ResetScope::kSystem, devices::ResetCause::kSoftwareCore);
  session->machine().carry_out_resets();
  const auto all = messages();
  ASSERT_EQ(kinds(all), "SHUTDOWN");
  EXPECT_EQ(all[0]["data"], Json::parse(R"({"guest":true,"reason":"guest-reset"})"));
}

TEST_F(QmpServerTest, HumanMonitorCommandsAnswerAsText) {
  serve_fake();
  EXPECT_EQ(returned("human-monitor-command", {{"command-line", "info status"}}),
            "VM status: paused (prelaunch)\r\n");
  EXPECT_EQ(returned("human-monitor-command", {{"command-line", "foo"}}), "unknown command: 'foo'\r\n");
  EXPECT_EQ(returned("human-monitor-command", {{"command-line", "p/x $prid"}, {"cpu-index", 1}}),
            "0xabab\r\n");
  EXPECT_EQ(monitor->cpu(), 0u);
  EXPECT_EQ(kinds(execute("human-monitor-command", {{"command-line", "p 1"}, {"cpu-index", 7}})), "error");
  EXPECT_EQ(kinds(execute("human-monitor-command", {{"command-line", "cont"}})), "RESUME return");
}

TEST_F(QmpServerTest, TheNetworkComesAndGoes) {
  serve_fake();
  EXPECT_EQ(execute("netdev_del", {{"id", "x"}})[0]["error"]["class"], "DeviceNotFound");
  EXPECT_EQ(kinds(execute("netdev_add", {{"type", "user"}, {"id", "n"}})), "error");
  EXPECT_EQ(kinds(execute("netdev_del", {{"id", "net0"}})), "return");
  EXPECT_EQ(kinds(execute("netdev_add", {{"type", "tap"}, {"id", "n"}})), "error");
  EXPECT_EQ(kinds(execute("netdev_add", {{"type", "user"}, {"id", "n"}, {"hostfwd", {{{"str", 1}}}}})),
            "error");
  EXPECT_EQ(
      kinds(execute("netdev_add", {{"type", "user"}, {"id", "n"}, {"hostfwd", {{{"str", "tcp::0-:80"}}}}})),
      "return");
  EXPECT_THAT(monitor->execute("info usernet"), HasSubstr("HOST_FORWARD"));
}

TEST_F(QmpServerTest, AClientThatDoesNotReadIsNotListenedTo) {
  serve_fake();
  port->full = true;
  port->type("{\"execute\":\"cont\"}\n");
  loop.poll(0);
  EXPECT_FALSE(session->control().running());
  session->control().resume();
  EXPECT_EQ(port->out, "");
  session->control().pause();
  port->full = false;
  loop.poll(0);
  EXPECT_EQ(kinds(messages()), "RESUME return");
}

// Real sockets: clients that come, misbehave and go.
TEST_F(QmpServerTest, ClientsThatVanishDoNoHarm) {
  const base::SerialSpec spec{.kind = base::SerialSpec::Kind::kTcp, .address = "127.0.0.1"};
  auto opened = base::open_serial(loop, spec);
  ASSERT_TRUE(opened) << opened.error();
  server = std::make_unique<QmpServer>(loop, std::move(*opened), *monitor);
  const std::string where = server->port().where();
  std::uint16_t number = 0;
  std::from_chars(where.data() + where.rfind(':') + 1, where.data() + where.size(), number);
  const auto connect_client = [&] {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(number);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    return fd;
  };
  const auto read_until = [&](int fd, std::string_view text) {
    std::string got;
    const auto end = base::EventLoop::now_ns() + 5'000'000'000;
    while (got.find(text) == std::string::npos && base::EventLoop::now_ns() < end) {
      loop.poll(1'000'000);
      char buffer[4096];
      const ssize_t n = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
      if (n > 0) got.append(buffer, static_cast<std::size_t>(n));
    }
    return got;
  };
  for (const std::string_view rubbish :
       {"{\"execute\":\"qmp_capabilities\"}{\"execute\":\"query-comma", "\x01\x02\xff{{{[", "{\"", ""}) {
    const int fd = connect_client();
    EXPECT_THAT(read_until(fd, "\n"), HasSubstr("{\"QMP\""));
    send(fd, rubbish.data(), rubbish.size(), MSG_NOSIGNAL);
    loop.poll(1'000'000);
    const linger hard{.l_onoff = 1, .l_linger = 0};  // a reset, not an orderly end
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close(fd);
    loop.poll(1'000'000);
  }
  const int fd = connect_client();
  const std::string_view text = "{\"execute\":\"qmp_capabilities\"}{\"execute\":\"query-status\"}";
  read_until(fd, "\n");
  send(fd, text.data(), text.size(), MSG_NOSIGNAL);
  EXPECT_THAT(read_until(fd, "status"), HasSubstr("prelaunch"));
  close(fd);
}

}  // namespace
}  // namespace espalier::host
