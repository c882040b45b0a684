#include "devices/open_eth.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "devices/device_test_support.h"
#include "devices/ethernet_fcs.h"

namespace espalier::devices {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::uint32_t MODER = 0x00, INT_SOURCE = 0x04, INT_MASK = 0x08, PACKETLEN = 0x18, TX_BD_NUM = 0x20,
                        CTRLMODER = 0x24, MIICOMMAND = 0x2c, MIIADDRESS = 0x30, MIITX_DATA = 0x34,
                        MIIRX_DATA = 0x38, MIISTATUS = 0x3c, MAC_ADDR0 = 0x40, MAC_ADDR1 = 0x44, HASH0 = 0x48,
                        HASH1 = 0x4c, TXCTRL = 0x50, BD = 0x400;
constexpr std::uint32_t RXEN = 1, TXEN = 2, BRO = 8, IAM = 0x10, PRO = 0x20, LOOPBCK = 0x80, RST = 0x800,
                        CRCEN = 0x2000, HUGEN = 0x4000, PAD = 0x8000, RECSMALL = 0x10000;
constexpr std::uint32_t TXB = 1, TXE = 2, RXB = 4, RXE = 8, BUSY = 0x10, TXC = 0x20, RXC = 0x40;
constexpr std::uint32_t RD = 0x8000, E = 0x8000, IRQ = 0x4000, WR = 0x2000;
constexpr std::uint32_t kRam = 0x3ffb0000;
constexpr std::uint32_t kTxBuffer = kRam;
constexpr std::uint32_t kRxBuffer = kRam + 0x4000;
constexpr Bytes::size_type kRxStep = 0x800;
const Bytes kMac = {0x02, 0x12, 0x34, 0x56, 0x78, 0x9a};
// More than the shortest frame's time on the wire.
constexpr base::Ticks kGap = 10 * base::kTicksPerMicrosecond;

struct Cable final : net::EthernetPeer {
  std::vector<Bytes> frames;
  int downs = 0;
  std::function<void(net::Frame)> answer;
  void send(net::Frame frame) override {
    frames.emplace_back(frame.begin(), frame.end());
    if (answer) answer(frame);
  }
  void guest_down() override { ++downs; }
};

Bytes frame_to(const Bytes& destination, std::size_t size, std::uint8_t fill = 0x5a) {
  Bytes frame(size, fill);
  std::copy(destination.begin(), destination.end(), frame.begin());
  frame[12] = 0x08;
  frame[13] = 0x00;
  return frame;
}

class OpenEthTest : public ::testing::Test {
 protected:
  testing::Bench bench;
  testing::Memory memory{kRam, 0x20000};
  OpenEth eth{bench.context(), memory};
  Cable cable;

  OpenEthTest() { eth.connect(&cable); }

  std::uint32_t tx_bd(std::uint32_t i) { return BD + i * 8; }
  std::uint32_t rx_bd(std::uint32_t i) { return BD + (eth.read(TX_BD_NUM) + i) * 8; }

