// Code that changes while it is hot, in all the ways an ESP32 has: stores to RAM by either bus and either
// core, flash written under the cache, MMU tables. With the translator the old code has been translated by
// then.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <string>

#include "esp32/machine.h"
#include "xtensa/testing/assembler.h"

namespace espalier::esp32 {
namespace {

using xtensa::Engine;
using xtensa::testing::assemble;
using xtensa::testing::Program;

constexpr std::uint32_t kMain = kSram0 + 0x1000, kOther = kSram0 + 0x3000, kUpdate = kSram0 + 0x5000;
constexpr std::uint32_t kResults = kSram2 + 0x1000;
constexpr std::uint32_t kNewImage = kSram2 + 0x2000;
constexpr std::uint32_t kFlashCode = 0x400d0000;  // MMU entry 77
constexpr unsigned kEntry = 77;
constexpr std::uint32_t kFlashPage = 0x10000;
constexpr unsigned kTurns = 300;

// A function that returns `value`: two words, of which the second differs with it.
std::vector<std::uint8_t> function(unsigned value) {
  return assemble(fmt::format("entry a1, 32; movi a2, {}; retw.n", value), 0).bytes;
}

std::uint32_t word_of(const std::vector<std::uint8_t>& bytes, std::size_t at) {
  std::uint32_t word = 0;
  std::memcpy(&word, bytes.data() + at, 4);
  return word;
}

// The sum of what `function` returns, called kTurns times directly and kTurns times by its address, goes to
// result `result`.
std::string calls(const std::string& function, const std::string& pointer, unsigned result) {
  return fmt::format(R"(
      movi a2, 0
      movi a3, {turns}
    again{result}:
      call8 {function}
      add a2, a2, a10
      l32r a4, {pointer}
      callx8 a4
      add a2, a2, a10
      addi a3, a3, -1
      bnez a3, again{result}
      l32r a5, results
      s32i a2, a5, {offset}
  )",
                     fmt::arg("turns", kTurns), fmt::arg("function", function), fmt::arg("pointer", pointer),
                     fmt::arg("result", result), fmt::arg("offset", 4 * result));
}

// Stores the word at the label `value` to the address at the label `place`.
std::string store(const std::string& value, const std::string& place) {
  return fmt::format("  l32r a6, {}; l32r a7, {}; s32i a6, a7, 0; memw; isync\n", value, place);
}

std::string wait_for_result(unsigned result) {
  return fmt::format("  l32r a5, results\n wait{0}: l32i a6, a5, {1}; beqz a6, wait{0}\n", result,
                     4 * result);
}

std::string words(const std::vector<std::pair<std::string, std::uint32_t>>& named) {
  std::string text = fmt::format("  .align 4\n results: .word {:#x}\n", kResults);
  for (const auto& [name, value] : named) text += fmt::format(" {}: .word {:#x}\n", name, value);
  return text;
}

constexpr std::string_view kEnd = "  end: j end\n";

// Words first: L32R reaches backwards only.
std::string program(const std::string& constants, const std::string& text) {
  return constants + "  .align 4\n main:\n" + text + std::string(kEnd);
}

class ChangingCode : public ::testing::TestWithParam<Engine> {
 protected:
  void SetUp() override {
    MachineOptions options;
    static const auto rom = std::make_shared<SharedRom>(rom::Rom());
    options.rom = rom;
    options.flash = devices::FlashImage::create(std::vector<std::uint8_t>(kMiB, 0xff), kMiB).value();
    options.clock = ClockMode::kWarp;
    options.engine = GetParam();
    machine_ = Machine::create(options).value();
    if (machine_->core(0).engine() != GetParam()) GTEST_SKIP() << "nothing is translated on this host";
    for (unsigned cpu = 0; cpu < 2; ++cpu) {
      machine_->core(cpu).set_jit_threshold(2);
      Chip& chip = machine_->chip();
      chip.dport.write(cpu == 0 ? 0x44 : 0x5c, 0);       // DPORT_..._CACHE_CTRL1_REG: no bus masked
      chip.dport.write(cpu == 0 ? 0x40 : 0x58, 1 << 3);  // DPORT_..._CACHE_CTRL_REG: the cache is on
    }
  }

