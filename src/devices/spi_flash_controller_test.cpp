#include "devices/spi_flash_controller.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <vector>

#include "devices/psram_chip.h"
#include "devices/spi_flash_chip.h"

namespace espalier::devices {
namespace {

using testing::Each;
using testing::ElementsAre;

constexpr std::uint32_t CMD = 0x00, ADDR = 0x04, CTRL = 0x08, RD_STATUS = 0x10, USER = 0x1c, USER1 = 0x20,
                        USER2 = 0x24, MOSI_DLEN = 0x28, MISO_DLEN = 0x2c, SLV_WR_STATUS = 0x30, PIN = 0x34,
                        SLAVE = 0x38, W0 = 0x80, EXT2 = 0xf8;
constexpr std::uint32_t kUsr = 1u << 18;

class Clock final : public base::TimeSource {
 public:
  base::Ticks now() override { return time; }
  base::Ticks time = 0;
};

// Keeps what reached it and answers with what it was told.
class Probe : public SpiSlave {
 public:
  void transfer(SpiTransfer& t) override {
    ++transfers;
    last = t;
    mosi.assign(t.mosi.begin(), t.mosi.end());
    for (std::size_t i = 0; i < t.miso.size() && i < answer.size(); ++i) t.miso[i] = answer[i];
  }
  int transfers = 0;
  SpiTransfer last;
  std::vector<std::uint8_t> mosi;
  std::vector<std::uint8_t> answer;
};

class SpiController : public testing::Test {
 protected:
  SpiController() { spi_.attach(0, &probe_); }
  void run(std::uint32_t bit) {
    spi_.write(CMD, 1u << bit);
    EXPECT_EQ(spi_.read(CMD), 0u);
    EXPECT_EQ(spi_.read(EXT2), 0u);
  }
  Clock clock_;
  base::EventQueue events_{clock_};
  base::Logger log_;
  base::Tracer tracer_;
  SpiFlashController spi_{{events_, log_, tracer_}, 1};
  Probe probe_;
};

TEST_F(SpiController, ResetValues) {
  EXPECT_EQ(spi_.name(), "spi1");
  const std::pair<std::uint32_t, std::uint32_t> values[] = {
      {0x00, 0},          {0x08, 0x0020a400}, {0x0c, 0x5fff0000}, {0x14, 0x11},       {0x18, 0x80003043},
      {0x1c, 0x80000040}, {0x20, 0x5c000007}, {0x24, 0x70000000}, {0x34, 0x6},        {0x38, 0x200},
      {0x3c, 0x02000000}, {0x50, 0},          {0x54, 0x15c04830}, {0xf0, 0x800a0050}, {0xf4, 0x800f0000},
      {0xf8, 0},          {0x100, 0x200},     {0x3fc, 0x01604270}};
  for (const auto& [offset, value] : values) EXPECT_EQ(spi_.read(offset), value) << offset;
  spi_.write(0x08, 1);
  spi_.write(W0, 5);
  spi_.reset(ResetKind::kCore);
  EXPECT_EQ(spi_.read(0x08), 0x0020a400u);
  EXPECT_EQ(spi_.read(W0), 0u);
}

TEST_F(SpiController, RegistersReadBack) {
  for (const std::uint32_t offset : {0x50u, 0x54u, 0x58u, 0x5cu, 0x60u, 0xbcu, 0xfcu, 0x3fcu, 0x200u}) {
    spi_.write(offset, 0xa5a50000 | offset);
    EXPECT_EQ(spi_.read(offset), 0xa5a50000 | offset);
    EXPECT_EQ(spi_.peek(offset), 0xa5a50000 | offset);
  }
  spi_.write(EXT2, 7);
  EXPECT_EQ(spi_.read(EXT2), 0u);
}

TEST_F(SpiController, FlashCommandBits) {
  struct Case {
    unsigned bit;
    std::uint16_t opcode;
    unsigned address_bits;
  };
  spi_.write(ADDR, 0x20123456);
  for (const Case& c : {Case{30, 0x06, 0},
                        {29, 0x04, 0},
                        {24, 0x20, 24},
                        {23, 0xd8, 24},
                        {22, 0xc7, 0},
                        {21, 0xb9, 0},
                        {19, 0xa3, 0},
                        {17, 0x75, 0},
                        {16, 0x7a, 0}}) {
    run(c.bit);
    EXPECT_EQ(probe_.last.command, c.opcode);
    EXPECT_EQ(probe_.last.command_bits, 8u);
    EXPECT_EQ(probe_.last.address_bits, c.address_bits);
    EXPECT_EQ(probe_.last.address, c.address_bits ? 0x123456u : 0u);
  }
  EXPECT_EQ(probe_.transfers, 9);
}

TEST_F(SpiController, WritingZeroStartsNothing) {
  spi_.write(CMD, 0);
  EXPECT_EQ(probe_.transfers, 0);
  EXPECT_EQ(spi_.read(SLAVE), 0x200u);
}

TEST_F(SpiController, ReadId) {
  probe_.answer = {0xc8, 0x40, 0x16};
  spi_.write(W0, 0xffffffff);
  run(28);
  EXPECT_EQ(probe_.last.command, 0x9f);
  EXPECT_EQ(spi_.read(W0), 0x1640c8u);
}

TEST_F(SpiController, StatusRegisterCommands) {
  probe_.answer = {0x5a};
  spi_.write(RD_STATUS, 0xff00ffff);
  run(27);
  EXPECT_EQ(probe_.last.command, 0x05);
  EXPECT_EQ(spi_.read(RD_STATUS), 0xff00005au);
  spi_.write(RD_STATUS, 0x0240);
  run(26);
  EXPECT_EQ(probe_.last.command, 0x01);
  EXPECT_THAT(probe_.mosi, ElementsAre(0x40));
  spi_.write(CTRL, 1u << 22);
  run(26);
  EXPECT_THAT(probe_.mosi, ElementsAre(0x40, 0x02));
}

TEST_F(SpiController, PageProgramTakesItsLengthFromTheAddress) {
  spi_.write(W0, 0x04030201);
  spi_.write(W0 + 4, 0x05);
  spi_.write(ADDR, 5u << 24 | 0x123456);
  run(25);
  EXPECT_EQ(probe_.last.command, 0x02);
  EXPECT_EQ(probe_.last.address, 0x123456u);
  EXPECT_THAT(probe_.mosi, ElementsAre(1, 2, 3, 4, 5));
}

TEST_F(SpiController, ReleaseReadsTheDeviceId) {
  probe_.answer = {0x15};
  run(20);
  EXPECT_EQ(probe_.last.command, 0xab);
  EXPECT_EQ(probe_.last.dummy_cycles, 24u);
  EXPECT_EQ(spi_.read(RD_STATUS), 0x15u);
  spi_.write(CTRL, 0);
  run(20);
  EXPECT_TRUE(probe_.last.miso.empty());
}

TEST_F(SpiController, FlashReadInTheChosenMode) {
  struct Case {
    std::uint32_t ctrl;
    std::uint16_t opcode;
    unsigned address_lines, miso_lines;
  };
  constexpr std::uint32_t kFast = 1u << 13;
  probe_.answer = {1, 2, 3, 4, 5};
  spi_.write(ADDR, 5u << 24 | 0x10);
  for (const Case& c : {Case{0, 0x03, 1, 1},
                        {1u << 24, 0x03, 1, 1},
                        {kFast, 0x0b, 1, 1},
                        {kFast | 1u << 14, 0x3b, 1, 2},
                        {kFast | 1u << 23, 0xbb, 2, 2},
                        {kFast | 1u << 20, 0x6b, 1, 4},
                        {kFast | 1u << 24, 0xeb, 4, 4}}) {
    spi_.write(CTRL, c.ctrl);
    run(31);
    EXPECT_EQ(probe_.last.command, c.opcode);
    EXPECT_EQ(probe_.last.address, 0x10u);
    EXPECT_EQ(probe_.last.address_lines, c.address_lines);
    EXPECT_EQ(probe_.last.miso_lines, c.miso_lines);
    EXPECT_EQ(spi_.read(W0), 0x04030201u);
    EXPECT_EQ(spi_.read(W0 + 4), 5u);
  }
}

TEST_F(SpiController, UserCommandPhases) {
  spi_.write(USER, 0xf8000000);  // all phases
  spi_.write(USER1, 27u << 26 | 4);
  spi_.write(USER2, 7u << 28 | 0x00eb);
  spi_.write(ADDR, 0x123456f0);
  spi_.write(MOSI_DLEN, 15);
  spi_.write(MISO_DLEN, 31);
  spi_.write(W0, 0xbbaa);
  probe_.answer = {1, 2, 3, 4};
  run(18);
  EXPECT_EQ(probe_.last.command_bits, 8u);
  EXPECT_EQ(probe_.last.command, 0xeb);
  EXPECT_EQ(probe_.last.address_bits, 28u);
  EXPECT_EQ(probe_.last.address, 0x123456fu);
  EXPECT_EQ(probe_.last.dummy_cycles, 5u);
  EXPECT_THAT(probe_.mosi, ElementsAre(0xaa, 0xbb));
  EXPECT_EQ(spi_.read(W0), 0x04030201u);
}

TEST_F(SpiController, UserCommandWithoutPhases) {
  spi_.write(USER, 0);
  run(18);
  EXPECT_EQ(probe_.last.command_bits, 0u);
  EXPECT_EQ(probe_.last.address_bits, 0u);
  EXPECT_EQ(probe_.last.dummy_cycles, 0u);
  EXPECT_TRUE(probe_.mosi.empty());
  EXPECT_TRUE(probe_.last.miso.empty());
}

TEST_F(SpiController, AddressesLongerThanAWord) {
  spi_.write(USER, 1u << 30);
  spi_.write(USER1, 39u << 26);
  spi_.write(ADDR, 0x12345678);
  spi_.write(SLV_WR_STATUS, 0x9a000000);
  run(18);
  EXPECT_EQ(probe_.last.address, 0x123456789aull);
}

TEST_F(SpiController, OnlyReceivedBytesAreReplaced) {
  spi_.write(USER, 1u << 28);
  spi_.write(MISO_DLEN, 7);
  spi_.write(W0, 0x11223344);
  probe_.answer = {0x99};
  run(18);
  EXPECT_EQ(spi_.read(W0), 0x11223399u);
}

TEST_F(SpiController, LengthsAreCutToTheBuffer) {
  spi_.write(USER, 3u << 27);
  spi_.write(MOSI_DLEN, 0xffffff);
  spi_.write(MISO_DLEN, 0xffffff);
  run(18);
  EXPECT_EQ(probe_.mosi.size(), 64u);
  EXPECT_EQ(probe_.last.miso.size(), 64u);
  spi_.write(USER, 3u << 27 | 3u << 24);
  run(18);
  EXPECT_EQ(probe_.mosi.size(), 32u);
  EXPECT_EQ(probe_.last.miso.size(), 32u);
}

TEST_F(SpiController, HighPartOfTheBuffer) {
  spi_.write(USER, 3u << 27 | 3u << 24);
  spi_.write(MOSI_DLEN, 7);
  spi_.write(MISO_DLEN, 7);
  spi_.write(W0, 0x11);
  spi_.write(W0 + 32, 0x22);
  probe_.answer = {0x33};
  run(18);
  EXPECT_THAT(probe_.mosi, ElementsAre(0x22));
  EXPECT_EQ(spi_.read(W0), 0x11u);
  EXPECT_EQ(spi_.read(W0 + 32), 0x33u);
}

TEST_F(SpiController, BitAndByteOrder) {
  spi_.write(USER, 3u << 27 | 3u << 10);
  spi_.write(CTRL, 3u << 25);
  spi_.write(MOSI_DLEN, 31);
  spi_.write(MISO_DLEN, 31);
  spi_.write(W0, 0x01020304);
  probe_.answer = {0x80, 0x40, 0xc0, 0x20};
  run(18);
  EXPECT_THAT(probe_.mosi, ElementsAre(0x80, 0x40, 0xc0, 0x20));
  EXPECT_EQ(spi_.read(W0), 0x01020304u);
}

TEST_F(SpiController, LinesFollowTheModes) {
  constexpr std::uint32_t kAddress = 1u << 30, kMiso = 1u << 28, kMosi = 1u << 27;
  constexpr std::uint32_t kFast = 1u << 13, kQio = 1u << 24, kQuad = 1u << 20, kDio = 1u << 23;
  const auto lines = [&](std::uint32_t user, std::uint32_t ctrl) {
    spi_.write(USER, user);
    spi_.write(CTRL, ctrl);
    run(18);
    return std::vector{probe_.last.address_lines, probe_.last.mosi_lines, probe_.last.miso_lines};
  };
  EXPECT_THAT(lines(kAddress | kMiso, kFast | kQio), ElementsAre(4, 1, 4));
  EXPECT_THAT(lines(kAddress | kMiso, kFast | kQuad), ElementsAre(1, 1, 4));
  EXPECT_THAT(lines(kAddress | kMiso, kFast | kDio), ElementsAre(2, 1, 2));
  EXPECT_THAT(lines(kAddress | kMiso, kQio), ElementsAre(1, 1, 1));  // not without FASTRD_MODE
  EXPECT_THAT(lines(kAddress | kMosi, kFast | kQio), ElementsAre(1, 1, 1));
  EXPECT_THAT(lines(kAddress | kMosi | 1u << 15, 0), ElementsAre(4, 4, 1));
  EXPECT_THAT(lines(kAddress | kMosi | 1u << 13, 0), ElementsAre(1, 4, 1));
  EXPECT_THAT(lines(kAddress | 1u << 15, 0), ElementsAre(4, 1, 1));
}

TEST_F(SpiController, ChipSelectChooses) {
  Probe second;
  spi_.attach(1, &second);
  spi_.write(PIN, 0x5);
  run(30);
  EXPECT_EQ(probe_.transfers, 0);
  EXPECT_EQ(second.transfers, 1);
  spi_.write(PIN, 0x3);  // nobody is at the third
  run(28);
  EXPECT_EQ(spi_.read(W0), 0xffffffu);
  EXPECT_EQ(probe_.transfers + second.transfers, 1);
}

TEST_F(SpiController, EndOfTransactionInterrupts) {
  run(30);
  EXPECT_EQ(spi_.read(SLAVE) & 0x10, 0x10u);
  EXPECT_TRUE(spi_.interrupt.level());  // enabled after reset
  spi_.write(SLAVE, 0x200);
  EXPECT_FALSE(spi_.interrupt.level());
  spi_.write(SLAVE, 0);
  run(30);
  EXPECT_FALSE(spi_.interrupt.level());
  spi_.write(SLAVE, 0x210);
  EXPECT_TRUE(spi_.interrupt.level());
  EXPECT_EQ(spi_.read(SLAVE) >> 23 & 0xf, 2u);  // counts transactions, and a write does not reach the count
  spi_.reset(ResetKind::kCore);
  EXPECT_FALSE(spi_.interrupt.level());
}

TEST_F(SpiController, ArchiveKeepsRegistersAndLine) {
  spi_.write(W0, 77);
  run(30);
  auto out = base::Archive::saving();
  spi_.archive(out);
  SpiFlashController other({events_, log_, tracer_}, 1);
  auto in = base::Archive::loading(out.bytes());
  other.archive(in);
  EXPECT_EQ(other.read(W0), 77u);
  EXPECT_TRUE(other.interrupt.level());
  SpiFlashController spi0({events_, log_, tracer_}, 0);
  auto wrong = base::Archive::loading(out.bytes());
  spi0.archive(wrong);
  EXPECT_TRUE(wrong.failed());
}

// The sequences of the drivers, on the real chips.
class SpiDrivers : public testing::Test {
 protected:
  SpiDrivers() {
    spi_.attach(0, &flash_);
    spi_.attach(1, &psram_);
  }
  void command(unsigned bit) {
    spi_.write(CMD, 1u << bit);
    ASSERT_EQ(spi_.read(CMD), 0u);
  }
  // As ESP-IDF's bootloader_execute_flash_command() sets the registers.
  std::uint32_t execute(std::uint8_t opcode, std::uint32_t mosi, unsigned mosi_bits, unsigned miso_bits) {
    const std::uint32_t ctrl = spi_.read(CTRL);
    spi_.write(CTRL, 1u << 21);
    std::uint32_t user = 1u << 31;
    if (miso_bits) user |= 1u << 28 | 1u << 29;
    if (mosi_bits) user |= 1u << 27;
    spi_.write(USER, user);
    spi_.write(USER1, 0);  // one dummy cycle, for the delay of the GPIO matrix
    spi_.write(USER2, 7u << 28 | opcode);
    spi_.write(MOSI_DLEN, mosi_bits ? mosi_bits - 1 : 0);
    spi_.write(MISO_DLEN, miso_bits ? miso_bits - 1 : 0);
    spi_.write(W0, mosi);
    spi_.write(CMD, kUsr);
    spi_.write(CTRL, ctrl);
    return spi_.read(W0) & static_cast<std::uint32_t>((1ull << miso_bits) - 1);
  }
  void wait() { clock_.time = std::max(clock_.time, flash_.busy_until()); }

