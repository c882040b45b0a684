// Power cuts at random instants of a guest that writes its flash without end (guest/tests/flash_stores.c):
// what the flash holds afterwards is checked by rules of its own, and the guest finds its data again each
// time. ESPALIER_POWER_CUTS says how many, ESPALIER_POWER_CUT_SEED where the random instants begin.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "base/random.h"
#include "esp32/flash_rules_test_support.h"
#include "esp32/guest_program_test_support.h"
#include "esp32/machine.h"

namespace espalier::esp32 {
namespace {

using testing_support::FlashRules;
using testing_support::number_from;
using Bytes = std::vector<std::uint8_t>;

class PowerCut : public testing::Test {
 protected:
  void start(std::shared_ptr<const devices::FlashImage> flash) {
    MachineOptions options;
    options.rom = rom();
    options.flash = std::move(flash);
    options.clock = ClockMode::kWarp;
    machine = Machine::create(options).value();
    for (devices::Uart& uart : machine->chip().uart) uart.set_speedup(128);
    machine->chip().uart[0].on_transmit = [this](std::span<const std::uint8_t> bytes) {
      console.append(bytes.begin(), bytes.end());
    };
  }
  static std::shared_ptr<const SharedRom> rom() {
    static const auto shared = std::make_shared<SharedRom>(rom::Rom());
    return shared;
  }
  static std::shared_ptr<const devices::FlashImage> stores() {
    std::ifstream file(ESPALIER_FLASH_STORES_IMAGE, std::ios::binary);
    Bytes bytes(0x1000, 0xff);
    bytes.insert(bytes.end(), std::istreambuf_iterator<char>(file), {});
    return devices::FlashImage::create(bytes, 1 << 20).value();
  }
  void run_to(std::uint64_t instructions) { testing_support::run_to(*machine, instructions); }
  std::uint32_t word(std::uint32_t address) {
    Bytes bytes(4);
    EXPECT_EQ(machine->peek(0, address, bytes), 4u);
    return bytes[0] | bytes[1] << 8 | bytes[2] << 16 | static_cast<std::uint32_t>(bytes[3]) << 24;
  }

