/* The UARTs as the ROM uses them: printf goes to UartDev.tx_uart, messages to and from UartDev.rx_uart. */
#include "rom.h"

/* UART0 is at 0x3FF40000, UART1 at 0x3FF50000; the ROM reaches a UART's registers by this rule alone. */
#define UART_BASE(uart) (0x3ff40000u + ((uint32_t)(uart) << 16))
#define UART_FIFO(uart) REG(UART_BASE(uart) + 0x00)
#define UART_INT_ST(uart) REG(UART_BASE(uart) + 0x08)
#define UART_INT_ENA(uart) REG(UART_BASE(uart) + 0x0c)
#define UART_INT_CLR(uart) REG(UART_BASE(uart) + 0x10)
#define UART_CLKDIV(uart) REG(UART_BASE(uart) + 0x14)
#define UART_AUTOBAUD(uart) REG(UART_BASE(uart) + 0x18)
#define UART_STATUS(uart) REG(UART_BASE(uart) + 0x1c)
#define UART_CONF0(uart) REG(UART_BASE(uart) + 0x20)
#define UART_CONF1(uart) REG(UART_BASE(uart) + 0x24)
#define UART_LOWPULSE(uart) REG(UART_BASE(uart) + 0x28)
#define UART_HIGHPULSE(uart) REG(UART_BASE(uart) + 0x2c)
#define UART_RXD_CNT(uart) REG(UART_BASE(uart) + 0x30)

#define UART_RXFIFO_FULL_INT BIT(0)
#define UART_RXFIFO_CNT 0xff
#define UART_TXFIFO_CNT (0xffu << 16)
#define UART_ST_UTX_OUT (0xfu << 24) /* 0: the transmitter is idle */
#define UART_TXFIFO_FULL BIT(23) /* TXFIFO_CNT has reached 128 */
#define UART_TICK_REF_ALWAYS_ON BIT(27)
#define UART_ERR_WR_MASK BIT(26)
#define UART_FIFO_RESET (BIT(17) | BIT(18))

#define DPORT_PRO_UART_INTR_MAP_REG 0x3ff0018c
#define DPORT_PRO_UART1_INTR_MAP_REG 0x3ff00190
#define UART_CPU_INTERRUPT 5
#define RING_SIZE 256

enum { kBaudRateDetect = 0, kLineComplete = 2 };

static UartDevice *device(void) { return &PER_CORE(UartDevice, (uint32_t)&UartDev); }
UartDevice *GetUartDevice(void) { return device(); }

/* Interrupt handler of the message channel: bytes go to the ring; a carriage return completes a line. */
void uart_rx_intr_handler(void *argument) {
  RcvMsgBuff *ring = argument;
  const unsigned uart = device()->rx_uart;
  if (!(UART_INT_ST(uart) & UART_RXFIFO_FULL_INT)) {
    (void)UART_FIFO(1 - uart);
    return;
  }
  UART_INT_CLR(uart) = UART_RXFIFO_FULL_INT;
  while (UART_STATUS(uart) & UART_RXFIFO_CNT) {
    const uint8_t c = (uint8_t)UART_FIFO(uart);
    *ring->write++ = c;
    if (c == '\r') ring->state = kLineComplete;
    if (ring->write == ring->buffer + RING_SIZE) ring->write = ring->buffer;
  }
}

extern uint8_t RecvBuff[];

void uartAttach(void) {
  UartDevice *uart = device();
  uint8_t *buffer = &PER_CORE(uint8_t, (uint32_t)RecvBuff);
  *uart = (UartDevice){
      .baud_rate = 115200,
      .data_bits = 3, /* eight */
      .stop_bits = 1,
      .rx = {.buffer = buffer, .write = buffer, .read = buffer, .trigger_level = 1},
  };
  UART_INT_CLR(0) = UART_RXFIFO_FULL_INT;
  UART_INT_CLR(1) = UART_RXFIFO_FULL_INT;
  ets_isr_mask(BIT(UART_CPU_INTERRUPT));
  ets_isr_attach(UART_CPU_INTERRUPT, uart_rx_intr_handler, &uart->rx);
}

void uart_tx_switch(uint8_t uart) { device()->tx_uart = uart; }

static void reset_fifos(unsigned uart) {
  UART_CONF0(uart) |= UART_FIFO_RESET;
  UART_CONF0(uart) &= ~UART_FIFO_RESET;
}

