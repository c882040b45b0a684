#include "devices/uart.h"

#include <gtest/gtest.h>

#include <string>

#include "devices/device_test_support.h"

namespace espalier::devices {
namespace {

constexpr std::uint32_t FIFO = 0x00, INT_RAW = 0x04, INT_ST = 0x08, INT_ENA = 0x0c, INT_CLR = 0x10,
                        CLKDIV = 0x14;
constexpr std::uint32_t AUTOBAUD = 0x18, STATUS = 0x1c, CONF0 = 0x20, CONF1 = 0x24, LOWPULSE = 0x28;
constexpr std::uint32_t HIGHPULSE = 0x2c, RXD_CNT = 0x30, FLOW_CONF = 0x34, SWFC_CONF = 0x3c,
                        IDLE_CONF = 0x40;
constexpr std::uint32_t RS485_CONF = 0x44, PRECNT = 0x48, POSTCNT = 0x4c, GAPTOUT = 0x50, AT_CHAR = 0x54;
constexpr std::uint32_t MEM_CONF = 0x58, MEM_RX_STATUS = 0x60, POSPULSE = 0x68;
constexpr std::uint32_t RXFIFO_FULL = 1u << 0, TXFIFO_EMPTY = 1u << 1, FRM_ERR = 1u << 3,
                        RXFIFO_OVF = 1u << 4;
constexpr std::uint32_t CTS_CHG = 1u << 6, BRK_DET = 1u << 7, RXFIFO_TOUT = 1u << 8, SW_XON = 1u << 9;
constexpr std::uint32_t SW_XOFF = 1u << 10, TX_BRK_DONE = 1u << 12, TX_BRK_IDLE = 1u << 13,
                        TX_DONE = 1u << 14;
constexpr std::uint32_t AT_CMD = 1u << 18;

struct UartTest : ::testing::Test {
  UartTest() {
    uart.on_transmit = [this](std::span<const std::uint8_t> b) { out.append(b.begin(), b.end()); };
    uart.irq().connect([this](bool level) {
      irq = level;
      if (level) irq_at = bench.now();
    });
    uart.write(CLKDIV, 80);  // 1 Mbit/s: a bit is 480 ticks, a character of 10 bits 4800
    uart.write(INT_CLR, 0xffffffff);
  }
  std::size_t send(std::string_view s) {
    return uart.receive({reinterpret_cast<const std::uint8_t*>(s.data()), s.size()});
  }
  void type(std::string_view s) {
    for (char c : s) uart.write(FIFO, static_cast<std::uint8_t>(c));
  }
  std::uint32_t rx_count() { return uart.read(STATUS) & 0xff; }
  std::uint32_t tx_count() { return uart.read(STATUS) >> 16 & 0xff; }
  std::uint32_t tx_state() { return uart.read(STATUS) >> 24 & 0xf; }
  std::uint32_t raw() { return uart.read(INT_RAW); }
  std::string read_all() {
    std::string s;
    while (rx_count()) s += static_cast<char>(uart.read(FIFO));
    return s;
  }

