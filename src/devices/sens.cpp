#include "devices/sens.h"

namespace espalier::devices {
namespace {

constexpr std::uint32_t SENS_SAR_READ_CTRL_REG = 0x00;
constexpr std::uint32_t SENS_SAR_SLAVE_ADDR1_REG = 0x3c;
constexpr std::uint32_t SENS_SAR_SLAVE_ADDR3_REG = 0x44;
constexpr std::uint32_t SENS_SAR_SLAVE_ADDR4_REG = 0x48;
constexpr std::uint32_t SENS_SAR_TSENS_CTRL_REG = 0x4c;
constexpr std::uint32_t SENS_SAR_I2C_CTRL_REG = 0x50;
constexpr std::uint32_t SENS_SAR_MEAS_START1_REG = 0x54;
constexpr std::uint32_t SENS_SAR_TOUCH_CTRL1_REG = 0x58;
constexpr std::uint32_t SENS_SAR_TOUCH_THRES1_REG = 0x5c;
constexpr std::uint32_t SENS_SAR_TOUCH_OUT1_REG = 0x70;
constexpr std::uint32_t SENS_SAR_TOUCH_OUT5_REG = 0x80;
constexpr std::uint32_t SENS_SAR_TOUCH_CTRL2_REG = 0x84;
constexpr std::uint32_t SENS_SAR_TOUCH_ENABLE_REG = 0x8c;
constexpr std::uint32_t SENS_SAR_READ_CTRL2_REG = 0x90;
constexpr std::uint32_t SENS_SAR_MEAS_START2_REG = 0x94;

constexpr Reg kRegisters[] = {
    {SENS_SAR_READ_CTRL_REG, 0x00070902, 0x1fffffff},
    {0x04, 0, 0},                    // SAR_READ_STATUS1
    {0x08, 0x000a000a},              // SAR_MEAS_WAIT1
    {0x0c, 0x0020000a, 0x0fffffff},  // SAR_MEAS_WAIT2
    {0x10, 0x0707338f},              // SAR_MEAS_CTRL
    {0x14, 0, 0},                    // SAR_READ_STATUS2
    {0x18, 200},                     // ULP_CP_SLEEP_CYC0 to 4
    {0x1c, 100},
    {0x20, 50},
    {0x24, 40},
    {0x28, 20},
    {0x2c, 0x0f, 0x01ffffff},           // SAR_START_FORCE
    {0x30, 0x00100200, 0x007fffff},     // SAR_MEM_WR_CTRL
    {0x34, 0xffffffff, 0xffffffff, 2},  // SAR_ATTEN1, 2
    {SENS_SAR_SLAVE_ADDR1_REG, 0, 0x003fffff, 4},
    {SENS_SAR_TSENS_CTRL_REG, 0x00066002, 0x07ffffff},
    {SENS_SAR_I2C_CTRL_REG, 0, 0x3fffffff},
    {SENS_SAR_MEAS_START1_REG, 0, 0xfffe0000},
    {SENS_SAR_TOUCH_CTRL1_REG, 0x02041000, 0x0fffffff},
    {SENS_SAR_TOUCH_THRES1_REG, 0, 0xffffffff, 5},
    {SENS_SAR_TOUCH_OUT1_REG, 0, 0, 5},
    {SENS_SAR_TOUCH_CTRL2_REG, 0x00400800, 0x3ffff800},
    {SENS_SAR_TOUCH_ENABLE_REG, 0x3fffffff, 0x3fffffff},
    {SENS_SAR_READ_CTRL2_REG, 0x00070902, 0x3fffffff},
    {SENS_SAR_MEAS_START2_REG, 0, 0xfffe0000},
    {0x98, 0, 0x03ffffff},           // SAR_DAC_CTRL1
    {0x9c, 0x03000000, 0x03ffffff},  // SAR_DAC_CTRL2
    {0xa0, 0x3, 0x7ffff},            // SAR_MEAS_CTRL2
    {0xf8},                          // SAR_NOUSE
    {0xfc, 0x1605180, 0x0fffffff},   // SARDATE
};

// How the two ADCs' registers differ.
struct Adc {
  std::uint32_t start, control;
  unsigned data_inv;
};
constexpr Adc kAdcs[2] = {{SENS_SAR_MEAS_START1_REG, SENS_SAR_READ_CTRL_REG, 28},
                          {SENS_SAR_MEAS_START2_REG, SENS_SAR_READ_CTRL2_REG, 29}};

constexpr unsigned MEAS_DONE = 16, MEAS_START = 17, EN_PAD = 19;
// Settling and conversion; the chip's one-shot conversions take about this long.
constexpr base::Ticks kConversion = 10 * base::kTicksPerMicrosecond;

}  // namespace

Sens::Sens(Context context) : RegisterBlock("sens", kSize, kRegisters, context, Domain::kRtc) {
  ready_at_.fill(base::kNever);
  touch_.fill(kUntouched);
}

void Sens::start_conversion(unsigned adc) {
  const std::uint32_t pads = field(kAdcs[adc].start, 30, EN_PAD);
  const unsigned channel = pads ? static_cast<unsigned>(__builtin_ctz(pads)) : 0;
  std::uint32_t value = on_sample ? on_sample(adc + 1, channel) & 0xfffu : 0;
  const std::uint32_t bits = 9 + field(kAdcs[adc].control, 17, 16);
  value >>= 12 - bits;
  // The converter's output is inverted, unless DATA_INV turns it round.
  if (!bit(kAdcs[adc].control, kAdcs[adc].data_inv)) value ^= (1u << bits) - 1;
  samples_[adc] = static_cast<std::uint16_t>(value);
  ready_at_[adc] = events().now() + kConversion;
}

std::uint32_t Sens::conversion(unsigned adc) const {
  std::uint32_t v = get(kAdcs[adc].start);
  if (events().now() >= ready_at_[adc]) v |= 1u << MEAS_DONE | samples_[adc];
  return v;
}

void Sens::set_touch(unsigned pad, std::uint16_t count) {
  if (pad >= kTouchPads) return;
  touch_[pad] = count;
  // The state machine measures again and again by itself.
  if (!bit(SENS_SAR_TOUCH_CTRL2_REG, 13) && bit(SENS_SAR_TOUCH_CTRL2_REG, 11)) measure_touch();
}

void Sens::measure_touch() {
  const std::uint32_t enable = get(SENS_SAR_TOUCH_ENABLE_REG);
  const bool above = bit(SENS_SAR_TOUCH_CTRL1_REG, 24);  // TOUCH_OUT_SEL
  const std::uint32_t before = active_;
  for (unsigned pad = 0; pad < kTouchPads; ++pad) {
    if (!(enable >> pad & 1)) continue;
    measured_[pad] = touch_[pad];
    const std::uint32_t threshold =
        get(SENS_SAR_TOUCH_THRES1_REG + pad / 2 * 4) >> (pad % 2 ? 0 : 16) & 0xffff;
    if (above ? touch_[pad] > threshold : touch_[pad] < threshold) active_ |= 1u << pad;
  }
  touch_done_ = true;
  if (active_ != before && on_touch) on_touch();
}

std::uint32_t Sens::peek(std::uint32_t offset) {
  const std::uint32_t v = get(offset);
  switch (offset) {
    case SENS_SAR_MEAS_START1_REG:
      return conversion(0);
    case SENS_SAR_MEAS_START2_REG:
      return conversion(1);
    case SENS_SAR_SLAVE_ADDR3_REG:  // TSENS_RDY_OUT and TSENS_OUT while TSENS_POWER_UP
      return bit(SENS_SAR_TSENS_CTRL_REG, 24) ? v | 1u << 30 | static_cast<std::uint32_t>(temperature_) << 22
                                              : v;
    case SENS_SAR_SLAVE_ADDR4_REG:  // I2C_DONE: nothing answers on the RTC's I2C, but each command ends
      return bit(SENS_SAR_I2C_CTRL_REG, 28) ? v | 1u << 30 | 0xffu << 22 : v;
    case SENS_SAR_TOUCH_CTRL2_REG:
      return v | static_cast<std::uint32_t>(touch_done_) << 10 | active_;
    default:
      break;
  }
  if (offset >= SENS_SAR_TOUCH_OUT1_REG && offset <= SENS_SAR_TOUCH_OUT5_REG) {
    const unsigned pad = (offset - SENS_SAR_TOUCH_OUT1_REG) / 2;
    return static_cast<std::uint32_t>(measured_[pad]) << 16 | measured_[pad + 1];
  }
  return v;
}

std::uint32_t Sens::read(std::uint32_t offset) {
  RegisterBlock::read(offset);
  return peek(offset);
}

void Sens::write(std::uint32_t offset, std::uint32_t value) {
  const std::uint32_t before = get(offset);
  RegisterBlock::write(offset, value);
  const std::uint32_t rising = get(offset) & ~before;
  for (unsigned adc = 0; adc < 2; ++adc)
    if (offset == kAdcs[adc].start && (rising >> MEAS_START & 1)) start_conversion(adc);
  if (offset == SENS_SAR_TOUCH_CTRL2_REG) {
    if (value >> 30 & 1) active_ = 0;       // TOUCH_MEAS_EN_CLR
    if (rising >> 12 & 1) measure_touch();  // TOUCH_START_EN
    if (rising >> 11 & 1) measure_touch();  // TOUCH_START_FSM_EN
  }
}

void Sens::reset(ResetKind kind) {
  RegisterBlock::reset(kind);
  if (!reached_by(kind)) return;
  ready_at_.fill(base::kNever);
  measured_ = {};
  active_ = 0;
  touch_done_ = false;
}

void Sens::archive(base::Archive& ar) {
  RegisterBlock::archive(ar);
  ar(ready_at_, samples_, touch_, measured_, active_, touch_done_, temperature_);
}

}  // namespace espalier::devices
