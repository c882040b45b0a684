// The ROM as a whole: its symbols, what calls do, and the ROM files that can take its place.
#include "rom/rom.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <set>
#include <string>

#include "rom/testing/rom_machine.h"

namespace espalier::rom {
namespace {

using testing::kFlashWindow;
using testing::kProgram;
using testing::RomMachine;

struct Symbol {
  std::uint32_t address;
  std::string_view name;
};
constexpr Symbol kFunctions[] = {
#define ROM_SYMBOL(address, name) {address, #name},
#include "rom/symbols.def"
#undef ROM_SYMBOL
};
constexpr Symbol kData[] = {
#define ROM_DATA(address, name) {address, #name},
#include "rom/symbols.def"
#undef ROM_DATA
};

const Rom& built_in() {
  static const Rom rom;
  return rom;
}

// --- the list of symbols ---
TEST(RomSymbols, AreInOrderAndLieInTheRom) {
  EXPECT_TRUE(std::ranges::is_sorted(kFunctions, {}, &Symbol::address));
  EXPECT_TRUE(std::ranges::is_sorted(kData, {}, &Symbol::address));
  for (const Symbol& s : kFunctions) EXPECT_LT(s.address - kCodeBase, kCodeSize) << s.name;
}

TEST(RomSymbols, EachNameOnce) {
  std::set<std::string_view> names;
  for (const Symbol& s : kFunctions) EXPECT_TRUE(names.insert(s.name).second) << s.name;
  for (const Symbol& s : kData) EXPECT_TRUE(names.insert(s.name).second) << s.name;
}

TEST(RomSymbols, SymbolAddress) {
  EXPECT_EQ(symbol_address("ets_printf"), 0x40007d54);
  EXPECT_EQ(symbol_address("memcpy"), 0x4000c2c8);
  EXPECT_EQ(symbol_address("no such function"), 0);
}

TEST(RomSymbols, Describe) {
  EXPECT_EQ(describe(0x40007d54), "ets_printf");
  EXPECT_EQ(describe(0x40007d66), "ets_printf+0x12");
  EXPECT_EQ(describe(0x40080000), "0x40080000");
  EXPECT_EQ(describe(0x3ff90000), "0x3ff90000");
}

// --- the built-in ROM ---

// Our code lies where no symbol of the chip's ROM is: only the vectors are where their names say.
TEST(BuiltInRom, NoCodeAtTheAddressesOfSymbols) {
  for (const Symbol& s : kFunctions)
    if (s.address > 0x40000400) {
      EXPECT_NE(built_in().kind(s.address), Rom::Kind::kCode) << s.name;
    }
}

// What is not there: the Bluetooth controller, the SDIO slave (see docs/decisions.md), and labels within the
// ROM's own handlers that nothing outside can go to.
TEST(BuiltInRom, HasAllElse) {
  constexpr std::uint32_t kBluetoothBegin = 0x40010004, kBluetoothEnd = 0x40056030;
  constexpr std::string_view kPrefixes[] = {"sip_", "slc_"};
  const std::set<std::string_view> labels = {"_ResetHandler",         "_start",
                                             "_xtos_syscall_handler", "_SyscallException",
                                             "_LevelOneInterrupt",    "_Level2FromVector",
                                             "_Level3FromVector",     "_Level4FromVector",
                                             "_Level5FromVector",     "_xtos_l1int_handler",
                                             "_xtos_cause3_handler",  "_xtos_return_from_exc",
                                             "_GeneralException",     "check_pos"};
  std::set<std::string_view> missing;
  for (const Symbol& s : kFunctions) {
    if (s.address >= kBluetoothBegin && s.address < kBluetoothEnd) continue;
    if (std::ranges::any_of(kPrefixes, [&](auto p) { return s.name.starts_with(p); })) continue;
    if (built_in().kind(s.address) == Rom::Kind::kMissing) missing.insert(s.name);
  }
  EXPECT_EQ(missing, labels);
}

TEST(BuiltInRom, IsNative) {
  EXPECT_TRUE(built_in().is_native(symbol_address("memcpy")));      // N
  EXPECT_TRUE(built_in().is_native(symbol_address("ets_printf")));  // G
  EXPECT_TRUE(built_in().is_native(symbol_address("memcpy") + 1));  // nothing
  EXPECT_FALSE(built_in().is_native(0x40000000));                   // a vector
  EXPECT_FALSE(built_in().is_native(0x40000400));
  EXPECT_FALSE(built_in().is_native(0x40070000));  // behind the ROM
  EXPECT_FALSE(built_in().is_native(0x3fffffff));
  EXPECT_FALSE(built_in().is_native(0x3ff90000));
  EXPECT_FALSE(built_in().is_native(0));
}

TEST(BuiltInRom, Kind) {
  EXPECT_EQ(built_in().kind(symbol_address("memcpy")), Rom::Kind::kNative);
  EXPECT_EQ(built_in().kind(symbol_address("ets_printf")), Rom::Kind::kGuest);
  EXPECT_EQ(built_in().kind(symbol_address("sip_send")), Rom::Kind::kMissing);
  EXPECT_EQ(built_in().kind(0x40000400), Rom::Kind::kCode);
  EXPECT_TRUE(built_in().built_in());
}

class Calls : public ::testing::Test {
 protected:
  RomMachine machine_{built_in()};
};

TEST_F(Calls, ANativeFunctionReturnsToItsCaller) {
  EXPECT_EQ(machine_.call("abs", {static_cast<std::uint32_t>(-5)}), 5);
}

TEST_F(Calls, TimeThatIsWaitedForCanPassAtOnce) {
  ASSERT_EQ(built_in().kind(kPassTime), Rom::Kind::kNative);
  machine_.initialise();
  machine_.call("ets_update_cpu_frequency", {40});
  std::uint64_t before = machine_.core().instructions();
  machine_.call("ets_delay_us", {100});
  const std::uint64_t waited = machine_.core().instructions() - before;
  EXPECT_GE(waited, 4000u);
  EXPECT_LE(waited, 5000u);  // call() looks every thousand
  EXPECT_EQ(machine_.passed, 0u) << "nothing is charged unless the environment does";
  machine_.passes_time = true;
  before = machine_.core().instructions();
  machine_.call("ets_delay_us", {100});
  EXPECT_EQ(machine_.core().instructions() - before, waited);
  EXPECT_GT(machine_.passed, 3900u);
}

TEST_F(Calls, AGuestFunctionReturnsToItsCaller) {
  const std::uint32_t words = machine_.put_words({30, 10, 20});
  const auto program =
      machine_.program("compare: entry a1, 32; l32i a2, a2, 0; l32i a3, a3, 0; sub a2, a2, a3; retw");
  machine_.call("qsort", {words, 3, 4, program.at("compare")});
  EXPECT_EQ(machine_.read32(words), 10);
  EXPECT_EQ(machine_.read32(words + 4), 20);
  EXPECT_EQ(machine_.read32(words + 8), 30);
}

TEST_F(Calls, EveryWindowIncrement) {
  const auto program = machine_.program(R"(
    j start
    .align 4
    abs: .word 0x40056340
    start: entry a1, 48
    l32r a3, abs
    movi a6, -4
    callx4 a3
    mov.n a2, a6
    movi a10, -80
    l32r a3, abs
    callx8 a3
    add a2, a2, a10
    movi a14, -900
    l32r a3, abs
    callx12 a3
    add a2, a2, a14
    retw
  )");
  ASSERT_EQ(symbol_address("abs"), 0x40056340);
  EXPECT_EQ(machine_.call_address(program.at("start"), {}), 984);
}

TEST_F(Calls, AMissingFunctionIsNamedWithItsCaller) {
  EXPECT_THROW(machine_.call("sip_send"), std::runtime_error);
  EXPECT_EQ(
      machine_.missing,
      fmt::format("ROM function sip_send (0x4000af54) is not there: called from {:#010x} on the PRO CPU",
                  kProgram + 3));
  EXPECT_EQ(machine_.core().state().pc, 0x4000af54);
}

TEST_F(Calls, AnAddressWithinAFunctionIsNamedByIt) {
  RomMachine app(built_in(), testing::kApp);
  EXPECT_THROW(app.call_address(symbol_address("memcpy") + 5, {}), std::runtime_error);
  EXPECT_EQ(
      app.missing,
      fmt::format("ROM function memcpy+0x5 (0x4000c2cd) is not there: called from {:#010x} on the APP CPU",
                  kProgram + 3));
}

TEST_F(Calls, AFaultInANativeFunctionIsTheGuestsException) {
  machine_.initialise();
  machine_.call_limit = 10'000;
  EXPECT_THROW(machine_.call("memset", {0x1000, 0, 4}), std::runtime_error);  // nothing goes on from there
  const auto& state = machine_.core().state();
  EXPECT_EQ(state.exccause, static_cast<std::uint32_t>(xtensa::Cause::kStoreProhibited));
  EXPECT_EQ(state.excvaddr, 0x1000);
  EXPECT_EQ(state.epc[1], symbol_address("memset"));
}

// The radio's functions answer that there is nothing.
TEST_F(Calls, RadioFunctionsReturnZero) {
  EXPECT_EQ(machine_.call("rom_set_channel_freq", {1, 2, 3}), 0);
}

// ESP-IDF's PHY library calls by the table that phy_get_romfuncs() hands out.
TEST_F(Calls, TheTableOfRadioFunctionsHasThoseThatAnswer) {
  machine_.initialise();
  const auto entry = [&](std::uint32_t index) {
    constexpr std::uint32_t kTable = 0x3ffae0c4;  // g_phyFuns_instance
    std::uint32_t address;
    std::memcpy(&address, machine_.bytes(kTable + index * 4, 4).data(), 4);
    return address;
  };
  EXPECT_EQ(entry(27), symbol_address("rom_mhz2ieee"));
  EXPECT_EQ(entry(41), symbol_address("rom_i2c_readReg_Mask"));
}

TEST_F(Calls, Mhz2ieeeNumbersTheChannels) {
  constexpr std::uint32_t k2Ghz = 0x80;
  EXPECT_EQ(machine_.call("rom_mhz2ieee", {2412, k2Ghz}), 1);
  EXPECT_EQ(machine_.call("rom_mhz2ieee", {2472, k2Ghz}), 13);
  EXPECT_EQ(machine_.call("rom_mhz2ieee", {2472, 0}), 13);
  EXPECT_EQ(machine_.call("rom_mhz2ieee", {2484, k2Ghz}), 14);
  EXPECT_EQ(machine_.call("rom_mhz2ieee", {2484, 0}), 14);
  EXPECT_EQ(machine_.call("rom_mhz2ieee", {2532, k2Ghz}), 16);
  EXPECT_EQ(machine_.call("rom_mhz2ieee", {5180, 0}), 255);
}

// --- ROM files ---
class RomFiles : public ::testing::Test {
 protected:
  std::filesystem::path file(const std::string& bytes) {
    const auto path = std::filesystem::path(::testing::TempDir()) /
                      ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }
  static constexpr std::size_t kDumpSize = 0x70000;
  std::string dump_ = [] {
    std::string d(kDumpSize, '\0');
    d[0x400] = 0x06;
    d[0x401] = 'j';
    return d;
  }();
};

TEST_F(RomFiles, ARawDump) {
  dump_[0x10] = 'c';
  dump_[0x60000 + 0x123] = 'd';
  const auto rom = Rom::load_file(file(dump_));
  ASSERT_TRUE(rom) << rom.error();
  EXPECT_FALSE(rom->built_in());
  EXPECT_EQ(rom->code(0).size(), kCodeSize);
  EXPECT_EQ(rom->code(0)[0x10], 'c');
  EXPECT_EQ(rom->data().size(), kDataSize);
  EXPECT_EQ(rom->data()[0x123], 'd');
  for (std::uint32_t pc = kCodeBase; pc < kCodeBase + kCodeSize; ++pc) ASSERT_FALSE(rom->is_native(pc));
  EXPECT_EQ(rom->kind(symbol_address("memcpy")), Rom::Kind::kCode);
}

TEST_F(RomFiles, AShorterDumpIsPadded) {
  dump_.resize(0x60004);
  dump_[0x60003] = 'x';
  const auto rom = Rom::load_file(file(dump_));
  ASSERT_TRUE(rom) << rom.error();
  EXPECT_EQ(rom->data()[3], 'x');
  EXPECT_EQ(rom->data()[4], 0);
}

// The APP CPU's ROM is the PRO CPU's with the addresses of its own RAM.
TEST_F(RomFiles, TheAppCpusVariant) {
  const auto word = [](std::span<const std::uint8_t> code, std::size_t offset) {
    return static_cast<std::uint32_t>(code[offset] | code[offset + 1] << 8 | code[offset + 2] << 16 |
                                      code[offset + 3] << 24);
  };
  const auto put = [&](std::size_t offset, std::uint32_t value) {
    for (unsigned i = 0; i < 4; ++i) dump_[offset + i] = static_cast<char>(value >> (8 * i));
  };
  put(0x1000, 0x3ffe01e0);
  put(0x1004, 0x3ffdffff);
  put(0x1008, 0x3ffe4000);
  put(0x20000, 0x3ffe01e0);
  const auto rom = Rom::load_file(file(dump_));
  ASSERT_TRUE(rom) << rom.error();
  EXPECT_EQ(word(rom->code(0), 0x1000), 0x3ffe01e0);
  EXPECT_EQ(word(rom->code(1), 0x1000), 0x3ffe40f0);
  EXPECT_EQ(word(rom->code(1), 0x1004), 0x3ffdffff);
  EXPECT_EQ(word(rom->code(1), 0x1008), 0x3ffe4000);
  EXPECT_EQ(word(rom->code(1), 0x20000), 0x3ffe01e0);
}

TEST_F(RomFiles, TheBuiltInRomAsAFile) {
  const std::string elf = [] {
    std::ifstream in(ESPALIER_ROM_GUEST_ELF, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  }();
  ASSERT_FALSE(elf.empty());
  const auto rom = Rom::load_file(file(elf));
  ASSERT_TRUE(rom) << rom.error();
  EXPECT_TRUE(std::ranges::equal(rom->code(0), built_in().code(0)));
  EXPECT_TRUE(std::ranges::equal(rom->data(), built_in().data()));
}

TEST_F(RomFiles, NoSuchFile) {
  const auto rom = Rom::load_file("/no/such/rom.bin");
  ASSERT_FALSE(rom);
  EXPECT_NE(rom.error().find("/no/such/rom.bin"), std::string::npos) << rom.error();
}

TEST_F(RomFiles, WrongSizes) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{1000}, std::size_t{0x60000}, kDumpSize + 1}) {
    dump_.resize(size);
    const auto path = file(dump_);
    const auto rom = Rom::load_file(path);
    ASSERT_FALSE(rom) << size;
    EXPECT_EQ(rom.error(),
              fmt::format("{} is no ESP32 ROM: a dump of 0x40000000 on has up to 458752 bytes, this file {}",
                          path.string(), size));
  }
}

TEST_F(RomFiles, NothingAtTheResetVector) {
  const auto path = file(std::string(kDumpSize, '\0'));
  const auto rom = Rom::load_file(path);
  ASSERT_FALSE(rom);
  EXPECT_EQ(rom.error(), fmt::format("{} is no ESP32 ROM: there is no code at the reset vector 0x40000400",
                                     path.string()));
}

TEST_F(RomFiles, ABrokenElfFile) {
  const auto path = file("\177ELF and no more");
  const auto rom = Rom::load_file(path);
  ASSERT_FALSE(rom);
  EXPECT_TRUE(rom.error().starts_with(path.string())) << rom.error();
}

}  // namespace
}  // namespace espalier::rom
