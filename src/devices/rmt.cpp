#include "devices/rmt.h"

#include <algorithm>

namespace espalier::devices {
namespace {

using base::kNever;
using base::Ticks;

constexpr std::uint32_t RMT_CH0DATA_REG = 0x00;
constexpr std::uint32_t RMT_CH0CONF0_REG = 0x20;  // CONF0 and CONF1 of each channel in turn
constexpr std::uint32_t RMT_CH0CONF1_REG = 0x24;
constexpr std::uint32_t RMT_CH0STATUS_REG = 0x60;
constexpr std::uint32_t RMT_CH0ADDR_REG = 0x80;
constexpr std::uint32_t RMT_INT_RAW_REG = 0xa0;
constexpr std::uint32_t RMT_INT_ST_REG = 0xa4;
constexpr std::uint32_t RMT_INT_ENA_REG = 0xa8;
constexpr std::uint32_t RMT_INT_CLR_REG = 0xac;
constexpr std::uint32_t RMT_CH0CARRIER_DUTY_REG = 0xb0;
constexpr std::uint32_t RMT_CH0_TX_LIM_REG = 0xd0;
constexpr std::uint32_t RMT_APB_CONF_REG = 0xf0;
constexpr std::uint32_t RMT_DATE_REG = 0xfc;
constexpr std::uint32_t kMemory = 0x800;

constexpr Reg kRegisters[] = {
    {RMT_CH0DATA_REG, 0, 0, 8},
    {RMT_CH0CONF0_REG, 0x31100002, 0xffffffff, 8, 8},
    {RMT_CH0CONF1_REG, 0x00000f20, 0x000efff3, 8,
     8},  // the three reset bits and REF_CNT_RST act and read as 0
    {RMT_CH0STATUS_REG, 0, 0, 8},
    {RMT_CH0ADDR_REG, 0, 0, 8},
    {RMT_INT_RAW_REG, 0, 0, 4},
    {RMT_CH0CARRIER_DUTY_REG, 0x00400040, 0xffffffff, 8},
    {RMT_CH0_TX_LIM_REG, 0x80, 0x1ff, 8},
    {RMT_APB_CONF_REG, 0, 3},
    {RMT_DATE_REG, 0x16022600},
    {kMemory, 0, 0xffffffff, Rmt::kWords},
};

// CONF1
constexpr unsigned TX_START = 0, RX_EN = 1, MEM_WR_RST = 2, MEM_RD_RST = 3, APB_MEM_RST = 4, MEM_OWNER = 5;
constexpr unsigned TX_CONTI_MODE = 6, REF_ALWAYS_ON = 17;
constexpr unsigned MEM_TX_WRAP_EN = 1;

constexpr std::uint32_t tx_end(unsigned channel) {
  return 1u << 3 * channel;
}
constexpr std::uint32_t rx_end(unsigned channel) {
  return 2u << 3 * channel;
}
constexpr std::uint32_t error(unsigned channel) {
  return 4u << 3 * channel;
}
constexpr std::uint32_t tx_threshold(unsigned channel) {
  return 1u << (24 + channel);
}
constexpr std::uint32_t conf1(unsigned channel) {
  return RMT_CH0CONF1_REG + 8 * channel;
}

constexpr std::uint32_t kRefTickHz = 1'000'000;

}  // namespace

Rmt::Rmt(Context context)
    : RegisterBlock("rmt", kSize, kRegisters, context),
      interrupts_({RMT_INT_RAW_REG, RMT_INT_ST_REG, RMT_INT_ENA_REG, RMT_INT_CLR_REG, 0xffffffff}),
      alarm_(context.events, [this] {
        advance();
        arm();
      }) {}

std::uint32_t Rmt::size(unsigned channel) const {
  return std::clamp(field(RMT_CH0CONF0_REG + 8 * channel, 27, 24), 1u, 8u) * kBlock;
}

std::uint32_t Rmt::word(unsigned channel, std::uint32_t at) const {
  return get(kMemory + 4 * ((channel * kBlock + at) % kWords));
}

void Rmt::put(unsigned channel, std::uint32_t at, std::uint32_t word) {
  set(kMemory + 4 * ((channel * kBlock + at) % kWords), word);
}

Ticks Rmt::duration(unsigned channel, std::uint64_t units) const {
  const std::uint32_t divider = field(RMT_CH0CONF0_REG + 8 * channel, 7, 0);
  return base::ticks_for(units * (divider ? divider : 256),
                         bit(conf1(channel), REF_ALWAYS_ON) ? apb_hz_ : kRefTickHz);
}

// Sends words up to the end of the train or the next threshold.
void Rmt::send_stretch(unsigned channel, Ticks from) {
  Channel& c = channels_[channel];
  const std::uint32_t limit = std::max(get(RMT_CH0_TX_LIM_REG + 4 * channel), 1u);
  const bool wrap = bit(RMT_APB_CONF_REG, MEM_TX_WRAP_EN);
  std::array<std::uint32_t, kWords> words;
  std::uint32_t count = 0;
  std::uint64_t units = 0;
  c.last = false;
  while (!c.last && count < std::min(limit, kWords)) {
    const std::uint32_t w = word(channel, c.read_at);
    const std::uint32_t first = w & 0x7fff, second = w >> 16 & 0x7fff;
    if (first == 0) {
      c.last = true;
      break;
    }
    units += first + second;
    words[count++] = w;
    c.last = second == 0;
    if (++c.read_at < size(channel)) continue;
    c.read_at = 0;
    if (!wrap) c.last = true;
  }
  c.due = from + duration(channel, units);
  if (count && on_transmit) on_transmit(channel, std::span(words.data(), count));
}

void Rmt::advance() {
  const Ticks now = events().now();
  for (unsigned channel = 0; channel < kChannels; ++channel) {
    Channel& c = channels_[channel];
    while (c.sending && c.due <= now) {
      const Ticks at = c.due;
      if (!c.last) {
        interrupts_.raise(tx_threshold(channel));
        send_stretch(channel, at);
      } else if (bit(conf1(channel), TX_CONTI_MODE)) {
        c.read_at = 0;
        send_stretch(channel, at);
        if (c.due == at) c.due = at + duration(channel, 1);  // an empty train: do not spin
      } else {
        c.sending = false;
        c.due = kNever;
        set(conf1(channel), get(conf1(channel)) & ~(1u << TX_START));
        interrupts_.raise(tx_end(channel));
      }
      // What has been missed while nobody looked at a repeated train is of no interest.
      if (c.sending && c.due <= now && bit(conf1(channel), TX_CONTI_MODE)) c.due = now + duration(channel, 1);
    }
  }
}

void Rmt::arm() {
  Ticks at = kNever;
  for (unsigned channel = 0; channel < kChannels; ++channel)
    // A repeated train of which nobody wants to hear needs no timer.
    if (!bit(conf1(channel), TX_CONTI_MODE) || (interrupts_.enabled() & tx_threshold(channel)) || on_transmit)
      at = std::min(at, channels_[channel].due);
  if (at != alarm_.deadline()) alarm_.arm(at);
}

void Rmt::conf1_written(unsigned channel, std::uint32_t value) {
  Channel& c = channels_[channel];
  if (value >> MEM_WR_RST & 1) c.write_at = 0;
  if (value >> MEM_RD_RST & 1) c.read_at = 0;
  if (value >> APB_MEM_RST & 1) c.apb_at = 0;
  if ((value >> TX_START & 1) && !c.sending) {
    c.sending = true;
    send_stretch(channel, events().now());
  } else if (!(value >> TX_START & 1) && c.sending) {
    c.sending = false;
    c.due = kNever;
  }
}

void Rmt::receive(unsigned channel, std::span<const std::uint32_t> words) {
  if (channel >= kChannels) return;
  advance();
  const std::uint32_t conf = get(conf1(channel));
  if (!(conf >> RX_EN & 1) || !(conf >> MEM_OWNER & 1)) return;
  Channel& c = channels_[channel];
  for (const std::uint32_t w : words) {
    if (c.write_at >= size(channel)) {
      interrupts_.raise(error(channel));
      break;
    }
    put(channel, c.write_at++, w);
  }
  if (c.write_at < size(channel)) put(channel, c.write_at, 0);
  interrupts_.raise(rx_end(channel));
}

std::uint32_t Rmt::status(unsigned channel) const {
  const Channel& c = channels_[channel];
  const std::uint32_t first = channel * kBlock;
  return ((first + c.write_at) & 0x3ff) | ((first + c.read_at) & 0x3ff) << 12 | (c.sending ? 1u << 24 : 0);
}

std::uint32_t Rmt::peek(std::uint32_t offset) {
  advance();
  if (interrupts_.owns(offset)) return interrupts_.read(offset);
  if (offset < RMT_CH0CONF0_REG) return word(offset / 4, channels_[offset / 4].apb_at);
  if (offset >= RMT_CH0STATUS_REG && offset < RMT_CH0ADDR_REG)
    return status((offset - RMT_CH0STATUS_REG) / 4);
  if (offset >= RMT_CH0ADDR_REG && offset < RMT_INT_RAW_REG) {
    const unsigned channel = (offset - RMT_CH0ADDR_REG) / 4;
    return channel * kBlock + channels_[channel].apb_at;
  }
  return get(offset);
}

std::uint32_t Rmt::read(std::uint32_t offset) {
  RegisterBlock::read(offset);
  const std::uint32_t value = peek(offset);
  arm();
  if (offset < RMT_CH0CONF0_REG) {
    Channel& c = channels_[offset / 4];
    c.apb_at = (c.apb_at + 1) % size(offset / 4);
  }
  return value;
}

void Rmt::write(std::uint32_t offset, std::uint32_t value) {
  advance();
  if (interrupts_.owns(offset)) {
    interrupts_.write(offset, value);
  } else if (offset < RMT_CH0CONF0_REG) {
    Channel& c = channels_[offset / 4];
    put(offset / 4, c.apb_at, value);
    c.apb_at = (c.apb_at + 1) % size(offset / 4);
  } else {
    RegisterBlock::write(offset, value);
    if (offset >= RMT_CH0CONF0_REG && offset < RMT_CH0STATUS_REG && offset % 8 == 4)
      conf1_written((offset - RMT_CH0CONF0_REG) / 8, value);
  }
  advance();
  arm();
}

void Rmt::reset(ResetKind kind) {
  RegisterBlock::reset(kind);
  channels_ = {};
  interrupts_.reset();
  arm();
}

void Rmt::archive(base::Archive& ar) {
  RegisterBlock::archive(ar);
  ar(interrupts_, apb_hz_, channels_);
  if (ar.is_saving()) return;
  apb_hz_ = std::max(apb_hz_, 1u);
  arm();
}

}  // namespace espalier::devices
