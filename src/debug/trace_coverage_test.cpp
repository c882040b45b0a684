// Every event there is, told by a machine: the guest executes what the cores tell of, the test does with the
// registers what a driver would.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "debug/core_watch.h"
#include "debug/tracing.h"
#include "esp32/guest_program_test_support.h"
#include "esp32/machine.h"

namespace espalier::debug {
namespace {

using base::TraceEvent;
using base::Tracer;

constexpr std::uint32_t kTcbPointer = 0x3ffb1000, kTcb = 0x3ffb1100, kNameOffset = 0x34;
constexpr std::uint32_t kDma = 0x3ffb4000;

// Calls a ROM function, fills all windows, breaks, and then waits for one timer interrupt after another.
std::string program() {
  return fmt::format(R"(
      entry a1, 32
      j start
      .align 4
    vectors: .word 0x40080800
    buffer: .word {:#x}
    memset: .word {:#x}
    start:
      l32r a10, buffer
      movi a11, 0
      movi a12, 16
      l32r a8, memset
      callx8 a8
      movi a10, 12
      call8 deep
      l32r a2, vectors
      wsr.vecbase a2
      rsync
      break 1, 15
      rsr.ccount a2
      addmi a2, a2, 0x4000
      wsr.ccompare0 a2
      movi a2, 64
      wsr.intenable a2
    wait:
      waiti 0
      j wait
      .align 4
    deep:
      entry a1, 32
      beqz a2, shallow
      addi a10, a2, -1
      call8 deep
    shallow:
      retw
    tick:
      wsr.excsave1 a2
      rsr.ccount a2
      addmi a2, a2, 0x4000
      wsr.ccompare0 a2
      rsr.excsave1 a2
      rfe
      .org 0x40080a80
      wsr.excsave6 a2
      rsr.epc6 a2
      addi a2, a2, 3
      wsr.epc6 a2
      rsr.excsave6 a2
      rfi 6
      .org 0x40080b00
      j tick
      .org 0x40080b40
      j tick
  )",
                     kDma, rom::symbol_address("memset"));
}

class Board {
 public:
  explicit Board(xtensa::Engine engine = xtensa::kDefaultEngine) {
    esp32::MachineOptions options;
    options.rom = std::make_shared<esp32::SharedRom>(rom::Rom());
    options.flash = esp32::testing_support::flash_with(program());
    options.clock = esp32::ClockMode::kWarp;
    options.engine = engine;
    machine = esp32::Machine::create(options).value();
    machine->tracer().set_sink([this](const base::TraceRecord& record) {
      seen.insert(std::string(record.event.name));
      lines.push_back(
          fmt::format("{} {} {} {}", record.time, record.cpu, record.event.name, base::trace_text(record)));
    });
  }
  void run_ms(std::uint64_t ms) {
    const base::Ticks end = machine->clock().now() + ms * base::kTicksPerMillisecond;
    while (machine->clock().now() < end && !machine->halted())
      if (machine->run_round() == esp32::Machine::Progress::kIdle && !machine->skip_idle()) break;
  }
  std::uint32_t load(std::uint32_t address) {
    std::uint32_t value = 0;
    xtensa::Core& core = machine->core(0);
    EXPECT_TRUE(core.environment().load(core, address, 4, value).ok);
    return value;
  }
  void store(std::uint32_t address, std::uint32_t value) {
    xtensa::Core& core = machine->core(0);
    EXPECT_TRUE(core.environment().store(core, address, 4, value).ok);
  }
  void poke(std::uint32_t address, std::uint32_t value) {
    std::memcpy(machine->memory().writable(0, address, 4), &value, 4);
  }
  void flash(std::vector<std::uint8_t> bytes) {
    devices::SpiTransfer transfer;
    transfer.command_bits = 8;
    transfer.command = bytes[0];
    transfer.mosi = std::span(bytes).subspan(1);
    machine->chip().flash_chip.transfer(transfer);
  }

  std::unique_ptr<esp32::Machine> machine;
  std::set<std::string> seen;
  std::vector<std::string> lines;
};

void use_flash(Board& board) {
  board.flash({0x9f});
  board.flash({0x77});  // no command
  board.flash({0x06});
  board.flash({0x02, 0, 0x80, 0, 0x55});
  board.run_ms(2);
  board.flash({0x06});
  board.flash({0x20, 0, 0x80, 0});
  board.run_ms(100);
  board.flash({0x06});
  board.flash({0x01, 0, 2});
}

void use_efuses(Board& board) {
  constexpr std::uint32_t kEfuse = 0x3ff5a000, kConf = kEfuse + 0xfc, kCommand = kEfuse + 0x104;
  board.store(kConf, 0x5aa5);
  board.store(kCommand, 1);
  board.run_ms(1);
  board.store(kEfuse + 0x98, 1);  // BLK1_WDATA0
  board.store(kConf, 0x5a5a);
  board.store(kCommand, 2);
  board.run_ms(5);
}

void use_accelerators(Board& board) {
  board.store(0x3ff01000, 1);  // AES
  board.store(0x3ff03080, 1);  // SHA-1
  board.store(0x3ff02808, 1);  // RSA: power, product
  board.store(0x3ff02810, 1);
}

void use_timers_and_pins(Board& board) {
  board.store(0x3ff5f000, 1u << 31 | 1u << 30 | 2u << 13 | 1u << 11 | 1u << 10);  // T0: an alarm that is past
  board.store(0x3ff47030, 0);                                                     // FRC2: alarm at 0
  board.store(0x3ff47028, 1u << 7);
  constexpr std::uint32_t kWatchdog = 0x3ff60048;  // of timer group 1
  board.store(kWatchdog + 8, 10);                  // stage 0 runs out after 10 cycles and does nothing
  board.store(kWatchdog, 1u << 31);
  board.run_ms(2);
  board.store(kWatchdog, 0);
  board.machine->chip().gpio.set_input(4, true);
  board.machine->chip().gpio.set_input(4, false);
}

void use_serial_buses(Board& board) {
  const std::array<std::uint8_t, 1> byte = {'x'};
  board.store(0x3ff40000, 'y');
  board.machine->chip().uart[0].receive(byte);
  constexpr std::uint32_t kI2c = 0x3ff53000;
  board.store(kI2c + 0x1c, 0xa0);
  const std::array<std::uint32_t, 4> commands = {0, 1u << 11 | 1, 2u << 11 | 1, 3u << 11};
  for (std::uint32_t n = 0; n < commands.size(); ++n) board.store(kI2c + 0x58 + 4 * n, commands[n]);
  board.store(kI2c + 4, 0x33);
  board.store(0x3ff64000, 1u << 18);  // SPI2
  board.store(0x3ff6b000, 0);         // TWAI: out of reset mode, transmit
  board.store(0x3ff6b004, 1);
  board.store(0x3ff6802c, 1u << 31);  // SD/MMC
  board.run_ms(10);
}

void use_ethernet(Board& board) {
  constexpr std::uint32_t kMac = 0x3ff69000, kDescriptors = kMac + 0x400;
  constexpr std::uint32_t kMiiCommand = kMac + 0x2c, kMiiAddress = kMac + 0x30;
  board.store(kMiiAddress, 1 | 1u << 8);
  board.store(kMiiCommand, 2);
  board.store(kMiiCommand, 4);
  board.store(kMac + 0x20, 1);  // a descriptor to send, the others to receive
  board.store(kMac + 8, 0x7f);
  board.store(kMac, 0xa003);
  for (std::uint32_t n = 1; n < 4; ++n) {
    board.store(kDescriptors + 8 * n + 4, kDma + 0x800 * n);
    board.store(kDescriptors + 8 * n, 0xc000);
  }
  board.store(kDescriptors + 4, kDma);
  board.store(kDescriptors, 60u << 16 | 0xe000);
  board.load(kDescriptors);
  board.load(kMac);
  board.run_ms(1);
  devices::OpenEth& mac = board.machine->chip().open_eth;
  std::array<std::uint8_t, 60> frame{};
  frame.fill(0xff);
  mac.receive(frame);  // to all
  frame[0] = 0x33;
  mac.receive(frame);  // to a group
  frame[0] = 0x02;
  mac.receive(frame);  // to somebody else
  board.store(kMac + 4, 0x7f);
}

// The chip's own: caches, the APP CPU, sleep, resets.
void use_the_chip(Board& board) {
  board.store(0x3ff10000 + 4 * 100, 5);
  board.store(0x3ff00044, board.load(0x3ff00044) ^ 1);  // a bus of the cache
  board.machine->core(0).raise(xtensa::Cause::kStoreProhibited, 0x10);
  board.store(0x3ff00030, 1);  // the APP CPU: clock, out of reset
  board.store(0x3ff0002c, 0);
  board.run_ms(1);
  board.store(0x3ff48070, board.load(0x3ff48070) ^ 1u << 27);  // RTC_CNTL_CLK_CONF: another clock for the CPU
  board.store(0x3ff48004, 0);
  board.store(0x3ff48008, 0);         // wake up at time 0
  board.store(0x3ff48038, 1u << 14);  // by the timer
  board.store(0x3ff48018, 1u << 31);  // sleep
  board.run_ms(10);
  board.machine->request_reset(devices::ResetScope::kCore, devices::ResetCause::kSoftwareCore);
  board.run_ms(1);
}

// Loads from and stores to the first word of each device; what those do besides is nobody's business here.
void use_all_registers(Board& board) {
  for (std::uint32_t address = 0x3ff00000; address < 0x3ff80000; address += 0x100) {
    board.store(address, board.load(address));
  }
}

TEST(TraceCoverage, EveryEventIsToldBySomething) {
  Board board;
  Tracer& tracer = board.machine->tracer();
  CoreWatch watch(*board.machine);
  watch.set_symbols({.current_tcbs = kTcbPointer, .cores = 1, .name_offset = kNameOffset});
  ASSERT_TRUE(tracer.apply("*"));
  board.run_ms(200);
  ASSERT_TRUE(board.seen.contains("cpu_waiti")) << "the program has not come to its end";
  std::memcpy(board.machine->memory().writable(0, kTcb + kNameOffset, 5), "main", 5);
  board.poke(kTcbPointer, kTcb);
  board.run_ms(5);
  use_flash(board);
  use_efuses(board);
  use_accelerators(board);
  use_timers_and_pins(board);
  use_serial_buses(board);
  use_ethernet(board);
  use_the_chip(board);
  ASSERT_TRUE(tracer.apply("-*,*_reg_*"));
  use_all_registers(board);

  std::vector<std::string> untold;
  for (const auto& [event, on] : tracer.events())
    if (!board.seen.contains(std::string(event.name))) untold.emplace_back(event.name);
  EXPECT_THAT(untold, ::testing::IsEmpty());
}

TEST(TraceCoverage, NothingIsToldOfWhatIsOff) {
  Board board;
  board.run_ms(200);
  use_ethernet(board);
  use_accelerators(board);
  EXPECT_THAT(board.lines, ::testing::IsEmpty());
}

// Calls, interrupts, windows and exceptions, at the same times: translated code tells what the interpreter
// tells, in the order of the instructions.
TEST(TraceCoverage, BothEnginesTellTheSame) {
  std::map<xtensa::Engine, std::vector<std::string>> told;
  for (const xtensa::Engine engine : {xtensa::Engine::kInterpreter, xtensa::Engine::kJit}) {
    Board board(engine);
    if (board.machine->core(0).engine() != engine) GTEST_SKIP() << "this host translates nothing";
    board.machine->core(0).set_jit_threshold(2);
    CoreWatch watch(*board.machine);
    ASSERT_TRUE(board.machine->tracer().apply("*"));
    board.run_ms(300);
    told[engine] = board.lines;
  }
  const auto& interpreted = told[xtensa::Engine::kInterpreter];
  const auto& translated = told[xtensa::Engine::kJit];
  ASSERT_GT(interpreted.size(), 1000u);
  ASSERT_EQ(interpreted.size(), translated.size());
  for (std::size_t i = 0; i < interpreted.size(); ++i)
    ASSERT_EQ(interpreted[i], translated[i]) << "event number " << i;
}

// The time of an event never goes back on the core that told it.
TEST(TraceCoverage, TimesOfACoreNeverGoBack) {
  Board board;
  std::array<base::Ticks, 2> last{};
  board.machine->tracer().set_sink([&](const base::TraceRecord& record) {
    if (record.cpu < 0) return;
    base::Ticks& before = last[static_cast<std::size_t>(record.cpu)];
    EXPECT_GE(record.time, before) << record.event.name;
    before = record.time;
  });
  ASSERT_TRUE(board.machine->tracer().apply("*"));
  board.run_ms(100);
  EXPECT_GT(last[0], 0u);
}

// Calls that have been translated, into the ROM's own guest code too, come to light when they are traced.
TEST(TraceCoverage, CallsAreTracedWhileTheMachineRuns) {
  Board board;
  ASSERT_TRUE(board.machine->tracer().apply("rom_call"));
  board.run_ms(200);
  EXPECT_THAT(board.lines,
              ::testing::Contains(::testing::HasSubstr(fmt::format(
                  "rom_call cpu 0 memset ({:#010x}) {:#x} 0x0 0x10", rom::symbol_address("memset"), kDma))));
  board.lines.clear();
  ASSERT_TRUE(board.machine->tracer().apply("-*"));
  board.machine->request_reset(devices::ResetScope::kCore, devices::ResetCause::kSoftwareCore);
  board.run_ms(200);
  EXPECT_THAT(board.lines, ::testing::IsEmpty());
}

}  // namespace
}  // namespace espalier::debug
