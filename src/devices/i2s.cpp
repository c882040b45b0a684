#include "devices/i2s.h"

#include <algorithm>
#include <vector>

#include "devices/dma_link.h"

namespace espalier::devices {
namespace {

using base::kNever;
using base::Ticks;

constexpr std::uint32_t I2S_CONF_REG = 0x08;
constexpr std::uint32_t I2S_INT_RAW_REG = 0x0c;
constexpr std::uint32_t I2S_INT_ST_REG = 0x10;
constexpr std::uint32_t I2S_INT_ENA_REG = 0x14;
constexpr std::uint32_t I2S_INT_CLR_REG = 0x18;
constexpr std::uint32_t I2S_FIFO_CONF_REG = 0x20;
constexpr std::uint32_t I2S_RXEOF_NUM_REG = 0x24;
constexpr std::uint32_t I2S_OUT_LINK_REG = 0x30;
constexpr std::uint32_t I2S_IN_LINK_REG = 0x34;
constexpr std::uint32_t I2S_OUT_EOF_DES_ADDR_REG = 0x38;
constexpr std::uint32_t I2S_IN_EOF_DES_ADDR_REG = 0x3c;
constexpr std::uint32_t I2S_INLINK_DSCR_REG = 0x48;
constexpr std::uint32_t I2S_OUTLINK_DSCR_REG = 0x54;
constexpr std::uint32_t I2S_LC_CONF_REG = 0x60;
constexpr std::uint32_t I2S_CONF2_REG = 0xa8;
constexpr std::uint32_t I2S_CLKM_CONF_REG = 0xac;
constexpr std::uint32_t I2S_SAMPLE_RATE_CONF_REG = 0xb0;
constexpr std::uint32_t I2S_PDM_CONF_REG = 0xb4;
constexpr std::uint32_t I2S_STATE_REG = 0xbc;

constexpr Reg kRegisters[] = {
    {I2S_CONF_REG, 0x00030300, 0x0007ffff},
    {I2S_INT_RAW_REG, 0, 0, 4},
    {0x1c, 0, 0x01ffffff},  // TIMING
    {I2S_FIFO_CONF_REG, 0x1820, 0x001fffff},
    {I2S_RXEOF_NUM_REG, 0x40},
    {0x28},                             // CONF_SIGLE_DATA
    {0x2c, 0, 0x1f},                    // CONF_CHAN
    {I2S_OUT_LINK_REG, 0, 0xfffff, 2},  // start, stop and restart act and read as 0
    {I2S_OUT_EOF_DES_ADDR_REG, 0, 0, 3},
    {0x44, 0, 0x37},  // AHB_TEST
    {I2S_INLINK_DSCR_REG, 0, 0, 6},
    {I2S_LC_CONF_REG, 0x100, 0x3fff},
    {0x64, 0, 0x1ff},                // OUTFIFO_PUSH
    {0x68, 0, 0},                    // INFIFO_POP
    {0x6c, 0, 0, 2},                 // LC_STATE0, LC_STATE1
    {0x74, 0x810, 0xfff},            // LC_HUNG_CONF
    {0x80, 0x80007fff},              // CVSD_CONF0
    {0x84, 0x000a0500},              // CVSD_CONF1
    {0x88, 0x000502a4, 0x0007ffff},  // CVSD_CONF2
    {0x8c, 0x08a80339, 0x0fffffff},  // PLC_CONF0
    {0x90, 0xa0178a05},              // PLC_CONF1
    {0x94, 0x28, 0x7f},              // PLC_CONF2
    {0x98, 0, 0x1fff},               // ESCO_CONF0
    {0x9c, 0, 0xf},                  // SCO_CONF0
    {0xa0, 0x89, 0x3ff},             // CONF1
    {0xa4, 0xa, 0xf},                // PD_CONF
    {I2S_CONF2_REG, 0, 0xff},
    {I2S_CLKM_CONF_REG, 4, 0x003fffff},
    {I2S_SAMPLE_RATE_CONF_REG, 0x00410186, 0x00ffffff},
    {I2S_PDM_CONF_REG, 0x01550020, 0x03ffffff},
    {0xb8, 0x000f01e0, 0x000fffff},  // PDM_FREQ_CONF
    {I2S_STATE_REG, 0, 0},
    {0xfc, 0x1604201},  // DATE
};

constexpr std::uint32_t IN_DONE = 1u << 8, IN_SUC_EOF = 1u << 9, OUT_DONE = 1u << 11, OUT_EOF = 1u << 12;
constexpr std::uint32_t IN_DSCR_ERR = 1u << 13, OUT_DSCR_ERR = 1u << 14, IN_DSCR_EMPTY = 1u << 15;
constexpr std::uint32_t OUT_TOTAL_EOF = 1u << 16;

// CONF
constexpr unsigned TX_START = 4, RX_START = 5, TX_SLAVE_MOD = 6, RX_SLAVE_MOD = 7, SIG_LOOPBACK = 18;
constexpr unsigned LCD_EN = 5;  // CONF2

constexpr std::uint64_t kClockHz = 160'000'000;
constexpr unsigned kPdmOversampling = 64;
// An empty descriptor takes this long, so that a ring of them does not hold up time.
constexpr Ticks kShortest = base::kTicksPerMicrosecond;

}  // namespace

I2s::I2s(std::string_view name, DmaBus& dma, Context context)
    : RegisterBlock(name, kSize, kRegisters, context),
      dma_(dma),
      interrupts_({I2S_INT_RAW_REG, I2S_INT_ST_REG, I2S_INT_ENA_REG, I2S_INT_CLR_REG, 0x1ffff}),
      alarm_(context.events, [this] {
        advance();
        arm();
      }) {}

bool I2s::clocked(Side side) const {
  const std::uint32_t conf = get(I2S_CONF_REG);
  if (!(conf >> (side == kTransmit ? TX_START : RX_START) & 1)) return false;
  if (!(conf >> (side == kTransmit ? TX_SLAVE_MOD : RX_SLAVE_MOD) & 1)) return true;
  // A receiver that shares the transmitter's clock is a slave of it.
  return side == kReceive && (conf >> SIG_LOOPBACK & 1) && !(conf >> TX_SLAVE_MOD & 1);
}

// How long `bytes` of memory take on the wire.
Ticks I2s::duration(Side side, std::uint32_t bytes) const {
  const std::uint32_t rate = get(I2S_SAMPLE_RATE_CONF_REG), clkm = get(I2S_CLKM_CONF_REG);
  const bool transmit = side == kTransmit;
  const std::uint64_t bits = std::max(rate >> (transmit ? 12 : 18) & 0x3f, 1u);
  const std::uint64_t bck_divider = std::max(rate >> (transmit ? 0 : 6) & 0x3f, 1u);
  // CLKM_DIV_NUM + B / A
  const std::uint64_t a = std::max(clkm >> 14 & 0x3f, 1u);
  const std::uint64_t divider_times_a = std::max<std::uint64_t>((clkm & 0xff) * a + (clkm >> 8 & 0x3f), a);
  // A word of memory holds two samples of up to 16 bits or one longer one; a single-channel FIFO's samples go
  // out on both channels.
  const std::uint32_t fifo_mode = get(I2S_FIFO_CONF_REG) >> (transmit ? 13 : 16) & 7;
  std::uint64_t clocks = std::uint64_t{bytes} * bits / (bits <= 16 ? 2 : 4);
  if (fifo_mode & 1) clocks *= 2;
  if (get(I2S_PDM_CONF_REG) >> (transmit ? 0 : 1) & 1) clocks = std::uint64_t{bytes} / 2 * kPdmOversampling;
  if (bit(I2S_CONF2_REG, LCD_EN)) clocks = std::uint64_t{bytes} / (bits <= 16 ? 2 : 4);
  const auto cycles = static_cast<unsigned __int128>(clocks) * bck_divider * divider_times_a;
  const auto hz = static_cast<unsigned __int128>(a) * kClockHz;
  return static_cast<Ticks>(cycles * base::kTicksPerSecond / hz);
}

void I2s::link_written(Side side, std::uint32_t value) {
  Stream& s = streams_[side];
  if (value >> 28 & 1) s = {};
  if (value >> 29 & 1) {
    s = {};
    s.linked = true;
    s.descriptor = dma_link_address(value);
  } else if ((value >> 30 & 1) && s.linked && s.descriptor == 0) {
    s.descriptor = dma_link_address(value);
  }
}

// Takes up the present descriptor.
void I2s::begin(Side side, Ticks at) {
  Stream& s = streams_[side];
  const auto d = read_descriptor(dma_, s.descriptor);
  if (!d) {
    s = {};
    interrupts_.raise(side == kTransmit ? OUT_DSCR_ERR : IN_DSCR_ERR);
    return;
  }
  if (side == kTransmit) {
    s.bytes = d->length();
    std::vector<std::uint8_t> data(s.bytes);
    if (s.bytes && !dma_.read(d->buffer, data)) {
      s = {};
      interrupts_.raise(OUT_DSCR_ERR);
      return;
    }
    if (on_transmit) on_transmit(data);
  } else {
    const std::uint64_t frame = std::uint64_t{std::max(get(I2S_RXEOF_NUM_REG), 1u)} * 4;
    s.bytes = static_cast<std::uint32_t>(std::min<std::uint64_t>(d->size(), frame - s.since_eof % frame));
  }
  s.due = at + std::max(duration(side, s.bytes), kShortest);
}

// The present descriptor is done; goes on to the next.
void I2s::complete(Side side) {
  Stream& s = streams_[side];
  const Ticks at = s.due;
  s.due = kNever;
  auto d = read_descriptor(dma_, s.descriptor);
  if (!d) {
    s = {};
    interrupts_.raise(side == kTransmit ? OUT_DSCR_ERR : IN_DSCR_ERR);
    return;
  }
  if (side == kTransmit) {
    set(I2S_OUTLINK_DSCR_REG, d->address);
    if (d->eof()) set(I2S_OUT_EOF_DES_ADDR_REG, d->address);
    interrupts_.raise(OUT_DONE | (d->eof() ? OUT_EOF : 0) | (d->next == 0 ? OUT_TOTAL_EOF : 0));
  } else {
    std::vector<std::uint8_t> data(s.bytes);
    if (on_receive) on_receive(data);
    if (s.bytes && !dma_.write(d->buffer, data)) {
      s = {};
      interrupts_.raise(IN_DSCR_ERR);
      return;
    }
    s.since_eof += s.bytes;
    const bool eof = s.since_eof >= std::uint64_t{std::max(get(I2S_RXEOF_NUM_REG), 1u)} * 4;
    if (eof) s.since_eof = 0;
    d->set_length(s.bytes);
    d->control &= ~(DmaDescriptor::kOwner | DmaDescriptor::kEof);
    if (eof) d->control |= DmaDescriptor::kEof;
    write_control(dma_, *d);
    set(I2S_INLINK_DSCR_REG, d->address);
    if (eof) set(I2S_IN_EOF_DES_ADDR_REG, d->address);
    interrupts_.raise(IN_DONE | (eof ? IN_SUC_EOF : 0) | (d->next == 0 ? IN_DSCR_EMPTY : 0));
  }
  s.descriptor = d->next;
  if (s.descriptor != 0 && clocked(side)) begin(side, at);
}

void I2s::advance() {
  const Ticks now = events().now();
  for (const Side side : {kTransmit, kReceive}) {
    // What a late look finds due beyond a few descriptors is not made up for: nobody could have handled it.
    for (unsigned i = 0; i < 16 && streams_[side].due <= now; ++i) complete(side);
    if (streams_[side].due <= now) streams_[side].due = now + 1;
  }
}

// Starts what can run, stops what cannot.
void I2s::update() {
  for (const Side side : {kTransmit, kReceive}) {
    Stream& s = streams_[side];
    if (!clocked(side))
      s.due = kNever;
    else if (s.due == kNever && s.linked && s.descriptor != 0)
      begin(side, events().now());
  }
}

void I2s::arm() {
  const Ticks at = std::min(streams_[kTransmit].due, streams_[kReceive].due);
  if (at != alarm_.deadline()) alarm_.arm(at);
}

std::uint32_t I2s::peek(std::uint32_t offset) {
  if (interrupts_.owns(offset)) return interrupts_.read(offset);
  // TX_IDLE; the FIFO resets are over at once.
  if (offset == I2S_STATE_REG) return streams_[kTransmit].due == kNever ? 1 : 0;
  return get(offset);
}

std::uint32_t I2s::read(std::uint32_t offset) {
  RegisterBlock::read(offset);
  return peek(offset);
}

void I2s::write(std::uint32_t offset, std::uint32_t value) {
  advance();
  if (interrupts_.owns(offset)) return interrupts_.write(offset, value);
  RegisterBlock::write(offset, value);
  if (offset == I2S_OUT_LINK_REG) link_written(kTransmit, value);
  if (offset == I2S_IN_LINK_REG) link_written(kReceive, value);
  if (offset == I2S_LC_CONF_REG) {
    if (value & 1) streams_[kReceive] = {};
    if (value >> 1 & 1) streams_[kTransmit] = {};
  }
  update();
  arm();
}

void I2s::reset(ResetKind kind) {
  RegisterBlock::reset(kind);
  streams_ = {};
  interrupts_.reset();
  arm();
}

void I2s::archive(base::Archive& ar) {
  RegisterBlock::archive(ar);
  ar(interrupts_, streams_);
  if (ar.is_saving()) return;
  for (Stream& s : streams_) s.bytes &= 0xfff;
  arm();
}

}  // namespace espalier::devices
