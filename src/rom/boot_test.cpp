// The ROM's boot, run on a core: what it prints and where it goes.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "rom/testing/rom_machine.h"

namespace espalier::rom {
namespace {

using testing::kApp;
using testing::RomMachine;

constexpr std::uint32_t GPIO_STRAP_REG = 0x3ff44038, RTC_CNTL_RESET_STATE_REG = 0x3ff48034;
constexpr std::uint32_t RTC_CNTL_STORE4_REG = 0x3ff480b0, RTC_CNTL_STORE6_REG = 0x3ff480b8;
constexpr std::uint32_t RTC_CNTL_STORE7_REG = 0x3ff480bc, DPORT_APPCPU_CTRL_D_REG = 0x3ff00038;
constexpr std::uint32_t EFUSE_BLK0_RDATA0_REG = 0x3ff5a000, EFUSE_BLK0_RDATA3_REG = 0x3ff5a00c;
constexpr std::uint32_t EFUSE_BLK0_RDATA5_REG = 0x3ff5a014, EFUSE_BLK0_RDATA6_REG = 0x3ff5a018;
constexpr std::uint32_t kConsoleDebugDisable = 4;

constexpr std::uint32_t kBootloader = 0x1000;
constexpr std::uint32_t kEntry = 0x40081000;

const std::string kFlashBanner =
    "ets Jun  8 2016 00:22:57\r\n\r\nrst:0x1 (POWERON_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)\r\n";
const std::string kConfig =
    "configsip: 0, SPIWP:0xee\r\n"
    "clk_drv:0x00,q_drv:0x00,d_drv:0x00,cs0_drv:0x00,hd_drv:0x00,wp_drv:0x00\r\n";

struct Segment {
  std::uint32_t address;
  std::string data;
};

void put32(std::string& to, std::uint32_t value) {
  for (unsigned i = 0; i < 4; ++i) to.push_back(static_cast<char>(value >> (8 * i)));
}

// An image as esptool makes it: mode 2 is DIO; speed 0 is 40 MHz, 0xf 80 MHz.
std::string make_image(const std::vector<Segment>& segments, std::uint8_t mode = 2, std::uint8_t speed = 0) {
  std::string image = {'\xe9', static_cast<char>(segments.size()), static_cast<char>(mode),
                       static_cast<char>(0x20 | speed)};
  put32(image, kEntry);
  image += '\xee';
  image.resize(24, '\0');
  std::uint8_t checksum = 0xef;
  for (const auto& [address, data] : segments) {
    put32(image, address);
    put32(image, static_cast<std::uint32_t>(data.size()));
    image += data;
    for (const char c : data) checksum ^= static_cast<std::uint8_t>(c);
  }
  while (image.size() % 16 != 15) image.push_back('\0');
  image.push_back(static_cast<char>(checksum));
  return image;
}

class Boot : public ::testing::Test {
 protected:
  static const Rom& rom() {
    static const Rom rom;
    return rom;
  }
  void flash(const std::string& image, std::uint32_t address = kBootloader) {
    std::ranges::copy(image, machine_.flash.begin() + address);
  }
  // A loop at `address` for what is booted to end in.
  static Segment loop(std::uint32_t address = kEntry) {
    const auto program = xtensa::testing::assemble("loop: j loop; .align 4", address);
    return {address, std::string(program.bytes.begin(), program.bytes.end())};
  }
  void second_mask() {
    machine_.registers[EFUSE_BLK0_RDATA3_REG] = 1 << 15;
    machine_.registers[EFUSE_BLK0_RDATA5_REG] = 1 << 20;
  }
  RomMachine machine_{rom()};
};

TEST_F(Boot, EmptyFlashFallsBackToTheConsole) {
  EXPECT_EQ(
      machine_.boot("OK\r\n>"),
      kFlashBanner + "flash read err, 1000\r\nFalling back to built-in command interpreter.\r\nOK\r\n>");
}

TEST_F(Boot, EmptyFlashStopsWhereTheConsoleIsDisabled) {
  machine_.registers[EFUSE_BLK0_RDATA6_REG] = kConsoleDebugDisable;
  EXPECT_EQ(machine_.boot("371 \r\n"), kFlashBanner + "flash read err, 1000\r\nets_main.c 371 \r\n");
}

TEST_F(Boot, SecondMaskWaitsForAHeader) {
  second_mask();
  const std::string shown = machine_.boot("0xffffffff\r\ninvalid header: 0xffffffff\r\n");
  EXPECT_EQ(shown,
            "ets Jul 29 2019 12:21:46\r\n\r\nrst:0x1 (POWERON_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)\r\n"
            "invalid header: 0xffffffff\r\ninvalid header: 0xffffffff\r\n");
}

TEST_F(Boot, SecondMaskRefusesAnotherChipsImage) {
  second_mask();
  std::string image = make_image({loop()});
  image[12] = 5;  // ESP32-C3
  flash(image);
  EXPECT_NE(machine_.boot("wrong chip id 0x0005\r\n").find("wrong chip id 0x0005\r\n"), std::string::npos);
}

TEST_F(Boot, LoadsSegmentsAndJumps) {
  flash(make_image({loop(), {0x3fff0000, "abcdefghijkl"}, {0x50000000, std::string(99, 'x')}}));
  EXPECT_EQ(machine_.boot("entry 0x40081000\r\n"),
            kFlashBanner + kConfig +
                "mode:DIO, clock div:2\r\n"
                "load:0x40081000,len:4\r\nload:0x3fff0000,len:12\r\nload:0x50000000,len:99\r\n"
                "entry 0x40081000\r\n");
  EXPECT_EQ(machine_.string(0x3fff0000), "abcdefghijkl");
  EXPECT_EQ(machine_.bytes(0x50000000, 100), std::string(99, 'x') + '\0');
  machine_.core().run(20'000);
  EXPECT_EQ(machine_.core().state().pc, kEntry);
}

// A segment's header that crosses two blocks of 16 bytes is told about, as on the chip.
TEST_F(Boot, ASplitHeader) {
  flash(make_image({{kEntry, std::string(12, '\6')}, {0x3fff0000, "abcd"}}));
  const std::string shown = machine_.boot("entry 0x40081000\r\n");
  EXPECT_NE(shown.find("load:0x40081000,len:12\r\nho 0 tail 12 room 4\r\nload:0x3fff0000,len:4\r\nentry"),
            std::string::npos)
      << shown;
  EXPECT_EQ(machine_.string(0x3fff0000), "abcd");
}

TEST_F(Boot, AWindowThatMovesOn) {
  flash(make_image({loop(), {0x3fff0000, std::string(0x10000, 'y')}}));
  std::vector<std::uint32_t> pages;
  machine_.on_write = [&](std::uint32_t address, std::uint32_t value) {
    if (address == 0x3ff10000) pages.push_back(value);
  };
  const std::string shown = machine_.boot("entry 0x40081000\r\n");
  // The window of the fake does not move: what is checked is that the ROM asks for it.
  EXPECT_NE(shown.find("load:0x3fff0000,len:65536\r\n1162 mmu set 00010000, pos 00010000\r\n"),
            std::string::npos)
      << shown;
  EXPECT_NE(std::ranges::find(pages, 1u), pages.end());
}

TEST_F(Boot, AWrongChecksum) {
  std::string image = make_image({loop()});
  image.back() = static_cast<char>(image.back() ^ 1);
  flash(image);
  const std::string shown = machine_.boot("OK\r\n>");
  EXPECT_NE(shown.find("csum err:0x"), std::string::npos) << shown;
  EXPECT_NE(shown.find("Falling back to built-in command interpreter.\r\nOK\r\n>"), std::string::npos)
      << shown;
  EXPECT_EQ(shown.find("entry"), std::string::npos);
}

struct FlashSetup {
  std::uint8_t mode, speed;
  const char* shown;
};
class FlashSetups : public Boot, public ::testing::WithParamInterface<FlashSetup> {};
TEST_P(FlashSetups, AreTakenFromTheHeader) {
  const auto& [mode, speed, text] = GetParam();
  flash(make_image({loop()}, mode, speed));
  const std::string shown = machine_.boot("entry 0x40081000\r\n");
  EXPECT_NE(shown.find(std::string(text) + "\r\n"), std::string::npos) << shown;
}
INSTANTIATE_TEST_SUITE_P(Boot, FlashSetups,
                         ::testing::Values(FlashSetup{0, 0xf, "mode:QIO, clock div:1"},
                                           FlashSetup{1, 0, "mode:QOUT, clock div:2"},
                                           FlashSetup{2, 1, "mode:DIO, clock div:3"},
                                           FlashSetup{3, 2, "mode:DOUT, clock div:4"}));

struct Strap {
  std::uint8_t value;
  const char* name;
  const char* then;
};
class Straps : public Boot, public ::testing::WithParamInterface<Strap> {};
TEST_P(Straps, ChooseTheMode) {
  const auto& [value, name, then] = GetParam();
  machine_.registers[GPIO_STRAP_REG] = value;
  const std::string shown = fmt::format(
      "ets Jun  8 2016 00:22:57\r\n\r\nrst:0x1 (POWERON_RESET),boot:{:#x} ({})\r\n{}", value, name, then);
  EXPECT_TRUE(machine_.boot(fmt::format("({})\r\n{}", name, then)).starts_with(shown)) << machine_.console;
}
INSTANTIATE_TEST_SUITE_P(
    Boot, Straps,
    ::testing::Values(Strap{0x00, "DOWNLOAD_BOOT(UART0/UART1/SDIO_FEI_FEO_V2)", "waiting for download\r\n"},
                      Strap{0x01, "DOWNLOAD_BOOT(UART0/UART1/SDIO_FEI_REO_V2)", "waiting for download\r\n"},
                      Strap{0x02, "DOWNLOAD_BOOT(UART0/UART1/SDIO_REI_FEO_V2)", "waiting for download\r\n"},
                      Strap{0x03, "DOWNLOAD_BOOT(UART0/UART1/SDIO_REI_REO_V2)", "waiting for download\r\n"},
                      Strap{0x23, "DOWNLOAD_BOOT(UART0/UART1/SDIO_REI_REO_V2)", "waiting for download\r\n"},
                      Strap{0x0a, "HSPI_FLASH_BOOT", "flash read err, 1000\r\n"},
                      Strap{0x0c, "SPI_FLASH_BOOT", "flash read err, 631\r\n"},
                      Strap{0x0f, "UART_BOOT(UART0)", ""},
                      Strap{0x0d, "SDIO_REI_FEO_V1_BOOT", "waiting for sdio host\r\n"},
                      Strap{0x17, "SPI_FAST_FLASH_BOOT", "flash read err, 1000\r\n"},
                      Strap{0x33, "SPI_FAST_FLASH_BOOT", "flash read err, 1000\r\n"}));

TEST_F(Boot, DownloadModeCanBeDisabled) {
  second_mask();
  machine_.registers[EFUSE_BLK0_RDATA0_REG] = 1 << 27;
  machine_.registers[GPIO_STRAP_REG] = 3;
  EXPECT_EQ(machine_.boot("high.\r\n"), "Download mode is disabled. Restart with GPIO0 high.\r\n");
}

// MTDO low at reset silences flash boot, as does a bit in RTC memory; other modes always print.
TEST_F(Boot, SilentByStrap) {
  machine_.registers[GPIO_STRAP_REG] = 0x11;
  EXPECT_EQ(machine_.boot("never", 500'000), "");
}
TEST_F(Boot, SilentByRequest) {
  machine_.registers[RTC_CNTL_STORE4_REG] = 1;
  EXPECT_EQ(machine_.boot("never", 500'000), "");
}
TEST_F(Boot, DownloadModeIsNeverSilent) {
  machine_.registers[GPIO_STRAP_REG] = 0x01;
  machine_.registers[RTC_CNTL_STORE4_REG] = 1;
  EXPECT_NE(machine_.boot("download\r\n").find("waiting for download\r\n"), std::string::npos);
}

struct Reset {
  std::uint8_t cause;
  const char* name;
};
class Resets : public Boot, public ::testing::WithParamInterface<Reset> {};
TEST_P(Resets, AreNamed) {
  machine_.registers[RTC_CNTL_RESET_STATE_REG] = GetParam().cause;
  flash(make_image({loop()}));
  const std::string banner = fmt::format("\r\nrst:{:#x} ({}),boot:0x13 (SPI_FAST_FLASH_BOOT)\r\nconfigsip",
                                         GetParam().cause, GetParam().name);
  EXPECT_NE(machine_.boot("entry 0x40081000\r\n").find(banner), std::string::npos) << machine_.console;
}
INSTANTIATE_TEST_SUITE_P(Boot, Resets,
                         ::testing::Values(Reset{0x01, "POWERON_RESET"}, Reset{0x03, "SW_RESET"},
                                           Reset{0x04, "OWDT_RESET"}, Reset{0x05, "DEEPSLEEP_RESET"},
                                           Reset{0x06, "SDIO_RESET"}, Reset{0x07, "TG0WDT_SYS_RESET"},
                                           Reset{0x08, "TG1WDT_SYS_RESET"}, Reset{0x09, "RTCWDT_SYS_RESET"},
                                           Reset{0x0a, "INTRUSION_RESET"}, Reset{0x0b, "TGWDT_CPU_RESET"},
                                           Reset{0x0c, "SW_CPU_RESET"}, Reset{0x0d, "RTCWDT_CPU_RESET"},
                                           Reset{0x0f, "RTCWDT_BROWN_OUT_RESET"},
                                           Reset{0x10, "RTCWDT_RTC_RESET"}));

class NoResets : public Boot, public ::testing::WithParamInterface<Reset> {};
TEST_P(NoResets, StopTheBoot) {
  machine_.registers[RTC_CNTL_RESET_STATE_REG] = GetParam().cause;
  EXPECT_NE(
      machine_.boot("391 \r\n")
          .find(fmt::format("({}),boot:0x13 (SPI_FAST_FLASH_BOOT)\r\nets_main.c 391 \r\n", GetParam().name)),
      std::string::npos)
      << machine_.console;
}
INSTANTIATE_TEST_SUITE_P(Boot, NoResets,
                         ::testing::Values(Reset{0x00, "NO_MEAN"}, Reset{0x02, "EXT_SYS_RESET"},
                                           Reset{0x0e, "EXT_CPU_RESET"}, Reset{0x11, "unk"}));

// After deep sleep the ROM calls the stub in RTC memory if the memory's CRC is as it was left.
class DeepSleep : public Boot {
 protected:
  static constexpr std::uint32_t kStub = 0x50000100, kCrc = 0x12345678;
  DeepSleep() {
    const auto stub = loop(kStub);
    machine_.put(stub.data, kStub);
    machine_.registers[RTC_CNTL_RESET_STATE_REG] = 5;
    machine_.registers[RTC_CNTL_STORE6_REG] = kStub;
    machine_.registers[RTC_CNTL_STORE7_REG] = kCrc;
    machine_.registers[0x3ff48104] = kCrc;  // RTC_MEM_CRC_RES_REG
    flash(make_image({loop()}));
  }
};
TEST_F(DeepSleep, WakesToTheStub) {
  machine_.boot("configsip", 500'000);
  EXPECT_EQ(machine_.core().state().pc, kStub);
  EXPECT_EQ(machine_.registers[RTC_CNTL_STORE6_REG], 0);  // only once
  EXPECT_EQ(machine_.console,
            "ets Jun  8 2016 00:22:57\r\n\r\nrst:0x5 (DEEPSLEEP_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)\r\n");
}
TEST_F(DeepSleep, BootsIfTheMemoryIsNotAsItWas) {
  machine_.registers[0x3ff48104] = kCrc + 1;
  machine_.boot("entry 0x40081000\r\n");
  machine_.core().run(20'000);
  EXPECT_EQ(machine_.core().state().pc, kEntry);
}

class AppCpu : public Boot {
 protected:
  RomMachine app_{rom(), kApp};
};
TEST_F(AppCpu, WaitsForAnAddressAndGoesThere) {
  app_.put(loop().data, kEntry);
  app_.boot("anything", 100'000);
  EXPECT_EQ(app_.console, "");
  EXPECT_NE(app_.core().state().pc, kEntry);
  app_.registers[DPORT_APPCPU_CTRL_D_REG] = kEntry;
  app_.core().run(100'000);
  EXPECT_EQ(app_.core().state().pc, kEntry);
  // On a stack of its own.
  EXPECT_GT(app_.core().a(1), 0x3ffe3f20);
  EXPECT_LE(app_.core().a(1), 0x3ffe7e30);
}
TEST_F(AppCpu, AnAddressThatIsThereAtReset) {
  app_.put(loop().data, kEntry);
  app_.registers[DPORT_APPCPU_CTRL_D_REG] = kEntry | 1u << 31;
  app_.boot("anything", 1000);
  EXPECT_EQ(app_.core().state().pc, kEntry);
}

TEST_F(Boot, CodeThatReturns) {
  const auto program = xtensa::testing::assemble("entry a1, 32; retw.n; .align 4", kEntry);
  flash(make_image({{kEntry, std::string(program.bytes.begin(), program.bytes.end())}}));
  EXPECT_NE(machine_.boot("done\r\n").find("entry 0x40081000\r\nuser code done\r\n"), std::string::npos);
}

// Until firmware has handlers of its own, the ROM prints what went wrong.
TEST_F(Boot, AnExceptionBeforeAnyoneHandlesIt) {
  const auto program =
      xtensa::testing::assemble("entry a1, 32; movi.n a3, 1; l32i a2, a3, 0; retw.n; .align 4", kEntry);
  flash(make_image({{kEntry, std::string(program.bytes.begin(), program.bytes.end())}}));
  const std::string shown = machine_.boot("depc=0x00000000\r\n");
  EXPECT_NE(shown.find("Fatal exception (28): LoadProhibited\r\nepc1=0x40081005, epc2=0x00000000, "
                       "epc3=0x00000000, excvaddr=0x00000001, depc=0x00000000\r\n"),
            std::string::npos)
      << shown;
}

}  // namespace
}  // namespace espalier::rom
