#include "host/faults.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "host/session.h"

namespace espalier::host {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

// A serial line that keeps what it is given.
class Line final : public base::SerialBackend {
 public:
  explicit Line(std::string& shown) : shown_(shown) {}
  void write(std::span<const std::uint8_t> bytes) override { shown_.append(bytes.begin(), bytes.end()); }
  bool drain(std::uint64_t) override { return true; }

 private:
  std::string& shown_;
};

// The demo guest in warp.
class FaultsTest : public testing::Test {
 protected:
  base::EventLoop loop;
  std::string shown;
  std::vector<std::string> told;
  bool stuck_when_told = false;
  std::unique_ptr<Session> session;

  void open(ClockMode clock = ClockMode::kWarp, std::uint32_t psram = 0) {
    SessionOptions options;
    options.demo = true;
    options.clock = clock;
    options.psram_size = psram;
    open(std::move(options));
  }
  void open(SessionOptions options) {
    shown.clear();
    told.clear();
    session = std::make_unique<Session>(loop, std::move(options));
    session->connect_serial(0, std::make_unique<Line>(shown));
    session->on_fault([this](const Fault&, const std::string& what) {
      told.push_back(what);
      stuck_when_told = session->impaired_link() != nullptr && session->impaired_link()->stuck();
    });
    const auto opened = session->open();
    ASSERT_TRUE(opened) << opened.error();
  }
  void inject(std::string_view text) {
    const auto fault = parse_fault(text);
    ASSERT_TRUE(fault) << fault.error();
    const auto added = session->inject(*fault);
    ASSERT_TRUE(added) << added.error();
  }
  std::string refused(std::string_view text) {
    const auto added = session->inject(*parse_fault(text));
    return added ? std::string() : added.error();
  }
  template <class Done>
  bool run_until(Done done) {
    const std::uint64_t end = base::EventLoop::now_ns() + 20'000'000'000;
    for (std::uint64_t sleep = 0; !done();) {
      if (base::EventLoop::now_ns() > end) return false;
      const bool quiet = !loop.poll(std::min<std::uint64_t>(sleep, 10'000'000));
      sleep = session->advance(quiet);
    }
    return true;
  }
  bool run_until_told(std::size_t count = 1) {
    return run_until([&] { return told.size() >= count; });
  }
  std::size_t boots() const {
    std::size_t n = 0;
    for (std::size_t at = 0; (at = shown.find("POWERON_RESET", at)) != std::string::npos; ++at) ++n;
    return n;
  }
};

TEST_F(FaultsTest, APowerCutComesAtItsInstructionAndTheMachineBootsAgain) {
  open();
  inject("power-cut,at=1234567");
  ASSERT_TRUE(run_until_told());
  EXPECT_EQ(told[0], "power-cut at instruction 1234567: memory is lost, flash was idle");
  ASSERT_TRUE(
      run_until([&] { return boots() == 2 && shown.rfind("listening on port") > shown.rfind("POWERON"); }));
}

TEST_F(FaultsTest, OneWithinARangeFollowsFromTheSeed) {
  std::vector<std::string> all;
  for (const char* seed : {"1", "1", "2"}) {
    open();
    inject(std::string("power-cut,within=1000000,seed=") + seed);
    ASSERT_TRUE(run_until_told());
    all.push_back(told[0]);
  }
  EXPECT_EQ(all[0], all[1]);
  EXPECT_NE(all[0], all[2]);
}

TEST_F(FaultsTest, ThePowerStaysOffForAWhile) {
  open(ClockMode::kRealtime);
  ASSERT_TRUE(run_until([&] { return shown.find("listening on port") != std::string::npos; }));
  const std::uint64_t began = base::EventLoop::now_ns();
  inject("power-cut,for=300ms");
  ASSERT_TRUE(run_until_told());
  EXPECT_THAT(told[0], HasSubstr("off for 300ms"));
  const std::uint64_t executed = session->machine().instructions();
  ASSERT_TRUE(run_until([&] { return base::EventLoop::now_ns() - began > 250'000'000; }));
  EXPECT_EQ(session->machine().instructions(), executed);
  ASSERT_TRUE(run_until([&] { return boots() == 2; }));
  EXPECT_GT(base::EventLoop::now_ns() - began, 300'000'000u);
}

TEST_F(FaultsTest, BitsFlipWhereTheyAreTold) {
  open(ClockMode::kWarp, 4u << 20);
  inject("bit-flip,at=2000000,memory=flash,address=0xf0000,bit=5");
  ASSERT_TRUE(run_until_told());
  EXPECT_EQ(told[0], "bit-flip at instruction 2000000: flash 0xf0000 bit 5 (0xff to 0xdf) (seed 0)");
  std::uint8_t byte = 0;
  session->machine().flash().read(0xf0000, {&byte, 1});
  EXPECT_EQ(byte, 0xdf);
  inject("bit-flip,memory=psram,address=0x1234,bit=0");
  ASSERT_TRUE(run_until_told(2));
  EXPECT_EQ(session->machine().memory().psram()[0x1234], 1);
  inject("bit-flip,memory=rtc,address=0x50001000,bit=7");
  ASSERT_TRUE(run_until_told(3));
  ASSERT_EQ(session->machine().peek(0, 0x50001000, {&byte, 1}), 1u);
  EXPECT_EQ(byte, 0x80);
  inject("bit-flip,bits=100,seed=3");
  ASSERT_TRUE(run_until_told(4));
  EXPECT_THAT(told[3], HasSubstr(" and 96 more (seed 3)"));
}

// A bit in code that has been decoded: what is executed is what is there now.
TEST_F(FaultsTest, AFlippedBitInCodeIsExecuted) {
  open();
  ASSERT_TRUE(run_until([&] { return shown.find("listening on port") != std::string::npos; }));
  inject("bit-flip,bits=4096,seed=1");
  inject("bit-flip,bits=4096,seed=2");
  inject("bit-flip,bits=4096,seed=3");
  inject("bit-flip,memory=ram,address=0x40080400,bits=4096,seed=4");
  ASSERT_TRUE(run_until_told(4));  // whatever becomes of it, the emulator goes on
}

TEST_F(FaultsTest, ABrownOutIsUpToTheDetector) {
  constexpr std::uint32_t kBrownOutReg = 0xd4, kEnable = 1u << 30, kReset = 1u << 26;
  open();
  inject("brown-out,at=2000000,for=1ms");
  ASSERT_TRUE(run_until_told());
  EXPECT_EQ(told[0], "brown-out at instruction 2000000: for 1ms; the detector is off: nothing comes of it");
  EXPECT_EQ(session->machine().resets(), 0u);
  // The guest sets the detector up as it starts.
  ASSERT_TRUE(run_until([&] { return shown.find("listening on port") != std::string::npos; }));
  devices::RtcCntl& rtc = session->machine().chip().rtc_cntl;
  rtc.write(kBrownOutReg, rtc.peek(kBrownOutReg) | kEnable | kReset);
  inject("brown-out,for=1ms");
  ASSERT_TRUE(run_until_told(2));
  EXPECT_THAT(told[1], HasSubstr("the detector is on"));
  ASSERT_TRUE(run_until([&] { return shown.find("RTCWDT_BROWN_OUT_RESET") != std::string::npos; }));
}

TEST_F(FaultsTest, ASkewedClockRunsFastAndSlow) {
  open(ClockMode::kRealtime);
  ASSERT_TRUE(run_until([&] { return shown.find("listening on port") != std::string::npos; }));
  const auto rate = [&](std::string_view fault, std::size_t count) {
    inject(fault);
    run_until_told(count);
    esp32::MachineClock& clock = session->machine().clock();
    run_until([&, n = 0]() mutable { return ++n > 20; });
    const std::uint64_t began = base::EventLoop::now_ns();
    const base::Ticks ticks = clock.now();
    run_until([&] { return base::EventLoop::now_ns() - began > 300'000'000; });
    return static_cast<double>(base::ns_from_ticks(clock.now() - ticks)) /
           static_cast<double>(base::EventLoop::now_ns() - began);
  };
  EXPECT_NEAR(rate("clock-skew,ppm=250000", 1), 1.25, 0.05);
  EXPECT_NEAR(rate("clock-skew,ppm=-500000", 2), 0.5, 0.05);
  EXPECT_NEAR(rate("clock-skew,ppm=0", 3), 1, 0.05);
  EXPECT_EQ(told[0].substr(0, 10), "clock-skew");
  EXPECT_THAT(told[0], HasSubstr(": +250000 ppm"));
}

TEST_F(FaultsTest, AStuckNetworkComesBack) {
  open();
  inject("stuck-network,at=1000000,for=50ms");
  ASSERT_TRUE(run_until_told());
  ASSERT_NE(session->impaired_link(), nullptr);
  EXPECT_TRUE(stuck_when_told);
  ASSERT_TRUE(run_until([&] { return !session->impaired_link()->stuck(); }));
}

TEST_F(FaultsTest, WhatCannotBeIsRefused) {
  open();
  EXPECT_THAT(refused("clock-skew,ppm=100"), HasSubstr("in warp there is no clock"));
  EXPECT_THAT(refused("bit-flip,memory=psram"), HasSubstr("the chip has no PSRAM"));
  EXPECT_THAT(refused("bit-flip,address=0x3f400000"), HasSubstr("0x3f400000 is not in ram"));
  EXPECT_THAT(refused("bit-flip,memory=flash,address=0x400000"), HasSubstr("is not in flash"));
  ASSERT_TRUE(run_until([&] { return session->machine().instructions() > 1000; }));
  EXPECT_THAT(refused("power-cut,at=10"), HasSubstr("instructions already"));
  EXPECT_TRUE(told.empty());
}

// The file that a flash is kept in holds what the flash does after the cut, torn operation included.
TEST_F(FaultsTest, AFileKeptInStepHoldsWhatTheCutHasLeft) {
  std::string folder = (std::filesystem::temp_directory_path() / "espalier.XXXXXX").string();
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  const std::string path = folder + "/flash.bin";
  {
    std::ifstream program(ESPALIER_FLASH_STORES_IMAGE, std::ios::binary);
    std::string bytes(0x1000, '\xff');
    bytes.append(std::istreambuf_iterator<char>(program), {});
    std::ofstream(path, std::ios::binary) << bytes;
  }
  SessionOptions options;
  options.image = path;
  options.net = NetMode::kNone;
  options.clock = ClockMode::kWarp;
  options.flash_size = 1u << 20;
  options.write_through = true;
  open(std::move(options));
  std::string left;
  for (const char* at : {"4000000", "7000000", "9500000"}) {
    inject(std::string("power-cut,seed=5,at=") + at);
    ASSERT_TRUE(run_until_told(told.size() + 1));
    left += told.back();
    std::vector<std::uint8_t> flash(1 << 20);
    session->machine().flash().read(0, flash);
    std::ifstream file(path, std::ios::binary);
    std::vector<std::uint8_t> kept(std::istreambuf_iterator<char>(file), {});
    kept.resize(flash.size(), 0xff);
    EXPECT_TRUE(kept == flash) << told.back();
  }
  EXPECT_THAT(left, HasSubstr("was cut after"));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace espalier::host
