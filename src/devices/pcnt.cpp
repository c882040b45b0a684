#include "devices/pcnt.h"

namespace espalier::devices {
namespace {

constexpr std::uint32_t PCNT_U0_CONF0_REG = 0x00;  // CONF0, CONF1, CONF2 of each unit in turn
constexpr std::uint32_t PCNT_U0_CNT_REG = 0x60;
constexpr std::uint32_t PCNT_INT_RAW_REG = 0x80;
constexpr std::uint32_t PCNT_INT_ST_REG = 0x84;
constexpr std::uint32_t PCNT_INT_ENA_REG = 0x88;
constexpr std::uint32_t PCNT_INT_CLR_REG = 0x8c;
constexpr std::uint32_t PCNT_U0_STATUS_REG = 0x90;
constexpr std::uint32_t PCNT_CTRL_REG = 0xb0;
constexpr std::uint32_t PCNT_DATE_REG = 0xfc;

constexpr Reg kRegisters[] = {
    {PCNT_U0_CONF0_REG, 0x3c10, 0xffffffff, 8, 12},
    {PCNT_U0_CONF0_REG + 4, 0, 0xffffffff, 8, 12},
    {PCNT_U0_CONF0_REG + 8, 0, 0xffffffff, 8, 12},
    {PCNT_U0_CNT_REG, 0, 0, 8},
    {PCNT_INT_RAW_REG, 0, 0, 4},
    {PCNT_U0_STATUS_REG, 0, 0, 8},
    {PCNT_CTRL_REG, 0x5555, 0x1ffff},
    {PCNT_DATE_REG, 0x14122600},
};

// CONF0: enables of the events, whose latches in STATUS lie in reverse order.
constexpr unsigned THR_ZERO_EN = 11, THR_H_LIM_EN = 12, THR_L_LIM_EN = 13, THR_THRES0_EN = 14,
                   THR_THRES1_EN = 15;
constexpr unsigned THRES1_LAT = 2, THRES0_LAT = 3, L_LIM_LAT = 4, H_LIM_LAT = 5, ZERO_LAT = 6;

constexpr std::uint32_t conf(unsigned unit, unsigned n) {
  return PCNT_U0_CONF0_REG + 12 * unit + 4 * n;
}

}  // namespace

Pcnt::Pcnt(Context context)
    : RegisterBlock("pcnt", kSize, kRegisters, context),
      interrupts_({PCNT_INT_RAW_REG, PCNT_INT_ST_REG, PCNT_INT_ENA_REG, PCNT_INT_CLR_REG, 0xff}) {}

void Pcnt::input(unsigned signal, bool level) {
  // gpio_sig_map.h: four signals a unit (pulses of channel 0 and 1, controls of both), units 0 to 4 from 39
  // on, units 5 to 7 from 71 on.
  unsigned index;
  if (signal >= 39 && signal < 59)
    index = signal - 39;
  else if (signal >= 71 && signal < 83)
    index = signal - 71 + 20;
  else
    return;
  const unsigned unit = index / 4, channel = index % 2;
  if (index % 4 >= 2) {
    units_[unit].control[channel] = level;
  } else if (units_[unit].pulse[channel] != level) {
    units_[unit].pulse[channel] = level;
    edge(unit, channel, level);
  }
}

void Pcnt::edge(unsigned unit, unsigned channel, bool rising) {
  if (bit(PCNT_CTRL_REG, 2 * unit) || bit(PCNT_CTRL_REG, 2 * unit + 1)) return;  // held in reset, or paused
  const std::uint32_t modes = get(conf(unit, 0)) >> (16 + 8 * channel);
  const unsigned mode = modes >> (rising ? 2 : 0) & 3;  // 1: up, 2: down
  const unsigned control =
      modes >> (units_[unit].control[channel] ? 4 : 6) & 3;  // 1: inverts, 2 and 3: inhibit
  if ((mode != 1 && mode != 2) || control >= 2) return;
  step(unit, ((mode == 1) == (control == 0)) ? 1 : -1);
}

void Pcnt::step(unsigned unit, int by) {
  Unit& u = units_[unit];
  u.count = static_cast<std::int16_t>(u.count + by);
  const std::uint32_t conf0 = get(conf(unit, 0));
  const auto value = [&](unsigned n, unsigned shift) {
    return static_cast<std::int16_t>(get(conf(unit, n)) >> shift);
  };
  std::uint32_t events = 0;
  const auto check = [&](unsigned enable, std::int16_t at, unsigned latch) {
    if ((conf0 >> enable & 1) && u.count == at) events |= 1u << latch;
  };
  check(THR_THRES0_EN, value(1, 0), THRES0_LAT);
  check(THR_THRES1_EN, value(1, 16), THRES1_LAT);
  check(THR_H_LIM_EN, value(2, 0), H_LIM_LAT);
  check(THR_L_LIM_EN, value(2, 16), L_LIM_LAT);
  check(THR_ZERO_EN, 0, ZERO_LAT);
  // At a limit the counter starts again from 0.
  if (events & (1u << H_LIM_LAT | 1u << L_LIM_LAT)) u.count = 0;
  if (!events) return;
  u.status = events | (u.count == 0 ? (by < 0 ? 1u : 0u) : u.count < 0 ? 2u : 3u);
  interrupts_.raise(1u << unit);
}

std::uint32_t Pcnt::peek(std::uint32_t offset) {
  if (interrupts_.owns(offset)) return interrupts_.read(offset);
  if (offset >= PCNT_U0_CNT_REG && offset < PCNT_INT_RAW_REG)
    return static_cast<std::uint16_t>(units_[(offset - PCNT_U0_CNT_REG) / 4].count);
  if (offset >= PCNT_U0_STATUS_REG && offset < PCNT_CTRL_REG)
    return units_[(offset - PCNT_U0_STATUS_REG) / 4].status;
  return get(offset);
}

std::uint32_t Pcnt::read(std::uint32_t offset) {
  RegisterBlock::read(offset);
  return peek(offset);
}

void Pcnt::write(std::uint32_t offset, std::uint32_t value) {
  if (interrupts_.owns(offset)) return interrupts_.write(offset, value);
  RegisterBlock::write(offset, value);
  if (offset != PCNT_CTRL_REG) return;
  for (unsigned unit = 0; unit < kUnits; ++unit)
    if (value >> 2 * unit & 1) units_[unit].count = 0;
}

void Pcnt::reset(ResetKind kind) {
  RegisterBlock::reset(kind);
  for (Unit& u : units_) {
    u.count = 0;
    u.status = 0;
  }
  interrupts_.reset();
}

void Pcnt::archive(base::Archive& ar) {
  RegisterBlock::archive(ar);
  ar(interrupts_, units_);
}

}  // namespace espalier::devices
