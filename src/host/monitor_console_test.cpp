#include "host/monitor_console.h"

#include <gmock/gmock.h>

#include "host/monitor_test_support.h"
#include "host/mux.h"

namespace espalier::host {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class MonitorConsoleTest : public testing::MachineTest {
 protected:
  void SetUp() override {
    MachineTest::SetUp();
    monitor = std::make_unique<Monitor>(*session);
  }
  std::unique_ptr<Monitor> monitor;
};

TEST_F(MonitorConsoleTest, GreetsPromptsAnswers) {
  testing::FakePort port;
  MonitorConsole console(loop, port, *monitor);
  EXPECT_EQ(port.out, "");
  port.connect();
  EXPECT_THAT(port.take(), EndsWith("QEMU 7.2.0 monitor - type 'help' for more information\r\n(qemu) "));
  port.type("info status\n");
  EXPECT_EQ(port.take(), "info status\r\nVM status: paused (prelaunch)\r\n(qemu) ");
  port.type("half a li");
  port.connect();
  port.take();
  port.type("info status\r");
  EXPECT_THAT(port.take(), HasSubstr("VM status")) << "the half line went with its client";
}

TEST_F(MonitorConsoleTest, AClientThatDoesNotReadIsNotListenedTo) {
  testing::FakePort port;
  MonitorConsole console(loop, port, *monitor);
  port.connect();
  port.full = true;
  port.take();
  port.type("cont\n");
  loop.poll(0);
  EXPECT_FALSE(session->control().running());
  port.full = false;
  loop.poll(0);
  EXPECT_TRUE(session->control().running());
}

class MuxTest : public MonitorConsoleTest {
 protected:
  void SetUp() override {
    MonitorConsoleTest::SetUp();
    auto made = std::make_unique<testing::FakePort>();
    terminal = made.get();
    terminal->client = true;
    mux = std::make_unique<Mux>(
        std::move(made), Mux::Options{.escape = 1, .on_exit = [this] { ++exits; }, .on_save = nullptr});
    uart = mux->add_channel();
    uart->on_input([this](std::span<const std::uint8_t> bytes) {
      if (deaf) return std::size_t{0};
      typed.append(bytes.begin(), bytes.end());
      return bytes.size();
    });
    channel = mux->add_channel();
    console = std::make_unique<MonitorConsole>(loop, *channel, *monitor);
    channel->on_focus([this](bool here) { console->focus(here); });
  }
  void TearDown() override { console.reset(); }

  testing::FakePort* terminal = nullptr;
  std::unique_ptr<Mux> mux;
  std::unique_ptr<Mux::Channel> uart, channel;
  std::unique_ptr<MonitorConsole> console;
  std::string typed;
  bool deaf = false;
  int exits = 0;
};

TEST_F(MuxTest, CtrlACSwitchesBetweenConsoleAndMonitor) {
  terminal->type("to the guest");
  EXPECT_EQ(typed, "to the guest");
  EXPECT_EQ(terminal->take(), "");
  terminal->type(
      "\x01"
      "c");
  EXPECT_THAT(terminal->take(), EndsWith("(qemu) "));
  terminal->type("info status\r");
  EXPECT_THAT(terminal->take(), HasSubstr("VM status: paused"));
  const std::string guest = "guest says";
  uart->write({reinterpret_cast<const std::uint8_t*>(guest.data()), guest.size()});
  EXPECT_EQ(terminal->take(), "guest says") << "output is shown whoever has the focus";
  terminal->type(
      "\x01"
      "cx");
  EXPECT_EQ(terminal->take(), "\r\n");
  EXPECT_EQ(typed, "to the guestx");
  terminal->type(
      "\x01"
      "c");
  EXPECT_EQ(terminal->take(), "(qemu) ") << "greeted once";
}

TEST_F(MuxTest, TheOtherKeysBehindCtrlA) {
  terminal->type("\x01\x01");
  EXPECT_EQ(typed, "\x01");
  terminal->type("\x01h");
  EXPECT_THAT(terminal->take(), HasSubstr("C-a x    exit emulator\n\r"));
  terminal->type("\x01s");
  EXPECT_EQ(terminal->take(), "there is no disk data to save back\n\r");
  terminal->type(
      "\x01z\x01"
      "b");
  EXPECT_EQ(terminal->take(), "");
  EXPECT_EQ(typed, "\x01");
  EXPECT_EQ(exits, 0);
  terminal->type("\x01x");
  EXPECT_EQ(terminal->take(), "QEMU: Terminated\n\r");
  EXPECT_EQ(exits, 1);
}

TEST_F(MuxTest, TimestampsBeginLines) {
  terminal->type("\x01t");
  const std::string text = "a\nb";
  uart->write({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  EXPECT_THAT(terminal->take(), StartsWith("a\n[00:00:00."));
}

TEST_F(MuxTest, AGuestThatDoesNotListenKeepsNobodyFromTheMonitor) {
  deaf = true;
  terminal->type(std::string(100'000, 'x'));
  terminal->type(
      "\x01"
      "c");
  EXPECT_THAT(terminal->take(), EndsWith("(qemu) "));
  deaf = false;
  uart->resume_input();
  EXPECT_EQ(typed.size(), 64u * 1024);
}

TEST_F(MuxTest, ChannelsGoInAnyOrder) {
  mux.reset();
  uart.reset();
  terminal->type("info status\r");
  EXPECT_THAT(terminal->take(), Not(HasSubstr("Terminated")));
  terminal->type("\x01x");
  EXPECT_EQ(exits, 0) << "whoever was to be told is gone";
}

}  // namespace
}  // namespace espalier::host
