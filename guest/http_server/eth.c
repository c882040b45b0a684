#include "eth.h"

#include "cpu.h"
#include "irq.h"
#include "rom.h"
#include "soc.h"

/* Registers and descriptors: "Ethernet IP Core Specification", opencores.org; the address: ESP-IDF,
   components/esp_eth/src/openeth. */
#define ETH_BASE 0x3ff69000
#define MODER_REG (ETH_BASE + 0x00)
#define MODER_RESET_VALUE 0xa000
#define MODER_RXEN BIT(0)
#define MODER_TXEN BIT(1)
#define MODER_RST BIT(11)
#define MODER_CRCEN BIT(13)
#define MODER_PAD BIT(15)
#define INT_SOURCE_REG (ETH_BASE + 0x04)
#define INT_MASK_REG (ETH_BASE + 0x08)
#define INT_RXB BIT(2)
#define INT_BUSY BIT(4)
#define TX_BD_NUM_REG (ETH_BASE + 0x20)
#define MIICOMMAND_REG (ETH_BASE + 0x2c)
#define MIICOMMAND_RSTAT BIT(1)
#define MIIADDRESS_REG (ETH_BASE + 0x30)
#define MIIRX_DATA_REG (ETH_BASE + 0x38)
#define MIISTATUS_REG (ETH_BASE + 0x3c)
#define MIISTATUS_BUSY BIT(1)
#define MAC_ADDR0_REG (ETH_BASE + 0x40)
#define MAC_ADDR1_REG (ETH_BASE + 0x44)
#define DESCRIPTOR_REG(n) (ETH_BASE + 0x400 + 8 * (n))
#define BUFFER_REG(n) (ETH_BASE + 0x404 + 8 * (n))
#define TXD_RD BIT(15)
#define TXD_WR BIT(13)
#define TXD_PAD BIT(12)
#define TXD_CRC BIT(11)
#define RXD_E BIT(15)
#define RXD_IRQ BIT(14)
#define RXD_WRAP BIT(13)
#define RXD_ERRORS 0x5f /* overrun, symbol, dribble, long, short, CRC; not M (BIT(7)) */

enum {
  kTransmit = 8, /* descriptors; the receiver's follow */
  kReceive = 32,
  kBuffer = 1536, /* a frame of 1518 bytes, whole words */
  kPhy = 1,       /* its address on the management bus */
  kPhyStatus = 1  /* IEEE 802.3 clause 22, register 1 */
};
#define PHY_STATUS_LINK BIT(2)

static uint8_t __attribute__((section(".dram1"), aligned(4))) transmit_buffers[kTransmit][kBuffer];
static uint8_t __attribute__((section(".dram1"), aligned(4))) receive_buffers[kReceive][kBuffer];
static unsigned next_transmit, next_receive;
static void (*on_arrived)(void);

static void on_interrupt(void* argument) {
  (void)argument;
  REG(INT_SOURCE_REG) =
      INT_RXB | INT_BUSY; /* before the frames are looked for: a later one interrupts again */
  on_arrived();
}

static uint32_t receive_flags(unsigned n) {
  return RXD_E | RXD_IRQ | (n == kReceive - 1 ? RXD_WRAP : 0);
}

bool eth_start(const Mac* mac, unsigned interrupt, void (*arrived)(void)) {
  reg_set(DPORT_WIFI_CLK_EN_REG, DPORT_WIFI_CLK_EMAC_EN);
  reg_clear(DPORT_CORE_RST_EN_REG, DPORT_EMAC_RST);
  if (REG(MODER_REG) != MODER_RESET_VALUE) return false;
  REG(MODER_REG) = MODER_RESET_VALUE | MODER_RST;
  REG(MODER_REG) = MODER_RESET_VALUE;
  on_arrived = arrived;
  const uint8_t* m = mac->byte;
  REG(MAC_ADDR0_REG) = (uint32_t)m[2] << 24 | (uint32_t)m[3] << 16 | (uint32_t)m[4] << 8 | m[5];
  REG(MAC_ADDR1_REG) = (uint32_t)m[0] << 8 | m[1];
  REG(TX_BD_NUM_REG) = kTransmit;
  for (unsigned n = 0; n < kTransmit; ++n) {
    REG(BUFFER_REG(n)) = (uint32_t)transmit_buffers[n] + 2;
    REG(DESCRIPTOR_REG(n)) = 0;
  }
  for (unsigned n = 0; n < kReceive; ++n) {
    REG(BUFFER_REG(kTransmit + n)) = (uint32_t)receive_buffers[n];
    REG(DESCRIPTOR_REG(kTransmit + n)) = receive_flags(n);
  }
  REG(INT_SOURCE_REG) = ~0u;
  irq_attach(interrupt, on_interrupt, 0);
  irq_route(SOURCE_ETH_MAC, interrupt);
  REG(INT_MASK_REG) = INT_RXB | INT_BUSY;
  REG(MODER_REG) = MODER_PAD | MODER_CRCEN | MODER_TXEN | MODER_RXEN;
  return true;
}

bool eth_link_up(void) {
  uint32_t status = 0;
  for (unsigned twice = 0; twice < 2; ++twice) { /* the bit keeps a loss until it is read */
    REG(MIIADDRESS_REG) = kPhyStatus << 8 | kPhy;
    REG(MIICOMMAND_REG) = MIICOMMAND_RSTAT;
    while (REG(MIISTATUS_REG) & MIISTATUS_BUSY) {
    }
    status = REG(MIIRX_DATA_REG);
  }
  return status != 0xffff && (status & PHY_STATUS_LINK);
}

const uint8_t* eth_received(unsigned* length) {
  for (;;) {
    const uint32_t word = REG(DESCRIPTOR_REG(kTransmit + next_receive));
    if (word & RXD_E) return 0;
    *length = (word >> 16) - 4;
    if ((word & RXD_ERRORS) == 0 && *length <= kFrameMax) return receive_buffers[next_receive];
    eth_release();
  }
}

void eth_release(void) {
  REG(DESCRIPTOR_REG(kTransmit + next_receive)) = receive_flags(next_receive);
  if (++next_receive == kReceive) next_receive = 0;
}

uint8_t* eth_frame(void) {
  while (REG(DESCRIPTOR_REG(next_transmit)) & TXD_RD) {
  }
  return transmit_buffers[next_transmit] + 2;
}

void eth_send(unsigned length) {
  const uint32_t wrap = next_transmit == kTransmit - 1 ? TXD_WR : 0;
  memory_barrier();
  REG(DESCRIPTOR_REG(next_transmit)) = length << 16 | TXD_RD | TXD_PAD | TXD_CRC | wrap;
  if (++next_transmit == kTransmit) next_transmit = 0;
}