/* The divider has four fractional bits. */
void uart_div_modify(uint8_t uart, uint32_t divider) {
  UART_CLKDIV(uart) = (divider & 15) << 20 | (divider >> 4 & 0xfffff);
  reset_fifos(uart);
}

/* The divider of the signal on RXD, from its shortest pulses; 0 if too few edges were seen and `is_sync` asks not
   to wait. */
int uart_baudrate_detect(uint8_t uart, uint8_t is_sync) {
  if (device()->rx_state == kBaudRateDetect) device()->rx_state = 1;
  if (!(UART_AUTOBAUD(uart) & 1)) {
    UART_AUTOBAUD(uart) &= ~1u;
    UART_AUTOBAUD(uart) = 4 << 8 | 1; /* glitches of up to four clocks do not count */
  }
  while (UART_RXD_CNT(uart) <= 127) {
    if (is_sync) return 0;
    ets_delay_us(1000);
  }
  const int low = (int)(UART_LOWPULSE(uart) & 0xfffff);
  const int high = (int)(UART_HIGHPULSE(uart) & 0xfffff);
  UART_AUTOBAUD(uart) &= ~1u;
  return (low + high) * 8 + 144;
}

/* IO MUX registers of the pads that carry U0RXD and U0TXD. */
#define IO_MUX_U0TXD_REG 0x3ff49088
#define MCU_SEL (7u << 12)
#define FUN_PU BIT(8)
#define U1RXD_IN_IDX 17

void Uart_Init(uint8_t uart, uint32_t clock) {
  UartDevice *dev = device();
  if (uart == 0) {
    gpio_pad_unhold(3);
    gpio_pad_unhold(1);
    clear_bits(IO_MUX_U0TXD_REG, FUN_PU);
    clear_bits(IO_MUX_U0TXD_REG, MCU_SEL);
  } else {
    gpio_pad_unhold(9);
    gpio_pad_unhold(10);
    gpio_matrix_in(9, U1RXD_IN_IDX, false);
  }
  uart_div_modify(uart, (clock << 4) / dev->baud_rate);
  UART_CONF0(uart) =
      dev->exist_parity | dev->parity | dev->stop_bits << 4 | dev->data_bits << 2 | UART_TICK_REF_ALWAYS_ON;
  UART_CONF0(uart) |= UART_ERR_WR_MASK | UART_FIFO_RESET;
  UART_CONF0(uart) &= ~UART_FIFO_RESET;
  UART_CONF1(uart) = dev->rx.trigger_level & 0x7f;
  UART_INT_CLR(uart) = 0xffff;
  UART_INT_ENA(uart) |= UART_RXFIFO_FULL_INT;
  REG(uart ? DPORT_PRO_UART1_INTR_MAP_REG : DPORT_PRO_UART_INTR_MAP_REG) = UART_CPU_INTERRUPT;
}

static ETS_STATUS send(unsigned uart, uint8_t c) {
  while (UART_STATUS(uart) & UART_TXFIFO_FULL) {
  }
  UART_FIFO(uart) = c;
  return OK;
}
ETS_STATUS uart_tx_one_char(uint8_t c) { return send(device()->tx_uart, c); }
ETS_STATUS uart_tx_one_char2(uint8_t c) { return send(device()->rx_uart, c); }

void uart_tx_flush(uint8_t uart) {
  while (UART_STATUS(uart) & UART_TXFIFO_CNT) {
  }
}

/* Not by TX_DONE, which may be raised and read as soon as the FIFO is seen to be empty, or long after that. */
void uart_tx_wait_idle(uint8_t uart) {
  while (UART_STATUS(uart) & (UART_TXFIFO_CNT | UART_ST_UTX_OUT)) {
  }
}

ETS_STATUS uart_rx_one_char(uint8_t *c) {
  const unsigned uart = device()->rx_uart;
  if (!(UART_STATUS(uart) & UART_RXFIFO_CNT)) return FAIL;
  *c = (uint8_t)UART_FIFO(uart);
  return OK;
}

char uart_rx_one_char_block(void) {
  const unsigned uart = device()->rx_uart;
  while (!(UART_STATUS(uart) & UART_RXFIFO_CNT)) {
  }
  return (char)UART_FIFO(uart);
}

/* Reads a line of at most `limit` bytes, its end included. */
ETS_STATUS UartRxString(uint8_t *text, uint8_t limit) {
  uint8_t *p = text;
  for (uint8_t count = 1; count < limit; ++count, ++p) {
    while (uart_rx_one_char(p) != OK) {
    }
    if (*p == '\r' || *p == '\n') break;
  }
  p[1] = 0;
  return OK;
}

