#include "devices/psram_chip.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace espalier::devices {
namespace {

using testing::Each;
using testing::ElementsAre;

class Psram : public testing::Test {
 protected:
  // Sends whole bytes on `lines` lines, all in the MOSI phase, then reads.
  std::vector<std::uint8_t> send(const std::vector<std::uint8_t>& bytes, unsigned lines,
                                 std::size_t reads = 0) {
    std::vector<std::uint8_t> miso(reads, 0xff);
    SpiTransfer t{.mosi = bytes, .miso = miso, .mosi_lines = lines, .miso_lines = lines};
    chip_.transfer(t);
    return miso;
  }
  std::vector<std::uint8_t> read_id(unsigned lines = 1) { return send({0x9f, 0, 0, 0}, lines, 8); }

  std::vector<std::uint8_t> contents_ = std::vector<std::uint8_t>(4 << 20);
  PsramChip chip_{contents_};
};

TEST_F(Psram, IdTellsAGoodDieAndItsSize) {
  const auto id = read_id();
  EXPECT_EQ(id[1], 0x5d);
  EXPECT_EQ(id[2] >> 5, 1);  // 32 Mbit
  EXPECT_NE(id[2], 0x20);    // not the first series, which ESP-IDF treats specially
  std::vector<std::uint8_t> small(2 << 20), large(8 << 20);
  const auto size_of = [](std::span<std::uint8_t> bytes) {
    PsramChip chip(bytes);
    std::array<std::uint8_t, 3> miso{};
    SpiTransfer t{.command_bits = 8, .command = 0x9f, .address_bits = 24, .miso = miso};
    chip.transfer(t);
    return miso[2] >> 5;
  };
  EXPECT_EQ(size_of(small), 0);
  EXPECT_EQ(size_of(large), 2);
}

// psram_read_id() with the clock delay of the first series: two bits of command, then all in the address
// phase.
TEST_F(Psram, IdWithADelayedCommand) {
  std::array<std::uint8_t, 8> miso;
  miso.fill(0xff);
  SpiTransfer t{
      .command_bits = 2, .address_bits = 32, .address = 0x9f000000, .dummy_cycles = 1, .miso = miso};
  chip_.transfer(t);
  EXPECT_EQ(miso[1], 0x5d);
}

TEST_F(Psram, QuadModeTakesFourLinesAndOnlyThose) {
  send({0x35}, 1);
  EXPECT_TRUE(chip_.quad_mode());
  EXPECT_THAT(read_id(1), Each(0xff));
  send({0xf5}, 1);
  EXPECT_TRUE(chip_.quad_mode());
  send({0x00, 0xf5}, 4);  // psram_disable_qio_mode() with its delay byte
  EXPECT_FALSE(chip_.quad_mode());
  EXPECT_EQ(read_id()[1], 0x5d);
}

TEST_F(Psram, LeavingQuadModeWithoutBeingInItDoesNothing) {
  send({0xf5}, 4);
  EXPECT_EQ(read_id()[1], 0x5d);
}

TEST_F(Psram, WritesAndReads) {
  send({0x02, 0x12, 0x34, 0x56, 1, 2, 3, 4}, 1);
  EXPECT_EQ(contents_[0x123456], 1);
  EXPECT_THAT(send({0x03, 0x12, 0x34, 0x56}, 1, 4), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(send({0x0b, 0x12, 0x34, 0x57, 0}, 1, 2), ElementsAre(2, 3));
  send({0x35}, 1);
  send({0x38, 0x12, 0x34, 0x58, 9}, 4);
  EXPECT_THAT(send({0xeb, 0x12, 0x34, 0x56, 0, 0, 0}, 4, 4), ElementsAre(1, 2, 9, 4));
}

TEST_F(Psram, AddressesWrapAtTheEnd) {
  send({0x02, 0x3f, 0xff, 0xff, 7, 8}, 1);
  EXPECT_EQ(contents_.back(), 7);
  EXPECT_EQ(contents_.front(), 8);
  EXPECT_THAT(send({0x03, 0x7f, 0xff, 0xff}, 1, 2), ElementsAre(7, 8));
}

TEST_F(Psram, ResetNeedsBothCommands) {
  send({0x35}, 1);
  send({0x99}, 4);
  EXPECT_TRUE(chip_.quad_mode());
  send({0x66}, 4);
  send({0xc0}, 4);
  send({0x99}, 4);
  EXPECT_TRUE(chip_.quad_mode());
  send({0x66}, 4);
  send({0x99}, 4);
  EXPECT_FALSE(chip_.quad_mode());
}

TEST_F(Psram, ShortAndUnknownCommandsAreIgnored) {
  EXPECT_THAT(send({0x03, 0}, 1, 2), Each(0xff));
  EXPECT_THAT(send({0x77}, 1, 2), Each(0xff));
  EXPECT_THAT(send({}, 1, 2), Each(0xff));
}

TEST_F(Psram, ArchiveKeepsTheMode) {
  send({0x35}, 1);
  auto out = base::Archive::saving();
  chip_.archive(out);
  PsramChip other(contents_);
  auto in = base::Archive::loading(out.bytes());
  other.archive(in);
  EXPECT_TRUE(other.quad_mode());
  EXPECT_TRUE(in.at_end());
  chip_.power_cycle();
  EXPECT_FALSE(chip_.quad_mode());
}

}  // namespace
}  // namespace espalier::devices
