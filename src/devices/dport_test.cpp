#include "devices/dport.h"

#include <gtest/gtest.h>

#include <string>
#include <tuple>
#include <vector>

#include "devices/device_test_support.h"

namespace espalier::devices {
namespace {

using CacheBus = Dport::CacheBus;
using ResetBank = Dport::ResetBank;

constexpr std::uint32_t kPeriRst = 0x020, kAppA = 0x02C, kAppB = 0x030, kAppC = 0x034, kAppD = 0x038,
                        kCpuPerConf = 0x03C, kCacheCtrl[2] = {0x040, 0x058}, kCacheCtrl1[2] = {0x044, 0x05C},
                        kPeripClk = 0x0C0, kPeripRst = 0x0C4, kSlaveSpi = 0x0C8, kWifiClk = 0x0CC,
                        kCoreRst = 0x0D0, kFromCpu0 = 0x0DC, kProStatus0 = 0x0EC, kAppStatus0 = 0x0F8,
                        kProMap = 0x104, kAppMap = 0x218, kDbug0[2] = {0x3F0, 0x418},
                        kDbug3[2] = {0x3FC, 0x424}, kCacheIaEn = 0x5A0, kSpiDma = 0x5A8, kDate = 0xFFC;

class DportTest : public ::testing::Test {
 protected:
  void set_bits(std::uint32_t offset, std::uint32_t bits) { dport.write(offset, dport.read(offset) | bits); }
  void clear_bits(std::uint32_t offset, std::uint32_t bits) {
    dport.write(offset, dport.read(offset) & ~bits);
  }