ETS_STATUS uart_rx_readbuff(RcvMsgBuff *ring, uint8_t *c) {
  if (ring->write == ring->read) return FAIL;
  *c = *ring->read++;
  if (ring->read == ring->buffer + RING_SIZE) ring->read = ring->buffer;
  return OK;
}

/* A line that uart_rx_intr_handler() has completed. */
ETS_STATUS UartGetCmdLn(uint8_t *line) {
  RcvMsgBuff *ring = &device()->rx;
  if (ring->state != kLineComplete) return FAIL;
  while (uart_rx_readbuff(ring, line) == OK) ++line;
  *line = 0;
  ring->state = 0;
  return OK;
}

/* Messages move to `uart`; what had come in on the other one is dropped. */
void uart_buff_switch(uint8_t uart) {
  UartDevice *dev = device();
  const unsigned other = uart == 0;
  UART_INT_CLR(other) = 0xffff;
  UART_INT_ENA(other) &= ~UART_RXFIFO_FULL_INT;
  uint8_t dropped;
  while (uart_rx_readbuff(&dev->rx, &dropped) == OK) {
  }
  dev->rx.state = 0;
  UART_INT_CLR(uart) = 0xffff;
  UART_INT_ENA(uart) |= UART_RXFIFO_FULL_INT;
  dev->rx_uart = uart;
}

/* Packets of the download protocol are framed as SLIP (RFC 1055). */
enum { kSlipEscape = 0xdb, kSlipEscapedEnd = 0xdc, kSlipEscapedEscape = 0xdd };

void send_packet(uint8_t *data, int length) {
  uart_tx_one_char2(kSlipEnd);
  for (; length > 0; --length, ++data) {
    if (*data == kSlipEnd || *data == kSlipEscape) {
      uart_tx_one_char2(kSlipEscape);
      uart_tx_one_char2(*data == kSlipEnd ? kSlipEscapedEnd : kSlipEscapedEscape);
    } else {
      uart_tx_one_char2(*data);
    }
  }
  uart_tx_one_char2(kSlipEnd);
}

ETS_STATUS SendMsg(uint8_t *data, uint16_t length) {
  send_packet(data, length);
  return OK;
}

/* What has been seen of a packet, kept in UartDev.rx_state between calls that may not wait. */
enum { kInBody = kSlipSearchingStart + 1, kAfterEscape };

/* Takes the next byte of a packet to `data`, dropping what exceeds `limit`; the packet's length once it is complete,
   else 0. */
int rom_slip_byte(UartDevice *uart, uint8_t *data, int limit, uint8_t c) {
  if (uart->rx_state < kInBody) {
    if (c == kSlipEnd) {
      uart->rx_state = kInBody;
      uart->received = 0;
    }
    return 0;
  }
  if (uart->rx_state == kAfterEscape) {
    if (c == kSlipEscapedEnd) c = kSlipEnd;
    if (c == kSlipEscapedEscape) c = kSlipEscape;
    uart->rx_state = kInBody;
  } else if (c == kSlipEscape) {
    uart->rx_state = kAfterEscape;
    return 0;
  } else if (c == kSlipEnd) {
    const int length = uart->received;
    if (length == 0) return 0; /* two ends in a row: the second starts the packet */
    uart->received = 0;
    uart->rx_state = kSlipSearchingStart;
    return length;
  }
  if (uart->received < limit) data[uart->received++] = c;
  return 0;
}

/* Receives a packet; its length. With `is_sync` a call never waits: it takes what has come and returns 0 until the
   packet is complete. */
int recv_packet(uint8_t *data, int limit, uint8_t is_sync) {
  UartDevice *dev = device();
  if (!is_sync) {
    dev->rx_state = kSlipSearchingStart;
    dev->received = 0;
  }
  for (;;) {
    uint8_t c;
    if (uart_rx_readbuff(&dev->rx, &c) != OK) {
      if (is_sync) return 0;
      continue;
    }
    const int length = rom_slip_byte(dev, data, limit, c);
    if (length) return length;
  }
}

ETS_STATUS RcvMsg(uint8_t *data, uint16_t limit, uint8_t is_sync) {
  return recv_packet(data, limit, is_sync) ? OK : FAIL;
}
