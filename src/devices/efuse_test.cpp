#include "devices/efuse.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "devices/device_test_support.h"

namespace espalier::devices {
namespace {

constexpr std::uint32_t CLK = 0xf8, CONF = 0xfc, CMD = 0x104, INT_RAW = 0x108, INT_ST = 0x10c,
                        INT_ENA = 0x110, INT_CLR = 0x114, DAC_CONF = 0x118, DEC_STATUS = 0x11c, DATE = 0x1fc;
constexpr MacAddress kMac = {0x94, 0xb9, 0x7e, 0x5a, 0x6e, 0x58};

// Register offsets of a word of a block.
std::uint32_t rdata(unsigned block, unsigned word) {
  return (block == 0 ? 0x00 : 0x38 + (block - 1) * 0x20) + word * 4;
}
std::uint32_t wdata(unsigned block, unsigned word) {
  return (block == 0 ? 0x1c : 0x98 + (block - 1) * 0x20) + word * 4;
}

TEST(EfuseValues, MacAndItsCheckByte) {
  EXPECT_EQ(mac_crc8(kMac), 0xe2);
  EXPECT_EQ(mac_crc8({}), 0);
  EfuseValues values{};
  values[2] = 0xab000000;
  set_mac(values, kMac);
  EXPECT_EQ(values[1], 0x7e5a6e58u);
  EXPECT_EQ(values[2], 0xabe294b9u);
  EXPECT_EQ(mac_of(values), kMac);
}

TEST(EfuseValues, FactoryChip) {
  const EfuseValues values = factory_efuses(kMac);
  EXPECT_EQ(mac_of(values), kMac);
  EXPECT_EQ(values[0], 0u);              // nothing protected, no flash encryption
  EXPECT_EQ(values[3] & 0xe0f, 0u);      // both cores, Bluetooth, cache; package ESP32-D0WDQ6
  EXPECT_EQ(values[3] >> 15 & 1, 1u);    // revision, first bit
  EXPECT_EQ(values[5] >> 20 & 1, 1u);    // second bit
  EXPECT_EQ(values[3] >> 12 & 3, 2u);    // rated, not for 160 MHz only
  EXPECT_NE(values[4] >> 8 & 0x1f, 0u);  // an ADC reference was measured
  EXPECT_EQ(values[4] >> 14 & 7, 0u);    // the flash's voltage is left to the strapping pin
  EXPECT_EQ(values[5] & 0xfffff, 0u);    // the flash's pins are the usual ones
  EXPECT_EQ(values[6], 0u);              // no coding, no secure boot
}

TEST(EfuseValues, FileAndBack) {
  const EfuseValues values = factory_efuses(kMac);
  const auto file = efuse_file_of(values);
  EXPECT_EQ(file.size(), 124u);
  EXPECT_EQ(file[4], 0x58);  // the MAC address's last byte is the second word's first
  EXPECT_EQ(file[9], 0x94);
  EXPECT_EQ(parse_efuse_file(file), values);
  EXPECT_FALSE(parse_efuse_file(std::span(file).first(123)));
  EXPECT_FALSE(parse_efuse_file({}));
}

class EfuseTest : public ::testing::Test {
 protected:
  void command(std::uint32_t code, std::uint32_t bit) {
    efuse_.write(CONF, code);
    efuse_.write(CMD, bit);
  }
  void read_fuses() {
    command(0x5aa5, 1);
    wait();
  }
  void program() {
    command(0x5a5a, 2);
    wait();
  }
  void wait() {
    for (int i = 0; i < 1000 && efuse_.read(CMD) != 0; ++i) bench_.run(10 * base::kTicksPerMicrosecond);
    ASSERT_EQ(efuse_.read(CMD), 0u);
  }
  void burn(unsigned block, unsigned word, std::uint32_t bits) {
    efuse_.write(wdata(block, word), bits);
    program();
    read_fuses();
  }

