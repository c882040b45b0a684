#include "devices/spi_flash_chip.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <set>
#include <vector>

namespace espalier::devices {
namespace {

using base::kTicksPerMicrosecond;
using base::kTicksPerMillisecond;
using base::Ticks;
using testing::Each;
using testing::ElementsAre;
using testing::IsEmpty;

class Clock final : public base::TimeSource {
 public:
  Ticks now() override { return time; }
  Ticks time = 1000;
};

class SpiFlash : public testing::Test {
 protected:
  SpiFlash() { make(4 << 20); }
  void make(std::uint32_t size) {
    storage_ = std::move(*FlashStorage::create(*FlashImage::create({}, size)));
    chip_.emplace(Context{events_, log_, tracer_}, *storage_);
  }

  // A transaction on one line: `bytes` out, then `reads` bytes in.
  std::vector<std::uint8_t> send(const std::vector<std::uint8_t>& bytes, std::size_t reads = 0) {
    std::vector<std::uint8_t> miso(reads, 0xff);
    SpiTransfer t{.mosi = bytes, .miso = miso};
    chip_->transfer(t);
    return miso;
  }
  // A command with an address, 24 bits, and data.
  void send_at(std::uint8_t opcode, std::uint32_t address, const std::vector<std::uint8_t>& data = {}) {
    std::vector<std::uint8_t> bytes = {opcode, static_cast<std::uint8_t>(address >> 16),
                                       static_cast<std::uint8_t>(address >> 8),
                                       static_cast<std::uint8_t>(address)};
    bytes.insert(bytes.end(), data.begin(), data.end());
    send(bytes);
  }
  std::uint8_t status(std::uint8_t opcode = 0x05) { return send({opcode}, 1)[0]; }
  std::vector<std::uint8_t> contents(std::uint32_t address, std::size_t n) {
    std::vector<std::uint8_t> out(n);
    storage_->read(address, out);
    return out;
  }
  // Lets everything that runs end.
  void wait() { clock_.time = std::max(clock_.time, chip_->busy_until()); }
  void write_status(std::uint8_t opcode, const std::vector<std::uint8_t>& values) {
    send({0x06});
    std::vector<std::uint8_t> bytes = {opcode};
    bytes.insert(bytes.end(), values.begin(), values.end());
    send(bytes);
    wait();
  }
  void program(std::uint32_t address, const std::vector<std::uint8_t>& data) {
    send({0x06});
    send_at(0x02, address, data);
    wait();
  }
  void erase(std::uint8_t opcode, std::uint32_t address) {
    send({0x06});
    send_at(opcode, address);
    wait();
  }

