// The Wi-Fi MAC's registers, of which firmware without Wi-Fi needs one: the random number generator
// (WDEV_RND_REG, ESP-IDF soc/esp32/include/soc/wdev_reg.h; ESP32 TRM, chapter "Random Number Generator").
#pragma once

#include <cstdint>
#include <functional>

#include "devices/register_block.h"

namespace espalier::devices {

// 0x3FF73000 to 0x3FF75FFF; also seen at 0x60033000, where ESP-IDF reads the random numbers (0x60035144):
// mount the same object at both. Everything but the random number register reads back what was written.
class Wdev : public RegisterBlock {
 public:
  static constexpr std::uint32_t kBase = 0x3ff73000;
  static constexpr std::uint32_t kSize = 0x3000;
  static constexpr std::uint32_t kRandomRegister = 0x3ff75144;

  // `random` gives 32 fresh bits a call; hand in a seeded generator for runs that repeat.
  Wdev(std::function<std::uint32_t()> random, Context context);

  std::uint32_t read(std::uint32_t offset) override;

 private:
  std::function<std::uint32_t()> random_;
};

// A small generator for Wdev (SplitMix64): seeded, and part of a machine's state.
class SeededRandom {
 public:
  explicit SeededRandom(std::uint64_t seed) : state_(seed) {}
  std::uint32_t operator()();
  void archive(base::Archive& ar) { ar(state_); }

 private:
  std::uint64_t state_;
};

}  // namespace espalier::devices
