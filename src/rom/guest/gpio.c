/* GPIO: levels, interrupts, the matrix, and the pads, whose registers lie in the IO MUX or, for the pads that the RTC
   domain can use, in RTC IO. */
#include "rom.h"

#define GPIO_BASE 0x3ff44000u
#define GPIO_OUT_W1TS_REG (GPIO_BASE + 0x08)
#define GPIO_OUT_W1TC_REG (GPIO_BASE + 0x0c)
#define GPIO_OUT1_W1TS_REG (GPIO_BASE + 0x14)
#define GPIO_OUT1_W1TC_REG (GPIO_BASE + 0x18)
#define GPIO_ENABLE_W1TS_REG (GPIO_BASE + 0x24)
#define GPIO_ENABLE_W1TC_REG (GPIO_BASE + 0x28)
#define GPIO_ENABLE1_W1TS_REG (GPIO_BASE + 0x30)
#define GPIO_ENABLE1_W1TC_REG (GPIO_BASE + 0x34)
#define GPIO_IN_REG (GPIO_BASE + 0x3c)
#define GPIO_IN1_REG (GPIO_BASE + 0x40)
#define GPIO_STATUS_REG (GPIO_BASE + 0x44)
#define GPIO_STATUS_W1TS_REG (GPIO_BASE + 0x48)
#define GPIO_STATUS_W1TC_REG (GPIO_BASE + 0x4c)
#define GPIO_STATUS1_REG (GPIO_BASE + 0x50)
#define GPIO_STATUS1_W1TS_REG (GPIO_BASE + 0x54)
#define GPIO_STATUS1_W1TC_REG (GPIO_BASE + 0x58)
#define GPIO_PIN_REG(n) (GPIO_BASE + 0x88 + 4 * (n))
#define GPIO_FUNC_IN_SEL_CFG_REG(signal) (GPIO_BASE + 0x130 + 4 * (signal))
#define GPIO_FUNC_OUT_SEL_CFG_REG(n) (GPIO_BASE + 0x530 + 4 * (n))
#define GPIO_PIN_INT_TYPE (7u << 7)
#define GPIO_PIN_WAKEUP_ENABLE BIT(10)

enum { kPins = 40, kGpioInterrupt = 4 };

void gpio_output_set(uint32_t set, uint32_t clear, uint32_t enable, uint32_t disable) {
  REG(GPIO_OUT_W1TS_REG) = set;
  REG(GPIO_OUT_W1TC_REG) = clear;
  REG(GPIO_ENABLE_W1TS_REG) = enable;
  REG(GPIO_ENABLE_W1TC_REG) = disable;
}
void gpio_output_set_high(uint32_t set, uint32_t clear, uint32_t enable, uint32_t disable) {
  REG(GPIO_OUT1_W1TS_REG) = set;
  REG(GPIO_OUT1_W1TC_REG) = clear;
  REG(GPIO_ENABLE1_W1TS_REG) = enable;
  REG(GPIO_ENABLE1_W1TC_REG) = disable;
}
uint32_t gpio_input_get(void) { return REG(GPIO_IN_REG); }
uint32_t gpio_input_get_high(void) { return REG(GPIO_IN1_REG); }

/* --- interrupts: a pin's interrupt is off from its handling until gpio_intr_ack() --- */
typedef void (*gpio_handler_t)(uint32_t mask, bool high, void *argument);
#define INTERRUPT_TYPES (&PER_CORE(uint8_t, 0x3ffe0010)) /* each pin's, as set */
#define PENDING PER_CORE(uint32_t, 0x3ffe0038)           /* gpio_pending_mask */
#define APP_ARGUMENT PER_CORE(void *, 0x3ffe003c)        /* app_gpio_arg */
#define APP_HANDLER PER_CORE(gpio_handler_t, 0x3ffe0040) /* app_gpio_handler */
#define PENDING_HIGH PER_CORE(uint32_t, 0x3ffe0044)      /* gpio_pending_mask_high */

