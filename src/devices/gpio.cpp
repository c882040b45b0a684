#include "devices/gpio.h"

#include <string>

namespace espalier::devices {
namespace {

constexpr std::uint32_t GPIO_BT_SELECT_REG = 0x00;
constexpr std::uint32_t GPIO_OUT_REG = 0x04;
constexpr std::uint32_t GPIO_OUT1_REG = 0x10;
constexpr std::uint32_t GPIO_SDIO_SELECT_REG = 0x1c;
constexpr std::uint32_t GPIO_ENABLE_REG = 0x20;
constexpr std::uint32_t GPIO_ENABLE1_REG = 0x2c;
constexpr std::uint32_t GPIO_STRAP_REG = 0x38;
constexpr std::uint32_t GPIO_IN_REG = 0x3c;
constexpr std::uint32_t GPIO_IN1_REG = 0x40;
constexpr std::uint32_t GPIO_STATUS_REG = 0x44;
constexpr std::uint32_t GPIO_STATUS1_REG = 0x50;
constexpr std::uint32_t GPIO_ACPU_INT_REG = 0x60;
constexpr std::uint32_t GPIO_CPUSDIO_INT1_REG = 0x84;
constexpr std::uint32_t GPIO_PIN0_REG = 0x88;
constexpr std::uint32_t GPIO_CALI_CONF_REG = 0x128;
constexpr std::uint32_t GPIO_CALI_DATA_REG = 0x12c;
constexpr std::uint32_t GPIO_FUNC0_IN_SEL_CFG_REG = 0x130;
constexpr std::uint32_t GPIO_FUNC0_OUT_SEL_CFG_REG = 0x530;
constexpr std::uint32_t GPIO_SIGMADELTA0_REG = 0xf00;

constexpr std::uint32_t kHigh = 0xff;  // pins 32 to 39
// SIG_GPIO_OUT_IDX: the pin follows GPIO_OUT. Undefined after reset by the header; pads start out that way.
constexpr std::uint32_t kGpioOut = 256;

constexpr Reg kRegisters[] = {
    {GPIO_BT_SELECT_REG},
    {GPIO_OUT_REG},
    {GPIO_OUT1_REG, 0, kHigh},
    {GPIO_SDIO_SELECT_REG, 0, kHigh},
    {GPIO_ENABLE_REG},
    {GPIO_ENABLE1_REG, 0, kHigh},
    {GPIO_STRAP_REG, 0, 0},
    {GPIO_IN_REG, 0, 0, 2},
    {GPIO_STATUS_REG},
    {GPIO_STATUS1_REG, 0, kHigh},
    {GPIO_ACPU_INT_REG, 0, 0, 10},
    {GPIO_PIN0_REG, 0, 0x3ff84, 40},
    {GPIO_CALI_CONF_REG, 0, 0x800003ff},
    {GPIO_CALI_DATA_REG, 0, 0},
    {GPIO_FUNC0_IN_SEL_CFG_REG, 0, 0xff, 256},
    {GPIO_FUNC0_OUT_SEL_CFG_REG, kGpioOut, 0xfff, 40},
    {GPIO_SIGMADELTA0_REG, 0xff00, 0xffff, 8},
    {0xf20, 0, 0x80000000},          // SIGMADELTA_CG
    {0xf24, 0, 0x80000000},          // SIGMADELTA_MISC
    {0xf28, 0x1506190, 0x0fffffff},  // SIGMADELTA_VERSION
    {0x08, 0, 0},
    {0x0c, 0, 0},
    {0x14, 0, 0},
    {0x18, 0, 0},  // W1TS and W1TC of OUT, OUT1,
    {0x24, 0, 0},
    {0x28, 0, 0},
    {0x30, 0, 0},
    {0x34, 0, 0},  // ENABLE, ENABLE1,
    {0x48, 0, 0},
    {0x4c, 0, 0},
    {0x54, 0, 0},
    {0x58, 0, 0},  // STATUS, STATUS1
};

// Registers that come as value, W1TS, W1TC.
struct Triple {
  std::uint32_t value;
  unsigned word;
};
constexpr Triple kTriples[] = {{GPIO_OUT_REG, 0},     {GPIO_OUT1_REG, 1},   {GPIO_ENABLE_REG, 0},
                               {GPIO_ENABLE1_REG, 1}, {GPIO_STATUS_REG, 0}, {GPIO_STATUS1_REG, 1}};

// PINn_INT_ENA, from bit 13; the words in which their pending pins show (INT, INT1).
enum EnableBit : unsigned { kApp = 13, kAppNmi = 14, kPro = 15, kProNmi = 16, kSdio = 17 };
constexpr EnableBit kPendingWords[] = {kApp, kAppNmi, kPro, kProNmi, kSdio};

// PINn_INT_TYPE
enum IntType : unsigned { kDisabled, kRising, kFalling, kAnyEdge, kLowLevel, kHighLevel };

constexpr std::uint32_t pin_register(unsigned pin) {
  return GPIO_PIN0_REG + 4 * pin;
}
constexpr unsigned PAD_DRIVER = 2, WAKEUP_ENABLE = 10;

}  // namespace

Gpio::Gpio(IoMux& io_mux, Context context)
    : RegisterBlock("gpio", kSize, kRegisters, context), io_mux_(io_mux) {
  io_mux_.on_change = [this](unsigned pin) { update(pin); };
  for (unsigned pin = 0; pin < kPins; ++pin) update(pin);
}

Gpio::Drive Gpio::drive(unsigned pin) const {
  if (const RtcPad& rtc = rtc_pads_[pin]; rtc.owned)
    return !rtc.drives ? Drive::kNone : rtc.level ? Drive::kHigh : Drive::kLow;
  if (io_mux_.pad(pin).function != IoMux::kGpioFunction) return Drive::kNone;
  const std::uint32_t route = get(GPIO_FUNC0_OUT_SEL_CFG_REG + 4 * pin);
  const std::uint32_t signal = route & 0x1ff;
  const bool by_gpio = signal >= kGpioOut;
  bool enabled = pin < 32 ? bit(GPIO_ENABLE_REG, pin) : bit(GPIO_ENABLE1_REG, pin - 32);
  // A peripheral enables its own output unless OEN_SEL leaves that to GPIO_ENABLE; which of them do is not
  // told here, so a pin routed to one is driven once GPIO_ENABLE says so, as drivers set it too.
  enabled ^= (route >> 11 & 1) != 0;
  if (!enabled || pin >= 34) return Drive::kNone;
  bool level =
      by_gpio ? (pin < 32 ? bit(GPIO_OUT_REG, pin) : bit(GPIO_OUT1_REG, pin - 32)) : signals_[signal];
  level ^= (route >> 9 & 1) != 0;
  if (level && bit(pin_register(pin), PAD_DRIVER)) return Drive::kNone;  // open drain
  return level ? Drive::kHigh : Drive::kLow;
}

bool Gpio::driven(unsigned pin) const {
  return driven_[pin];
}

bool Gpio::settled(unsigned pin) const {
  const Drive inside = drive(pin);
  if (inside != Drive::kNone) return inside == Drive::kHigh;
  if (external_[pin]) return external_level_[pin];
  const IoMux::Pad pad = io_mux_.pad(pin);
  const bool up = rtc_[pin] ? rtc_pads_[pin].pull_up : pad.pull_up;
  const bool down = rtc_[pin] ? rtc_pads_[pin].pull_down : pad.pull_down;
  if (up != down) return up;
  return levels_[pin];
}

bool Gpio::readable(unsigned pin) const {
  return io_mux_.pad(pin).input_enable && !rtc_pads_[pin].owned;
}

void Gpio::update(unsigned pin) {
  const bool was = levels_[pin];
  const bool was_driven = driven_[pin];
  const bool now = settled(pin);
  levels_[pin] = now;
  driven_[pin] = drive(pin) != Drive::kNone;
  if (now != was || driven_[pin] != was_driven)
    tracer().trace<base::TraceEvent::gpio_level>(pin, now, bool{driven_[pin]});
  if (driven_[pin] && (now != was || !was_driven) && on_output) on_output(pin, now);
  if (now != was) {
    const std::uint32_t type = field(pin_register(pin), 9, 7);
    if (readable(pin) && (type == kAnyEdge || type == (now ? kRising : kFalling))) trigger(pin);
    if (on_signal)
      for (unsigned s = 0; s < kSignals; ++s)
        if ((get(GPIO_FUNC0_IN_SEL_CFG_REG + 4 * s) & 0xbf) == (0x80 | pin)) on_signal(s, signal_level(s));
  }
  check_level_interrupt(pin);
}

void Gpio::update_word(unsigned word, std::uint32_t pins) {
  for (unsigned i = 0; pins; ++i, pins >>= 1)
    if ((pins & 1) && 32 * word + i < kPins) update(32 * word + i);
}

void Gpio::check_level_interrupt(unsigned pin) {
  const std::uint32_t type = field(pin_register(pin), 9, 7);
  if ((type == kLowLevel || type == kHighLevel) && readable(pin) && levels_[pin] == (type == kHighLevel))
    trigger(pin);
  const bool awake = wakes();
  if (awake && !awake_ && on_wakeup) on_wakeup();
  awake_ = awake;
}

void Gpio::trigger(unsigned pin) {
  const std::uint32_t offset = pin < 32 ? GPIO_STATUS_REG : GPIO_STATUS1_REG;
  set(offset, get(offset) | 1u << pin % 32);
  update_lines();
}

bool Gpio::wakes() const {
  for (unsigned pin = 0; pin < kPins; ++pin) {
    const std::uint32_t type = field(pin_register(pin), 9, 7);
    if (bit(pin_register(pin), WAKEUP_ENABLE) && (type == kLowLevel || type == kHighLevel) &&
        levels_[pin] == (type == kHighLevel))
      return true;
  }
  return false;
}

std::uint32_t Gpio::pending(unsigned word, unsigned enable_bit) const {
  std::uint32_t status = get(word ? GPIO_STATUS1_REG : GPIO_STATUS_REG);
  for (std::uint32_t left = status; left; left &= left - 1) {
    const auto i = static_cast<unsigned>(__builtin_ctz(left));
    if (!bit(pin_register(32 * word + i), enable_bit)) status &= ~(1u << i);
  }
  return status;
}

void Gpio::update_lines() {
  const auto any = [this](unsigned enable_bit) {
    return (pending(0, enable_bit) | pending(1, enable_bit)) != 0;
  };
  irq_[0].set(any(kPro));
  irq_[1].set(any(kApp));
  nmi_[0].set(any(kProNmi));
  nmi_[1].set(any(kAppNmi));
}

std::uint32_t Gpio::input_word(unsigned word) const {
  std::uint32_t v = 0;
  for (unsigned i = 0; i < 32 && 32 * word + i < kPins; ++i)
    if (levels_[32 * word + i] && readable(32 * word + i)) v |= 1u << i;
  return v;
}

void Gpio::set_input(unsigned pin, bool level) {
  if (pin >= kPins) return;
  external_[pin] = true;
  external_level_[pin] = level;
  update(pin);
}

void Gpio::release_input(unsigned pin) {
  if (pin >= kPins) return;
  external_[pin] = false;
  update(pin);
}

void Gpio::set_rtc_pad(unsigned pin, const RtcPad& pad) {
  if (pin >= kPins) return;
  rtc_[pin] = true;
  rtc_pads_[pin] = pad;
  update(pin);
}

void Gpio::set_signal(unsigned signal, bool level) {
  if (signal >= kSignals || signals_[signal] == level) return;
  signals_[signal] = level;
  for (unsigned pin = 0; pin < kPins; ++pin)
    if (field(GPIO_FUNC0_OUT_SEL_CFG_REG + 4 * pin, 8, 0) == signal) update(pin);
}

bool Gpio::signal_level(unsigned signal) const {
  if (signal >= kSignals) return false;
  const std::uint32_t route = get(GPIO_FUNC0_IN_SEL_CFG_REG + 4 * signal);
  const std::uint32_t from = route & 0x3f;
  // 0x38 is a constant 1, 0x30 a constant 0.
  const bool level = from < kPins ? levels_[from] : from == 0x38;
  return level != ((route >> 6 & 1) != 0);
}

std::uint32_t Gpio::peek(std::uint32_t offset) {
  switch (offset) {
    case GPIO_STRAP_REG:
      return strapping_;
    case GPIO_IN_REG:
      return input_word(0);
    case GPIO_IN1_REG:
      return input_word(1);
    case GPIO_CALI_DATA_REG:
      return bit(GPIO_CALI_CONF_REG, 31) ? 3u << 30 : 0;
    default:
      break;
  }
  if (offset >= GPIO_ACPU_INT_REG && offset <= GPIO_CPUSDIO_INT1_REG) {
    const unsigned index = (offset - GPIO_ACPU_INT_REG) / 4;
    return pending(index / 5, kPendingWords[index % 5]);
  }
  return get(offset);
}

std::uint32_t Gpio::read(std::uint32_t offset) {
  RegisterBlock::read(offset);
  return peek(offset);
}

void Gpio::write(std::uint32_t offset, std::uint32_t value) {
  for (const Triple& t : kTriples) {
    if (offset < t.value || offset > t.value + 8) continue;
    const std::uint32_t before = get(t.value);
    std::uint32_t after = value;
    if (offset == t.value + 4) after = before | value;
    if (offset == t.value + 8) after = before & ~value;
    RegisterBlock::write(t.value, after);
    if (t.value == GPIO_STATUS_REG || t.value == GPIO_STATUS1_REG) {
      // A level that still holds raises its bit again.
      for (std::uint32_t cleared = before & ~get(t.value); cleared; cleared &= cleared - 1)
        check_level_interrupt(32 * t.word + static_cast<unsigned>(__builtin_ctz(cleared)));
      return update_lines();
    }
    return update_word(t.word, before ^ get(t.value));
  }
  RegisterBlock::write(offset, value);
  if (offset >= GPIO_PIN0_REG && offset < GPIO_PIN0_REG + 4 * kPins) {
    update((offset - GPIO_PIN0_REG) / 4);
    update_lines();
  } else if (offset >= GPIO_FUNC0_OUT_SEL_CFG_REG && offset < GPIO_FUNC0_OUT_SEL_CFG_REG + 4 * kPins) {
    update((offset - GPIO_FUNC0_OUT_SEL_CFG_REG) / 4);
  } else if (offset >= GPIO_FUNC0_IN_SEL_CFG_REG && offset < GPIO_FUNC0_IN_SEL_CFG_REG + 4 * kSignals &&
             on_signal) {
    const unsigned signal = (offset - GPIO_FUNC0_IN_SEL_CFG_REG) / 4;
    on_signal(signal, signal_level(signal));
  }
}

void Gpio::reset(ResetKind kind) {
  RegisterBlock::reset(kind);
  signals_.reset();
  for (unsigned pin = 0; pin < kPins; ++pin) update(pin);
  update_lines();
}

void Gpio::archive(base::Archive& ar) {
  RegisterBlock::archive(ar);
  ar(strapping_, awake_);
  const auto bits = [&ar](auto& set) {
    for (std::size_t i = 0; i < set.size(); ++i) {
      bool b = set[i];
      ar(b);
      set[i] = b;
    }
  };
  bits(levels_);
  bits(driven_);
  bits(external_);
  bits(external_level_);
  bits(rtc_);
  for (RtcPad& pad : rtc_pads_) ar(pad.pull_up, pad.pull_down, pad.owned, pad.drives, pad.level);
  bits(signals_);
  if (!ar.is_saving()) update_lines();
}

}  // namespace espalier::devices
