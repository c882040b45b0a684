#include "uart.h"

#include "chip.h"
#include "cpu.h"
#include "irq.h"
#include "rom.h"
#include "soc.h"

enum {
  kFifo = 128,       /* bytes that the hardware holds */
  kRefillAt = 32,    /* the sending FIFO asks for more when it holds less */
  kReceiveAt = 64,   /* the receiving one speaks up at so many bytes, or */
  kReceiveIdle = 10, /* after so many byte times of silence */
  kBuffer = 1024     /* a power of two */
};

static Lock lock;
static uint8_t buffer[kBuffer];
static uint32_t head, tail; /* bytes ever put in and taken out */
static void (*on_received)(uint8_t byte);

static unsigned fifo_used(void) {
  return REG(UART_STATUS_REG) >> 16 & 0xff;
}
static unsigned fifo_received(void) {
  return REG(UART_STATUS_REG) & 0xff;
}

/* With the lock held: moves what fits from the buffer to the FIFO, and wants an interrupt if more is left. */
static void refill(void) {
  for (unsigned room = kFifo - fifo_used(); room > 0 && tail != head; --room)
    REG(UART_FIFO_REG) = buffer[tail++ % kBuffer];
  REG(UART_INT_CLR_REG) = UART_TXFIFO_EMPTY_INT;
  const uint32_t enabled = REG(UART_INT_ENA_REG) & ~UART_TXFIFO_EMPTY_INT;
  REG(UART_INT_ENA_REG) = tail == head ? enabled : enabled | UART_TXFIFO_EMPTY_INT;
}

static void put_byte(uint8_t byte) {
  while (head - tail == kBuffer) refill();
  const bool idle = head == tail;
  buffer[head++ % kBuffer] = byte;
  if (idle) refill();
}

void uart_put(char c) {
  const uint32_t ps = lock_take(&lock);
  if (c == '\n') put_byte('\r');
  put_byte((uint8_t)c);
  lock_release(&lock, ps);
}

static void on_interrupt(void* argument) {
  (void)argument;
  if (REG(UART_INT_ST_REG) & UART_TXFIFO_EMPTY_INT) {
    const uint32_t ps = lock_take(&lock);
    refill();
    lock_release(&lock, ps);
  }
  while (fifo_received() != 0) {
    const uint8_t byte = (uint8_t)REG(UART_FIFO_REG);
    if (on_received) on_received(byte);
  }
  REG(UART_INT_CLR_REG) = UART_RXFIFO_FULL_INT | UART_RXFIFO_TOUT_INT;
}

void uart_start(unsigned interrupt, void (*received)(uint8_t byte)) {
  on_received = received;
  REG(UART_INT_ENA_REG) = 0;
  REG(UART_INT_CLR_REG) = ~0u;
  REG(UART_CONF1_REG) = kReceiveAt | kRefillAt << 8 | kReceiveIdle << 24 | BIT(31);
  irq_attach(interrupt, on_interrupt, 0);
  irq_route(SOURCE_UART0, interrupt);
  REG(UART_INT_ENA_REG) = UART_RXFIFO_FULL_INT | UART_RXFIFO_TOUT_INT;
  ets_install_putc1(uart_put);
}

void uart_flush(void) {
  while (*(volatile uint32_t*)&tail != *(volatile uint32_t*)&head) {
    const uint32_t ps = lock_take(&lock);
    refill();
    lock_release(&lock, ps);
  }
  console_drain();
}
