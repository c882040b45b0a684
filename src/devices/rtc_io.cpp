#include "devices/rtc_io.h"

namespace espalier::devices {
namespace {

constexpr std::uint32_t RTC_GPIO_OUT_REG = 0x00;
constexpr std::uint32_t RTC_GPIO_ENABLE_REG = 0x0c;
constexpr std::uint32_t RTC_GPIO_STATUS_REG = 0x18;
constexpr std::uint32_t RTC_GPIO_IN_REG = 0x24;
constexpr std::uint32_t RTC_GPIO_PIN0_REG = 0x28;
constexpr std::uint32_t RTC_IO_SENSOR_PADS_REG = 0x7c;
constexpr std::uint32_t RTC_IO_ADC_PAD_REG = 0x80;
constexpr std::uint32_t RTC_IO_PAD_DAC1_REG = 0x84;
constexpr std::uint32_t RTC_IO_PAD_DAC2_REG = 0x88;
constexpr std::uint32_t RTC_IO_XTAL_32K_PAD_REG = 0x8c;
constexpr std::uint32_t RTC_IO_TOUCH_PAD0_REG = 0x94;
constexpr std::uint32_t RTC_IO_EXT_WAKEUP0_REG = 0xbc;

// The data of OUT, ENABLE, STATUS and IN begin at this bit.
constexpr unsigned kData = 14;
constexpr std::uint32_t kDataMask = 0xffffc000;

constexpr Reg kRegisters[] = {
    {RTC_GPIO_OUT_REG, 0, kDataMask},
    {0x04, 0, 0, 2},
    {RTC_GPIO_ENABLE_REG, 0, kDataMask},
    {0x10, 0, 0, 2},
    {RTC_GPIO_STATUS_REG, 0, kDataMask},
    {0x1c, 0, 0, 2},
    {RTC_GPIO_IN_REG, 0, 0},
    {RTC_GPIO_PIN0_REG, 0, 0x784, 18},
    {0x70, 0, 0x03ffffff},  // RTC_DEBUG_SEL
    {0x74},                 // DIG_PAD_HOLD
    {0x78, 0, 0xc0000000},  // HALL_SENS
    {RTC_IO_SENSOR_PADS_REG, 0, 0xfffffff0},
    {RTC_IO_ADC_PAD_REG, 0, 0xfffc0000},
    {RTC_IO_PAD_DAC1_REG, 0x80000000, 0xfffffc00, 2},
    {RTC_IO_XTAL_32K_PAD_REG, 0x84100010, 0xfffffffe},
    {0x90, 0x66000000, 0xff800000},                   // TOUCH_CFG
    {RTC_IO_TOUCH_PAD0_REG, 0x52000000, 0xfbfff000},  // GPIO4: pulled down
    {0x98, 0x4a000000, 0xfbfff000},                   // GPIO0: up
    {0x9c, 0x52000000, 0xfbfff000},                   // GPIO2: down
    {0xa0, 0x4a000000, 0xfbfff000},                   // MTDO: up
    {0xa4, 0x52000000, 0xfbfff000, 2},                // MTCK, MTDI: down
    {0xac, 0x4a000000, 0xfbfff000},                   // MTMS: up
    {0xb0, 0x42000000, 0xfbfff000},                   // GPIO27
    {0xb4, 0x02000000, 0x03f80000, 2},                // TOUCH_PAD8, 9
    {RTC_IO_EXT_WAKEUP0_REG, 0, 0xf8000000},
    {0xc0, 0, 0xf8000000},          // XTL_EXT_CTR
    {0xc4, 0, 0xff800000},          // SAR_I2C_IO
    {0xc8, 0x1603160, 0x0fffffff},  // DATE
};

// Where a pad's bits lie.
struct Pad {
  std::uint8_t gpio;
  std::uint8_t reg;
  std::uint8_t mux_sel, input_enable;
  std::uint8_t pull_up, pull_down;  // kNoPull where the pad has none
};
constexpr std::uint8_t kNoPull = 32;
constexpr Pad kPads[RtcIo::kRtcPins] = {
    {36, RTC_IO_SENSOR_PADS_REG, 27, 19, kNoPull, kNoPull},
    {37, RTC_IO_SENSOR_PADS_REG, 26, 14, kNoPull, kNoPull},
    {38, RTC_IO_SENSOR_PADS_REG, 25, 9, kNoPull, kNoPull},
    {39, RTC_IO_SENSOR_PADS_REG, 24, 4, kNoPull, kNoPull},
    {34, RTC_IO_ADC_PAD_REG, 29, 23, kNoPull, kNoPull},
    {35, RTC_IO_ADC_PAD_REG, 28, 18, kNoPull, kNoPull},
    {25, RTC_IO_PAD_DAC1_REG, 17, 11, 27, 28},
    {26, RTC_IO_PAD_DAC2_REG, 17, 11, 27, 28},
    {33, RTC_IO_XTAL_32K_PAD_REG, 18, 11, 27, 28},
    {32, RTC_IO_XTAL_32K_PAD_REG, 17, 5, 22, 23},
    {4, RTC_IO_TOUCH_PAD0_REG, 19, 13, 27, 28},
    {0, 0x98, 19, 13, 27, 28},
    {2, 0x9c, 19, 13, 27, 28},
    {15, 0xa0, 19, 13, 27, 28},
    {13, 0xa4, 19, 13, 27, 28},
    {12, 0xa8, 19, 13, 27, 28},
    {14, 0xac, 19, 13, 27, 28},
    {27, 0xb0, 19, 13, 27, 28},
};

}  // namespace

RtcIo::RtcIo(Gpio& gpio, Context context)
    : RegisterBlock("rtc_io", kSize, kRegisters, context, Domain::kRtc), gpio_(gpio) {
  update_all();
}

unsigned RtcIo::gpio_of(unsigned rtc_pin) {
  return kPads[rtc_pin % kRtcPins].gpio;
}

bool RtcIo::ext0_level() const {
  return level(field(RTC_IO_EXT_WAKEUP0_REG, 31, 27));
}

bool RtcIo::wakes() const {
  for (unsigned n = 0; n < kRtcPins; ++n) {
    const std::uint32_t pin = get(RTC_GPIO_PIN0_REG + 4 * n);
    const std::uint32_t type = pin >> 7 & 7;  // 4: low level, 5: high level
    if ((pin >> 10 & 1) && (type & 6) == 4 && level(n) == (type == 5)) return true;
  }
  return false;
}

std::uint8_t RtcIo::dac(unsigned channel) const {
  const std::uint32_t v = get(channel == 0 ? RTC_IO_PAD_DAC1_REG : RTC_IO_PAD_DAC2_REG);
  return v >> 18 & 1 ? static_cast<std::uint8_t>(v >> 19) : 0;
}

void RtcIo::update(unsigned rtc_pin) {
  const Pad& pad = kPads[rtc_pin];
  const auto has = [&](std::uint8_t n) { return n != kNoPull && bit(pad.reg, n); };
  Gpio::RtcPad state;
  state.pull_up = has(pad.pull_up);
  state.pull_down = has(pad.pull_down);
  state.owned = bit(pad.reg, pad.mux_sel);
  state.level = bit(RTC_GPIO_OUT_REG, kData + rtc_pin);
  const bool open_drain = bit(RTC_GPIO_PIN0_REG + 4 * rtc_pin, 2);
  state.drives =
      bit(RTC_GPIO_ENABLE_REG, kData + rtc_pin) && pad.pull_up != kNoPull && !(open_drain && state.level);
  gpio_.set_rtc_pad(pad.gpio, state);
}

void RtcIo::update_all() {
  for (unsigned n = 0; n < kRtcPins; ++n) update(n);
}

std::uint32_t RtcIo::peek(std::uint32_t offset) {
  if (offset != RTC_GPIO_IN_REG) return get(offset);
  std::uint32_t v = 0;
  for (unsigned n = 0; n < kRtcPins; ++n)
    if (bit(kPads[n].reg, kPads[n].mux_sel) && bit(kPads[n].reg, kPads[n].input_enable) && level(n))
      v |= 1u << (kData + n);
  return v;
}

std::uint32_t RtcIo::read(std::uint32_t offset) {
  RegisterBlock::read(offset);
  return peek(offset);
}

void RtcIo::write(std::uint32_t offset, std::uint32_t value) {
  if (offset < RTC_GPIO_IN_REG) {  // value, W1TS, W1TC of OUT, ENABLE, STATUS
    const std::uint32_t base = offset / 12 * 12;
    const std::uint32_t old = get(base);
    RegisterBlock::write(base, offset == base ? value : offset == base + 4 ? old | value : old & ~value);
  } else {
    RegisterBlock::write(offset, value);
  }
  if (offset != RTC_IO_EXT_WAKEUP0_REG) update_all();
}

void RtcIo::reset(ResetKind kind) {
  RegisterBlock::reset(kind);
  update_all();
}

}  // namespace espalier::devices