/* `pin` counts the registers from GPIO_PIN0_REG on: from 40 on it names other registers. */
void gpio_register_set(uint32_t pin, uint32_t value) {
  ets_intr_lock();
  REG(GPIO_PIN_REG(pin)) = value;
  if (pin < kPins) {
    const uint8_t type = value >> 7 & 7;
    INTERRUPT_TYPES[pin] = type;
    if (type == 0) *(pin < 32 ? &PENDING : &PENDING_HIGH) &= ~(1u << (pin & 31));
  }
  ets_intr_unlock();
}

uint32_t gpio_register_get(uint32_t pin) {
  uint32_t value = REG(GPIO_PIN_REG(pin));
  if (pin < kPins) value = (value & ~GPIO_PIN_INT_TYPE) | INTERRUPT_TYPES[pin] << 7;
  return value;
}

uint32_t gpio_intr_pending(void) { return PENDING; }
uint32_t gpio_intr_pending_high(void) { return PENDING_HIGH; }

void gpio_pin_intr_state_set(uint32_t pin, uint32_t type) {
  ets_intr_lock();
  replace_bits(GPIO_PIN_REG(pin), GPIO_PIN_INT_TYPE, type << 7);
  ets_intr_unlock();
}

static void handle(uint32_t status, uint32_t first_pin, uint32_t clear_reg, uint32_t *pending, bool high) {
  for (uint32_t pin = 0; status >> pin; ++pin)
    if (status >> pin & 1) gpio_pin_intr_state_set(first_pin + pin, 0);
  REG(clear_reg) = status;
  const bool busy = *pending != 0; /* the handler has not yet acknowledged what it was told before */
  *pending |= status;
  if (!busy) APP_HANDLER(status, high, APP_ARGUMENT);
}
static void gpio_interrupt(void *argument) {
  (void)argument;
  const uint32_t low = REG(GPIO_STATUS_REG), high = REG(GPIO_STATUS1_REG) & 0xff;
  handle(low, 0, GPIO_STATUS_W1TC_REG, &PENDING, false);
  handle(high, 32, GPIO_STATUS1_W1TC_REG, &PENDING_HIGH, true);
}

/* What came in besides `mask` is raised again. */
static void acknowledge(uint32_t mask, uint32_t first_pin, uint32_t pins, uint32_t set_reg, uint32_t *pending) {
  ets_intr_lock();
  const uint32_t rest = *pending & ~mask;
  *pending = 0;
  if (rest) REG(set_reg) = rest;
  for (uint32_t pin = 0; pin < pins; ++pin)
    if (mask >> pin & 1) gpio_pin_intr_state_set(first_pin + pin, INTERRUPT_TYPES[first_pin + pin]);
  ets_intr_unlock();
}
void gpio_intr_ack(uint32_t mask) { acknowledge(mask, 0, 32, GPIO_STATUS_W1TS_REG, &PENDING); }
void gpio_intr_ack_high(uint32_t mask) { acknowledge(mask, 32, 8, GPIO_STATUS1_W1TS_REG, &PENDING_HIGH); }

void gpio_intr_handler_register(gpio_handler_t handler, void *argument) {
  APP_HANDLER = handler;
  APP_ARGUMENT = argument;
}

void gpio_init(void) {
  ets_isr_attach(kGpioInterrupt, gpio_interrupt, NULL);
  ets_isr_mask(BIT(kGpioInterrupt));
  gpio_output_set(0, 0, 0, 0xffffffff);
  gpio_output_set_high(0, 0, 0, 0xff);
  PENDING = PENDING_HIGH = 0;
  for (uint32_t pin = 0; pin < kPins; ++pin) gpio_register_set(pin, 0);
  REG(GPIO_STATUS_W1TC_REG) = 0xffffffff;
  REG(GPIO_STATUS1_W1TC_REG) = 0xff;
}