  void write(std::uint32_t address, const std::vector<std::uint8_t>& data) {
    for (std::size_t i = 0; i < data.size(); ++i) {
      std::uint32_t at = address + static_cast<std::uint32_t>(i);
      if (MemoryMap::in_sram1_code(at)) at = MemoryMap::sram1_data_address(at);
      *machine_->memory().writable(0, at, 1) = data[i];
    }
    machine_->memory().stored(address, static_cast<std::uint32_t>(data.size()));
  }
  Program load(std::uint32_t address, const std::string& text) {
    Program made = assemble(text, address);
    write(address, made.bytes);
    return made;
  }
  void map(unsigned cpu, unsigned page) {
    machine_->chip().cache_mmu.write(cpu * devices::CacheMmu::kTableSize + kEntry * 4, page);
  }
  void start(unsigned cpu, std::uint32_t pc) {
    xtensa::Core& core = machine_->core(cpu);
    core.reset(pc);
    core.resume();
    core.state().ps = xtensa::kPsWoe | xtensa::kPsUm;
    core.set_a(1, kSram2 + 0x8000 + cpu * 0x1000);
  }
  std::uint32_t result(unsigned n) {
    std::uint32_t value = 0;
    std::memcpy(&value, machine_->memory().plain(0, kResults + 4 * n), 4);
    return value;
  }
  // Runs until all of the results 0 to `count` - 1 are there.
  void run(unsigned count) {
    const auto done = [&] {
      for (unsigned n = 0; n < count; ++n)
        if (result(n) == 0) return false;
      return true;
    };
    for (unsigned round = 0; round < 20'000 && !done(); ++round) machine_->run_round();
    EXPECT_TRUE(done()) << fmt::format("pc {:#x}, {:#x}", machine_->core(0).state().pc,
                                       machine_->core(1).state().pc);
    if (GetParam() == Engine::kJit) {
      EXPECT_GT(machine_->core(0).engine_stats().translated_regions, 1u) << "nothing was hot";
    }
  }

  // Results 0 and 1: before and after the second word of the function at `code` is stored at `alias`.
  void rewrite_through(std::uint32_t code, std::uint32_t alias, std::uint32_t main = kMain) {
    write(code, function(11));
    const Program made =
        load(main, program(words({{"function", code}, {"new", word_of(function(22), 4)}, {"place", alias}}),
                           calls(fmt::format("{:#x}", code), "function", 0) + store("new", "place") +
                               calls(fmt::format("{:#x}", code), "function", 1)));
    start(0, made.at("main"));
    run(2);
    EXPECT_EQ(result(0), 2 * kTurns * 11);
    EXPECT_EQ(result(1), 2 * kTurns * 22);
  }

  std::unique_ptr<Machine> machine_;
};

TEST_P(ChangingCode, StoredOver) {
  rewrite_through(kSram0 + 0x8000, kSram0 + 0x8004);
}

TEST_P(ChangingCode, RewrittenThroughTheDataBus) {
  rewrite_through(kRtcFastCode + 0x100, kRtcFastData + 0x104);
}

TEST_P(ChangingCode, RewrittenThroughTheDataBusWhereWordsAreReversed) {
  rewrite_through(kSram1Code + 0x4fc0, MemoryMap::sram1_data_address(kSram1Code + 0x4fc4));
}

TEST_P(ChangingCode, RewrittenInMemoryThatIsOnBothBuses) {
  rewrite_through(kRtcSlow + 0x200, kRtcSlow + 0x204, kRtcSlow + 0x400);
}

// The PRO CPU calls until it gets what it waits for, in one loop with no store of its own.
TEST_P(ChangingCode, RewrittenByTheOtherCore) {
  constexpr std::uint32_t kCode = kSram0 + 0x8000;
  const std::string code = fmt::format("{:#x}", kCode);
  write(kCode, function(11));
  const Program pro = load(kMain, program(words({{"function", kCode}}), calls(code, "function", 0) +
                                                                            fmt::format(R"(
                       movi a6, 22
                     turn: call8 {}
                       bne a10, a6, turn
                     )",
                                                                                        code) +
                                                                            calls(code, "function", 1)));
  const Program app = load(
      kOther, program(words({{"function", kCode}, {"new", word_of(function(22), 4)}, {"place", kCode + 4}}),
                      calls(code, "function", 2) + wait_for_result(0) + store("new", "place") +
                          calls(code, "function", 3)));
  start(0, pro.at("main"));
  start(1, app.at("main"));
  run(4);
  EXPECT_EQ(result(0), 2 * kTurns * 11);
  EXPECT_EQ(result(1), 2 * kTurns * 22);
  EXPECT_EQ(result(2), 2 * kTurns * 11);
  EXPECT_EQ(result(3), 2 * kTurns * 22);
}

// A translation may have taken the word in for good.
TEST_P(ChangingCode, ALiteralIsRewritten) {
  constexpr std::uint32_t kCode = kSram0 + 0x8000;
  const Program made_function = load(kCode, R"(
    value: .word 1000
      .align 4
    begin: entry a1, 32
      l32r a2, value
      retw.n
  )");
  const std::uint32_t begin = made_function.at("begin");
  const std::string name = fmt::format("{:#x}", begin);
  const Program made =
      load(kMain, program(words({{"function", begin}, {"new", 3000}, {"place", kCode}}),
                          calls(name, "function", 0) + store("new", "place") + calls(name, "function", 1)));
  start(0, made.at("main"));
  run(2);
  EXPECT_EQ(result(0), 2 * kTurns * 1000);
  EXPECT_EQ(result(1), 2 * kTurns * 3000);
}

// Of one function the cores see different code at one address; then each changes its own table.
TEST_P(ChangingCode, TheCoresHaveDifferentMmuTables) {
  machine_->flash().program(2 * kFlashPage, function(11));
  machine_->flash().program(3 * kFlashPage, function(22));
  const std::string code = fmt::format("{:#x}", kFlashCode);
  for (unsigned cpu = 0; cpu < 2; ++cpu) {
    map(cpu, 2 + cpu);
    const std::uint32_t entry = 0x3ff10000 + cpu * devices::CacheMmu::kTableSize + kEntry * 4;
    const Program made = load(cpu == 0 ? kMain : kOther,
                              program(words({{"function", kFlashCode}, {"new", 3 - cpu}, {"place", entry}}),
                                      calls(code, "function", cpu) + wait_for_result(1 - cpu) +
                                          store("new", "place") + calls(code, "function", 2 + cpu)));
    start(cpu, made.at("main"));
  }
  run(4);
  EXPECT_EQ(result(0), 2 * kTurns * 11);
  EXPECT_EQ(result(1), 2 * kTurns * 22);
  EXPECT_EQ(result(2), 2 * kTurns * 22);
  EXPECT_EQ(result(3), 2 * kTurns * 11);
}

// Code in RAM reads a constant by L32R from flash, whose page changes; the code itself does not.
TEST_P(ChangingCode, OnlyTheLiteralsPageIsMappedAnew) {
  for (unsigned page = 2; page < 4; ++page)
    machine_->flash().program(page * kFlashPage,
                              std::array<std::uint8_t, 4>{static_cast<std::uint8_t>(page)});
  map(0, 2);
  // Within L32R's reach behind the literal.
  constexpr std::uint32_t kBehind = kFlashCode + kFlashPage;
  machine_->chip().cache_mmu.write((kEntry + 1) * 4, 4);
  machine_->flash().program(
      4 * kFlashPage,
      assemble(fmt::format("entry a1, 32; l32r a2, {:#x}; retw.n", kFlashCode), kBehind).bytes);
  const std::string code = fmt::format("{:#x}", kBehind);
  const Program made =
      load(kMain, program(words({{"function", kBehind}, {"new", 3}, {"place", 0x3ff10000 + kEntry * 4}}),
                          calls(code, "function", 0) + store("new", "place") + calls(code, "function", 1)));
  start(0, made.at("main"));
  run(2);
  EXPECT_EQ(result(0), 2 * kTurns * 2);
  EXPECT_EQ(result(1), 2 * kTurns * 3);
}

// Erases the sector at flash address 0x20000 and writes `chunks` pieces of 64 bytes from kNewImage there,
// with SPI1's own commands (ESP32 TRM, "SPI Controller"). With `cache_off` as ESP-IDF does it.
std::string updater(unsigned chunks, bool cache_off) {
  const std::string command =
      "  movi a7, 1; slli a7, a7, {0}; s32i a7, a6, 0\n wait{1}: l32i a7, a6, 0; bnez a7, wait{1}\n";
  unsigned label = 0;
  const auto send = [&](unsigned bit) { return fmt::format(fmt::runtime(command), bit, label++); };
  const auto wait_until_done = [&] {
    const unsigned at = label++;
    return fmt::format(" busy{}:\n", at) + send(27) +  // SPI_FLASH_RDSR
           fmt::format("  l32i a7, a6, 16; bbsi a7, 0, busy{}\n", at);
  };
  const std::string flip_cache =
      cache_off ? "  l32i a7, a11, 64; movi a8, 8; xor a7, a7, a8; s32i a7, a11, 64; memw\n" : "";
  std::string text = R"(
      .align 4
    spi: .word 0x3ff42000
    dport: .word 0x3ff00000
    sector: .word 0x20000
    length: .word 0x40000000
  )" + fmt::format("  source: .word {:#x}\n", kNewImage) +
                     R"(
    update:
      l32r a6, spi
      l32r a11, dport
      l32r a9, sector
      l32r a12, source
  )";
  text += flip_cache + send(30);            // SPI_FLASH_WREN
  text += "  s32i a9, a6, 4\n" + send(24);  // SPI_FLASH_SE
  text += wait_until_done();
  text += fmt::format("  movi a13, {}\n chunk:\n", chunks) + send(30);
  for (unsigned n = 0; n < 16; ++n)
    text += fmt::format("  l32i a7, a12, {}; s32i a7, a6, {}\n", 4 * n, 0x80 + 4 * n);
  text += "  l32r a8, length; or a8, a8, a9; s32i a8, a6, 4\n" + send(25);  // SPI_FLASH_PP
  text += wait_until_done();
  text += "  addi a9, a9, 64; addi a12, a12, 64; addi a13, a13, -1; bnez a13, chunk\n";
  return text + flip_cache + "  ret\n";
}

