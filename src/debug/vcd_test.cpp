#include "debug/vcd.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "esp32/guest_program_test_support.h"

namespace espalier::debug {
namespace {

using ::testing::HasSubstr;

struct VcdTest : ::testing::Test {
  VcdTest() {
    esp32::MachineOptions options;
    options.rom = std::make_shared<esp32::SharedRom>(rom::Rom());
    options.flash = esp32::testing_support::flash_with("entry a1, 32; end: j end");
    options.clock = esp32::ClockMode::kWarp;
    machine = esp32::Machine::create(options).value();
  }
  ~VcdTest() override { std::filesystem::remove(path); }
  // Lets at least so much of the machine's time pass; returns its time then.
  std::uint64_t run_us(std::uint64_t us) {
    const base::Ticks end = machine->clock().now() + us * base::kTicksPerMicrosecond;
    while (machine->clock().now() < end)
      if (machine->run_round() == esp32::Machine::Progress::kIdle && !machine->skip_idle()) break;
    return base::ns_from_ticks(machine->clock().now());
  }
  std::string text() const {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  std::string path = fmt::format("{}/vcd-{}", ::testing::TempDir(), getpid());
  std::unique_ptr<esp32::Machine> machine;
};

TEST_F(VcdTest, HoldsTheLevelsOfTheBeginningAndEveryChange) {
  devices::Gpio& gpio = machine->chip().gpio;
  gpio.set_input(5, true);
  gpio.set_input(4, false);
  const std::uint64_t begin = base::ns_from_ticks(machine->clock().now());
  auto vcd = Vcd::start(*machine, path).value();
  gpio.set_input(4, true);  // at once: the same time
  const std::uint64_t later = run_us(50);
  gpio.set_input(4, false);
  gpio.set_input(39, true);
  gpio.set_input(39, true);  // no change
  const std::uint64_t end = run_us(50);
  vcd->finish();
  gpio.set_input(4, true);  // nobody listens any more

  const std::string all = text();
  EXPECT_TRUE(
      all.starts_with("$version Espalier $end\n$timescale 1 ns $end\n$scope module esp32 $end\n"
                      "$var wire 1 ! GPIO0 $end\n$var wire 1 \" GPIO1 $end\n"))
      << all;
  EXPECT_THAT(all, HasSubstr("$var wire 1 H GPIO39 $end\n$upscope $end\n$enddefinitions $end\n"));
  EXPECT_THAT(all, HasSubstr(fmt::format("#{}\n$dumpvars\n", begin)));
  EXPECT_THAT(all, HasSubstr("\n0%\n1&\n")) << "GPIO4 low, GPIO5 high";
  const std::string changes = all.substr(all.find("$end\n1%"));
  EXPECT_EQ(changes, fmt::format("$end\n1%\n#{}\n0%\n1H\n#{}\n", later, end));
}

TEST_F(VcdTest, ShowsWhatTheGuestDrives) {
  auto vcd = Vcd::start(*machine, path).value();
  devices::Gpio& gpio = machine->chip().gpio;
  machine->chip().io_mux.write(0x40, 2u << 12);  // GPIO2's pad is the GPIO matrix's
  gpio.write(0x20, 1u << 2);                     // GPIO_ENABLE
  run_us(10);
  gpio.write(0x08, 1u << 2);  // GPIO_OUT_W1TS
  run_us(10);
  gpio.write(0x0c, 1u << 2);
  vcd.reset();
  const std::string all = text();
  EXPECT_LT(all.find("\n1#\n"), all.rfind("\n0#\n")) << all;
  EXPECT_NE(all.find("\n1#\n"), std::string::npos) << all;
}

TEST_F(VcdTest, NamesAFileThatCannotBeMade) {
  const auto vcd = Vcd::start(*machine, "/no/such/folder/pads.vcd");
  ASSERT_FALSE(vcd);
  EXPECT_EQ(vcd.error(), "cannot write /no/such/folder/pads.vcd: No such file or directory");
}

}  // namespace
}  // namespace espalier::debug