  testing::Bench bench;
  InterruptMatrix matrix;
  Dport dport{bench.context(), matrix};
};

TEST_F(DportTest, ResetValues) {
  for (const auto& [offset, value] :
       std::vector<std::pair<std::uint32_t, std::uint32_t>>{{kAppA, 1},
                                                            {kAppB, 0},
                                                            {kCpuPerConf, 0},
                                                            {kCacheCtrl1[0], 0x8FF},
                                                            {kCacheCtrl1[1], 0x8FF},
                                                            {kPeripClk, 0xF9C1E06F},
                                                            {kPeripRst, 0},
                                                            {kWifiClk, 0xFFFCE030},
                                                            {kCoreRst, 0},
                                                            {0x0A0, 0xFFFFFFFF},
                                                            {0x0B8, 0x1FF},
                                                            {0x0D8, 0x02001001},
                                                            {0x4A4, 1},
                                                            {0x504 + 4 * 7, 7},
                                                            {0x544 + 4 * 15, 15},
                                                            {kDate, 0x1605190}})
    EXPECT_EQ(dport.read(offset), value) << std::hex << offset;
}

TEST_F(DportTest, ReadOnlyAndMissingBitsKeepTheirValue) {
  dport.write(0x008, 0x101);  // ACCESS_CHECK
  EXPECT_EQ(dport.read(0x008), 0u);
  dport.write(kAppB, 0xffffffff);
  EXPECT_EQ(dport.read(kAppB), 1u);
  dport.write(kProStatus0, 0xffffffff);
  EXPECT_EQ(dport.read(kProStatus0), 0u);
}

TEST_F(DportTest, UnknownRegisterRemembersAndIsNamedOnce) {
  dport.write(0x700, 0x12345678);
  EXPECT_EQ(dport.read(0x700), 0x12345678u);
  bench.log().configure("debug");
  dport.read(0x704);
  dport.read(0x704);
  ASSERT_EQ(bench.lines.size(), 1u);
  EXPECT_NE(bench.lines[0].find("dport"), std::string::npos);
}

TEST_F(DportTest, CacheIsOffAndMaskedAfterReset) {
  for (unsigned cpu : {0u, 1u}) {
    EXPECT_FALSE(dport.cache_enabled(cpu));
    set_bits(kCacheCtrl[cpu], 1 << 3);
    EXPECT_TRUE(dport.cache_enabled(cpu));
    EXPECT_FALSE(dport.cache_bus_enabled(cpu, CacheBus::kDrom0));
    clear_bits(kCacheCtrl1[cpu], 1 << 4);
    EXPECT_TRUE(dport.cache_bus_enabled(cpu, CacheBus::kDrom0));
    EXPECT_FALSE(dport.cache_bus_enabled(cpu, CacheBus::kIram0));
    clear_bits(kCacheCtrl[cpu], 1 << 3);
    EXPECT_FALSE(dport.cache_bus_enabled(cpu, CacheBus::kDrom0));
  }
}

TEST_F(DportTest, CacheHooksSeeChangesOnly) {
  std::vector<std::string> seen;
  dport.on_cache_change = [&](unsigned cpu) { seen.push_back("change" + std::to_string(cpu)); };
  dport.on_cache_flush = [&](unsigned cpu) { seen.push_back("flush" + std::to_string(cpu)); };
  set_bits(kCacheCtrl[0], 1 << 3);
  set_bits(kCacheCtrl[0], 1 << 3);
  clear_bits(kCacheCtrl1[1], 0x3f);
  set_bits(kCacheCtrl1[1], 1 << 13);
  EXPECT_EQ(seen, (std::vector<std::string>{"change0", "change1"}));
}

TEST_F(DportTest, FlushIsDoneAtOnce) {
  // The ROM's Cache_Flush: request off, on, wait for done, off.
  std::vector<unsigned> flushed;
  dport.on_cache_flush = [&](unsigned cpu) { flushed.push_back(cpu); };
  for (unsigned cpu : {0u, 1u}) {
    EXPECT_EQ(dport.read(kCacheCtrl[cpu]) & 0x30, 0x30u);
    clear_bits(kCacheCtrl[cpu], 1 << 4);
    EXPECT_EQ(dport.read(kCacheCtrl[cpu]) & 0x30, 0u);
    set_bits(kCacheCtrl[cpu], 1 << 4);
    EXPECT_TRUE(dport.read(kCacheCtrl[cpu]) & 1 << 5);
    clear_bits(kCacheCtrl[cpu], 1 << 4);
    EXPECT_FALSE(dport.read(kCacheCtrl[cpu]) & 1 << 5);
  }
  EXPECT_EQ(flushed, (std::vector<unsigned>{0, 1}));
}

TEST_F(DportTest, CacheStateIsIdle) {
  // spi_flash waits for this before it switches the cache off.
  for (unsigned cpu : {0u, 1u}) {
    EXPECT_EQ(dport.read(kDbug0[cpu]) >> 7 & 0xfff, 1u);
    dport.write(kDbug0[cpu], 0);
    EXPECT_EQ(dport.read(kDbug0[cpu]) >> 7 & 0xfff, 1u);
  }
}

TEST_F(DportTest, PageSizesAndPsramModes) {
  EXPECT_EQ(dport.flash_page_size(0), 0x10000u);
  EXPECT_EQ(dport.psram_page_size(0), 0x1000u);
  clear_bits(kCacheCtrl1[0], 7 << 6);
  EXPECT_EQ(dport.psram_page_size(0), 0x8000u);
  set_bits(kCacheCtrl1[0], 1 << 9);
  EXPECT_EQ(dport.flash_page_size(0), 0x8000u);
  EXPECT_EQ(dport.psram_mode(0), Dport::PsramMode::kNormal);
  set_bits(kCacheCtrl[0], 1 << 16);
  set_bits(kCacheCtrl[1], 1 << 14);
  EXPECT_EQ(dport.psram_mode(0), Dport::PsramMode::kLowHigh);
  EXPECT_EQ(dport.psram_mode(1), Dport::PsramMode::kLowHigh);
  set_bits(kCacheCtrl[1], 1 << 11);
  EXPECT_EQ(dport.psram_mode(1), Dport::PsramMode::kEvenOdd);
}

TEST_F(DportTest, InterruptMapAndStatusAreTheMatrix) {
  dport.write(kProMap + 4 * 34, 0xffffffe5);
  dport.write(kAppMap + 4 * 68, 12);
  EXPECT_EQ(dport.read(kProMap + 4 * 34), 5u);
  EXPECT_EQ(dport.read(kAppMap + 4 * 68), 12u);
  EXPECT_EQ(dport.read(kAppMap), 16u);
  EXPECT_EQ(matrix.mapping(0, 34), 5u);
  EXPECT_EQ(matrix.mapping(1, 68), 12u);
  matrix.set_source(34, true);
  matrix.set_source(67, true);
  for (std::uint32_t status : {kProStatus0, kAppStatus0}) {
    EXPECT_EQ(dport.read(status), 0u);
    EXPECT_EQ(dport.read(status + 4), 1u << 2);
    EXPECT_EQ(dport.read(status + 8), 1u << 3);
    EXPECT_EQ(dport.peek(status + 8), 1u << 3);
  }
  EXPECT_TRUE(matrix.output(0, 5).level());
}

TEST_F(DportTest, CrossCoreInterrupts) {
  for (unsigned i = 0; i < 4; ++i) {
    dport.write(kAppMap + 4 * (24 + i), 20 + i);
    dport.write(kFromCpu0 + 4 * i, 1);
    EXPECT_EQ(dport.read(kFromCpu0 + 4 * i), 1u);
    EXPECT_TRUE(matrix.output(1, 20 + i).level());
    dport.write(kFromCpu0 + 4 * i, 0);
    EXPECT_FALSE(matrix.output(1, 20 + i).level());
  }
}

TEST_F(DportTest, AppCpuStart) {
  // As ESP-IDF starts it: boot address, clock, no stall, reset pulse.
  std::vector<std::tuple<bool, bool>> reset_edges;
  dport.on_app_cpu_change = [&](const Dport::AppCpu& before, const Dport::AppCpu& now) {
    if (before.in_reset != now.in_reset) reset_edges.emplace_back(before.in_reset, now.in_reset);
  };
  EXPECT_EQ(dport.app_cpu(), (Dport::AppCpu{true, false, false, 0}));
  dport.write(kAppD, 0x40080ABC);
  set_bits(kAppB, 1);
  clear_bits(kAppC, 1);
  set_bits(kAppA, 1);
  EXPECT_TRUE(reset_edges.empty());
  clear_bits(kAppA, 1);
  EXPECT_EQ(reset_edges, (std::vector<std::tuple<bool, bool>>{{true, false}}));
  EXPECT_EQ(dport.app_cpu(), (Dport::AppCpu{false, true, false, 0x40080ABC}));
  dport.write(kAppC, 1);
  EXPECT_TRUE(dport.app_cpu().run_stalled);
}

TEST_F(DportTest, CpuPeriod) {
  unsigned changes = 0;
  dport.on_cpu_clock_change = [&] { ++changes; };
  dport.write(kCpuPerConf, 2);
  EXPECT_EQ(dport.cpuperiod_sel(), 2u);
  dport.write(kCpuPerConf, 2 | 1 << 2);  // LOWSPEED_CLK_SEL
  EXPECT_EQ(changes, 1u);
  EXPECT_EQ(dport.read(kCpuPerConf), 6u);
}

TEST_F(DportTest, PeripheralResets) {
  std::vector<std::tuple<ResetBank, std::uint32_t, std::uint32_t>> seen;
  dport.on_peripheral_reset = [&](ResetBank bank, std::uint32_t on, std::uint32_t off) {
    seen.emplace_back(bank, on, off);
  };
  set_bits(kPeripRst, Dport::kUart0 | Dport::kTimerGroup1);
  set_bits(kPeripRst, Dport::kUart0);
  EXPECT_EQ(dport.in_reset(ResetBank::kPeripheral), Dport::kUart0 | Dport::kTimerGroup1);
  clear_bits(kPeripRst, Dport::kUart0);
  set_bits(kCoreRst, Dport::kEmac);
  dport.write(kCoreRst, 0);
  EXPECT_EQ(seen, (std::vector<std::tuple<ResetBank, std::uint32_t, std::uint32_t>>{
                      {ResetBank::kPeripheral, Dport::kUart0 | Dport::kTimerGroup1, 0},
                      {ResetBank::kPeripheral, 0, Dport::kUart0},
                      {ResetBank::kRadio, Dport::kEmac, 0},
                      {ResetBank::kRadio, 0, Dport::kEmac}}));
}

TEST_F(DportTest, SecureBootAndDigitalSignatureHoldOthersInReset) {
  std::vector<std::pair<std::uint32_t, std::uint32_t>> seen;
  dport.on_peripheral_reset = [&](ResetBank, std::uint32_t on, std::uint32_t off) {
    seen.emplace_back(on, off);
  };
  dport.write(kPeriRst, Dport::kSecureBoot);
  EXPECT_EQ(dport.in_reset(ResetBank::kCrypto), Dport::kSecureBoot | Dport::kSha | Dport::kAes);
  dport.write(kPeriRst, Dport::kSecureBoot | Dport::kSha);  // changes nothing that is held
  dport.write(kPeriRst, Dport::kDigitalSignature);
  EXPECT_EQ(dport.in_reset(ResetBank::kCrypto), Dport::kDigitalSignature | Dport::kRsa | Dport::kAes);
  EXPECT_EQ(seen, (std::vector<std::pair<std::uint32_t, std::uint32_t>>{
                      {Dport::kSecureBoot | Dport::kSha | Dport::kAes, 0},
                      {Dport::kDigitalSignature | Dport::kRsa, Dport::kSecureBoot | Dport::kSha}}));
  EXPECT_EQ(dport.read(kPeriRst), Dport::kDigitalSignature);
}

TEST_F(DportTest, ClocksDmaChannelsAndFlashEncryption) {
  dport.write(kPeripClk, Dport::kUart0);
  EXPECT_EQ(dport.peripheral_clocks(), Dport::kUart0);
  dport.write(kWifiClk, 1u << 14);
  EXPECT_EQ(dport.radio_clocks(), 1u << 14);
  dport.write(kSpiDma, 2 << 4 | 1 << 2);
  EXPECT_EQ(dport.spi_dma_channel(1), 0u);
  EXPECT_EQ(dport.spi_dma_channel(2), 1u);
  EXPECT_EQ(dport.spi_dma_channel(3), 2u);
  dport.write(kSlaveSpi, 1 << 12);
  EXPECT_TRUE(dport.flash_decryption());
  EXPECT_FALSE(dport.flash_encryption());
}

TEST_F(DportTest, IllegalCacheAccess) {
  dport.write(kProMap + 4 * 68, 25);
  dport.report_illegal_access(0, CacheBus::kDrom0);
  EXPECT_EQ(dport.read(kDbug3[0]), 1u << 14);
  EXPECT_FALSE(matrix.output(0, 25).level());
  dport.write(kCacheIaEn, 1u << 14 | 1u << 1);  // PRO DROM0, APP IRAM0
  EXPECT_TRUE(matrix.output(0, 25).level());
  set_bits(kCacheCtrl1[0], 1 << 13);  // MMU_IA_CLR
  clear_bits(kCacheCtrl1[0], 1 << 13);
  EXPECT_EQ(dport.read(kDbug3[0]), 0u);
  EXPECT_FALSE(matrix.output(0, 25).level());
  dport.report_illegal_access(1, CacheBus::kIrom0);
  EXPECT_FALSE(matrix.output(0, 25).level());
  dport.report_illegal_access(1, CacheBus::kIram0);
  EXPECT_EQ(dport.read(kDbug3[1]), 1u << 13 | 1u << 11);
  EXPECT_TRUE(matrix.output(0, 25).level());
}

TEST_F(DportTest, ResetUndoesEverythingAndTellsTheChip) {
  set_bits(kCacheCtrl[0], 1 << 3);
  dport.write(kAppA, 0);
  dport.write(kCpuPerConf, 1);
  dport.write(kProMap + 4 * 24, 4);
  dport.write(kFromCpu0, 1);
  dport.write(0x504, 9);
  std::string seen;
  dport.on_cache_change = [&](unsigned cpu) { seen += cpu ? "c1 " : "c0 "; };
  dport.on_app_cpu_change = [&](const Dport::AppCpu&, const Dport::AppCpu& now) {
    seen += now.in_reset ? "app " : "?";
  };
  dport.on_cpu_clock_change = [&] { seen += "clock "; };
  dport.reset(ResetKind::kCore);
  EXPECT_EQ(seen, "c0 app clock ");
  EXPECT_FALSE(dport.cache_enabled(0));
  EXPECT_EQ(dport.read(kProMap + 4 * 24), 16u);
  EXPECT_EQ(dport.read(kFromCpu0), 0u);
  EXPECT_EQ(dport.read(kProStatus0), 0u);
  EXPECT_EQ(dport.read(0x504), 0u);
  EXPECT_EQ(dport.read(0x508), 1u);
}

TEST_F(DportTest, NarrowWriteKeepsTheOtherBytes) {
  dport.write(kAppD, 0x11223344);
  dport.write_masked(kAppD, 0xAA00, 0xFF00);
  EXPECT_EQ(dport.read(kAppD), 0x1122AA44u);
}

TEST_F(DportTest, Archive) {
  set_bits(kCacheCtrl[1], 1 << 3);
  dport.write(kProMap + 4 * 34, 5);
  dport.write(kAppD, 0x40081234);
  base::Archive out = base::Archive::saving();
  dport.archive(out);
  dport.reset(ResetKind::kSystem);
  base::Archive in = base::Archive::loading(out.bytes());
  dport.archive(in);
  EXPECT_FALSE(in.failed());
  EXPECT_TRUE(in.at_end());
  EXPECT_TRUE(dport.cache_enabled(1));
  EXPECT_EQ(dport.read(kProMap + 4 * 34), 5u);
  EXPECT_EQ(dport.app_cpu().boot_address, 0x40081234u);
}

}  // namespace
}  // namespace espalier::devices