  // What ESP-IDF's driver does: descriptors first, then reset, count, address, enable.
  void driver_start(std::uint32_t tx = 1, std::uint32_t rx = 4, std::uint32_t mode = PRO) {
    for (std::uint32_t i = 0; i < rx; ++i) {
      eth.write(BD + (tx + i) * 8, E | IRQ | (i + 1 == rx ? WR : 0));
      eth.write(BD + (tx + i) * 8 + 4, kRxBuffer + i * kRxStep);
    }
    for (std::uint32_t i = 0; i < tx; ++i) {
      eth.write(tx_bd(i), i + 1 == tx ? WR : 0);
      eth.write(tx_bd(i) + 4, kTxBuffer + i * 0x800);
    }
    eth.write(MODER, eth.read(MODER) | RST);
    eth.write(MODER, eth.read(MODER) & ~RST);
    eth.write(TX_BD_NUM, tx);
    eth.write(MAC_ADDR0, 0x3456789a);
    eth.write(MAC_ADDR1, 0x0212);
    eth.write(MODER, eth.read(MODER) | TXEN | RXEN | mode);
    eth.write(INT_MASK, RXB);
    bench.run(kGap);
  }
  void send(std::uint32_t i, std::size_t length, std::uint32_t flags = 0) {
    eth.write(tx_bd(i), static_cast<std::uint32_t>(length) << 16 | RD | flags | (eth.read(tx_bd(i)) & WR));
  }
  Bytes stored(std::uint32_t i, std::size_t size) {
    Bytes out(size);
    EXPECT_TRUE(memory.read(static_cast<std::uint32_t>(kRxBuffer + i * kRxStep), out));
    return out;
  }
  void put(std::uint32_t addr, const Bytes& bytes) { ASSERT_TRUE(memory.write(addr, bytes)); }
  void free_rx(std::uint32_t i) { eth.write(rx_bd(i), (eth.read(rx_bd(i)) & 0xffff) | E); }
};

TEST_F(OpenEthTest, ResetValues) {
  EXPECT_EQ(eth.read(MODER), 0xa000u);  // what the driver checks before anything else
  EXPECT_EQ(eth.read(0x0c), 0x12u);
  EXPECT_EQ(eth.read(0x10), 0x0cu);
  EXPECT_EQ(eth.read(0x14), 0x12u);
  EXPECT_EQ(eth.read(PACKETLEN), 0x00400600u);
  EXPECT_EQ(eth.read(0x1c), 0x000f003fu);
  EXPECT_EQ(eth.read(TX_BD_NUM), 0x40u);
  EXPECT_EQ(eth.read(0x28), 0x64u);
  EXPECT_EQ(eth.read(MAC_ADDR0), 0u);  // zero: the driver takes the eFuse's address
  EXPECT_EQ(eth.read(MAC_ADDR1), 0u);
  EXPECT_EQ(eth.read(INT_SOURCE), 0u);
  EXPECT_FALSE(eth.irq.level());
}

TEST_F(OpenEthTest, SoftwareResetKeepsDescriptorsHardResetDoesNot) {
  driver_start();
  eth.write(MODER, eth.read(MODER) | RST);
  EXPECT_EQ(eth.read(TX_BD_NUM), 0x40u);
  EXPECT_EQ(eth.read(MAC_ADDR0), 0u);
  EXPECT_EQ(eth.read(BD + 8) & E, E);
  EXPECT_FALSE(eth.can_receive());
  EXPECT_EQ(cable.downs, 1);
  eth.reset(ResetKind::kCore);
  EXPECT_EQ(eth.read(BD + 8), 0u);
  EXPECT_EQ(eth.read(MODER), 0xa000u);
}

TEST_F(OpenEthTest, NothingMovesWhileHeldInReset) {
  driver_start();
  eth.write(MODER, RST | TXEN | RXEN);
  send(0, 100);
  EXPECT_TRUE(cable.frames.empty());
  EXPECT_FALSE(eth.receive(frame_to(kMac, 100)));
}

TEST_F(OpenEthTest, SendsAtOnceAndHandsTheDescriptorBack) {
  driver_start();
  const Bytes frame = frame_to(Bytes(6, 0xff), 100);
  put(kTxBuffer, frame);
  send(0, 100, IRQ | 0x1ff);
  ASSERT_EQ(cable.frames.size(), 1u);
  EXPECT_EQ(cable.frames[0], frame);
  // Length, IRQ and WR stay; RD and the status bits are cleared.
  EXPECT_EQ(eth.read(tx_bd(0)), 100u << 16 | IRQ | WR);
  EXPECT_EQ(eth.read(INT_SOURCE), TXB);
  EXPECT_FALSE(eth.irq.level());  // masked
  eth.write(INT_MASK, TXB);
  EXPECT_TRUE(eth.irq.level());
  eth.write(INT_SOURCE, TXB);
  EXPECT_FALSE(eth.irq.level());
}

TEST_F(OpenEthTest, NoTransmitInterruptUnlessAsked) {
  driver_start();
  send(0, 100);
  EXPECT_EQ(cable.frames.size(), 1u);
  EXPECT_EQ(eth.read(INT_SOURCE), 0u);
}

TEST_F(OpenEthTest, ShortFramesArePaddedToTheWiresMinimum) {
  driver_start();
  put(kTxBuffer, frame_to(kMac, 42));
  put(kTxBuffer + 42, Bytes(30, 0xee));
  send(0, 42);
  ASSERT_EQ(cable.frames.size(), 1u);
  EXPECT_EQ(cable.frames[0].size(), 60u);
  EXPECT_EQ(Bytes(cable.frames[0].begin() + 42, cable.frames[0].end()), Bytes(18, 0));

  eth.write(MODER, eth.read(MODER) & ~(PAD | CRCEN));
  send(0, 42);
  EXPECT_EQ(cable.frames[1].size(), 42u);
  send(0, 42, 0x1000);  // PAD of this frame; without a check sequence to add, all 64 bytes are the frame's
  EXPECT_EQ(cable.frames[2].size(), 64u);
  send(0, 42, 0x1800);  // PAD and CRC
  EXPECT_EQ(cable.frames[3].size(), 60u);
}

TEST_F(OpenEthTest, LongFramesAreCutUnlessHuge) {
  driver_start();
  send(0, 2000);
  EXPECT_EQ(cable.frames.at(0).size(), 1532u);  // 0x600 with the check sequence
  eth.write(MODER, eth.read(MODER) | HUGEN);
  send(0, 2000);
  EXPECT_EQ(cable.frames.at(1).size(), 2000u);
  send(0, 0xffff);
  EXPECT_EQ(cable.frames.at(2).size(), 0xffffu);
}

TEST_F(OpenEthTest, LengthsUpToFourAreNotReady) {
  driver_start();
  send(0, 4);
  EXPECT_TRUE(cable.frames.empty());
  EXPECT_TRUE(eth.read(tx_bd(0)) & RD);
  // The length may follow in a store of its own.
  eth.write_masked(tx_bd(0), 60u << 16, 0xffff0000);
  EXPECT_EQ(cable.frames.size(), 1u);
  send(0, 5);
  EXPECT_EQ(cable.frames.size(), 2u);
}

TEST_F(OpenEthTest, SeveralReadyDescriptorsGoOutInRingOrder) {
  driver_start(4, 4);
  eth.write(MODER, eth.read(MODER) & ~TXEN);
  for (std::uint32_t i = 0; i < 4; ++i) {
    put(kTxBuffer + i * 0x800, frame_to(kMac, 100, static_cast<std::uint8_t>(i)));
    send(i, 100);
  }
  EXPECT_TRUE(cable.frames.empty());
  eth.write(MODER, eth.read(MODER) | TXEN);
  ASSERT_EQ(cable.frames.size(), 4u);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(cable.frames[i][99], i);
  // Wrapped: the first one's turn again.
  send(1, 100);
  EXPECT_EQ(cable.frames.size(), 4u);
  send(0, 100);
  EXPECT_EQ(cable.frames.size(), 6u);
}

TEST_F(OpenEthTest, RingEndsAtTxBdNumWithoutWrapBit) {
  driver_start(2, 4);
  eth.write(tx_bd(1), 0);
  for (int i = 0; i < 5; ++i) send(static_cast<std::uint32_t>(i % 2), 100);
  EXPECT_EQ(cable.frames.size(), 5u);
}

TEST_F(OpenEthTest, WrapBitEndsTheRingEarly) {
  driver_start(4, 4);
  eth.write(tx_bd(1), WR);
  send(0, 100);
  send(1, 100);
  send(2, 100);
  EXPECT_EQ(cable.frames.size(), 2u);
  send(0, 100);
  EXPECT_EQ(cable.frames.size(), 3u);
}

TEST_F(OpenEthTest, TransmitBufferOutsideRamIsAnUnderrun) {
  driver_start();
  eth.write(tx_bd(0) + 4, 0x3ff00000);
  send(0, 100, IRQ);
  EXPECT_TRUE(cable.frames.empty());
  EXPECT_EQ(eth.read(tx_bd(0)) & (RD | 0x100), 0x100u);
  EXPECT_EQ(eth.read(INT_SOURCE), TXE);
}

TEST_F(OpenEthTest, PeerThatAnswersFromWithinSendDoesNotRecurse) {
  driver_start(1, 4);
  // The answer raises the interrupt, whose handler (as it were) sends again at once.
  int depth = 0;
  int deepest = 0;
  int budget = 1000;
  eth.irq.connect([&](bool level) {
    if (!level || budget-- <= 0) return;
    eth.write(INT_SOURCE, RXB);
    free_rx(0);
    send(0, 100);
  });
  cable.answer = [&](net::Frame frame) {
    deepest = std::max(deepest, ++depth);
    eth.receive(frame);
    --depth;
  };
  send(0, 100);
  EXPECT_EQ(deepest, 1);
  EXPECT_GT(cable.frames.size(), 1u);
}

TEST_F(OpenEthTest, ReceivesWithCheckSequenceInTheLength) {
  driver_start();
  const Bytes frame = frame_to(kMac, 100);
  ASSERT_TRUE(eth.can_receive());
  EXPECT_TRUE(eth.receive(frame));
  EXPECT_EQ(eth.read(rx_bd(0)), 104u << 16 | IRQ);
  Bytes expected = frame;
  const std::uint32_t fcs = ethernet_fcs(frame);
  for (unsigned s = 0; s < 32; s += 8) expected.push_back(static_cast<std::uint8_t>(fcs >> s));
  EXPECT_EQ(stored(0, 104), expected);
  EXPECT_EQ(eth.read(INT_SOURCE), RXB);
  EXPECT_TRUE(eth.irq.level());
  eth.write(INT_SOURCE, RXB);
  EXPECT_FALSE(eth.irq.level());
}

TEST(EthernetFcs, KnownValue) {
  const std::string_view check = "123456789";
  EXPECT_EQ(ethernet_fcs({reinterpret_cast<const std::uint8_t*>(check.data()), check.size()}), 0xcbf43926u);
  EXPECT_EQ(ethernet_fcs({}), 0u);
}

TEST(EthernetFcs, MulticastHash) {
  // All-ones and 01:00:5e:00:00:01, worked out bit by bit with the polynomial 04c11db7, most significant bit
  // first.
  const auto slow = [](std::array<std::uint8_t, 6> a) {
    std::uint32_t crc = ~0u;
    for (std::uint8_t byte : a)
      for (int bit = 0; bit < 8; ++bit) {
        const bool carry = (crc >> 31) ^ (byte >> bit & 1);
        crc = crc << 1 ^ (carry ? 0x04c11db7u : 0);
      }
    return crc >> 26;
  };
  for (const auto& a : {std::array<std::uint8_t, 6>{0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
                        std::array<std::uint8_t, 6>{0x01, 0x00, 0x5e, 0x00, 0x00, 0x01},
                        std::array<std::uint8_t, 6>{0x33, 0x33, 0x00, 0x00, 0x00, 0xfb}}) {
    EXPECT_EQ(multicast_hash_bit(a), slow(a));
  }
}

TEST_F(OpenEthTest, ShortFramesArriveAsTheWirePadsThem) {
  driver_start();
  put(kRxBuffer, Bytes(64, 0xee));
  EXPECT_TRUE(eth.receive(frame_to(kMac, 42)));
  EXPECT_EQ(eth.read(rx_bd(0)) >> 16, 64u);
  const Bytes got = stored(0, 60);
  EXPECT_EQ(Bytes(got.begin() + 42, got.end()), Bytes(18, 0));
}

TEST_F(OpenEthTest, FramesBelowMinflNeedRecsmall) {
  driver_start();
  eth.write(PACKETLEN, 128u << 16 | 1536);
  EXPECT_TRUE(eth.receive(frame_to(kMac, 100)));  // taken from the wire and thrown away
  EXPECT_TRUE(eth.read(rx_bd(0)) & E);
  eth.write(MODER, eth.read(MODER) | RECSMALL);
  EXPECT_TRUE(eth.receive(frame_to(kMac, 100)));
  EXPECT_EQ(eth.read(rx_bd(0)), 104u << 16 | IRQ | 0x4);
  EXPECT_EQ(eth.read(INT_SOURCE), RXB);
}

TEST_F(OpenEthTest, LongFramesAreCutUnlessHugeAndMarked) {
  driver_start();
  EXPECT_TRUE(eth.receive(frame_to(kMac, 1600)));
  EXPECT_EQ(eth.read(rx_bd(0)), 1536u << 16 | IRQ | 0x8);
  EXPECT_EQ(eth.read(INT_SOURCE), RXE);
  eth.write(INT_SOURCE, ~0u);
  eth.write(MODER, eth.read(MODER) | HUGEN);
  EXPECT_TRUE(eth.receive(frame_to(kMac, 1600)));
  EXPECT_EQ(eth.read(rx_bd(1)), 1604u << 16 | IRQ | 0x8);
  EXPECT_EQ(eth.read(INT_SOURCE), RXB);
  EXPECT_TRUE(eth.receive(frame_to(kMac, 1532)));
  EXPECT_EQ(eth.read(rx_bd(2)), 1536u << 16 | IRQ);
}

TEST_F(OpenEthTest, NotEthernetIsIgnored) {
  driver_start();
  EXPECT_TRUE(eth.receive(Bytes(13)));
  EXPECT_TRUE(eth.receive({}));
  EXPECT_TRUE(eth.receive(Bytes(70000)));
  EXPECT_TRUE(eth.read(rx_bd(0)) & E);
  EXPECT_EQ(eth.read(INT_SOURCE), 0u);
}

TEST_F(OpenEthTest, AddressFilter) {
  driver_start(1, 4, 0);
  const Bytes other = {0x02, 0x12, 0x34, 0x56, 0x78, 0x9b};
  EXPECT_TRUE(eth.receive(frame_to(other, 100)));
  EXPECT_TRUE(eth.read(rx_bd(0)) & E);
  EXPECT_TRUE(eth.receive(frame_to(kMac, 100)));
  EXPECT_FALSE(eth.read(rx_bd(0)) & E);
  EXPECT_FALSE(eth.read(rx_bd(0)) & 0x80);
  // Promiscuous: taken, and marked as missed.
  eth.write(MODER, eth.read(MODER) | PRO);
  EXPECT_TRUE(eth.receive(frame_to(other, 100)));
  EXPECT_TRUE(eth.read(rx_bd(1)) & 0x80);
}

TEST_F(OpenEthTest, BroadcastUnlessRejected) {
  driver_start(1, 4, BRO);
  const Bytes all(6, 0xff);
  EXPECT_TRUE(eth.receive(frame_to(all, 100)));
  EXPECT_TRUE(eth.read(rx_bd(0)) & E);
  eth.write(MODER, eth.read(MODER) & ~BRO);
  EXPECT_TRUE(eth.receive(frame_to(all, 100)));
  EXPECT_FALSE(eth.read(rx_bd(0)) & E);
}

TEST_F(OpenEthTest, MulticastHashSelects) {
  driver_start(1, 4, 0);
  const std::array<std::uint8_t, 6> group = {0x01, 0x00, 0x5e, 0x00, 0x00, 0xfb};
  const Bytes to(group.begin(), group.end());
  const unsigned bit = multicast_hash_bit(group);
  EXPECT_TRUE(eth.receive(frame_to(to, 100)));
  EXPECT_TRUE(eth.read(rx_bd(0)) & E);
  eth.write(bit < 32 ? HASH0 : HASH1, 1u << bit % 32);
  EXPECT_TRUE(eth.receive(frame_to(to, 100)));
  EXPECT_FALSE(eth.read(rx_bd(0)) & E);
}

TEST_F(OpenEthTest, IndividualHashMode) {
  driver_start(1, 4, IAM);
  EXPECT_TRUE(eth.receive(frame_to(kMac, 100)));  // its own address no longer counts
  EXPECT_TRUE(eth.read(rx_bd(0)) & E);
  const std::array<std::uint8_t, 6> other = {0x02, 0, 0, 0, 0, 0x77};
  const unsigned bit = multicast_hash_bit(other);
  eth.write(bit < 32 ? HASH0 : HASH1, 1u << bit % 32);
  EXPECT_TRUE(eth.receive(frame_to(Bytes(other.begin(), other.end()), 100)));
  EXPECT_FALSE(eth.read(rx_bd(0)) & E);
}

TEST_F(OpenEthTest, FullRingHoldsBackAndBusyIfForced) {
  driver_start(1, 4);
  int ready = 0;
  eth.on_receive_ready([&] { ++ready; });
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(eth.can_receive());
    EXPECT_TRUE(eth.receive(frame_to(kMac, 100)));
  }
  EXPECT_FALSE(eth.can_receive());
  EXPECT_EQ(eth.read(INT_SOURCE), RXB);
  EXPECT_FALSE(eth.receive(frame_to(kMac, 100)));
  EXPECT_EQ(eth.read(INT_SOURCE), RXB | BUSY);
  bench.run(kGap);
  EXPECT_EQ(ready, 0);
  // The ring wrapped to its first descriptor; freeing another one is of no use.
  free_rx(2);
  bench.run(kGap);
  EXPECT_EQ(ready, 0);
  free_rx(0);
  EXPECT_FALSE(eth.can_receive());  // not within the guest's own store
  EXPECT_EQ(ready, 0);
  bench.run(kGap);
  EXPECT_EQ(ready, 1);
  EXPECT_TRUE(eth.can_receive());
  EXPECT_TRUE(eth.receive(frame_to(kMac, 100)));
  EXPECT_FALSE(eth.can_receive());
  bench.run(kGap);
  EXPECT_EQ(ready, 1);
}

// ESP-IDF's driver reads INT_SOURCE, wakes the task that empties the ring and then clears what it has read. A
// frame that comes in between, when the task on the other core has finished already, must not be forgotten.
TEST_F(OpenEthTest, FrameThatComesWhileItsInterruptIsServedIsAnnounced) {
  driver_start();
  ASSERT_TRUE(eth.receive(frame_to(kMac, 100)));
  EXPECT_EQ(eth.read(INT_SOURCE), RXB);
  free_rx(0);
  ASSERT_TRUE(eth.receive(frame_to(kMac, 100)));
  eth.write(INT_SOURCE, RXB);
  EXPECT_TRUE(eth.irq.level());
  EXPECT_EQ(eth.read(INT_SOURCE), RXB);
  eth.write(INT_SOURCE, RXB);
  EXPECT_FALSE(eth.irq.level());
  EXPECT_EQ(eth.read(INT_SOURCE), 0u);
}

// Who never reads the register can clear it all the same.
TEST_F(OpenEthTest, InterruptsAreClearedAtOnceByADriverThatDoesNotReadThem) {
  driver_start();
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(eth.receive(frame_to(kMac, 100)));
  eth.write(INT_SOURCE, ~0u);
  EXPECT_FALSE(eth.irq.level());
  EXPECT_EQ(eth.peek(INT_SOURCE), 0u);
  // Nor does it need to have seen the latest if it clears again.
  ASSERT_TRUE(eth.receive(frame_to(kMac, 100)));
  EXPECT_EQ(eth.read(INT_SOURCE), RXB);
  ASSERT_TRUE(eth.receive(frame_to(kMac, 100)));
  eth.write(INT_SOURCE, ~0u);
  eth.write(INT_SOURCE, ~0u);
  EXPECT_FALSE(eth.irq.level());
}

TEST_F(OpenEthTest, DescriptorHandedBackInHalvesIsNotOverrun) {
  driver_start(1, 1);
  eth.on_receive_ready([&] { eth.receive(frame_to(kMac, 200)); });
  EXPECT_TRUE(eth.receive(frame_to(kMac, 100)));
  // A compiler may store the flags before the length that the driver has read.
  eth.write_masked(rx_bd(0), E | IRQ | WR, 0xffff);
  eth.write_masked(rx_bd(0), 104u << 16, 0xffff0000);
  eth.write(rx_bd(0) + 4, kRxBuffer);
  bench.run(kGap);
  EXPECT_EQ(eth.read(rx_bd(0)), 204u << 16 | IRQ | WR);
}

TEST_F(OpenEthTest, EnablingAnnouncesBuffers) {
  int ready = 0;
  eth.on_receive_ready([&] { ++ready; });
  EXPECT_FALSE(eth.can_receive());
  driver_start();
  EXPECT_EQ(ready, 1);
  EXPECT_TRUE(eth.can_receive());
  eth.write(MODER, eth.read(MODER) & ~RXEN);
  EXPECT_FALSE(eth.can_receive());
  EXPECT_EQ(cable.downs, 1);
  eth.write(MODER, eth.read(MODER) | RXEN);
  bench.run(kGap);
  EXPECT_EQ(ready, 2);
}

TEST_F(OpenEthTest, AllDescriptorsForTransmissionMeansNoReception) {
  driver_start();
  eth.write(TX_BD_NUM, 0x80);
  EXPECT_FALSE(eth.can_receive());
  EXPECT_FALSE(eth.receive(frame_to(kMac, 100)));
  eth.write(TX_BD_NUM, 0x81);  // refused
  EXPECT_EQ(eth.read(TX_BD_NUM), 0x80u);
  eth.write(TX_BD_NUM, 0);
  eth.write(BD, RD | 100u << 16);
  EXPECT_TRUE(cable.frames.empty());  // none for transmission
}

TEST_F(OpenEthTest, LastDescriptorWrapsByItself) {
  eth.write(TX_BD_NUM, 126);
  for (std::uint32_t i = 126; i < 128; ++i) {
    eth.write(BD + i * 8, E);
    eth.write(BD + i * 8 + 4, kRxBuffer);
  }
  eth.write(MODER, PRO | RXEN);
  bench.run(kGap);
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(eth.receive(frame_to(kMac, 100)));
  EXPECT_FALSE(eth.can_receive());
  eth.write(BD + 126 * 8, E);
  bench.run(kGap);
  EXPECT_TRUE(eth.receive(frame_to(kMac, 100)));
  EXPECT_EQ(eth.read(INT_SOURCE), 0u);  // none of them asked for an interrupt
}

TEST_F(OpenEthTest, ReceiveBufferOutsideRamIsAnOverrun) {
  driver_start();
  eth.write(rx_bd(0) + 4, 0x40000000);
  EXPECT_TRUE(eth.receive(frame_to(kMac, 100)));
  EXPECT_EQ(eth.read(rx_bd(0)), IRQ | 0x40);
  EXPECT_EQ(eth.read(INT_SOURCE), RXE);
  EXPECT_TRUE(eth.receive(frame_to(kMac, 100)));
  EXPECT_EQ(eth.read(rx_bd(1)), 104u << 16 | IRQ);
}

TEST_F(OpenEthTest, LoopbackReturnsFramesAndCableHearsNothing) {
  driver_start(1, 4, LOOPBCK | PRO);
  const Bytes frame = frame_to(kMac, 100);
  put(kTxBuffer, frame);
  send(0, 100);
  EXPECT_TRUE(cable.frames.empty());
  EXPECT_EQ(stored(0, 100), frame);
}

TEST_F(OpenEthTest, NoCableNoFrames) {
  driver_start();
  eth.set_cable(false);
  send(0, 100, IRQ);
  EXPECT_TRUE(cable.frames.empty());
  EXPECT_EQ(eth.read(INT_SOURCE), TXB);  // the MAC does not know
  EXPECT_FALSE(eth.can_receive());
  EXPECT_FALSE(eth.receive(frame_to(kMac, 100)));
  EXPECT_EQ(eth.read(MIISTATUS), 1u);
  unsigned ready = 0;
  eth.on_receive_ready([&] { ++ready; });
  eth.set_cable(true);
  bench.run(base::kTicksPerMillisecond);
  EXPECT_EQ(ready, 1u);
  EXPECT_TRUE(eth.can_receive());
  EXPECT_EQ(eth.read(MIISTATUS), 0u);
  EXPECT_TRUE(eth.receive(frame_to(kMac, 100)));
}

TEST_F(OpenEthTest, MiiReadAndWrite) {
  eth.write(MIIADDRESS, 2u << 8 | 1);
  eth.write(MIICOMMAND, 2);
  EXPECT_EQ(eth.read(MIIRX_DATA), 0x2000u);
  EXPECT_EQ(eth.read(MIICOMMAND), 0u);
  eth.write(MIIADDRESS, 2u << 8 | 5);  // nobody at this address
  eth.write(MIICOMMAND, 2);
  EXPECT_EQ(eth.read(MIIRX_DATA), 0xffffu);
  eth.write(MIIADDRESS, 0u << 8 | 1);
  eth.write(MIITX_DATA, 0x12100);
  eth.write(MIICOMMAND, 4);
  eth.write(MIICOMMAND, 2);
  EXPECT_EQ(eth.read(MIIRX_DATA), 0x2100u);
  eth.write(MIITX_DATA, 0x8000);             // PHY reset, as a driver waits for it
  EXPECT_EQ(eth.read(MIIRX_DATA), 0x2100u);  // the data register alone does nothing
  eth.write(MIICOMMAND, 4);
  eth.write(MIICOMMAND, 2);
  EXPECT_EQ(eth.read(MIIRX_DATA), 0x3100u);
}

// Found by fuzzing: it said it could receive, and then did not.
TEST_F(OpenEthTest, APhyWithoutPowerReceivesNothing) {
  driver_start();
  const auto control = [this](std::uint32_t value) {
    eth.write(MIIADDRESS, 0u << 8 | 1);
    eth.write(MIITX_DATA, value);
    eth.write(MIICOMMAND, 4);
    bench.run(base::kTicksPerMillisecond);
  };
  EXPECT_TRUE(eth.can_receive());
  control(0x0800);  // power down
  EXPECT_FALSE(eth.can_receive());
  EXPECT_FALSE(eth.receive(frame_to(kMac, 100)));
  control(0x1000);
  EXPECT_TRUE(eth.can_receive());
  EXPECT_TRUE(eth.receive(frame_to(kMac, 100)));
}

TEST_F(OpenEthTest, MiiScanFollowsTheStatus) {
  eth.write(MIIADDRESS, 1u << 8 | 1);
  eth.write(MIICOMMAND, 1);
  EXPECT_EQ(eth.read(MIIRX_DATA) & 4, 4u);
  eth.set_cable(false);
  EXPECT_EQ(eth.read(MIIRX_DATA) & 4, 0u);
}

TEST_F(OpenEthTest, PauseFramesHoldTheTransmitter) {
  driver_start();
  eth.write(CTRLMODER, 2);
  Bytes pause = frame_to({0x01, 0x80, 0xc2, 0, 0, 1}, 60, 0);
  const Bytes tail = {0x88, 0x08, 0x00, 0x01, 0x00, 0x10};  // 16 units of 5.12 us
  std::copy(tail.begin(), tail.end(), pause.begin() + 12);
  EXPECT_TRUE(eth.receive(pause));
  EXPECT_EQ(eth.read(INT_SOURCE), RXC);
  EXPECT_TRUE(eth.read(rx_bd(0)) & E);  // kept from the guest
  send(0, 100);
  bench.run(81 * base::kTicksPerMicrosecond);
  EXPECT_TRUE(cable.frames.empty());
  bench.run(2 * base::kTicksPerMicrosecond);
  EXPECT_EQ(cable.frames.size(), 1u);
  // A pause of zero ends one that is running.
  EXPECT_TRUE(eth.receive(pause));
  send(0, 100);
  pause[16] = pause[17] = 0;
  EXPECT_EQ(cable.frames.size(), 1u);
  EXPECT_TRUE(eth.receive(pause));
  EXPECT_EQ(cable.frames.size(), 2u);
  // PASSALL shows control frames to the guest, marked.
  eth.write(CTRLMODER, 1);
  EXPECT_TRUE(eth.receive(pause));
  EXPECT_EQ(eth.read(rx_bd(0)) & 0x81ff, 0x100u);
}

TEST_F(OpenEthTest, SendsPauseFramesOnRequest) {
  driver_start();
  eth.write(TXCTRL, 0x10123);
  EXPECT_TRUE(cable.frames.empty());
  eth.write(CTRLMODER, 4);
  eth.write(TXCTRL, 0x10123);
  ASSERT_EQ(cable.frames.size(), 1u);
  const Bytes head = {0x01, 0x80, 0xc2, 0,    0,    1, 0x02, 0x12, 0x34,
                      0x56, 0x78, 0x9a, 0x88, 0x08, 0, 1,    0x01, 0x23};
  EXPECT_EQ(Bytes(cable.frames[0].begin(), cable.frames[0].begin() + 18), head);
  EXPECT_EQ(cable.frames[0].size(), 60u);
  EXPECT_EQ(eth.read(TXCTRL), 0x123u);
  EXPECT_EQ(eth.read(INT_SOURCE), TXC);
}

TEST_F(OpenEthTest, NarrowStoresToTheInterruptRegisterClearOnlyTheirBytes) {
  driver_start();
  eth.receive(frame_to(kMac, 100));
  send(0, 100, IRQ);
  EXPECT_EQ(eth.read(INT_SOURCE), RXB | TXB);
  eth.write_masked(INT_SOURCE, 0, 0xff00);
  EXPECT_EQ(eth.read(INT_SOURCE), RXB | TXB);
  eth.write_masked(INT_SOURCE, TXB, 0x00ff);
  EXPECT_EQ(eth.read(INT_SOURCE), RXB);
}

TEST_F(OpenEthTest, PeekHasNoSideEffectsAndUnknownRegistersRemember) {
  driver_start();
  for (std::uint32_t offset = 0; offset < OpenEth::kSize; offset += 4) {
    const auto before = eth.peek(offset);
    EXPECT_EQ(eth.peek(offset), before);
  }
  EXPECT_EQ(eth.read(INT_SOURCE), 0u);
  eth.write(0x100, 0x12345678);
  EXPECT_EQ(eth.read(0x100), 0x12345678u);
}

TEST_F(OpenEthTest, ArchiveRestoresTheWholeState) {
  driver_start(2, 4);
  send(0, 100);
  eth.receive(frame_to(kMac, 100));
  eth.set_cable(false);
  auto saved = base::Archive::saving();
  eth.archive(saved);

  testing::Bench other_bench;
  OpenEth other(other_bench.context(), memory);
  Cable other_cable;
  other.connect(&other_cable);
  auto load = base::Archive::loading(saved.bytes());
  other.archive(load);
  EXPECT_FALSE(load.failed());
  EXPECT_TRUE(load.at_end());
  EXPECT_TRUE(other.irq.level());
  EXPECT_EQ(other.read(MIISTATUS), 1u);
  other.set_cable(true);
  other_bench.run(base::kTicksPerMillisecond);
  other.write(tx_bd(1), RD | 100u << 16);  // the second descriptor's turn
  EXPECT_EQ(other_cable.frames.size(), 1u);
  EXPECT_TRUE(other.can_receive());
  EXPECT_TRUE(other.receive(frame_to(kMac, 50)));
  EXPECT_EQ(other.read(rx_bd(1)) >> 16, 64u);
}

TEST_F(OpenEthTest, ArchiveKeepsAPendingAnnouncement) {
  driver_start(1, 1);
  eth.receive(frame_to(kMac, 100));
  free_rx(0);
  auto saved = base::Archive::saving();
  eth.archive(saved);
  testing::Bench other_bench;
  OpenEth other(other_bench.context(), memory);
  int ready = 0;
  other.on_receive_ready([&] { ++ready; });
  auto load = base::Archive::loading(saved.bytes());
  other.archive(load);
  EXPECT_FALSE(other.can_receive());
  other_bench.run(base::kTicksPerMillisecond);
  EXPECT_EQ(ready, 1);
}

}  // namespace
}  // namespace espalier::devices
