#include "esp32/machine.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

namespace espalier::esp32 {
namespace {

std::shared_ptr<const SharedRom> rom() {
  static const auto shared = std::make_shared<SharedRom>(rom::Rom());
  return shared;
}

// A machine in warp with its console.
struct Board {
  explicit Board(std::vector<std::uint8_t> flash, std::optional<std::uint32_t> reset_limit = {},
                 std::uint32_t strapping = devices::Gpio::kStrapFlashBoot) {
    MachineOptions options;
    options.rom = rom();
    options.flash = devices::FlashImage::create(flash, 1 * kMiB).value();
    options.clock = ClockMode::kWarp;
    options.reset_limit = reset_limit;
    options.chip.strapping = strapping;
    machine = Machine::create(options).value();
    machine->chip().uart[0].on_transmit = [this](std::span<const std::uint8_t> bytes) {
      console.append(bytes.begin(), bytes.end());
    };
  }
  // Runs until the console shows `text`, the machine stops, or `seconds` of virtual time have passed.
  bool run_until(std::string_view text, double seconds) {
    const auto end = static_cast<base::Ticks>(seconds * base::kTicksPerSecond);
    while (console.find(text) == std::string::npos) {
      if (machine->clock().now() >= end) return false;
      switch (machine->run_round()) {
        case Machine::Progress::kRan:
          break;
        case Machine::Progress::kIdle:
          if (!machine->skip_idle()) return false;
          break;
        case Machine::Progress::kStopped:
          return false;
      }
    }
    return true;
  }