void gpio_pin_wakeup_enable(uint32_t pin, uint32_t type) {
  ets_intr_lock();
  replace_bits(GPIO_PIN_REG(pin), GPIO_PIN_INT_TYPE, type << 7 | GPIO_PIN_WAKEUP_ENABLE);
  ets_intr_unlock();
}
void gpio_pin_wakeup_disable(void) {
  for (uint32_t pin = 0; pin < kPins; ++pin)
    if (REG(GPIO_PIN_REG(pin)) & GPIO_PIN_WAKEUP_ENABLE)
      clear_bits(GPIO_PIN_REG(pin), GPIO_PIN_WAKEUP_ENABLE | GPIO_PIN_INT_TYPE);
}

/* --- the matrix --- */
#define MATRIX_OFF 0x34 /* a signal's own pad, not the matrix */
void gpio_matrix_in(uint32_t gpio, uint32_t signal, bool inverted) {
  REG(GPIO_FUNC_IN_SEL_CFG_REG(signal)) = gpio | (inverted ? BIT(6) : 0) | (gpio != MATRIX_OFF ? BIT(7) : 0);
}
void gpio_matrix_out(uint32_t gpio, uint32_t signal, bool inverted, bool enable_inverted) {
  if (gpio >= kPins) return;
  if (gpio < 32) REG(GPIO_ENABLE_W1TS_REG) = 1u << gpio;
  else REG(GPIO_ENABLE1_W1TS_REG) = 1u << (gpio - 32);
  REG(GPIO_FUNC_OUT_SEL_CFG_REG(gpio)) = signal | (inverted ? BIT(9) : 0) | (enable_inverted ? BIT(11) : 0);
}

/* --- pads --- */
#define IO_MUX_BASE 0x3ff49000u
#define FUN_PD BIT(7)
#define FUN_PU BIT(8)
#define FUN_DRV_SHIFT 10
#define MCU_SEL (7u << 12)
#define MCU_SEL_GPIO (2u << 12)
#define RTC_IO_BASE 0x3ff48400u
#define RTC_IO_DIG_PAD_HOLD_REG (RTC_IO_BASE + 0x74)
#define RTC_CNTL_HOLD_FORCE_REG 0x3ff480c8

/* Offsets of the pads' IO MUX registers; 0 where there is no pad (ESP-IDF, soc/io_mux_reg.h). GPIO24 has a register
   but no pad: its function can be selected, nothing else. */
enum { kNoPad = 24 };
static const uint8_t kIoMux[kPins] = {
    0x44, 0x88, 0x40, 0x84, 0x48, 0x6c, 0x60, 0x64, 0x68, 0x54, 0x58, 0x5c, 0x34, 0x38, 0x30, 0x3c, 0x4c, 0x50,
    0x70, 0x74, 0x78, 0x7c, 0x80, 0x8c, 0x90, 0x24, 0x28, 0x2c, 0,    0,    0,    0,    0x1c, 0x20, 0x14, 0x18,
    0x04, 0x08, 0x0c, 0x10};

/* The pads of the RTC domain: the offset of the pad's register in RTC IO, the shift of its drive strength (0: none),
   its pull-up, pull-down and hold bits (0xff: none), and its bit in RTC_CNTL_HOLD_FORCE_REG. (ESP-IDF,
   rtc_io_periph.c.) */
typedef struct {
  uint8_t gpio, offset, drive, pull_up, pull_down, hold, hold_force;
} RtcPad;
static const RtcPad kRtcPads[] = {
    {4, 0x94, 29, 27, 28, 31, 8},       {0, 0x98, 29, 27, 28, 31, 9},
    {2, 0x9c, 29, 27, 28, 31, 10},      {15, 0xa0, 29, 27, 28, 31, 11},
    {13, 0xa4, 29, 27, 28, 31, 12},     {12, 0xa8, 29, 27, 28, 31, 13},
    {14, 0xac, 29, 27, 28, 31, 14},     {27, 0xb0, 29, 27, 28, 31, 15},
    {25, 0x84, 30, 27, 28, 29, 2},      {26, 0x88, 30, 27, 28, 29, 3},
    {33, 0x8c, 30, 27, 28, 29, 17},     {32, 0x8c, 25, 22, 23, 24, 16},
    {34, 0x80, 0, 0xff, 0xff, 31, 0},   {35, 0x80, 0, 0xff, 0xff, 30, 1},
    {36, 0x7c, 0, 0xff, 0xff, 31, 4},   {37, 0x7c, 0, 0xff, 0xff, 30, 5},
    {38, 0x7c, 0, 0xff, 0xff, 29, 6},   {39, 0x7c, 0, 0xff, 0xff, 28, 7},
};