  std::unique_ptr<Machine> machine;
  std::string console;
};

TEST_F(PowerCut, ComesAtTheVeryInstruction) {
  start(testing_support::flash_with("loop: addi a2, a2, 1\n j loop\n"));
  run_to(2'000'000);  // it counts by then
  for (const std::uint64_t at : {2'000'001u, 2'000'002u, 2'000'777u, 2'012'345u, 2'500'000u}) {
    run_to(at);
    EXPECT_EQ(machine->instructions(), at);
  }
}

TEST_F(PowerCut, LeavesNothingInMemoryAndRegisters) {
  constexpr std::uint32_t kRam = 0x3ffb0000, kRtcSlow = 0x50000000, kStore0 = 0x4c, kSome = 0x12345678;
  const Bytes bytes = {0x78, 0x56, 0x34, 0x12};
  start(testing_support::flash_with("loop: addi a2, a2, 1\n j loop\n"));
  run_to(2'000'000);
  const std::uint32_t pc = machine->core(0).state().pc;
  ASSERT_EQ(machine->debug().write(0, kRam, bytes), 4u);
  ASSERT_EQ(machine->debug().write(0, kRtcSlow, bytes), 4u);
  machine->chip().rtc_cntl.write(kStore0, kSome);
  EXPECT_EQ(word(kRam), kSome);
  EXPECT_EQ(word(kRtcSlow), kSome);
  EXPECT_EQ(machine->power_cycle(1), "");
  EXPECT_EQ(word(kRam), 0u);
  EXPECT_EQ(word(kRtcSlow), 0u);
  EXPECT_EQ(machine->chip().rtc_cntl.read(kStore0), 0u);
  EXPECT_EQ(word(testing_support::kEntry), 0u);
  EXPECT_EQ(machine->chip().rtc_cntl.reset_cause(0), devices::ResetCause::kPowerOn);
  EXPECT_EQ(machine->core(0).state().pc, machine->chip().reset_vector(0));
  run_to(machine->instructions() + 2'000'000);  // and boots as the first time
  EXPECT_EQ(machine->core(0).state().pc & ~0xfu, pc & ~0xfu);
}

TEST_F(PowerCut, TheSameCutLeavesTheSameFlash) {
  const auto left = [&](std::uint64_t seed) {
    start(stores());
    run_to(1'000'000);
    while (machine->chip().flash_chip.busy_until() <=
           machine->events().now() + 10 * base::kTicksPerMicrosecond)
      run_to(machine->instructions() + 100);
    const std::string told = machine->power_cycle(seed);
    Bytes bytes(machine->flash().size());
    machine->flash().read(0, bytes);
    return std::pair(told, bytes);
  };
  const auto first = left(1);
  EXPECT_NE(first.first, "");
  EXPECT_EQ(left(1), first);
  EXPECT_NE(left(2).second, first.second);
}

// The rules notice what is none of a chip's states.
TEST_F(PowerCut, TheRulesKnowWhatNoChipDoes) {
  start(stores());
  FlashRules rules(*machine);
  run_to(4'000'000);
  rules.cut();
  machine->power_cycle(1);
  EXPECT_EQ(rules.verdict(), "");
  const Bytes fallen = {0x7f};
  machine->flash().put(0xf0000, fallen);
  rules.cut();
  machine->power_cycle(1);
  EXPECT_THAT(rules.verdict(), testing::HasSubstr("0xf0000: is 0x7f, not 0xff, and nobody wrote there"));
}

// And within the range of what was cut.
TEST_F(PowerCut, TheRulesKnowWhatNoOperationLeaves) {
  start(stores());
  FlashRules rules(*machine);
  base::Random random(1);
  std::set<std::string, std::less<>> seen;
  for (int cut = 0; cut < 500 && seen.size() < 2; ++cut) {
    run_to(machine->instructions() + 1 + random.below(1'500'000));
    rules.cut();
    const std::string told = machine->power_cycle(random.next());
    const auto number_behind = [&](std::string_view word) {
      return static_cast<std::uint32_t>(
          std::strtoul(told.c_str() + told.find(word) + word.size(), nullptr, 0));
    };
    std::string_view what;
    if (told.starts_with("a page program at ")) {
      what = "a program has cleared a bit that was to stay";
      machine->flash().put(number_behind("program at "), Bytes(1));
    } else if (told.starts_with("an erase at ") && number_behind("cut after ") < 45'000 / 4) {
      what = "an erase that has just begun has set a bit";
      machine->flash().put(number_behind("erase at "), Bytes(4096, 0xff));
    }
    if (what.empty()) {
      EXPECT_EQ(rules.verdict(), "");
    } else if (seen.emplace(what).second) {
      EXPECT_THAT(rules.verdict(), testing::HasSubstr(what)) << told;
    } else {
      rules.verdict();
    }
  }
  EXPECT_EQ(seen.size(), 2u);
}

TEST_F(PowerCut, AtRandomInstantsOfAGuestThatWrites) {
  // What the guest does in that, its start included: some dozens of writes and an erase or two.
  constexpr std::uint64_t kLongestRun = 1'500'000;
  const std::uint64_t cuts = number_from("ESPALIER_POWER_CUTS", 300);
  base::Random random(number_from("ESPALIER_POWER_CUT_SEED", 1));
  start(stores());
  FlashRules rules(*machine);
  unsigned long kept = 0, recoveries = 0;
  for (std::uint64_t cut = 0; cut < cuts; ++cut) {
    run_to(machine->instructions() + 1 + random.below(kLongestRun));
    rules.cut();
    const std::string told = machine->power_cycle(random.next());
    const std::string wrong = rules.verdict();
    ASSERT_EQ(wrong, "") << "cut " << cut << " at instruction " << machine->instructions() << ": " << told;
    ASSERT_EQ(console.find("FAIL"), std::string::npos) << "cut " << cut << ": " << console;
    if (const auto at = console.find("kept ");
        at != std::string::npos && console.find('\n', at) != std::string::npos) {
      const unsigned long now = std::strtoul(console.c_str() + at + 5, nullptr, 10);
      ASSERT_GE(now, kept) << "cut " << cut << ": the guest has lost what it had";
      kept = now;
      ++recoveries;
    }
    console.clear();
  }
  fmt::print(
      "{} cuts: {} in programs, {} in erases, {} elsewhere; the guest found its data {} times, the last "
      "number {}\n",
      cuts, rules.counts["program"], rules.counts["erase"], rules.counts["idle"], recoveries, kept);
  EXPECT_GT(rules.counts["program"], cuts / 100);
  EXPECT_GT(rules.counts["erase"], cuts / 20);
  EXPECT_GT(recoveries, cuts / 4);
  EXPECT_GT(kept, cuts);
}

}  // namespace
}  // namespace espalier::esp32
