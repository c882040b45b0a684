#include "devices/twai.h"

#include <gtest/gtest.h>

#include <vector>

#include "devices/device_test_support.h"

namespace espalier::devices {
namespace {

constexpr std::uint32_t MODE = 0x00, COMMAND = 0x04, STATUS = 0x08, INTERRUPT = 0x0c, ENABLE = 0x10,
                        TIMING0 = 0x18;
constexpr std::uint32_t TIMING1 = 0x1c, ECC = 0x30, EWL = 0x34, TXERR = 0x3c, BUFFER = 0x40, MESSAGES = 0x74;

struct TwaiTest : ::testing::Test {
  TwaiTest() {
    twai.on_transmit = [this](const CanFrame& f) {
      bus.push_back(f);
      return acknowledge;
    };
    // 80 MHz / 8 / 20 quanta: 500 kbit/s, a bit is 960 ticks.
    twai.write(TIMING0, 3);
    twai.write(TIMING1, 14 | 3u << 4);
    for (unsigned i = 0; i < 4; ++i) twai.write(BUFFER + 16 + 4 * i, 0xff);  // accept everything
    twai.write(ENABLE, 0xef);
    twai.irq().connect([this](bool level) {
      if (level) irq_at = bench.now();
    });
  }
  void operate(std::uint32_t mode = 0) {
    twai.write(MODE, mode | 1);
    twai.write(MODE, mode);
  }
  void load(std::initializer_list<std::uint8_t> bytes) {
    unsigned i = 0;
    for (std::uint8_t b : bytes) twai.write(BUFFER + 4 * i++, b);
  }
  testing::Bench bench;
  Twai twai{bench.context()};
  std::vector<CanFrame> bus;
  bool acknowledge = true;
  base::Ticks irq_at = 0;
};

TEST_F(TwaiTest, StartsInResetModeWithFilterInTheBuffer) {
  EXPECT_EQ(twai.read(MODE), 1u);
  EXPECT_EQ(twai.read(EWL), 96u);
  EXPECT_EQ(twai.read(STATUS), 0x0cu);
  EXPECT_EQ(twai.read(BUFFER + 16), 0xffu);
  operate();
  EXPECT_EQ(twai.read(MODE), 0u);
  EXPECT_EQ(twai.read(BUFFER + 16), 0u);  // now the receive buffer
  twai.write(TIMING0, 9);                 // locked
  EXPECT_EQ(twai.read(TIMING0), 3u);
  twai.write(MODE, 4);
  EXPECT_EQ(twai.read(MODE), 0u);
}

TEST_F(TwaiTest, FrameTakesItsTimeOnTheBus) {
  operate();
  load({2, 0x24, 0x60, 0xaa, 0xbb});  // standard, id 0x123, two bytes
  twai.write(COMMAND, 1);
  EXPECT_EQ(twai.read(STATUS) & 0x2c, 0x20u);
  bench.run(1'000'000);
  EXPECT_EQ(irq_at, (47 + 16) * 960u);
  EXPECT_EQ(bus, (std::vector<CanFrame>{{false, false, 0x123, 2, {0xaa, 0xbb}}}));
  EXPECT_EQ(twai.read(STATUS) & 0x2c, 0x0cu);
  EXPECT_EQ(twai.peek(INTERRUPT), 2u);
  EXPECT_EQ(twai.read(INTERRUPT), 2u);
  EXPECT_EQ(twai.read(INTERRUPT), 0u);
  EXPECT_FALSE(twai.irq().level());
}

TEST_F(TwaiTest, NobodyAcknowledges) {
  acknowledge = false;
  operate();
  load({0x81, 0xff, 0xff, 0xff, 0xf8, 0x55});  // extended
  twai.write(COMMAND, 1);
  bench.run((67 + 8) * 960);
  EXPECT_EQ(twai.read(INTERRUPT), 0x80u);
  EXPECT_EQ(twai.read(ECC), 3u << 6 | 25);
  EXPECT_EQ(twai.read(TXERR), 8u);
  bench.run((67 + 8) * 960 * 100);
  EXPECT_EQ(twai.read(TXERR), 128u);  // error passive, but never off the bus
  EXPECT_EQ(twai.read(STATUS) & 0xe0, 0x60u);
  EXPECT_EQ(twai.read(INTERRUPT) & 0x24, 0x24u);
  EXPECT_EQ(bus.at(0).id, 0x1fffffffu);
  EXPECT_GT(bus.size(), 90u);
  twai.write(COMMAND, 2);
  bench.run((67 + 8) * 960);
  EXPECT_EQ(twai.read(STATUS) & 0x2c, 0x04u);  // free, not complete
  EXPECT_NE(twai.read(INTERRUPT) & 2, 0u);
}

TEST_F(TwaiTest, SingleShotGivesUp) {
  acknowledge = false;
  operate();
  load({0, 0, 0});
  twai.write(COMMAND, 3);
  bench.run(1'000'000);
  EXPECT_EQ(bus.size(), 1u);
  EXPECT_EQ(twai.read(STATUS) & 0x2c, 0x04u);
}

TEST_F(TwaiTest, SelfTestReceivesItsOwn) {
  twai.on_transmit = nullptr;
  operate(4);
  load({0x42, 0x24, 0x60});  // remote frame
  twai.write(COMMAND, 0x10);
  bench.run(1'000'000);
  EXPECT_EQ(twai.read(INTERRUPT), 3u);
  EXPECT_EQ(twai.read(INTERRUPT), 1u);  // a message is waiting
  EXPECT_EQ(twai.read(MESSAGES), 1u);
  EXPECT_EQ(twai.read(BUFFER), 0x42u);
  EXPECT_EQ(twai.read(BUFFER + 4), 0x24u);
  EXPECT_EQ(twai.read(BUFFER + 8), 0x60u);
  twai.write(COMMAND, 4);
  EXPECT_EQ(twai.read(MESSAGES), 0u);
  EXPECT_FALSE(twai.irq().level());
}

TEST_F(TwaiTest, ReceiveFifoOverruns) {
  twai.receive({false, false, 1, 8, {}});
  EXPECT_EQ(twai.read(MESSAGES), 0u);  // in reset mode
  operate();
  for (unsigned i = 0; i < 7; ++i) twai.receive({false, false, i, 8, {}});
  EXPECT_EQ(twai.read(MESSAGES), 5u);  // 5 * 11 bytes of 64
  EXPECT_EQ(twai.read(STATUS) & 3, 3u);
  EXPECT_EQ(twai.read(INTERRUPT), 9u);
  twai.write(COMMAND, 8);
  EXPECT_EQ(twai.read(STATUS) & 3, 1u);
}

TEST_F(TwaiTest, SingleFilter) {
  twai.write(MODE, 1 | 8);
  const std::uint8_t filter[] = {0x24, 0x60, 0, 0, 0, 0x1f, 0xff, 0xff};  // id 0x123
  for (unsigned i = 0; i < 8; ++i) twai.write(BUFFER + 4 * i, filter[i]);
  operate(8);
  twai.receive({false, false, 0x123, 1, {9}});
  twai.receive({false, false, 0x124, 1, {9}});
  EXPECT_EQ(twai.read(MESSAGES), 1u);
  twai.receive({true, false, 0x123u << 18, 0, {}});  // the same bits of a long identifier
  EXPECT_EQ(twai.read(MESSAGES), 2u);
}

TEST_F(TwaiTest, TwoFilters) {
  const std::uint8_t filter[] = {0x24, 0x60, 0x24, 0x80, 0, 0x1f, 0, 0x1f};  // ids 0x123 and 0x124
  for (unsigned i = 0; i < 8; ++i) twai.write(BUFFER + 4 * i, filter[i]);
  operate();
  for (std::uint32_t id : {0x122u, 0x123u, 0x124u, 0x125u}) twai.receive({false, false, id, 0, {}});
  EXPECT_EQ(twai.read(MESSAGES), 2u);
}

TEST_F(TwaiTest, ListenOnlyAndResetStopSending) {
  operate(2);
  twai.write(COMMAND, 1);
  EXPECT_EQ(twai.read(STATUS) & 0x20, 0u);
  operate();
  twai.write(COMMAND, 1);
  twai.write(MODE, 1);
  bench.run(1'000'000);
  EXPECT_TRUE(bus.empty());
  EXPECT_EQ(twai.read(STATUS) & 0x2c, 0x04u);
}

TEST_F(TwaiTest, Archive) {
  operate();
  twai.receive({false, false, 7, 3, {1, 2, 3}});
  load({0, 0x24, 0x60});
  twai.write(COMMAND, 1);
  auto saved = base::Archive::saving();
  twai.archive(saved);
  Twai other(bench.context());
  other.on_transmit = [](const CanFrame&) { return true; };
  auto loading = base::Archive::loading(saved.bytes());
  other.archive(loading);
  ASSERT_FALSE(loading.failed());
  bench.run(1'000'000);
  EXPECT_EQ(other.read(INTERRUPT), 3u);
  EXPECT_EQ(other.read(MESSAGES), 1u);
}

}  // namespace
}  // namespace espalier::devices
