// RTC IO: the pads of the RTC domain (ESP32 TRM, chapter "IO_MUX and GPIO Matrix", "RTC IO_MUX"; ESP-IDF
// soc/esp32/register/soc/rtc_io_reg.h). Base address 0x3FF48400. Survives a core reset.
#pragma once

#include <cstdint>

#include "devices/gpio.h"
#include "devices/register_block.h"

namespace espalier::devices {

// 18 of the pins also belong to the RTC domain, which always has their pulls and, where MUX_SEL says so, the
// whole pad. Touch, DAC and hold settings only read back.
class RtcIo : public RegisterBlock {
 public:
  static constexpr std::uint32_t kSize = 0x400;
  static constexpr unsigned kRtcPins = 18;

  RtcIo(Gpio& gpio, Context context);

  // GPIO number of an RTC GPIO, 0 to 17.
  static unsigned gpio_of(unsigned rtc_pin);
  bool level(unsigned rtc_pin) const { return gpio_.level(gpio_of(rtc_pin)); }
  // The pin that EXT_WAKEUP0 selects, for RTC_CNTL's ext0 wake-up.
  bool ext0_level() const;
  // True when an RTC GPIO with WAKEUP_ENABLE is at its level.
  bool wakes() const;
  // The 8-bit value a DAC puts out, 0 or 1; 0 while it is off.
  std::uint8_t dac(unsigned channel) const;

  std::uint32_t read(std::uint32_t offset) override;
  void write(std::uint32_t offset, std::uint32_t value) override;
  std::uint32_t peek(std::uint32_t offset) override;
  void reset(ResetKind kind) override;

 private:
  void update(unsigned rtc_pin);
  void update_all();

  Gpio& gpio_;
};

}  // namespace espalier::devices