  Clock clock_;
  base::EventQueue events_{clock_};
  base::Logger log_;
  base::Tracer tracer_;
  std::unique_ptr<FlashStorage> storage_ = std::move(*FlashStorage::create(*FlashImage::create({}, 4 << 20)));
  SpiFlashChip flash_{{events_, log_, tracer_}, *storage_};
  std::vector<std::uint8_t> ram_ = std::vector<std::uint8_t>(4 << 20);
  PsramChip psram_{ram_};
  SpiFlashController spi_{{events_, log_, tracer_}, 1};
};

TEST_F(SpiDrivers, ReadIdBothWays) {
  EXPECT_EQ(execute(0x9f, 0, 0, 24), 0x1640c8u);
  command(28);
  EXPECT_EQ(spi_.read(W0), 0x1640c8u);
}

// What the bootloader does for a QIO image and what esp_flash's driver for GigaDevice checks after it: read
// 0x35, set bit 1 with 0x31, read again. Chips that ignore 0x31 make esp_flash_init_default_chip() fail.
TEST_F(SpiDrivers, QuadEnableOfGigaDevice) {
  EXPECT_EQ(execute(0x35, 0, 0, 8), 0u);
  execute(0x06, 0, 0, 0);
  execute(0x31, 0x02, 8, 0);
  EXPECT_EQ(execute(0x05, 0, 0, 8) & 1, 1u);
  wait();
  EXPECT_EQ(execute(0x35, 0, 0, 8), 2u);
  EXPECT_EQ(execute(0x05, 0, 0, 8), 0u);
}

// Winbond's and the small GigaDevices' way: 16 bits by 0x01, also with the WRSR command bit.
TEST_F(SpiDrivers, QuadEnableWithSixteenBits) {
  execute(0x06, 0, 0, 0);
  execute(0x01, 0x0200, 16, 0);
  wait();
  EXPECT_EQ(execute(0x35, 0, 0, 8), 2u);
  command(30);
  spi_.write(CTRL, spi_.read(CTRL) | 1u << 22);
  spi_.write(RD_STATUS, 0x0000);
  command(26);
  wait();
  EXPECT_EQ(execute(0x35, 0, 0, 8), 0u);
}

TEST_F(SpiDrivers, RomEraseProgramRead) {
  // esp_rom_spiflash_erase_sector(): WREN, wait for WEL, SE, wait for not WIP.
  const auto status = [&] {
    spi_.write(RD_STATUS, 0);
    command(27);
    return spi_.read(RD_STATUS);
  };
  command(30);
  EXPECT_EQ(status(), 2u);
  spi_.write(ADDR, 0x9000);
  command(24);
  EXPECT_EQ(status() & 1, 1u);
  wait();
  EXPECT_EQ(status(), 0u);
  // esp_rom_spiflash_write(): 32 bytes at a time.
  command(30);
  spi_.write(ADDR, 0x9000 | 32u << 24);
  for (std::uint32_t i = 0; i < 8; ++i) spi_.write(W0 + i * 4, 0x01010101 * i);
  command(25);
  wait();
  EXPECT_EQ(status(), 0u);
  // esp_rom_spiflash_read() in DIO: 32 address bits of which the last eight are mode bits.
  spi_.write(CTRL, spi_.read(CTRL) | 1u << 23 | 1u << 13);
  spi_.write(USER, 1u << 31 | 1u << 30 | 1u << 28);
  spi_.write(USER1, 31u << 26);
  spi_.write(USER2, 7u << 28 | 0xbb);
  spi_.write(ADDR, 0x9000u << 8);
  spi_.write(MISO_DLEN, 32 * 8 - 1);
  command(18);
  for (std::uint32_t i = 0; i < 8; ++i) EXPECT_EQ(spi_.read(W0 + i * 4), 0x01010101 * i);
}

// esp_flash's QIO read: 28 address bits (24 and four mode bits, all ones), five dummy cycles.
TEST_F(SpiDrivers, EspFlashQioRead) {
  storage_->program(0x10, std::vector<std::uint8_t>{1, 2, 3, 4});
  execute(0x06, 0, 0, 0);
  execute(0x31, 0x02, 8, 0);
  wait();
  spi_.write(CTRL, 1u << 24 | 1u << 13);
  spi_.write(USER, 1u << 31 | 1u << 30 | 1u << 29 | 1u << 28);
  spi_.write(USER1, 27u << 26 | 4);
  spi_.write(USER2, 7u << 28 | 0xeb);
  spi_.write(ADDR, 0x10u << 8 | 0xff);
  spi_.write(MISO_DLEN, 31);
  command(18);
  EXPECT_EQ(spi_.read(W0), 0x04030201u);
}

TEST_F(SpiDrivers, PsramProbe) {
  constexpr std::uint32_t kQioWrite = 1u << 15, kQioRead = 1u << 24, kFast = 1u << 13;
  const std::uint32_t pin = spi_.read(PIN);
  spi_.write(PIN, 0x5);
  // psram_disable_qio_mode(): 0xf5 after a delay byte, on four lines.
  spi_.write(CTRL, kFast | kQioRead);
  spi_.write(USER, 1u << 27 | kQioWrite);
  spi_.write(MOSI_DLEN, 15);
  spi_.write(W0, 0xf500);
  command(18);
  // psram_read_id()
  spi_.write(CTRL, kFast);
  spi_.write(USER, 1u << 31 | 1u << 30 | 1u << 29 | 1u << 28);
  spi_.write(USER1, 31u << 26);
  spi_.write(USER2, 1u << 28);
  spi_.write(ADDR, 0x9f000000);
  spi_.write(MISO_DLEN, 63);
  command(18);
  EXPECT_EQ(spi_.read(W0) >> 8 & 0xff, 0x5du);
  EXPECT_EQ(spi_.read(W0) >> 21 & 7, 1u);
  // psram_enable_qio_mode()
  spi_.write(USER, 1u << 30);
  spi_.write(USER1, 7u << 26);
  spi_.write(ADDR, 0x35000000);
  command(18);
  EXPECT_TRUE(psram_.quad_mode());
  spi_.write(PIN, pin);
  EXPECT_EQ(execute(0x9f, 0, 0, 24), 0x1640c8u);
}

// Whatever a guest writes, nothing but the flash contents and the registers changes.
TEST_F(SpiDrivers, RandomRegisterWrites) {
  std::mt19937 random(7);
  std::size_t changes = 0;
  storage_->on_contents_change([&](std::uint32_t address, std::uint32_t length) {
    ++changes;
    ASSERT_LE(address + length, storage_->size());
  });
  for (int i = 0; i < 100'000; ++i) {
    const std::uint32_t value = random();
    switch (random() % 8) {
      case 0:
        spi_.write(CMD, random() % 2 ? kUsr : 1u << (16 + random() % 16));
        break;
      case 1:
        spi_.write(USER2, (value & 0xf0000000) | (random() % 2 ? 0x02 : value & 0xffff));
        break;
      case 2:
        spi_.write(CMD, 1u << 30);  // write enable, so that programs and erases happen
        break;
      case 3:
        clock_.time += value % 1'000'000;
        break;
      default:
        spi_.write(random() % SpiFlashController::kSize & ~3u, value);
    }
    spi_.write(PIN, random() % 8);
  }
  EXPECT_GT(changes, 0u);
  EXPECT_EQ(spi_.read(CMD), 0u);
}

}  // namespace
}  // namespace espalier::devices
