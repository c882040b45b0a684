#include "devices/gp_spi.h"

#include <algorithm>

#include "devices/dma_link.h"

namespace espalier::devices {
namespace {

constexpr std::uint32_t SPI_CMD_REG = 0x00;
constexpr std::uint32_t SPI_ADDR_REG = 0x04;
constexpr std::uint32_t SPI_CTRL_REG = 0x08;
constexpr std::uint32_t SPI_CLOCK_REG = 0x18;
constexpr std::uint32_t SPI_USER_REG = 0x1c;
constexpr std::uint32_t SPI_USER1_REG = 0x20;
constexpr std::uint32_t SPI_USER2_REG = 0x24;
constexpr std::uint32_t SPI_MOSI_DLEN_REG = 0x28;
constexpr std::uint32_t SPI_MISO_DLEN_REG = 0x2c;
constexpr std::uint32_t SPI_SLV_WR_STATUS_REG = 0x30;
constexpr std::uint32_t SPI_PIN_REG = 0x34;
constexpr std::uint32_t SPI_SLAVE_REG = 0x38;
constexpr std::uint32_t SPI_W0_REG = 0x80;
constexpr std::uint32_t SPI_EXT2_REG = 0xf8;
constexpr std::uint32_t SPI_DMA_CONF_REG = 0x100;
constexpr std::uint32_t SPI_DMA_OUT_LINK_REG = 0x104;
constexpr std::uint32_t SPI_DMA_IN_LINK_REG = 0x108;
constexpr std::uint32_t SPI_DMA_STATUS_REG = 0x10c;
constexpr std::uint32_t SPI_DMA_INT_ENA_REG = 0x110;
constexpr std::uint32_t SPI_DMA_INT_RAW_REG = 0x114;
constexpr std::uint32_t SPI_DMA_INT_ST_REG = 0x118;
constexpr std::uint32_t SPI_DMA_INT_CLR_REG = 0x11c;
constexpr std::uint32_t SPI_IN_SUC_EOF_DES_ADDR_REG = 0x124;
constexpr std::uint32_t SPI_INLINK_DSCR_REG = 0x128;
constexpr std::uint32_t SPI_OUT_EOF_DES_ADDR_REG = 0x138;
constexpr std::uint32_t SPI_OUTLINK_DSCR_REG = 0x13c;
constexpr std::uint32_t SPI_DATE_REG = 0x3fc;

constexpr Reg kRegisters[] = {
    {SPI_CMD_REG, 0, 0},
    {SPI_ADDR_REG},
    {SPI_CTRL_REG, 0x0020a400},
    {0x0c, 0x5fff0000},  // CTRL1
    {0x10},              // RD_STATUS
    {0x14, 0x11},        // CTRL2
    {SPI_CLOCK_REG, 0x80003043},
    {SPI_USER_REG, 0x80000040},
    {SPI_USER1_REG, 0x5c000007},
    {SPI_USER2_REG, 0x70000000, 0xf000ffff},
    {SPI_MOSI_DLEN_REG, 0, 0x00ffffff, 2},
    {SPI_SLV_WR_STATUS_REG},
    {SPI_PIN_REG, 0x6, 0x600039e7},
    {SPI_SLAVE_REG, 0x200, 0xf8000fff},
    {0x3c, 0x02000000},              // SLAVE1
    {0x40, 0, 0xffffffff, 4},        // SLAVE2, SLAVE3, SLV_WRBUF_DLEN, SLV_RDBUF_DLEN
    {0x50, 0, 0xf},                  // CACHE_FCTRL
    {0x54, 0x15c04030, 0x1ffffffe},  // CACHE_SCTRL
    {0x58, 0, 0x13},                 // SRAM_CMD
    {0x5c, 0, 0xf000ffff, 2},        // SRAM_DRD_CMD, SRAM_DWR_CMD
    {0x64, 0, 0x00ffffff},           // SLV_RD_BIT
    {SPI_W0_REG, 0, 0xffffffff, 16},
    {0xc0},                          // TX_CRC
    {0xf0, 0x800a0050, 0x800f0fff},  // EXT0
    {0xf4, 0x800f0000, 0x800f0fff},  // EXT1
    {SPI_EXT2_REG, 0, 0},
    {0xfc, 0, 3},  // EXT3
    {SPI_DMA_CONF_REG, 0x200, 0x1dffc},
    {SPI_DMA_OUT_LINK_REG, 0, 0xfffff},  // start, stop and restart act and read as 0
    {SPI_DMA_IN_LINK_REG, 0, 0x1fffff},
    {SPI_DMA_STATUS_REG, 0, 0},
    {SPI_DMA_INT_ENA_REG, 0, 0, 4},
    {0x120, 0, 0, 12},  // descriptor addresses and states
    {SPI_DATE_REG, 0x1604270, 0},
};

// CMD, USER, CTRL, SLAVE
constexpr unsigned USR = 18;
constexpr unsigned DOUTDIN = 0, RD_BYTE_ORDER = 10, WR_BYTE_ORDER = 11, FWRITE_DUAL = 12, FWRITE_QUAD = 13;
constexpr unsigned FWRITE_DIO = 14, FWRITE_QIO = 15, MISO_HIGHPART = 24, MOSI_HIGHPART = 25, USR_MOSI = 27;
constexpr unsigned USR_MISO = 28, USR_DUMMY = 29, USR_ADDR = 30, USR_COMMAND = 31;
constexpr unsigned FREAD_DUAL = 14, FREAD_QUAD = 20, FREAD_DIO = 23, FREAD_QIO = 24, RD_BIT_ORDER = 25;
constexpr unsigned WR_BIT_ORDER = 26;
constexpr unsigned TRANS_DONE = 4, SLAVE_MODE = 30;

// DMA interrupts
constexpr std::uint32_t OUTLINK_DSCR_ERROR = 1u << 1, INLINK_DSCR_ERROR = 1u << 2, IN_DONE = 1u << 3;
constexpr std::uint32_t IN_SUC_EOF = 1u << 5, OUT_DONE = 1u << 6, OUT_EOF = 1u << 7, OUT_TOTAL_EOF = 1u << 8;

constexpr std::size_t kBuffer = 64, kHighPart = 32;
// A transaction's data is at most 2^24 bits long.
constexpr std::size_t bytes_of(std::uint32_t dlen) {
  return (std::size_t{dlen} + 8) / 8;
}

std::uint8_t reversed(std::uint8_t byte) {
  std::uint8_t r = 0;
  for (unsigned i = 0; i < 8; ++i) r = static_cast<std::uint8_t>(r << 1 | (byte >> i & 1));
  return r;
}

}  // namespace

GpSpi::GpSpi(std::string_view name, DmaBus& dma, Context context)
    : RegisterBlock(name, kSize, kRegisters, context),
      dma_(dma),
      dma_interrupts_(
          {SPI_DMA_INT_RAW_REG, SPI_DMA_INT_ST_REG, SPI_DMA_INT_ENA_REG, SPI_DMA_INT_CLR_REG, 0x1ff}),
      timer_(context.events, [this] { finish(); }) {}

void GpSpi::update_line() {
  // INT_EN, bits 9:5, enables the done bits 4:0 of the same register.
  const std::uint32_t slave = get(SPI_SLAVE_REG);
  line_.set((slave & slave >> 5 & 0x1f) != 0);
}

std::vector<std::uint8_t> GpSpi::outgoing(std::size_t bytes) {
  std::vector<std::uint8_t> out;
  if (out_started_) {
    out_started_ = false;
    const DmaTransfer t = gather(dma_, dma_link_address(get(SPI_DMA_OUT_LINK_REG)), bytes, out);
    pending_ |= t.error ? OUTLINK_DSCR_ERROR : OUT_DONE | OUT_EOF | OUT_TOTAL_EOF;
    set(SPI_OUT_EOF_DES_ADDR_REG, t.last);
    set(SPI_OUTLINK_DSCR_REG, t.last);
    out.resize(bytes, 0);  // an underrun sends what is left in the FIFO; zeros here
  } else {
    const std::size_t start = bit(SPI_USER_REG, MOSI_HIGHPART) ? kHighPart : 0;
    const std::size_t swap = bit(SPI_USER_REG, WR_BYTE_ORDER) ? 3 : 0;
    for (std::size_t i = 0; i < bytes; ++i) {
      const std::size_t from = (start + (i ^ swap)) % kBuffer;
      out.push_back(static_cast<std::uint8_t>(
          get(SPI_W0_REG + static_cast<std::uint32_t>(from & ~std::size_t{3})) >> 8 * (from % 4)));
    }
  }
  if (bit(SPI_CTRL_REG, WR_BIT_ORDER)) std::ranges::transform(out, out.begin(), reversed);
  return out;
}

void GpSpi::incoming(std::span<const std::uint8_t> bytes) {
  std::vector<std::uint8_t> in(bytes.begin(), bytes.end());
  if (bit(SPI_CTRL_REG, RD_BIT_ORDER)) std::ranges::transform(in, in.begin(), reversed);
  if (in_started_) {
    in_started_ = false;
    const DmaTransfer t = scatter(dma_, dma_link_address(get(SPI_DMA_IN_LINK_REG)), in);
    dma_interrupts_.raise(t.error ? INLINK_DSCR_ERROR : IN_DONE | IN_SUC_EOF);
    set(SPI_IN_SUC_EOF_DES_ADDR_REG, t.last);
    set(SPI_INLINK_DSCR_REG, t.last);
    return;
  }
  const std::size_t start = bit(SPI_USER_REG, MISO_HIGHPART) ? kHighPart : 0;
  const std::size_t swap = bit(SPI_USER_REG, RD_BYTE_ORDER) ? 3 : 0;
  for (std::size_t i = 0; i < in.size(); ++i) {
    const std::size_t to = (start + (i ^ swap)) % kBuffer;
    const auto offset = SPI_W0_REG + static_cast<std::uint32_t>(to & ~std::size_t{3});
    const unsigned shift = 8 * (to % 4);
    set(offset, (get(offset) & ~(0xffu << shift)) | static_cast<std::uint32_t>(in[i]) << shift);
  }
}

void GpSpi::build(SpiTransfer& t) {
  const std::uint32_t user = get(SPI_USER_REG), ctrl = get(SPI_CTRL_REG);
  const auto lines = [](std::uint32_t v, unsigned quad, unsigned dual) {
    return v >> quad & 1 ? 4u : v >> dual & 1 ? 2u : 1u;
  };
  if (user >> USR_COMMAND & 1) {
    t.command_bits = field(SPI_USER2_REG, 31, 28) + 1;
    t.command = static_cast<std::uint16_t>(get(SPI_USER2_REG));
  }
  if (user >> USR_ADDR & 1) {
    // Left-aligned; what does not fit the first register follows in the second.
    t.address_bits = field(SPI_USER1_REG, 31, 26) + 1;
    t.address =
        (std::uint64_t{get(SPI_ADDR_REG)} << 32 | get(SPI_SLV_WR_STATUS_REG)) >> (64 - t.address_bits);
    t.address_lines = std::max(lines(user, FWRITE_QIO, FWRITE_DIO), lines(ctrl, FREAD_QIO, FREAD_DIO));
  }
  if (user >> USR_DUMMY & 1) t.dummy_cycles = field(SPI_USER1_REG, 7, 0) + 1;
  mosi_.clear();
  miso_.clear();
  if (user >> USR_MOSI & 1) mosi_ = outgoing(bytes_of(get(SPI_MOSI_DLEN_REG)));
  if (user >> USR_MISO & 1) miso_.assign(bytes_of(get(SPI_MISO_DLEN_REG)), 0xff);
  t.full_duplex = user >> DOUTDIN & 1;
  if (t.full_duplex && !mosi_.empty() && miso_.size() > mosi_.size()) miso_.resize(mosi_.size());
  t.mosi = mosi_;
  t.miso = miso_;
  t.mosi_lines = std::max(lines(user, FWRITE_QIO, FWRITE_DIO), lines(user, FWRITE_QUAD, FWRITE_DUAL));
  t.miso_lines = std::max(lines(ctrl, FREAD_QIO, FREAD_DIO), lines(ctrl, FREAD_QUAD, FREAD_DUAL));
}

std::uint64_t GpSpi::clocks(const SpiTransfer& t) const {
  const std::uint64_t mosi = t.mosi.empty() ? 0 : (get(SPI_MOSI_DLEN_REG) + t.mosi_lines) / t.mosi_lines;
  const std::uint64_t miso = t.miso.empty() ? 0 : (get(SPI_MISO_DLEN_REG) + t.miso_lines) / t.miso_lines;
  return t.command_bits + t.address_bits / t.address_lines + t.dummy_cycles +
         (t.full_duplex ? std::max(mosi, miso) : mosi + miso);
}

base::Ticks GpSpi::clock_time(std::uint64_t n) const {
  std::uint64_t divider = 1;
  if (!bit(SPI_CLOCK_REG, 31))
    divider = std::uint64_t{field(SPI_CLOCK_REG, 30, 18) + 1} * (field(SPI_CLOCK_REG, 17, 12) + 1);
  return base::ticks_for(n * divider, apb_hz_);
}

void GpSpi::start() {
  if (running_) return;
  running_ = true;
  if (bit(SPI_SLAVE_REG, SLAVE_MODE)) return;
  pending_ = 0;
  SpiTransfer t;
  build(t);
  tracer().trace<base::TraceEvent::spi_transfer>(name(), t.command, t.mosi.size(), t.miso.size());
  const std::uint32_t disabled = get(SPI_PIN_REG);
  for (unsigned cs = 0; cs < kChipSelects; ++cs)
    if (!(disabled >> cs & 1) && chips_[cs]) chips_[cs]->transfer(t);
  timer_.arm(events().now() + clock_time(std::max<std::uint64_t>(clocks(t), 1)));
}

void GpSpi::finish() {
  running_ = false;
  if (!miso_.empty()) incoming(miso_);
  dma_interrupts_.raise(pending_);
  pending_ = 0;
  std::uint32_t slave = get(SPI_SLAVE_REG) | 1u << TRANS_DONE;
  slave = (slave & ~(0xfu << 23)) | ((slave + (1u << 23)) & 0xfu << 23);  // TRANS_CNT
  set(SPI_SLAVE_REG, slave);
  update_line();
}

void GpSpi::link_written(std::uint32_t offset, std::uint32_t value) {
  bool& started = offset == SPI_DMA_OUT_LINK_REG ? out_started_ : in_started_;
  if (value >> 29 & 1 || value >> 30 & 1) started = true;  // start, restart
  if (value >> 28 & 1) started = false;                    // stop
}

std::uint32_t GpSpi::peek(std::uint32_t offset) {
  if (dma_interrupts_.owns(offset)) return dma_interrupts_.read(offset);
  if (offset == SPI_CMD_REG) return running_ ? 1u << USR : 0;
  if (offset == SPI_EXT2_REG) return running_ ? 1 : 0;  // ST: not idle
  if (offset == SPI_DMA_STATUS_REG)
    return static_cast<std::uint32_t>(in_started_) | static_cast<std::uint32_t>(out_started_) << 1;
  return get(offset);
}

std::uint32_t GpSpi::read(std::uint32_t offset) {
  RegisterBlock::read(offset);
  return peek(offset);
}

void GpSpi::write(std::uint32_t offset, std::uint32_t value) {
  if (dma_interrupts_.owns(offset)) return dma_interrupts_.write(offset, value);
  RegisterBlock::write(offset, value);
  switch (offset) {
    case SPI_CMD_REG:
      if (value >> USR & 1) start();
      break;
    case SPI_SLAVE_REG:
      if (value >> 31 & 1) {  // SYNC_RESET
        timer_.cancel();
        running_ = false;
      }
      update_line();
      break;
    case SPI_DMA_CONF_REG:  // OUT_RST, IN_RST
      if (value >> 3 & 1) out_started_ = false;
      if (value >> 2 & 1) in_started_ = false;
      break;
    case SPI_DMA_OUT_LINK_REG:
    case SPI_DMA_IN_LINK_REG:
      link_written(offset, value);
      break;
    default:
      break;
  }
}

void GpSpi::reset(ResetKind kind) {
  RegisterBlock::reset(kind);
  timer_.cancel();
  running_ = out_started_ = in_started_ = false;
  mosi_.clear();
  miso_.clear();
  pending_ = 0;
  dma_interrupts_.reset();
  update_line();
}

void GpSpi::archive(base::Archive& ar) {
  RegisterBlock::archive(ar);
  base::Ticks deadline = timer_.deadline();
  ar(dma_interrupts_, apb_hz_, running_, out_started_, in_started_, mosi_, miso_, pending_, deadline);
  if (ar.is_saving()) return;
  apb_hz_ = std::max(apb_hz_, 1u);
  timer_.arm(deadline);
  update_line();
}

}  // namespace espalier::devices