class FlashUpdate : public ChangingCode {
 protected:
  // The program that calls for the update lies in the sector that is written anew; the update comes back into
  // new code.
  void update_running_slot(bool cache_off) {
    const auto image = [&](unsigned value) {
      const std::string constants = words({{"function", kFlashCode}});
      std::string text = fmt::format("  entry a1, 32; movi a2, {}; retw.n\n", value) + constants +
                         "  .align 4\n main:\n" + calls(fmt::format("{:#x}", kFlashCode), "function", 0);
      text += fmt::format("  call0 {:#x}\n", update_);
      // Code behind the call differs, too.
      text += value == 11 ? "  j end\n" : "  nop\n";
      return assemble(text + calls(fmt::format("{:#x}", kFlashCode), "function", 1) + std::string(kEnd),
                      kFlashCode);
    };
    constexpr unsigned kChunks = 3;
    update_ = load(kUpdate, updater(kChunks, cache_off)).at("update");
    const Program old = image(11), now = image(22);
    ASSERT_LE(now.bytes.size(), kChunks * 64u);
    machine_->flash().program(2 * kFlashPage, old.bytes);
    write(kNewImage, now.bytes);
    map(0, 2);
    start(0, old.at("main"));
    run(2);
    EXPECT_EQ(result(0), 2 * kTurns * 11);
    EXPECT_EQ(result(1), 2 * kTurns * 22);
  }

