#include "esp32/device_bus.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "devices/device_test_support.h"

namespace espalier::esp32 {
namespace {

class Listener final : public devices::Device {
 public:
  std::string_view name() const override { return "listener"; }
  std::uint32_t read(std::uint32_t offset) override { return peek(offset); }
  void write(std::uint32_t offset, std::uint32_t) override { asked.push_back(offset); }
  std::uint32_t peek(std::uint32_t offset) override {
    asked.push_back(offset);
    return 7;
  }
  void reset(devices::ResetKind) override {}
  void archive(base::Archive&) override {}

  std::vector<std::uint32_t> asked;
};

// Slots have 256 bytes, which is more than some devices have registers: AES has 0x44, and an array for these.
TEST(DeviceBusTest, AsksADeviceForItsOwnRegistersAlone) {
  devices::testing::Bench bench;
  DeviceBus bus(bench.context().log, bench.tracer);
  Listener listener;
  bus.mount(0x3ff01000, 0x44, listener);
  for (std::uint32_t offset = 0; offset < 0x200; offset += 4) {
    bus.store(0x3ff01000 + offset, 4, offset);
    EXPECT_EQ(bus.load(0x3ff01000 + offset, 4), offset < 0x44 ? 7 : offset);
    EXPECT_EQ(bus.peek(0x3ff01000 + offset), offset < 0x44 ? 7 : offset);
    bus.store(0x3ff01000 + offset + 1, 1, 0);
    bus.store(0x60001000 + offset, 4, 0);
  }
  EXPECT_EQ(*std::max_element(listener.asked.begin(), listener.asked.end()), 0x40u);
}

}  // namespace
}  // namespace espalier::esp32