  testing::Bench bench;
  Uart uart{"uart1", 1, bench.context()};
  std::string out;
  bool irq = false;
  base::Ticks irq_at = 0;
  static constexpr base::Ticks kChar = 4800;
};

TEST_F(UartTest, ResetValues) {
  uart.reset(ResetKind::kCore);
  EXPECT_EQ(uart.read(CLKDIV), 0x2b6u);
  EXPECT_EQ(uart.read(CONF0), 0x0800001cu);
  EXPECT_EQ(uart.read(CONF1), 0x6060u);
  EXPECT_EQ(uart.read(MEM_CONF), 0x88u);
  EXPECT_EQ(uart.read(0x78), 0x15122500u);
  EXPECT_EQ(uart.read(0x7c), 0x500u);
}

TEST_F(UartTest, TransmitHandsBytesOutAtOnceAndCountsInTime) {
  type("abc");
  EXPECT_EQ(out, "abc");
  EXPECT_EQ(tx_count(), 2u);  // one is in the shifter
  EXPECT_EQ(tx_state(), 1u);  // its start bit
  bench.skip(kChar);
  EXPECT_EQ(tx_count(), 1u);
  bench.skip(kChar + 480 * 3);
  EXPECT_EQ(tx_count(), 0u);
  EXPECT_EQ(tx_state(), 4u);  // third data bit
  EXPECT_FALSE(uart.transmitter_idle());
  bench.skip(kChar);
  EXPECT_EQ(tx_state(), 0u);
  EXPECT_TRUE(uart.transmitter_idle());
}

TEST_F(UartTest, AnAnswerArrivesOnceWhatItAnswersHasLeft) {
  type("prompt");
  send("y");
  bench.run(6 * kChar);
  EXPECT_EQ(rx_count(), 0u);
  bench.run(kChar);
  EXPECT_EQ(rx_count(), 1u);
}

TEST_F(UartTest, FullTransmitFifoLosesBytes) {
  type(std::string(200, 'x'));
  EXPECT_EQ(tx_count(), 128u);
  EXPECT_EQ(out.size(), 129u);
  uart.write(MEM_CONF, 2u << 7 | 1u << 3);
  type(std::string(200, 'x'));
  EXPECT_EQ(out.size(), 257u);
  EXPECT_EQ(uart.read(0x64) >> 3 & 7, 1u);  // 256 does not fit STATUS
  EXPECT_EQ(tx_count(), 0u);
}

TEST_F(UartTest, BaudRateHasAFraction) {
  uart.write(CLKDIV, 7u << 20 | 694);  // 694 + 7/16 cycles of 80 MHz, a character 41666.25 ticks
  uart.write(INT_ENA, TX_DONE);
  type("abcd");
  bench.run(170'000);
  EXPECT_TRUE(irq);
  EXPECT_EQ(irq_at, 166'665u);
}

TEST_F(UartTest, FrameFormatSetsTheCharacterTime) {
  struct {
    std::uint32_t conf0, rs485, half_bits;
  } const cases[] = {{0x0800001c, 0, 20}, {0x0800001e, 0, 22}, {0x08000010, 0, 14},
                     {0x0800002c, 0, 21}, {0x0800003c, 0, 22}, {0x0800001c, 4, 22}};
  uart.write(INT_ENA, TX_DONE);
  for (const auto& c : cases) {
    uart.write(CONF0, c.conf0);
    uart.write(RS485_CONF, c.rs485);
    uart.write(INT_CLR, TX_DONE);
    const base::Ticks start = bench.now();
    type("x");
    bench.run(100'000);
    EXPECT_EQ(irq_at - start, c.half_bits * 240) << c.conf0;
  }
}

TEST_F(UartTest, ReferenceTickAndApbClock) {
  uart.write(INT_ENA, TX_DONE);
  uart.set_apb_hz(40'000'000);
  type("x");
  bench.run(100'000);
  EXPECT_EQ(irq_at, 2 * kChar);
  uart.write(CONF0, 0x1c);  // reference tick, 1 MHz
  uart.write(CLKDIV, 10);
  uart.write(INT_CLR, TX_DONE);
  const base::Ticks start = bench.now();
  type("x");
  bench.run(100'000);
  EXPECT_EQ(irq_at - start, 48'000u);
}

TEST_F(UartTest, SpeedupShortensTheLine) {
  uart.set_speedup(16);
  uart.write(INT_ENA, TX_DONE);
  type("xy");
  bench.run(10'000);
  EXPECT_EQ(irq_at, 2 * kChar / 16);
}

TEST_F(UartTest, TxFifoEmptyComesAtTheThresholdAndIsALevel) {
  uart.write(CONF1, 10u << 8 | 0x60);
  type(std::string(100, 'x'));
  uart.write(INT_CLR, TXFIFO_EMPTY);
  EXPECT_EQ(raw() & TXFIFO_EMPTY, 0u);
  uart.write(INT_ENA, TXFIFO_EMPTY);
  bench.run(200 * kChar);
  EXPECT_TRUE(irq);
  EXPECT_EQ(irq_at, 89 * kChar);  // 99 in the FIFO, 10 left after 89 have gone to the shifter
  uart.write(INT_CLR, TXFIFO_EMPTY);
  EXPECT_TRUE(irq);  // still empty
}

TEST_F(UartTest, NoTimersForInterruptsNobodyWants) {
  type("hello");
  EXPECT_EQ(bench.events().next_deadline(), base::kNever);
  bench.skip(100 * kChar);
  EXPECT_NE(raw() & TX_DONE, 0u);
}

TEST_F(UartTest, TransmitFifoReset) {
  type("abcdef");
  uart.write(CONF0, 0x0800001c | 1u << 18);
  EXPECT_EQ(tx_count(), 0u);
  EXPECT_NE(tx_state(), 0u);
  type("zz");
  EXPECT_EQ(out, "abcdef");
  uart.write(CONF0, 0x0800001c);
  bench.skip(kChar);
  EXPECT_EQ(tx_state(), 0u);
}

TEST_F(UartTest, BreakFollowsTheData) {
  int breaks = 0;
  uart.on_break = [&] { ++breaks; };
  uart.write(IDLE_CONF, 12u << 20 | 5u << 10);
  uart.write(INT_ENA, TX_BRK_DONE | TX_BRK_IDLE);
  type("ab");
  uart.write(CONF0, 0x0800011c);
  EXPECT_EQ(breaks, 0);
  bench.run(2 * kChar + 12 * 480);
  EXPECT_EQ(breaks, 1);
  EXPECT_TRUE(irq);
  EXPECT_EQ(irq_at, 2 * kChar + 12 * 480);
  EXPECT_EQ(raw() & (TX_BRK_DONE | TX_BRK_IDLE), TX_BRK_DONE);
  bench.run(5 * 480);
  EXPECT_NE(raw() & TX_BRK_IDLE, 0u);
  bench.run(1'000'000);
  EXPECT_EQ(breaks, 1);  // once until TXD_BRK is cleared and set again
  uart.write(CONF0, 0x0800001c);
  uart.write(CONF0, 0x0800011c);
  EXPECT_EQ(breaks, 2);
  type("c");
  EXPECT_EQ(tx_count(), 1u);  // waits for the break's end
}

TEST_F(UartTest, BytesArriveAtTheBaudRate) {
  EXPECT_EQ(send("abc"), 3u);
  EXPECT_EQ(rx_count(), 0u);
  bench.run(kChar);
  EXPECT_EQ(rx_count(), 1u);
  bench.run(2 * kChar);
  EXPECT_EQ(rx_count(), 3u);
  EXPECT_EQ(uart.peek(FIFO), 'a');
  EXPECT_EQ(uart.peek(FIFO), 'a');
  EXPECT_EQ(read_all(), "abc");
}

TEST_F(UartTest, RxFifoFullIsALevel) {
  uart.write(CONF1, 3);
  uart.write(INT_ENA, RXFIFO_FULL);
  send("abcd");
  bench.run(2 * kChar);
  EXPECT_FALSE(irq);
  bench.run(kChar);
  EXPECT_TRUE(irq);
  uart.write(INT_CLR, RXFIFO_FULL);
  EXPECT_TRUE(irq);
  uart.read(FIFO);
  EXPECT_TRUE(irq);  // latched until cleared
  uart.write(INT_CLR, RXFIFO_FULL);
  EXPECT_FALSE(irq);
}

TEST_F(UartTest, TimeoutAfterSilence) {
  uart.write(CONF1, 1u << 31 | 2u << 24 | 0x60);  // 2 * 8 bits
  uart.write(INT_ENA, RXFIFO_TOUT);
  send("ab");
  bench.run(100'000);
  EXPECT_TRUE(irq);
  EXPECT_EQ(irq_at, 2 * kChar + 16 * 480);
  uart.write(INT_CLR, RXFIFO_TOUT);
  EXPECT_FALSE(irq);
  bench.run(16 * 480);
  EXPECT_TRUE(irq);  // there is still something to fetch
  read_all();
  uart.write(INT_CLR, RXFIFO_TOUT);
  bench.run(1'000'000);
  EXPECT_FALSE(irq);
}

TEST_F(UartTest, DriverCountsByMemoryAddresses) {
  auto driver_count = [&] {
    const std::uint32_t s = uart.read(MEM_RX_STATUS), rd = s >> 2 & 0x7ff, wr = s >> 13 & 0x7ff;
    if (wr > rd) return wr - rd;
    if (wr < rd) return wr + 128 - rd;
    return rx_count() > 0 ? 128u : 0u;
  };
  for (unsigned n : {100u, 60u, 127u, 128u, 1u}) {
    send(std::string(n, 'x'));
    bench.run(n * kChar);
    EXPECT_EQ(driver_count(), n);
    read_all();
    EXPECT_EQ(driver_count(), 0u);
  }
}

TEST_F(UartTest, AHundredKilobytesArriveUnharmed) {
  std::string text;
  for (int i = 0; i < 100'000; ++i) text += static_cast<char>('a' + i * 7 % 26);
  std::size_t given = 0;
  auto give = [&] { given += send(std::string_view(text).substr(given)); };
  uart.on_receive_ready = give;
  give();
  std::string got;
  for (int i = 0; i < 2000; ++i) {
    bench.run(100 * kChar);
    if (i % 3 == 0) got += read_all();  // a guest that is too slow: 300 characters come in, 128 fit
  }
  got += read_all();
  EXPECT_EQ(got, text.substr(0, got.size()));
  EXPECT_GT(got.size(), 80'000u);
  EXPECT_EQ(raw() & RXFIFO_OVF, 0u);
  while (got.size() < text.size()) {
    bench.run(128 * kChar);
    got += read_all();
  }
  EXPECT_EQ(got, text);
  EXPECT_EQ(given, text.size());
}

TEST_F(UartTest, OverrunIfAskedFor) {
  uart.set_overrun(true);
  send(std::string(130, 'x'));
  bench.run(131 * kChar);
  EXPECT_EQ(rx_count(), 128u);
  EXPECT_NE(raw() & RXFIFO_OVF, 0u);
  uart.write(CONF0, 0x0800001c | 1u << 17);
  uart.write(CONF0, 0x0800001c);
  EXPECT_EQ(rx_count(), 0u);
}

TEST_F(UartTest, HardwareFlowControlStopsBothWays) {
  uart.write(CONF1, 1u << 23 | 20u << 16 | 0x60);
  send(std::string(50, 'x'));
  bench.run(100 * kChar);
  EXPECT_EQ(rx_count(), 20u);
  EXPECT_NE(uart.read(STATUS) & 1u << 30, 0u);  // RTSN high: do not send
  uart.read(FIFO);
  EXPECT_EQ(uart.read(STATUS) & 1u << 30, 0u);
  bench.run(2 * kChar);
  EXPECT_EQ(rx_count(), 20u);

  uart.write(CONF0, 0x0800001c | 1u << 15);
  uart.set_cts(false);
  EXPECT_NE(raw() & CTS_CHG, 0u);
  type("abc");
  bench.run(10 * kChar);
  EXPECT_EQ(out, "");
  EXPECT_EQ(tx_count(), 3u);
  uart.set_cts(true);
  EXPECT_EQ(out, "abc");
  bench.run(3 * kChar);
  EXPECT_TRUE(uart.transmitter_idle());
}

TEST_F(UartTest, SoftwareFlowControl) {
  uart.write(SWFC_CONF, 0x1311'0000 | 10u << 8 | 2);
  uart.write(FLOW_CONF, 3);
  send(std::string(30, 'x'));
  bench.run(100 * kChar);
  EXPECT_EQ(rx_count(), 11u);
  EXPECT_EQ(out, "\x13");
  for (int i = 0; i < 9; ++i) uart.read(FIFO);
  EXPECT_EQ(out, "\x13\x11");
  bench.run(100 * kChar);
  read_all();
  out.clear();
  bench.run(100 * kChar);
  read_all();
  out.clear();

  send("\x13");
  bench.run(kChar);
  EXPECT_EQ(rx_count(), 0u);  // kept out by XONOFF_DEL
  EXPECT_NE(raw() & SW_XOFF, 0u);
  type("abc");
  EXPECT_EQ(out, "");
  send("\x11");
  bench.run(kChar);
  EXPECT_NE(raw() & SW_XON, 0u);
  EXPECT_EQ(out, "abc");
}

TEST_F(UartTest, ForceXoffHoldsTheTransmitter) {
  uart.write(FLOW_CONF, 1u << 3);
  type("abc");
  EXPECT_EQ(out, "");
  EXPECT_EQ(tx_state(), 0u);
  uart.write(FLOW_CONF, 1u << 2);
  EXPECT_EQ(out, "abc");
}

TEST_F(UartTest, LoopbackReturnsEachCharacter) {
  uart.write(CONF0, 0x0800001c | 1u << 14);
  uart.write(CONF1, 3);
  uart.write(INT_ENA, RXFIFO_FULL);
  type("abcd");
  bench.run(3 * kChar);
  EXPECT_TRUE(irq);
  EXPECT_EQ(irq_at, 3 * kChar);
  bench.run(kChar);
  EXPECT_EQ(read_all(), "abcd");
  send("q");
  bench.run(10 * kChar);
  EXPECT_EQ(rx_count(), 0u);
  uart.write(CONF0, 0x0800001c);
  bench.run(kChar);
  EXPECT_EQ(read_all(), "q");
}

TEST_F(UartTest, ErrorsAndBreaksArrive) {
  uart.receive_error('e', Uart::LineError::kFrame);
  EXPECT_NE(raw() & FRM_ERR, 0u);
  EXPECT_EQ(rx_count(), 1u);
  uart.receive_error('e', Uart::LineError::kBreak);
  EXPECT_NE(raw() & BRK_DET, 0u);
  EXPECT_EQ(read_all(), std::string("e\0", 2));
  uart.write(CONF0, 0x0800001c | 1u << 26);  // ERR_WR_MASK
  uart.receive_error('e', Uart::LineError::kParity);
  EXPECT_EQ(rx_count(), 0u);
}

TEST_F(UartTest, FewerDataBits) {
  uart.write(CONF0, 0x08000018);  // 7
  type("\xc1");
  EXPECT_EQ(out, "A");
  bench.run(kChar);
  send("\xc1");
  bench.run(kChar);
  EXPECT_EQ(read_all(), "A");
}

TEST_F(UartTest, AtCommandNeedsSilenceAround) {
  uart.write(AT_CHAR, 3u << 8 | '+');
  uart.write(PRECNT, 8000);  // 100 us, ten characters
  uart.write(POSTCNT, 8000);
  uart.write(GAPTOUT, 80);
  uart.write(INT_ENA, AT_CMD);
  bench.run(10 * kChar);
  send("+++");
  bench.run(3 * kChar + 9 * kChar);
  EXPECT_FALSE(irq);
  bench.run(kChar);
  EXPECT_TRUE(irq);
  uart.write(INT_CLR, AT_CMD);
  for (const char* no : {"a+++", "+++a", "++a+"}) {
    send(no);
    bench.run(100 * kChar);
    EXPECT_FALSE(irq) << no;
  }
  send("++");
  bench.run(5 * kChar);  // too long a gap
  send("+");
  bench.run(100 * kChar);
  EXPECT_FALSE(irq);
}

TEST_F(UartTest, AutobaudMeasuresThePeer) {
  uart.set_peer_baud(115'200);
  uart.write(AUTOBAUD, 0x0801);
  EXPECT_EQ(uart.read(LOWPULSE), 0xfffffu);
  send("UU");
  bench.run(480'000);
  EXPECT_EQ(uart.read(LOWPULSE), 80'000'000u / 115'200 - 1);
  EXPECT_EQ(uart.read(HIGHPULSE), 80'000'000u / 115'200 - 1);
  EXPECT_EQ(uart.read(POSPULSE), 80'000'000u / 115'200 * 2 - 1);
  EXPECT_EQ(uart.read(RXD_CNT), 20u);
  uart.write(AUTOBAUD, 0);
  uart.write(AUTOBAUD, 1);
  EXPECT_EQ(uart.read(RXD_CNT), 0u);
}

TEST_F(UartTest, ByteStoresReachTheFifo) {
  uart.write_masked(FIFO, 'A', 0xff);
  EXPECT_EQ(out, "A");
}

TEST_F(UartTest, ResetEmptiesButTheSenderKeepsItsText) {
  uart.write(INT_ENA, 0x7ffff);
  send("xyz");
  type("abc");
  bench.run(kChar);
  uart.reset(ResetKind::kCore);
  EXPECT_FALSE(irq);
  EXPECT_EQ(rx_count(), 0u);
  EXPECT_EQ(tx_state(), 0u);
  bench.run(1'000'000);
  EXPECT_EQ(read_all(), "yz");
}

TEST_F(UartTest, ArchiveCarriesCharactersUnderWay) {
  uart.write(INT_ENA, TX_DONE | RXFIFO_TOUT);
  uart.write(CONF1, 1u << 31 | 2u << 24 | 0x60);
  send("xyz");
  type("abc");
  bench.run(kChar);
  auto saved = base::Archive::saving();
  uart.archive(saved);
  Uart other("uart1", 1, bench.context());
  auto loading = base::Archive::loading(saved.bytes());
  other.archive(loading);
  ASSERT_FALSE(loading.failed());
  EXPECT_TRUE(loading.at_end());
  base::Ticks at = 0;
  other.irq().connect([&](bool level) {
    if (level) at = bench.now();
  });
  bench.run(2 * kChar);
  EXPECT_EQ(at, 3 * kChar);
  EXPECT_EQ(other.read(STATUS) & 0xff, 3u);
}

}  // namespace
}  // namespace espalier::devices