  testing::Bench bench_;
  Efuse efuse_{bench_.context(), factory_efuses(kMac)};
};

TEST_F(EfuseTest, ResetValues) {
  EXPECT_EQ(efuse_.read(CLK), 0x4052u);
  EXPECT_EQ(efuse_.read(CONF), 0x10000u);
  EXPECT_EQ(efuse_.read(DAC_CONF), 0x28u);
  EXPECT_EQ(efuse_.read(DATE), 0x16042600u);
  EXPECT_EQ(efuse_.read(CMD), 0u);
  EXPECT_EQ(efuse_.read(DEC_STATUS), 0u);
}

TEST_F(EfuseTest, FusesAreReadAtReset) {
  for (unsigned word = 0; word < 7; ++word) {
    EXPECT_EQ(efuse_.read(rdata(0, word)), factory_efuses(kMac)[word]);
  }
}

TEST_F(EfuseTest, TheBlocksLieWhereTheFileHasThem) {
  EfuseValues values{};
  for (unsigned i = 7; i < values.size(); ++i) values[i] = i + 1;
  efuse_.set_fuses(values);
  EXPECT_EQ(efuse_.read(rdata(1, 0)), 8u);
  EXPECT_EQ(efuse_.read(rdata(2, 0)), 16u);
  EXPECT_EQ(efuse_.read(rdata(3, 7)), 31u);
}

TEST_F(EfuseTest, BurningSetsBitsAndShowsThemAfterARead) {
  std::vector<EfuseValues> burns;
  efuse_.on_burn([&](const EfuseValues& v) { burns.push_back(v); });
  efuse_.write(wdata(3, 2), 0xf0);
  EXPECT_EQ(efuse_.read(wdata(3, 2)), 0xf0u);
  program();
  EXPECT_EQ(efuse_.read(rdata(3, 2)), 0u);
  EXPECT_EQ(efuse_.read(wdata(3, 2)), 0u);
  read_fuses();
  EXPECT_EQ(efuse_.read(rdata(3, 2)), 0xf0u);
  burn(3, 2, 0x0f);
  EXPECT_EQ(efuse_.read(rdata(3, 2)), 0xffu);
  ASSERT_EQ(burns.size(), 2u);
  EXPECT_EQ(burns.back()[kEfuseBlock[3] + 2], 0xffu);
  EXPECT_EQ(efuse_.fuses(), burns.back());
  program();  // nothing new
  EXPECT_EQ(burns.size(), 2u);
}

TEST_F(EfuseTest, CommandsNeedTheirCode) {
  efuse_.write(wdata(3, 0), 1);
  command(0x5aa5, 2);
  EXPECT_EQ(efuse_.read(CMD), 0u);
  command(0x5a5a, 1);
  EXPECT_EQ(efuse_.read(CMD), 0u);
  command(0, 3);
  EXPECT_EQ(efuse_.read(CMD), 0u);
  bench_.run(base::kTicksPerSecond);
  EXPECT_EQ(efuse_.fuses()[kEfuseBlock[3]], 0u);
}

TEST_F(EfuseTest, ACommandIsBusyUntilItsInterrupt) {
  efuse_.write(INT_ENA, 2);
  command(0x5a5a, 2);
  EXPECT_EQ(efuse_.read(CMD), 2u);
  EXPECT_EQ(efuse_.read(INT_RAW), 0u);
  wait();
  EXPECT_EQ(efuse_.read(INT_RAW), 2u);
  EXPECT_EQ(efuse_.read(INT_ST), 2u);
  EXPECT_TRUE(efuse_.interrupt.level());
  efuse_.write(INT_CLR, 2);
  EXPECT_FALSE(efuse_.interrupt.level());
  read_fuses();
  EXPECT_EQ(efuse_.read(INT_RAW), 1u);
  EXPECT_EQ(efuse_.read(INT_ST), 0u);
  EXPECT_FALSE(efuse_.interrupt.level());
}

// The mask ROM resets the chip where its first look at a read command finds it done; on a busy host, in
// realtime, that was one boot in fifty.
TEST_F(EfuseTest, ACommandIsSeenRunningHoweverLateTheLook) {
  command(0x5aa5, 1);
  bench_.run(base::kTicksPerSecond);
  EXPECT_EQ(efuse_.peek(CMD), 1u);
  EXPECT_EQ(efuse_.read(INT_RAW), 1u) << "it is done all the same";
  EXPECT_EQ(efuse_.read(CMD), 1u);
  EXPECT_EQ(efuse_.read(CMD), 0u);
  command(0x5aa5, 1);
  EXPECT_EQ(efuse_.read(CMD), 1u);
  bench_.run(base::kTicksPerSecond);
  EXPECT_EQ(efuse_.read(CMD), 0u) << "it has been seen";
  command(0x5a5a, 2);
  efuse_.reset(ResetKind::kSystem);
  EXPECT_EQ(efuse_.read(CMD), 0u);
}

TEST_F(EfuseTest, ReadProtectionHidesKeysButKeepsThem) {
  burn(1, 0, 0x12345678);
  burn(2, 7, 0x9abcdef0);
  burn(0, 0, 1u << 16);
  EXPECT_EQ(efuse_.read(rdata(1, 0)), 0u);
  EXPECT_EQ(efuse_.read(rdata(2, 7)), 0x9abcdef0u);
  EXPECT_EQ(efuse_.fuses()[kEfuseBlock[1]], 0x12345678u);
}

TEST_F(EfuseTest, ReadProtectionOfTheCryptConfiguration) {
  burn(0, 5, 0xf0000000);
  burn(0, 6, 1u << 10 | 1u << 4);
  EXPECT_EQ(efuse_.read(rdata(0, 5)) >> 28, 0xfu);
  burn(0, 0, 1u << 19);
  EXPECT_EQ(efuse_.read(rdata(0, 5)) >> 28, 0u);
  EXPECT_EQ(efuse_.read(rdata(0, 6)), 1u << 4);
}

TEST_F(EfuseTest, WriteProtectionOfBlocks) {
  for (unsigned block = 1; block <= 3; ++block) {
    burn(0, 0, 1u << (6 + block));
    burn(block, 3, ~0u);
    EXPECT_EQ(efuse_.read(rdata(block, 3)), 0u) << block;
  }
}

TEST_F(EfuseTest, WriteProtectionOfFields) {
  struct Case {
    unsigned bit, word;
    std::uint32_t field, neighbour;
  };
  const Case cases[] = {{0, 0, 0x00080000, 0x00100000},
                        {2, 0, 0x00100000, 0x00000800},
                        {3, 1, 0x00000001, 0},
                        {3, 3, 0x00000e00, 0},
                        {4, 4, 0x00001000, 0x00004000},
                        {5, 4, 0x00010000, 0x00001000},
                        {6, 5, 0x0000001f, 0x10000000},
                        {10, 5, 0x10000000, 0x00000001},
                        {10, 6, 0x00000002, 0x10},
                        {12, 6, 0x10, 0x20},
                        {13, 6, 0x20, 0x40},
                        {14, 6, 0x40, 0x80},
                        {15, 6, 0x80, 0x10}};
  for (const Case& c : cases) {
    SCOPED_TRACE(::testing::Message() << "WR_DIS " << c.bit << " word " << c.word);
    efuse_.set_fuses({});
    burn(0, 0, 1u << c.bit);
    const std::uint32_t before = efuse_.read(rdata(0, c.word));
    burn(0, c.word, c.field | c.neighbour);
    EXPECT_EQ(efuse_.read(rdata(0, c.word)), before | c.neighbour);
  }
  efuse_.set_fuses({});
  burn(0, 0, 1u << 1);
  burn(0, 0, 1u << 7);  // no more protections
  EXPECT_EQ(efuse_.read(rdata(0, 0)), 2u);
}

TEST_F(EfuseTest, ThreeQuarterCoding) {
  EfuseValues values{};
  values[6] = 1;
  // Bytes 1, 2, 3, 4, 5, 6: XOR 7; weights 1*1 + 2*1 + 3*2 + 4*1 + 5*2 + 6*2 = 35.
  values[kEfuseBlock[3]] = 0x04030201;
  values[kEfuseBlock[3] + 1] = 0x23070605;
  // Bytes 0xff six times: XOR 0; weights 8 * 21 = 168.
  values[kEfuseBlock[3] + 2] = 0xffffffff;
  values[kEfuseBlock[3] + 3] = 0xa800ffff;
  efuse_.set_fuses(values);
  EXPECT_EQ(efuse_.read(rdata(3, 0)), 0x04030201u);
  EXPECT_EQ(efuse_.read(rdata(3, 1)), 0xffff0605u);
  EXPECT_EQ(efuse_.read(rdata(3, 2)), 0xffffffffu);
  EXPECT_EQ(efuse_.read(rdata(3, 3)), 0u);
  EXPECT_EQ(efuse_.read(DEC_STATUS), 0u);
  values[kEfuseBlock[2]] = 1;
  efuse_.set_fuses(values);
  EXPECT_EQ(efuse_.read(DEC_STATUS), 0xf0u);
}

TEST_F(EfuseTest, ReadRegistersCannotBeWritten) {
  efuse_.write(rdata(0, 3), 0);
  EXPECT_EQ(efuse_.read(rdata(0, 3)), factory_efuses(kMac)[3]);
  efuse_.write(DEC_STATUS, 5);
  EXPECT_EQ(efuse_.read(DEC_STATUS), 0u);
  efuse_.write(CLK, 0x8050);
  EXPECT_EQ(efuse_.read(CLK), 0x8050u);
  efuse_.write(0x180, 7);
  EXPECT_EQ(efuse_.read(0x180), 7u);
}

TEST_F(EfuseTest, ResetForgetsAllButTheFuses) {
  burn(3, 0, 1);
  efuse_.write(wdata(3, 0), 2);
  command(0x5a5a, 2);
  efuse_.reset(ResetKind::kCore);
  bench_.run(base::kTicksPerSecond);
  EXPECT_EQ(efuse_.read(CMD), 0u);
  EXPECT_EQ(efuse_.read(rdata(3, 0)), 1u);
  EXPECT_EQ(efuse_.read(wdata(3, 0)), 0u);
  EXPECT_EQ(efuse_.fuses()[kEfuseBlock[3]], 1u);
}

TEST_F(EfuseTest, ArchiveInTheMiddleOfABurn) {
  efuse_.write(wdata(3, 0), 2);
  command(0x5a5a, 2);
  auto out = base::Archive::saving();
  efuse_.archive(out);
  Efuse other(bench_.context(), {});
  auto in = base::Archive::loading(out.bytes());
  other.archive(in);
  EXPECT_TRUE(in.at_end());
  EXPECT_EQ(other.read(CMD), 2u);
  bench_.run(base::kTicksPerSecond);
  EXPECT_EQ(other.read(CMD), 0u);
  EXPECT_EQ(other.fuses()[kEfuseBlock[3]], 2u);
  EXPECT_EQ(mac_of(other.fuses()), kMac);
}

}  // namespace
}  // namespace espalier::devices