static const RtcPad *rtc_pad(unsigned gpio) {
  for (unsigned i = 0; i < sizeof kRtcPads / sizeof *kRtcPads; ++i)
    if (kRtcPads[i].gpio == gpio) return &kRtcPads[i];
  return NULL;
}

uint32_t rom_io_mux_register(unsigned gpio) {
  return gpio < kPins && kIoMux[gpio] ? IO_MUX_BASE + kIoMux[gpio] : 0;
}

void gpio_pad_select_gpio(uint8_t gpio) {
  const uint32_t reg = rom_io_mux_register(gpio);
  if (reg) replace_bits(reg, MCU_SEL, MCU_SEL_GPIO);
}

void gpio_pad_set_drv(uint8_t gpio, uint8_t drive) {
  const RtcPad *rtc = rtc_pad(gpio);
  const uint32_t reg = rom_io_mux_register(gpio);
  if (gpio > 33 || gpio == kNoPad || !reg) return;
  const unsigned shift = rtc ? rtc->drive : FUN_DRV_SHIFT;
  replace_bits(rtc ? RTC_IO_BASE + rtc->offset : reg, 3u << shift, (drive & 3u) << shift);
}

static void pull(uint8_t gpio, bool up) {
  const RtcPad *rtc = rtc_pad(gpio);
  const uint32_t reg = rom_io_mux_register(gpio);
  if (gpio > 33 || gpio == kNoPad || !reg) return;
  if (rtc) {
    clear_bits(RTC_IO_BASE + rtc->offset, 1u << (up ? rtc->pull_down : rtc->pull_up));
    set_bits(RTC_IO_BASE + rtc->offset, 1u << (up ? rtc->pull_up : rtc->pull_down));
  } else {
    clear_bits(reg, up ? FUN_PD : FUN_PU);
    set_bits(reg, up ? FUN_PU : FUN_PD);
  }
}
void gpio_pad_pullup(uint8_t gpio) { pull(gpio, true); }
void gpio_pad_pulldown(uint8_t gpio) { pull(gpio, false); }

/* The bit of a digital pad in RTC_IO_DIG_PAD_HOLD_REG. */
static uint32_t digital_hold_bit(uint8_t gpio) {
  if (gpio == 1) return BIT(1);
  if (gpio == 3) return BIT(0);
  if (gpio == 5) return BIT(8);
  if (gpio >= 6 && gpio <= 11) return 1u << (gpio - 4);
  if (gpio >= 16 && gpio <= 23) return 1u << (gpio - 7);
  return 0;
}
void gpio_pad_unhold(uint8_t gpio) {
  const RtcPad *rtc = rtc_pad(gpio);
  if (rtc) {
    clear_bits(RTC_IO_BASE + rtc->offset, 1u << rtc->hold);
    clear_bits(RTC_CNTL_HOLD_FORCE_REG, 1u << rtc->hold_force);
  } else if (digital_hold_bit(gpio)) {
    clear_bits(RTC_IO_DIG_PAD_HOLD_REG, digital_hold_bit(gpio));
  }
}
void gpio_pad_hold(uint8_t gpio) {
  const RtcPad *rtc = rtc_pad(gpio);
  if (rtc) set_bits(RTC_IO_BASE + rtc->offset, 1u << rtc->hold);
  else if (digital_hold_bit(gpio)) set_bits(RTC_IO_DIG_PAD_HOLD_REG, digital_hold_bit(gpio));
}