  std::uint32_t update_ = 0;
};

TEST_P(FlashUpdate, OfTheRunningSlotUnderTheCache) {
  update_running_slot(false);
}

TEST_P(FlashUpdate, OfTheRunningSlotWithTheCacheOff) {
  update_running_slot(true);
}

// Stores to data in the page of hot code, but not to the code: it stays translated.
TEST_P(ChangingCode, DataBesideCodeDoesNotCostTheTranslation) {
  constexpr std::uint32_t kCode = kSram0 + 0x8000;
  write(kCode, function(11));
  const Program made = load(kMain, program(words({{"data", kCode + 0x100}}), fmt::format(R"(
      l32r a7, data
      movi a2, 0
      movi a3, 2000
    turn: call8 {:#x}
      add a2, a2, a10
      s32i a2, a7, 0
      addi a3, a3, -1
      bnez a3, turn
      l32r a5, results
      s32i a2, a5, 0
  )",
                                                                                         kCode)));
  start(0, made.at("main"));
  run(1);
  EXPECT_EQ(result(0), 2000u * 11);
  EXPECT_LT(machine_->core(0).engine_stats().translated_regions, 10u);
}

const auto kEngines = ::testing::Values(Engine::kInterpreter, Engine::kJit);
const auto kName = [](const ::testing::TestParamInfo<Engine>& engine) {
  return engine.param == Engine::kJit ? "Translated" : "Interpreted";
};
INSTANTIATE_TEST_SUITE_P(Engines, ChangingCode, kEngines, kName);
INSTANTIATE_TEST_SUITE_P(Engines, FlashUpdate, kEngines, kName);

}  // namespace
}  // namespace espalier::esp32
