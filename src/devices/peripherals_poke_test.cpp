// What a guest can do to a peripheral by accident: any value to any register at any time.
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <random>
#include <string>

#include "devices/device_test_support.h"
#include "devices/emac_mac.h"
#include "devices/gp_spi.h"
#include "devices/gpio.h"
#include "devices/i2c.h"
#include "devices/i2s.h"
#include "devices/io_mux.h"
#include "devices/ledc.h"
#include "devices/mcpwm.h"
#include "devices/pcnt.h"
#include "devices/regi2c.h"
#include "devices/rmt.h"
#include "devices/rtc_io.h"
#include "devices/sdmmc.h"
#include "devices/sens.h"
#include "devices/syscon.h"
#include "devices/twai.h"
#include "devices/uart.h"
#include "devices/uhci.h"
#include "devices/wdev.h"

namespace espalier::devices {
namespace {

constexpr std::uint32_t kBase = 0x3ffb0000;

// A device on a bench of its own.
struct Stand {
  testing::Bench bench;
  testing::Memory memory{kBase};
  std::unique_ptr<IoMux> io_mux;
  std::unique_ptr<Gpio> gpio;
  std::unique_ptr<RegisterBlock> device;
};

struct Case {
  const char* name;
  std::function<std::unique_ptr<RegisterBlock>(Stand&)> make;
};

template <class D>
Case plain(const char* name) {
  return {name, [](Stand& s) { return std::make_unique<D>(s.bench.context()); }};
}
template <class D>
Case named(const char* name) {
  return {name, [name](Stand& s) { return std::make_unique<D>(name, s.bench.context()); }};
}
template <class D>
Case with_dma(const char* name) {
  return {name, [name](Stand& s) { return std::make_unique<D>(name, s.memory, s.bench.context()); }};
}

const Case kCases[] = {
    {"uart", [](Stand& s) { return std::make_unique<Uart>("uart0", 0, s.bench.context()); }},
    {"gpio",
     [](Stand& s) {
       s.io_mux = std::make_unique<IoMux>(s.bench.context());
       return std::make_unique<Gpio>(*s.io_mux, s.bench.context());
     }},
    plain<IoMux>("io_mux"),
    {"rtc_io",
     [](Stand& s) {
       s.io_mux = std::make_unique<IoMux>(s.bench.context());
       s.gpio = std::make_unique<Gpio>(*s.io_mux, s.bench.context());
       return std::make_unique<RtcIo>(*s.gpio, s.bench.context());
     }},
    {"wdev", [](Stand& s) { return std::make_unique<Wdev>(SeededRandom(1), s.bench.context()); }},
    plain<Sens>("sens"),
    plain<Syscon>("syscon"),
    plain<RegI2c>("regi2c"),
    plain<Ledc>("ledc"),
    plain<Rmt>("rmt"),
    plain<Pcnt>("pcnt"),
    named<Mcpwm>("mcpwm"),
    named<I2c>("i2c"),
    with_dma<I2s>("i2s"),
    with_dma<GpSpi>("spi"),
    plain<Twai>("twai"),
    plain<Sdmmc>("sdmmc"),
    with_dma<Uhci>("uhci"),
    plain<EmacMac>("emac_mac"),
};

class PokeTest : public ::testing::TestWithParam<Case> {};

std::vector<std::uint8_t> state(RegisterBlock& device) {
  auto ar = base::Archive::saving();
  device.archive(ar);
  return ar.bytes();
}

TEST_P(PokeTest, SurvivesAnything) {
  Stand s;
  s.device = GetParam().make(s);
  std::mt19937 random(12345);
  const std::uint32_t words = s.device->size() / 4;
  // Descriptors where links are likely to point, some of them in rings.
  for (std::uint32_t i = 0; i < s.memory.bytes.size(); i += 12) {
    s.memory.write_word(kBase + i, random());
    s.memory.write_word(kBase + i + 4, kBase + random() % 0xf000);
    s.memory.write_word(kBase + i + 8, random() % 4 ? kBase + random() % 0xf00 * 4 : 0);
  }
  for (int i = 0; i < 20'000; ++i) {
    const std::uint32_t offset = (random() % 2 ? random() % words : random() % 64 % words) * 4;
    std::uint32_t value = random();
    switch (random() % 4) {
      case 0:
        value &= 0xff;
        break;
      case 1:
        value = 1u << value % 32;
        break;
      case 2:  // a link to a descriptor, started
        value = ((kBase + value % 0xf00 * 4) & 0xfffff) | 1u << 29;
        break;
      default:
        break;
    }
    switch (random() % 8) {
      case 0:
        s.device->read(offset);
        break;
      case 1:
        s.bench.run(random() % 20'000);
        break;
      case 2:
        s.bench.skip(random() % 20'000);
        break;
      case 3:
        s.device->write_masked(offset, value, 0xffu << 8 * (value % 4));
        break;
      case 4:
        if (random() % 100 == 0) s.device->reset(ResetKind::kCore);
        break;
      default:
        s.device->write(offset, value);
        break;
    }
  }
  s.device->reset(ResetKind::kSystem);
  EXPECT_EQ(s.bench.events().next_deadline(), base::kNever);  // nothing is under way any more
}

TEST_P(PokeTest, PeekChangesNothing) {
  Stand s;
  s.device = GetParam().make(s);
  std::mt19937 random(99);
  const std::uint32_t words = s.device->size() / 4;
  for (int i = 0; i < 300; ++i) s.device->write(random() % words * 4, random());
  const auto look = [&] {
    std::vector<std::uint32_t> values;
    for (std::uint32_t i = 0; i < words; ++i) values.push_back(s.device->peek(4 * i));
    return values;
  };
  const auto first = look();  // brings what depends on the time up to date
  const auto before = state(*s.device);
  EXPECT_EQ(look(), first);
  EXPECT_EQ(state(*s.device), before);
}

TEST_P(PokeTest, ArchiveGivesTheSameDevice) {
  Stand s;
  s.device = GetParam().make(s);
  std::mt19937 random(7);
  const std::uint32_t words = s.device->size() / 4;
  for (int i = 0; i < 1000; ++i) {
    s.device->write(random() % words * 4, random());
    s.bench.run(random() % 1000);
  }
  for (std::uint32_t i = 0; i < words; ++i) s.device->peek(4 * i);
  const auto saved = state(*s.device);
  Stand t;
  t.bench.skip(s.bench.now());
  t.device = GetParam().make(t);
  auto loading = base::Archive::loading(saved);
  t.device->archive(loading);
  EXPECT_FALSE(loading.failed());
  EXPECT_TRUE(loading.at_end());
  EXPECT_EQ(state(*t.device), saved);
}

TEST_P(PokeTest, ResetIsTheStateAtFirst) {
  Stand s, t;
  s.device = GetParam().make(s);
  t.device = GetParam().make(t);
  std::mt19937 random(3);
  const std::uint32_t words = s.device->size() / 4;
  s.device->reset(ResetKind::kSystem);
  t.device->reset(ResetKind::kSystem);
  for (int i = 0; i < 500; ++i) s.device->write(random() % words * 4, random());
  s.device->reset(ResetKind::kSystem);
  const std::string name(s.device->name());
  for (std::uint32_t i = 0; i < words; ++i) {
    // Random numbers, and pads that keep the level they were last driven to.
    if (name == "wdev" || (name == "gpio" && (i == 0x3c / 4 || i == 0x40 / 4))) continue;
    EXPECT_EQ(s.device->peek(4 * i), t.device->peek(4 * i)) << name << " " << 4 * i;
  }
}

INSTANTIATE_TEST_SUITE_P(All, PokeTest, ::testing::ValuesIn(kCases),
                         [](const ::testing::TestParamInfo<Case>& i) { return std::string(i.param.name); });

}  // namespace
}  // namespace espalier::devices
