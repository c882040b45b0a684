#include "devices/uhci.h"

#include <vector>

#include "devices/dma_link.h"

namespace espalier::devices {
namespace {

constexpr std::uint32_t UHCI_CONF0_REG = 0x00;
constexpr std::uint32_t UHCI_INT_RAW_REG = 0x04;
constexpr std::uint32_t UHCI_INT_ST_REG = 0x08;
constexpr std::uint32_t UHCI_INT_ENA_REG = 0x0c;
constexpr std::uint32_t UHCI_INT_CLR_REG = 0x10;
constexpr std::uint32_t UHCI_DMA_OUT_LINK_REG = 0x24;
constexpr std::uint32_t UHCI_DMA_IN_LINK_REG = 0x28;
constexpr std::uint32_t UHCI_DMA_OUT_EOF_DES_ADDR_REG = 0x38;
constexpr std::uint32_t UHCI_DMA_IN_SUC_EOF_DES_ADDR_REG = 0x3c;

constexpr Reg kRegisters[] = {
    {UHCI_CONF0_REG, 0x00370100, 0x00ffffff},
    {UHCI_INT_RAW_REG, 0, 0, 4},
    {0x14, 0x2, 0},    // DMA_OUT_STATUS: FIFO empty
    {0x18, 0, 0x1ff},  // DMA_OUT_PUSH
    {0x1c, 0x2, 0},    // DMA_IN_STATUS
    {0x20, 0, 0},      // DMA_IN_POP
    {UHCI_DMA_OUT_LINK_REG, 0, 0x000fffff},
    {UHCI_DMA_IN_LINK_REG, 0x00100000, 0x001fffff},
    {0x2c, 0x33, 0x1fffff},  // CONF1
    {0x30, 0, 0, 6},         // STATE, descriptor addresses
    {0x48, 0, 0x37},         // AHB_TEST
    {0x4c, 0, 0, 6},
    {0x64, 0x33, 0xff},              // ESCAPE_CONF
    {0x68, 0x00810810, 0x00ffffff},  // HUNG_CONF
    {0x6c, 0, 0, 2},                 // ACK_NUM, RX_HEAD
    {0x74, 0, 0xff},                 // QUICK_SENT
    {0x78, 0, 0xffffffff, 14},       // Q0 to Q6
    {0xb0, 0x00dcdbc0, 0x00ffffff},  // ESC_CONF0 to 3
    {0xb4, 0x00dddbdb, 0x00ffffff},
    {0xb8, 0x00dedb11, 0x00ffffff},
    {0xbc, 0x00dfdb13, 0x00ffffff},
    {0xc0, 0x80, 0x1fff},  // PKT_THRES
    {0xfc, 0x16041001},    // DATE
};

constexpr std::uint32_t IN_DONE = 1u << 4, IN_SUC_EOF = 1u << 5, OUT_DONE = 1u << 7, OUT_EOF = 1u << 8;
constexpr std::uint32_t IN_DSCR_ERR = 1u << 9, OUT_DSCR_ERR = 1u << 10, OUT_TOTAL_EOF = 1u << 13;

// More than any chain holds that firmware would send; a ring ends here.
constexpr std::size_t kMostBytes = 1u << 20;

}  // namespace

Uhci::Uhci(std::string_view name, DmaBus& dma, Context context)
    : RegisterBlock(name, kSize, kRegisters, context),
      dma_(dma),
      interrupts_({UHCI_INT_RAW_REG, UHCI_INT_ST_REG, UHCI_INT_ENA_REG, UHCI_INT_CLR_REG, 0x1ffff}) {}

void Uhci::transmit(std::uint32_t link) {
  std::vector<std::uint8_t> bytes;
  const DmaTransfer t = gather(dma_, dma_link_address(link), kMostBytes, bytes);
  if (t.error) return interrupts_.raise(OUT_DSCR_ERR);
  for (unsigned uart = 0; uart < 3; ++uart)
    if (bit(UHCI_CONF0_REG, 9 + uart) && on_transmit) on_transmit(uart, bytes);
  set(UHCI_DMA_OUT_EOF_DES_ADDR_REG, t.last);
  interrupts_.raise(OUT_DONE | OUT_EOF | OUT_TOTAL_EOF);
}

bool Uhci::receive(std::span<const std::uint8_t> bytes) {
  if (receive_at_ == 0 || bytes.empty()) return false;
  const DmaTransfer t = scatter(dma_, receive_at_, bytes);
  receive_at_ = 0;
  if (t.error) {
    interrupts_.raise(IN_DSCR_ERR);
    return true;
  }
  if (const auto last = read_descriptor(dma_, t.last)) receive_at_ = last->next;
  set(UHCI_DMA_IN_SUC_EOF_DES_ADDR_REG, t.last);
  interrupts_.raise(IN_DONE | IN_SUC_EOF);
  return true;
}

std::uint32_t Uhci::peek(std::uint32_t offset) {
  return interrupts_.owns(offset) ? interrupts_.read(offset) : get(offset);
}

std::uint32_t Uhci::read(std::uint32_t offset) {
  RegisterBlock::read(offset);
  return peek(offset);
}

void Uhci::write(std::uint32_t offset, std::uint32_t value) {
  if (interrupts_.owns(offset)) return interrupts_.write(offset, value);
  RegisterBlock::write(offset, value);
  const bool start = value >> 29 & 1, restart = value >> 30 & 1, stop = value >> 28 & 1;
  if (offset == UHCI_DMA_OUT_LINK_REG && (start || restart)) transmit(value);
  if (offset == UHCI_DMA_IN_LINK_REG) {
    if (start || restart) receive_at_ = dma_link_address(value);
    if (stop) receive_at_ = 0;
  }
  if (offset == UHCI_CONF0_REG && (value & 1)) receive_at_ = 0;  // IN_RST
}

void Uhci::reset(ResetKind kind) {
  RegisterBlock::reset(kind);
  receive_at_ = 0;
  interrupts_.reset();
}

void Uhci::archive(base::Archive& ar) {
  RegisterBlock::archive(ar);
  ar(interrupts_, receive_at_);
}

}  // namespace espalier::devices
