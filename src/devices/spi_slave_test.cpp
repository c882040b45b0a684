#include "devices/spi_slave.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace espalier::devices {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(SpiReader, BytesComeInTheOrderOfThePhases) {
  const std::array<std::uint8_t, 2> data = {0xaa, 0xbb};
  const SpiTransfer t{
      .command_bits = 16, .command = 0x0201, .address_bits = 24, .address = 0x030405, .mosi = data};
  SpiReader reader(t);
  EXPECT_THAT(reader.rest(), ElementsAre(1, 2, 3, 4, 5, 0xaa, 0xbb));
  EXPECT_FALSE(reader.byte());
}

TEST(SpiReader, ACommandMayLieInAnyPhase) {
  const std::array<std::uint8_t, 1> data = {0x9f};
  EXPECT_EQ(SpiReader({.command_bits = 8, .command = 0x9f}).byte(), 0x9f);
  const SpiTransfer in_address{.command_bits = 2, .address_bits = 32, .address = 0x9f000001};
  EXPECT_EQ(SpiReader(in_address).byte(), 0x9f);
  const SpiTransfer in_data{.mosi = data};
  EXPECT_EQ(SpiReader(in_data).byte(), 0x9f);
  EXPECT_FALSE(SpiReader({.command_bits = 7}).byte());
}

TEST(SpiReader, KnowsTheLinesOfTheNextByte) {
  const std::array<std::uint8_t, 1> data = {0};
  const SpiTransfer t{
      .command_bits = 8, .address_bits = 8, .mosi = data, .address_lines = 2, .mosi_lines = 4};
  SpiReader reader(t);
  EXPECT_EQ(reader.lines(), 1u);
  reader.byte();
  EXPECT_EQ(reader.lines(), 2u);
  reader.byte();
  EXPECT_EQ(reader.lines(), 4u);
}

TEST(SpiReader, NumberNeedsAllItsBytes) {
  const SpiTransfer t{.address_bits = 24, .address = 0x123456};
  SpiReader reader(t);
  EXPECT_EQ(reader.number(3), 0x123456u);
  EXPECT_FALSE(SpiReader({.address_bits = 16}).number(3));
  EXPECT_EQ(SpiReader({}).number(0), 0u);
}

TEST(SpiReader, ClocksWithoutDataMayComeFromAnyPhase) {
  // ESP-IDF's DIO read: four of the mode bits with the address, on two lines, and two dummy clocks.
  const SpiTransfer dio{
      .address_bits = 28, .address = 0x123456f, .dummy_cycles = 2, .address_lines = 2, .miso_lines = 2};
  SpiReader a(dio);
  EXPECT_EQ(a.number(3), 0x123456u);
  EXPECT_EQ(a.skip(4), 0u);

  const std::array<std::uint8_t, 2> data = {0, 7};
  const SpiTransfer in_data{.address_bits = 24, .mosi = data};
  SpiReader b(in_data);
  b.number(3);
  EXPECT_EQ(b.skip(8), 0u);
  EXPECT_THAT(b.rest(), ElementsAre(7));

  const SpiTransfer too_many{.address_bits = 24, .dummy_cycles = 11};
  SpiReader c(too_many);
  c.number(3);
  EXPECT_EQ(c.skip(8), 0u);
}

TEST(SpiReader, TooFewClocksSpoilTheFirstBytes) {
  const SpiTransfer fast{.address_bits = 24, .dummy_cycles = 0, .miso_lines = 1};
  SpiReader a(fast);
  a.number(3);
  EXPECT_EQ(a.skip(8), 1u);
  const SpiTransfer quad{.address_bits = 24, .dummy_cycles = 2, .address_lines = 4, .miso_lines = 4};
  SpiReader b(quad);
  b.number(3);
  EXPECT_EQ(b.skip(6), 2u);
  EXPECT_THAT(b.rest(), IsEmpty());
}

}  // namespace
}  // namespace espalier::devices