  Clock clock_;
  base::EventQueue events_{clock_};
  base::Logger log_;
  base::Tracer tracer_;
  std::unique_ptr<FlashStorage> storage_;
  std::optional<SpiFlashChip> chip_;
};

TEST_F(SpiFlash, IdFollowsTheSize) {
  EXPECT_THAT(send({0x9f}, 3), ElementsAre(0xc8, 0x40, 0x16));
  const std::pair<std::uint32_t, int> sizes[] = {{1, 0x14}, {2, 0x15}, {8, 0x17}, {16, 0x18}};
  for (const auto& [mib, code] : sizes) {
    make(mib << 20);
    EXPECT_THAT(send({0x9f}, 3), ElementsAre(0xc8, 0x40, code));
    EXPECT_EQ(chip_->jedec_id(), 0xc84000u | static_cast<unsigned>(code));
  }
}

TEST_F(SpiFlash, OtherIds) {
  EXPECT_THAT(send({0x90, 0, 0, 0}, 3), ElementsAre(0xc8, 0x15, 0xc8));
  EXPECT_THAT(send({0x90, 0, 0, 1}, 2), ElementsAre(0x15, 0xc8));
  EXPECT_THAT(send({0xab, 0, 0, 0}, 2), ElementsAre(0x15, 0x15));
  const auto unique = send({0x4b, 0, 0, 0, 0}, 16);
  EXPECT_NE(unique, std::vector<std::uint8_t>(16, 0xff));
  EXPECT_NE(unique, std::vector<std::uint8_t>(16, 0));
  EXPECT_THAT(send({0x5a, 0, 0, 0, 0}, 4), ElementsAre('S', 'F', 'D', 'P'));
  EXPECT_THAT(send({0x5a, 0, 0x10, 0, 0}, 2), Each(0xff));
}

TEST_F(SpiFlash, ReadsInEveryMode) {
  program(0x1234, {1, 2, 3, 4});
  write_status(0x31, {0x02});
  struct Mode {
    std::uint16_t opcode;
    unsigned dummy, address_lines, miso_lines;
  };
  const Mode modes[] = {{0x03, 0, 1, 1}, {0x0b, 8, 1, 1}, {0x3b, 8, 1, 2}, {0xbb, 4, 2, 2},
                        {0x6b, 8, 1, 4}, {0xeb, 6, 4, 4}, {0xe7, 4, 4, 4}};
  for (const Mode& mode : modes) {
    std::array<std::uint8_t, 4> miso{};
    SpiTransfer t{.command_bits = 8,
                  .command = mode.opcode,
                  .address_bits = 24,
                  .address = 0x1234,
                  .dummy_cycles = mode.dummy,
                  .miso = miso,
                  .address_lines = mode.address_lines,
                  .miso_lines = mode.miso_lines};
    chip_->transfer(t);
    EXPECT_THAT(miso, ElementsAre(1, 2, 3, 4)) << mode.opcode;
  }
}

TEST_F(SpiFlash, AReadRunsRoundTheEnd) {
  program(0x3fffff, {7});
  program(0, {8});
  EXPECT_THAT(send({0x03, 0x3f, 0xff, 0xff}, 3), ElementsAre(7, 8, 0xff));
  EXPECT_THAT(send({0x03, 0x7f, 0xff, 0xff}, 2), ElementsAre(7, 8));  // higher address bits do not exist
}

TEST_F(SpiFlash, QuadReadsNeedQuadEnable) {
  program(0, {0});
  EXPECT_THAT(send({0x6b, 0, 0, 0, 0}, 1), ElementsAre(0xff));
  EXPECT_THAT(send({0xeb, 0, 0, 0, 0}, 1), ElementsAre(0xff));
  write_status(0x31, {0x02});
  EXPECT_EQ(status(0x35), 0x02);
  EXPECT_THAT(send({0x6b, 0, 0, 0, 0}, 1), ElementsAre(0));
}

TEST_F(SpiFlash, WriteEnableComesAndGoes) {
  EXPECT_EQ(status(), 0);
  send({0x06});
  EXPECT_EQ(status(), 2);
  send({0x04});
  EXPECT_EQ(status(), 0);
}

TEST_F(SpiFlash, ProgramTakesItsTimeAndClearsWel) {
  send({0x06});
  send_at(0x02, 0x100, std::vector<std::uint8_t>(60, 0xa5));
  EXPECT_EQ(status(), 3);
  EXPECT_THAT(send({0x03, 0, 1, 0}, 2), Each(0xff));  // ignored while busy
  clock_.time += 170 * kTicksPerMicrosecond;
  EXPECT_EQ(status(), 3);
  clock_.time += 10 * kTicksPerMicrosecond;
  EXPECT_EQ(status(), 0);
  EXPECT_THAT(send({0x03, 0, 1, 0}, 2), Each(0xa5));
}

TEST_F(SpiFlash, ProgramWithoutWriteEnableIsIgnored) {
  send_at(0x02, 0, {0});
  EXPECT_EQ(status(), 0);
  EXPECT_THAT(contents(0, 1), ElementsAre(0xff));
}

TEST_F(SpiFlash, ProgramWrapsWithinItsPage) {
  program(0x1fe, {1, 2, 3, 4});
  EXPECT_THAT(contents(0x1fe, 3), ElementsAre(1, 2, 0xff));
  EXPECT_THAT(contents(0x100, 3), ElementsAre(3, 4, 0xff));
}

TEST_F(SpiFlash, ProgramOnlyClearsBits) {
  program(0, {0xf0});
  program(0, {0x0f});
  EXPECT_THAT(contents(0, 1), ElementsAre(0));
}

TEST_F(SpiFlash, QuadProgramNeedsQuadEnable) {
  send({0x06});
  send_at(0x32, 0, {1});
  EXPECT_THAT(contents(0, 1), ElementsAre(0xff));
  write_status(0x31, {0x02});
  send({0x06});
  send_at(0x32, 0, {1});
  EXPECT_THAT(contents(0, 1), ElementsAre(1));
}

TEST_F(SpiFlash, EraseSizesAndTimes) {
  struct Case {
    std::uint8_t opcode;
    std::uint32_t size;
    unsigned milliseconds;
  };
  for (const Case& c : {Case{0x20, 0x1000, 45}, Case{0x52, 0x8000, 150}, Case{0xd8, 0x10000, 150}}) {
    for (const std::uint32_t at : {0x40000u - 1, 0x40000u, 0x40000u + c.size - 1, 0x40000u + c.size}) {
      program(at, {0});
    }
    send({0x06});
    send_at(c.opcode, 0x40000 + 0x123);
    clock_.time += c.milliseconds * kTicksPerMillisecond - 1;
    EXPECT_EQ(status() & 1, 1);
    clock_.time += 1;
    EXPECT_EQ(status(), 0);
    EXPECT_THAT(contents(0x40000 - 1, 1), ElementsAre(0));
    EXPECT_THAT(contents(0x40000, c.size), Each(0xff));
    EXPECT_THAT(contents(0x40000 + c.size, 1), ElementsAre(0));
  }
}

TEST_F(SpiFlash, ChipErase) {
  for (const std::uint8_t opcode : {0x60, 0xc7}) {
    program(0, {0});
    program(0x3fffff, {0});
    send({opcode});
    EXPECT_THAT(contents(0, 1), ElementsAre(0));  // writing is not enabled
    send({0x06});
    send({opcode});
    EXPECT_EQ(status(), 3);
    wait();
    EXPECT_EQ(status(), 0);
    const auto all = contents(0, 4 << 20);
    EXPECT_TRUE(std::ranges::all_of(all, [](std::uint8_t b) { return b == 0xff; }));
  }
}

TEST_F(SpiFlash, EraseWithoutWriteEnableOrAddressIsIgnored) {
  program(0, {0});
  send_at(0x20, 0);
  send({0x06});
  send({0x20, 0, 0});
  EXPECT_EQ(status(), 2);
  EXPECT_THAT(contents(0, 1), ElementsAre(0));
}

TEST_F(SpiFlash, StatusWritesAreMaskedAndLast) {
  write_status(0x01, {0xff & ~0x80});
  EXPECT_EQ(status(0x05), 0x7c);
  write_status(0x31, {0x42});
  EXPECT_EQ(status(0x35), 0x42);
  write_status(0x11, {0xff});
  EXPECT_EQ(status(0x15), 0x60);
  chip_->power_cycle();
  EXPECT_EQ(status(0x05), 0x7c);
  EXPECT_EQ(status(0x35), 0x42);
}

TEST_F(SpiFlash, StatusWriteTakesItsTime) {
  send({0x06});
  send({0x01, 0});
  EXPECT_EQ(status(), 3);
  clock_.time += 5 * kTicksPerMillisecond;
  EXPECT_EQ(status(), 0);
}

TEST_F(SpiFlash, SixteenBitStatusWrite) {
  write_status(0x01, {0x00, 0x02});
  EXPECT_EQ(status(0x35), 0x02);
  write_status(0x01, {0x00});  // eight bits leave QE alone
  EXPECT_EQ(status(0x35), 0x02);
  write_status(0x01, {0x00, 0x00, 0x00});  // too long: not executed
  EXPECT_EQ(status(0x35), 0x02);
}

TEST_F(SpiFlash, VolatileStatusWriteNeedsNoWaitAndIsLost) {
  send({0x50});
  send({0x31, 0x02});
  EXPECT_EQ(status(), 0);
  EXPECT_EQ(status(0x35), 0x02);
  send({0x31, 0x00});  // 0x50 enables one write
  EXPECT_EQ(status(0x35), 0x02);
  chip_->power_cycle();
  EXPECT_EQ(status(0x35), 0x00);
}

TEST_F(SpiFlash, StatusRegisterLocks) {
  write_status(0x31, {0x01});
  write_status(0x01, {0x04});
  EXPECT_EQ(status() & 0x7c, 0);
  send({0x66});
  send({0x99});
  write_status(0x01, {0x04});
  EXPECT_EQ(status() & 0x7c, 0);  // a reset does not unlock
  chip_->power_cycle();
  write_status(0x01, {0x04});
  EXPECT_EQ(status() & 0x7c, 0x04);
}

TEST_F(SpiFlash, BlockProtection) {
  struct Case {
    std::uint8_t bp;  // BP4 to BP0
    bool cmp;
    std::uint32_t from, to;  // protected
  };
  const Case cases[] = {
      {0x01, false, 0x3f0000, 0x400000}, {0x06, false, 0x200000, 0x400000}, {0x09, false, 0, 0x10000},
      {0x0e, false, 0, 0x200000},        {0x07, false, 0, 0x400000},        {0x11, false, 0x3ff000, 0x400000},
      {0x13, false, 0x3fc000, 0x400000}, {0x14, false, 0x3f8000, 0x400000}, {0x16, false, 0x3f8000, 0x400000},
      {0x19, false, 0, 0x1000},          {0x01, true, 0, 0x3f0000},         {0x09, true, 0x10000, 0x400000},
      {0x00, true, 0, 0x400000},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(testing::Message() << "BP " << int{c.bp} << " CMP " << c.cmp);
    make(4 << 20);
    write_status(0x01, {static_cast<std::uint8_t>(c.bp << 2)});
    write_status(0x31, {static_cast<std::uint8_t>(c.cmp ? 0x40 : 0)});
    program(c.from, {0});
    program(c.to - 1, {0});
    EXPECT_THAT(contents(c.from, 1), ElementsAre(0xff));
    EXPECT_THAT(contents(c.to - 1, 1), ElementsAre(0xff));
    EXPECT_EQ(status() & 3, 2);  // refused: still enabled
    if (c.from > 0) {
      program(c.from - 1, {0});
      EXPECT_THAT(contents(c.from - 1, 1), ElementsAre(0));
    }
    if (c.to < 0x400000) {
      program(c.to, {0});
      EXPECT_THAT(contents(c.to, 1), ElementsAre(0));
    }
  }
}

TEST_F(SpiFlash, ProtectionStopsErases) {
  program(0, {0});
  program(0x3fffff, {0});
  write_status(0x01, {0x09 << 2});  // lowest 64 KiB
  erase(0x20, 0);
  erase(0xd8, 0);
  send({0x06});
  send({0xc7});
  EXPECT_THAT(contents(0, 1), ElementsAre(0));
  EXPECT_THAT(contents(0x3fffff, 1), ElementsAre(0));
  erase(0x20, 0x3ff000);
  EXPECT_THAT(contents(0x3fffff, 1), ElementsAre(0xff));
}

TEST_F(SpiFlash, PowerDownLeavesOnlyRelease) {
  send({0xb9});
  EXPECT_THAT(send({0x9f}, 3), Each(0xff));
  EXPECT_EQ(status(), 0xff);
  send({0xab});
  EXPECT_THAT(send({0x9f}, 1), ElementsAre(0xc8));
}

TEST_F(SpiFlash, SuspendAndResumeAnErase) {
  program(0x100000, {5});
  program(0, {0});
  send({0x06});
  send_at(0xd8, 0);
  clock_.time += 100 * kTicksPerMillisecond;
  send({0x75});
  EXPECT_EQ(status() & 1, 0);
  EXPECT_EQ(status(0x35), 0x80);
  EXPECT_THAT(send({0x03, 0x10, 0, 0}, 1), ElementsAre(5));
  send({0x06});
  send_at(0x02, 0x100001, {0});  // not allowed meanwhile
  EXPECT_THAT(contents(0x100001, 1), ElementsAre(0xff));
  clock_.time += 1000 * kTicksPerMillisecond;
  send({0x7a});
  EXPECT_EQ(status(0x35), 0x00);
  EXPECT_EQ(status() & 1, 1);
  clock_.time += 49 * kTicksPerMillisecond;
  EXPECT_EQ(status() & 1, 1);
  clock_.time += 1 * kTicksPerMillisecond;
  EXPECT_EQ(status(), 0);
  EXPECT_THAT(contents(0, 1), ElementsAre(0xff));
}

TEST_F(SpiFlash, SuspendOfAProgramAndOfNothing) {
  send({0x75});
  EXPECT_EQ(status(0x35), 0);
  send({0x7a});
  EXPECT_EQ(status(), 0);
  send({0x06});
  send_at(0x02, 0, {0});
  send({0x75});
  EXPECT_EQ(status(0x35), 0x04);
  send({0x06});
  send({0x01, 0x00});  // nor is this allowed
  send({0x7a});
  wait();
  EXPECT_EQ(status(), 0);
}

TEST_F(SpiFlash, ResetNeedsBothCommandsInARow) {
  send({0x50});
  send({0x31, 0x02});
  send({0x06});
  send({0x99});
  EXPECT_EQ(status(), 2);
  send({0x66});
  status();
  send({0x99});
  EXPECT_EQ(status(), 2);
  send({0x66});
  send({0x99});
  EXPECT_EQ(status(), 0);
  EXPECT_EQ(status(0x35), 0);
}

TEST_F(SpiFlash, APowerCutLeavesNothingOfWhatIsOver) {
  program(0x1000, {0x12, 0x34});
  EXPECT_EQ(chip_->cut_power(1), "");
  chip_->power_cycle();
  EXPECT_THAT(contents(0x1000, 3), ElementsAre(0x12, 0x34, 0xff));
}

TEST_F(SpiFlash, APowerCutInAProgramStaysInItsPage) {
  for (std::uint32_t at = 0x1000; at < 0x1100; at += 64) program(at, std::vector<std::uint8_t>(64, 0xf0));
  send({0x06});
  send_at(0x02, 0x10f0, std::vector<std::uint8_t>(32, 0x5a));  // comes round to 0x1000
  clock_.time += 50 * kTicksPerMicrosecond;
  EXPECT_THAT(chip_->cut_power(1),
              testing::StartsWith("a page program at 0x10f0 (32 bytes) was cut after 50 of 107 us: "));
  chip_->power_cycle();
  EXPECT_EQ(status(), 0);
  const auto page = contents(0x1000, 256);
  unsigned fallen = 0;
  for (std::size_t i = 0; i < page.size(); ++i) {
    EXPECT_EQ(page[i] & ~0xf0, 0);
    if (i >= 16 && i < 0xf0) {
      EXPECT_EQ(page[i], 0xf0);
    }
    fallen += page[i] != 0xf0;
  }
  EXPECT_GT(fallen, 2u);
  EXPECT_LT(fallen, 32u);
  EXPECT_THAT(contents(0x0f00, 256), Each(0xff));
  EXPECT_THAT(contents(0x1100, 256), Each(0xff));
}

TEST_F(SpiFlash, APowerCutInAnEraseStaysInItsSector) {
  for (const std::uint32_t address : {0xfffu, 0x1000u, 0x1fffu, 0x2000u}) program(address, {0});
  send({0x06});
  send_at(0x20, 0x1234);
  clock_.time += 20 * kTicksPerMillisecond;
  EXPECT_THAT(chip_->cut_power(1),
              testing::StartsWith("an erase at 0x1000 (4096 bytes) was cut after 20000 of 45000 us: "));
  const auto sector = contents(0x1000, 0x1000);
  EXPECT_NE(std::ranges::find_if(sector, [](auto byte) { return byte != 0 && byte != 0xff; }), sector.end());
  EXPECT_THAT(contents(0xfff, 1), ElementsAre(0));
  EXPECT_THAT(contents(0x2000, 1), ElementsAre(0));
}

// What is suspended is under way still.
TEST_F(SpiFlash, APowerCutFindsASuspendedErase) {
  program(0, {0});
  send({0x06});
  send_at(0xd8, 0);
  clock_.time += 30 * kTicksPerMillisecond;
  send({0x75});
  clock_.time += 1000 * kTicksPerMillisecond;
  EXPECT_THAT(chip_->cut_power(1),
              testing::StartsWith("an erase at 0x0 (65536 bytes) was cut after 30000 of 150000 us"));
}

TEST_F(SpiFlash, APowerCutInAStatusWriteLeavesEachBitOldOrNew) {
  write_status(0x31, {0x02});
  std::set<std::uint8_t> seen;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    write_status(0x01, {0x00, 0x02});
    send({0x06});
    send({0x01, 0x1c, 0x02});
    EXPECT_THAT(chip_->cut_power(seed), testing::StartsWith("a write of the status registers was cut"));
    chip_->power_cycle();
    EXPECT_EQ(status() & ~0x1c, 0);
    EXPECT_EQ(status(0x35), 2);
    seen.insert(status());
  }
  EXPECT_EQ(seen.size(), 8u);
}

TEST_F(SpiFlash, APowerCutRepeatsAfterALoad) {
  program(0, std::vector<std::uint8_t>(64, 0));
  send({0x06});
  send_at(0x20, 0);
  auto out = base::Archive::saving();
  chip_->archive(out);
  clock_.time += 30 * kTicksPerMillisecond;
  const std::string first = chip_->cut_power(9);
  const auto left = contents(0, 4096);
  storage_->put(0, std::vector<std::uint8_t>(4096, 0xff));  // as it was when the state was saved
  SpiFlashChip other({events_, log_, tracer_}, *storage_);
  auto in = base::Archive::loading(out.bytes());
  other.archive(in);
  ASSERT_TRUE(in.at_end());
  EXPECT_EQ(other.cut_power(9), first);
  EXPECT_EQ(contents(0, 4096), left);
}

TEST_F(SpiFlash, CommandsOnFourLinesAreNotForIt) {
  const std::vector<std::uint8_t> bytes = {0x06};
  SpiTransfer t{.mosi = bytes, .mosi_lines = 4};
  chip_->transfer(t);
  EXPECT_EQ(status(), 0);
}

TEST_F(SpiFlash, UnknownAndEmptyCommands) {
  EXPECT_THAT(send({0x79}, 2), Each(0xff));
  EXPECT_THAT(send({}, 2), Each(0xff));
}

TEST_F(SpiFlash, ArchiveInTheMiddleOfAnErase) {
  write_status(0x31, {0x02});
  program(0, {0});
  send({0x06});
  send_at(0x20, 0);
  auto out = base::Archive::saving();
  chip_->archive(out);
  SpiFlashChip other({events_, log_, tracer_}, *storage_);
  auto in = base::Archive::loading(out.bytes());
  other.archive(in);
  EXPECT_TRUE(in.at_end());
  EXPECT_EQ(other.status(0), 3);
  EXPECT_EQ(other.status(1), 2);
  clock_.time = other.busy_until();
  EXPECT_EQ(other.status(0), 0);
}

}  // namespace
}  // namespace espalier::devices