  std::unique_ptr<Machine> machine;
  std::string console;
};

// An ESP image of one segment that lies in IRAM, at flash offset 0x1000 where the ROM looks for the
// bootloader.
std::vector<std::uint8_t> flash_with(std::vector<std::uint8_t> code) {
  while (code.size() % 4) code.push_back(0);
  std::vector<std::uint8_t> image = {0xe9, 1,    2,    0x10,
                                     0x00, 0x04, 0x08, 0x40};  // DIO, 2 MB, entry 0x40080400
  image.resize(24);
  const auto word = [&](std::uint32_t value) {
    for (int i = 0; i < 4; ++i) image.push_back(static_cast<std::uint8_t>(value >> 8 * i));
  };
  word(0x40080400);
  word(static_cast<std::uint32_t>(code.size()));
  std::uint8_t checksum = 0xef;
  for (std::uint8_t byte : code) {
    image.push_back(byte);
    checksum ^= byte;
  }
  while (image.size() % 16 != 15) image.push_back(0);
  image.push_back(checksum);
  std::vector<std::uint8_t> flash(0x1000, 0xff);
  flash.insert(flash.end(), image.begin(), image.end());
  return flash;
}

TEST(Machine, AnEmptyFlashBootLoopsByTheWatchdog) {
  Board board({}, 2);
  board.run_until("no such text", 20);
  ASSERT_TRUE(board.machine->halted());
  EXPECT_EQ(board.machine->halted()->kind, Halt::Kind::kResetLimit);
  EXPECT_THAT(board.machine->halted()->message, testing::HasSubstr("3 times"));
  EXPECT_THAT(board.console, testing::HasSubstr("rst:0x1 (POWERON_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)"));
  EXPECT_THAT(board.console, testing::HasSubstr("invalid header: 0xffffffff"));
  EXPECT_THAT(board.console, testing::HasSubstr("RESET"));
  EXPECT_EQ(board.machine->resets(), 2u);
}

TEST(Machine, LoadsAndEntersWhatLiesAt0x1000) {
  // entry a1, 32; j . (in the narrow loop the core stays at 0x40080403)
  Board board(flash_with({0x36, 0x41, 0x00, 0x06, 0xff, 0xff}));
  EXPECT_TRUE(board.run_until("entry 0x40080400", 5));
  for (int i = 0; i < 2000; ++i) board.machine->run_round();
  EXPECT_EQ(board.machine->core(0).state().pc & ~0x3u, 0x40080400u);
  EXPECT_TRUE(board.machine->core(1).halted()) << "the APP CPU waits for the PRO CPU to start it";
}

TEST(Machine, ACallToAMissingRomFunctionStopsWithOneLine) {
  // entry a1, 32; l32r a8, ...; callx8 a8 with a literal in front: the code begins with `j` over it.
  const std::vector<std::uint8_t> code = {
      0x36, 0x41, 0x00,        // 0x40080400 entry a1, 32
      0x46, 0x01, 0x00,        // 0x40080403 j 0x4008040c
      0x00, 0x00,              // padding
      0xbc, 0xf3, 0x02, 0x40,  // 0x40080408 literal: 0x4002f3bc, a function of the Bluetooth controller
      0x81, 0xff, 0xff,        // 0x4008040c l32r a8, 0x40080408
      0xe0, 0x08, 0x00,        // 0x4008040f callx8 a8
  };
  Board board(flash_with(code));
  board.run_until("no such text", 5);
  ASSERT_TRUE(board.machine->halted());
  EXPECT_EQ(board.machine->halted()->kind, Halt::Kind::kMissingRomFunction);
  EXPECT_THAT(board.machine->halted()->message, testing::HasSubstr("0x4002f3bc"));
  EXPECT_THAT(board.machine->halted()->message, testing::HasSubstr("0x40080412"));
  EXPECT_EQ(board.machine->halted()->message.find('\n'), std::string::npos);
}

// With GPIO0 low at reset the ROM waits for a flashing tool, past any watchdog; it finds the line's rate by
// itself. src/rom/download_test.cpp tests the whole protocol.
TEST(Machine, DownloadModeAnswersAFlashingTool) {
  for (const unsigned speedup : {1u, 16u}) {
    Board board({}, 0, 0x03);
    devices::Uart& uart = board.machine->chip().uart[0];
    uart.set_speedup(speedup);
    ASSERT_TRUE(board.run_until(
        "boot:0x3 (DOWNLOAD_BOOT(UART0/UART1/SDIO_REI_REO_V2))\r\nwaiting for download\r\n", 1));
    board.run_until("no such text", 30);  // nothing happens: time goes on by far
    EXPECT_EQ(board.machine->resets(), 0u);
    board.console.clear();
    const auto say = [&](std::uint8_t operation, std::string_view data) {
      std::string packet = {'\xc0', '\0', static_cast<char>(operation), static_cast<char>(data.size())};
      packet += std::string(5, '\0') + std::string(data) + '\xc0';
      uart.receive({reinterpret_cast<const std::uint8_t*>(packet.data()), packet.size()});
    };
    const std::string synced("\xc0\x01\x08\x04\x00\x07\x07\x12\x20\x00\x00\x00\x00\xc0", 14);
    const auto seconds = [&] {
      return static_cast<double>(board.machine->clock().now()) / base::kTicksPerSecond;
    };
    for (unsigned attempt = 0; attempt < 4 && board.console.find(synced) == std::string::npos; ++attempt) {
      say(8, "\x07\x07\x12\x20" + std::string(32, 'U'));
      board.run_until(synced, seconds() + 0.1);
    }
    EXPECT_THAT(board.console, testing::HasSubstr(synced));
    say(0x0a, std::string_view("\x00\x10\x00\x40", 4));  // read the word at 0x40001000
    const std::string magic("\xc0\x01\x0a\x04\x00\x83\x1d\xf0\x00\x00\x00\x00\x00\xc0", 14);
    EXPECT_TRUE(board.run_until(magic, seconds() + 0.1)) << "speedup " << speedup;
  }
}

TEST(Machine, ExternalRegistersAreThoseOfTheDebugModule) {
  Board board({});
  xtensa::Core& core = board.machine->core(0);
  xtensa::Environment& outside = core.environment();
  for (const std::uint32_t address : {0x100000u, 0x101080u, 0x103ffcu}) {
    outside.write_external(core, address, address + 1);
    EXPECT_EQ(outside.read_external(core, address), address + 1);
  }
  // Anywhere else a guest could go on for 2^32 registers, all of them the host's memory.
  for (const std::uint32_t address : {0u, 0xffffcu, 0x104000u, 0xfffffffcu}) {
    outside.write_external(core, address, 1);
    EXPECT_EQ(outside.read_external(core, address), 0u);
  }
}

TEST(Machine, PeeksSeeMemoryAndDisturbNothing) {
  Board board({});
  Machine& machine = *board.machine;
  const auto word = [&](std::uint32_t address) {
    std::array<std::uint8_t, 4> bytes{};
    EXPECT_EQ(machine.peek(0, address, bytes), 4u) << std::hex << address;
    return bytes[0] | bytes[1] << 8 | bytes[2] << 16 | static_cast<std::uint32_t>(bytes[3]) << 24;
  };
  std::uint8_t* ram = machine.memory().writable(0, 0x3ffe0000, 1);
  for (std::uint8_t n = 0; n < 8; ++n) ram[n] = n;
  EXPECT_EQ(word(0x3ffe0001), 0x04030201u);
  EXPECT_EQ(word(0x400bfffc), 0x03020100u) << "words of SRAM1 lie in reversed order on the instruction bus";
  // A byte that waits in UART0's FIFO is not taken out of it.
  const std::uint8_t byte = 'x';
  ASSERT_EQ(machine.chip().uart[0].receive({&byte, 1}), 1u);
  const std::uint32_t status = word(0x3ff4001c);
  EXPECT_EQ(word(0x3ff40000), word(0x3ff40000));
  EXPECT_EQ(word(0x3ff4001c), status);
  EXPECT_EQ(word(0x6000001c), status) << "the alias on the AHB";
  std::array<std::uint8_t, 8> across{};
  EXPECT_EQ(machine.peek(0, 0x50001ffc, across), 4u) << "RTC slow memory ends there";
  EXPECT_EQ(machine.peek(0, 0x90000000, across), 0u);
}

TEST(Machine, TwoRunsAreTheSame) {
  const auto run = [] {
    Board board({}, 1);
    board.run_until("no such text", 20);
    return std::pair(board.console, board.machine->instructions());
  };
  EXPECT_EQ(run(), run());
}

TEST(Machine, ASavedStateGoesOnExactlyAsTheOriginal) {
  Board original({}, 3);
  ASSERT_TRUE(original.run_until("invalid header", 5));
  const std::vector<std::uint8_t> saved = original.machine->save();
  Board copy({}, 3);
  const auto loaded = copy.machine->load(saved);
  ASSERT_TRUE(loaded) << loaded.error();
  EXPECT_EQ(copy.machine->save(), saved);
  const std::string before = original.console;
  original.run_until("no such text", 20);
  copy.run_until("no such text", 20);
  EXPECT_EQ(before + copy.console, original.console);
  EXPECT_EQ(copy.machine->clock().now(), original.machine->clock().now());
}

TEST(Machine, ASavedStateThatIsNotWholeIsRefused) {
  Board board({}, 3);
  ASSERT_TRUE(board.run_until("invalid header", 5));
  const std::vector<std::uint8_t> saved = board.machine->save();
  const auto error = [](std::span<const std::uint8_t> bytes) {
    Board other({}, 3);
    const auto loaded = other.machine->load(bytes);
    EXPECT_TRUE(loaded || loaded.error().find('\n') == std::string::npos);
    return loaded ? "" : loaded.error();
  };
  EXPECT_EQ(error({}), "is no saved state");
  EXPECT_EQ(error(std::vector<std::uint8_t>(saved.begin() + 1, saved.end())), "is no saved state");
  EXPECT_THAT(error(std::span(saved).first(saved.size() / 2)), testing::StartsWith("is cut short: "));
  auto flipped = saved;
  flipped[saved.size() / 3] ^= 0x10;
  EXPECT_EQ(error(flipped), "is damaged: its checksum does not match");
  const std::span state = std::span(saved).subspan(base::kSealSize);
  EXPECT_EQ(error(base::seal(state, Machine::kStateVersion + 1)),
            fmt::format("was saved in form {}, and this program reads form {}", Machine::kStateVersion + 1,
                        Machine::kStateVersion));
  auto longer = std::vector<std::uint8_t>(state.begin(), state.end());
  longer.push_back(0);
  EXPECT_EQ(error(base::seal(longer, Machine::kStateVersion)),
            "does not fit this machine: it holds more than this one has");

  // With a right checksum, but ending where a section begins or within it.
  base::Archive ar = base::Archive::saving();
  board.machine->archive(ar);
  ASSERT_EQ(ar.bytes().size(), state.size());
  ASSERT_GT(ar.sections().size(), 20u);
  for (const std::size_t begin : ar.sections())
    for (const std::size_t size : {begin, begin + 3, begin + 12})
      EXPECT_THAT(error(base::seal(state.first(size), Machine::kStateVersion)),
                  testing::StartsWith("does not fit this machine: its "))
          << size;
}

TEST(Machine, ASavedStateOfAnotherMachineIsRefused) {
  Board board({}, 3);
  MachineOptions options;
  options.rom = rom();
  options.flash = devices::FlashImage::create({}, 2 * kMiB).value();
  auto larger = Machine::create(options).value();
  const auto loaded = larger->load(board.machine->save());
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error(), "does not fit this machine: its flash storage of 2097152 bytes is another");
}

}  // namespace
}  // namespace espalier::esp32
