#include "host/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/tcp_socket.h"

namespace espalier::host {
namespace {

// What is no file from flash offset 0 on cannot be kept in step with the flash: its bytes are elsewhere.
TEST(Session, ChangesAreKeptInWholeFlashImagesOnly) {
  base::EventLoop loop;
  SessionOptions options;
  options.demo = true;
  options.serial[0] = {};
  options.write_through = true;
  const auto opened = Session(loop, options).open();
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error(), testing::HasSubstr("not a whole flash image"));
}

// A serial line whose other end is the test.
class TestLine final : public base::SerialBackend {
 public:
  explicit TestLine(std::string& shown) : shown_(shown) {}
  void write(std::span<const std::uint8_t> bytes) override { shown_.append(bytes.begin(), bytes.end()); }
  bool drain(std::uint64_t) override { return true; }
  void type(std::string_view text) {
    deliver({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  }
  std::size_t waiting() const { return held(); }

 private:
  std::string& shown_;
};

class DemoSession : public testing::Test {
 protected:
  base::EventLoop loop;
  std::string shown;
  TestLine* line = nullptr;
  std::unique_ptr<Session> session;
  int told = 0;

  void SetUp() override {
    SessionOptions options;
    options.demo = true;
    session = std::make_unique<Session>(loop, options);
    auto made = std::make_unique<TestLine>(shown);
    line = made.get();
    session->connect_serial(0, std::move(made));
    session->on_work([this] { ++told; });
    const auto opened = session->open();
    ASSERT_TRUE(opened) << opened.error();
  }
  // Runs until the console has shown `text` and the guest sleeps.
  void run_until_idle(std::string_view text) {
    const std::uint64_t end = base::EventLoop::now_ns() + 20'000'000'000;
    for (std::uint64_t sleep = 0; sleep == 0 || shown.find(text) == std::string::npos;) {
      ASSERT_LT(base::EventLoop::now_ns(), end) << shown;
      loop.poll(sleep);
      sleep = session->advance(false);
    }
  }
};

// What the guest has read of it already is the guest's own affair.
TEST_F(DemoSession, ACloneFindsItsOwnAddressInItsEfuses) {
  run_until_idle("listening on port");
  auto taken = session->snapshot();
  ASSERT_TRUE(taken) << taken.error();
  SessionOptions options;
  options.demo = true;
  options.serial[0] = {};
  options.mac = MacAddress{0x02, 0x11, 0x22, 0x33, 0x44, 0x55};
  auto inputs = std::make_shared<BootInputs>(**load_inputs(options));
  inputs->flash = (*taken)->flash();
  inputs->snapshot = *taken;
  options.inputs = inputs;
  Session clone(loop, options);
  const auto opened = clone.open();
  ASSERT_TRUE(opened) << opened.error();
  devices::Efuse& own = clone.machine().chip().efuse;
  devices::Efuse& others = session->machine().chip().efuse;
  EXPECT_EQ(devices::mac_of(own.fuses()), *options.mac);
  EXPECT_NE(devices::mac_of(others.fuses()), *options.mac);
  // EFUSE_BLK0_RDATA1_REG: the last four bytes.
  EXPECT_EQ(own.peek(0x4), 0x22334455u);
  devices::EfuseValues rest = others.fuses();
  devices::set_mac(rest, *options.mac);
  EXPECT_EQ(own.fuses(), rest);
  EXPECT_NE(clone.machine().chip().random(), session->machine().chip().random());
}

// Whoever sleeps on behalf of many machines has to know which of them to wake.
TEST_F(DemoSession, TellsOfSerialInputToASleepingGuest) {
  run_until_idle("listening on port");
  told = 0;
  line->type("status\n");
  EXPECT_GT(told, 0);
  run_until_idle("0 requests");
}

TEST_F(DemoSession, TellsOfFramesForASleepingGuest) {
  run_until_idle("listening on port");
  const auto port = session->network()->publish({.host_port = 0, .guest_port = 80});
  ASSERT_TRUE(port) << port.error();
  const auto client = base::connect_tcp({.address = "127.0.0.1", .port = *port});
  ASSERT_TRUE(client);
  told = 0;
  const std::uint64_t before = session->network_line().frames_in();
  const std::uint64_t end = base::EventLoop::now_ns() + 10'000'000'000;
  while (told == 0 && base::EventLoop::now_ns() < end) loop.poll(1'000'000);
  EXPECT_GT(told, 0);
  EXPECT_GT(session->network_line().frames_in(), before);
  close(*client);
}

TEST_F(DemoSession, TellsOfCommands) {
  run_until_idle("listening on port");
  session->control().pause();
  EXPECT_EQ(session->advance(false), base::EventLoop::kForever);
  told = 0;
  session->control().resume();
  EXPECT_GT(told, 0);
}

TEST(Session, SeveralBootFromTheSameInputs) {
  base::EventLoop loop;
  SessionOptions options;
  options.demo = true;
  options.serial[0] = {};
  const auto inputs = load_inputs(options);
  ASSERT_TRUE(inputs) << inputs.error();
  options.inputs = *inputs;
  Session first(loop, options);
  Session second(loop, options);
  for (Session* session : {&first, &second}) {
    ASSERT_TRUE(session->open());
  }
  EXPECT_EQ(first.machine().flash().backing(1), second.machine().flash().backing(1));
  first.machine().flash().program(0xf0000, std::vector<std::uint8_t>{0x55});
  EXPECT_EQ(second.machine().flash().page(0xf)[0], 0xff);
}

// A prompt's answer waits until the guest, which may be about to drop what has come, has gone on for a while;
// a flashing tool's answer to a packet does not.
TEST(Session, AnswersToPacketsDoNotWait) {
  base::EventLoop loop;
  SessionOptions options;
  options.demo = true;
  Session session(loop, options);
  std::string shown;
  auto owned = std::make_unique<TestLine>(shown);
  TestLine& line = *owned;
  session.connect_serial(0, std::move(owned));
  ASSERT_TRUE(session.open());
  const auto guest_says = [&](std::string_view text) {
    session.machine().chip().uart[0].on_transmit(
        {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  };
  guest_says("Enter a number: ");
  line.type("1");
  EXPECT_EQ(line.waiting(), 1u);
  guest_says("\xc0packet\xc0");
  line.type("\xc0");
  EXPECT_EQ(line.waiting(), 0u);
}

// esptool-js sends a command right behind the last acknowledgement of a read, which on a wire takes long
// enough for the flasher stub to be done with the read.
TEST_F(DemoSession, PacketsComeOneByOne) {
  run_until_idle("listening on port");
  const std::uint8_t end = 0xc0;
  session->machine().chip().uart[0].on_transmit({&end, 1});  // there is no prompt to be answered
  line->type("\xc0one\xc0\xc0two\xc0");
  EXPECT_EQ(line->waiting(), 5u);
  run_until_idle("listening on port");
  EXPECT_EQ(line->waiting(), 0u);
}

}  // namespace
}  // namespace espalier::host
