// SENS: SAR ADCs, touch sensors, temperature sensor and the ULP's settings (ESP32 TRM, chapter "On-Chip
// Sensors and Analog Signal Processing"; ESP-IDF soc/esp32/register/soc/sens_reg.h). Base address 0x3FF48800.
// Belongs to the RTC domain.
#pragma once

#include <array>
#include <cstdint>
#include <functional>

#include "devices/register_block.h"

namespace espalier::devices {

// One-shot conversions started by software end after a few microseconds; the temperature is ready whenever
// the sensor is powered; a touch measurement is done once started. The ULP coprocessor itself is not here.
class Sens : public RegisterBlock {
 public:
  static constexpr std::uint32_t kSize = 0x400;
  static constexpr unsigned kTouchPads = 10;
  static constexpr std::uint16_t kUntouched = 1000;  // a typical count
  static constexpr std::uint8_t kTemperature = 128;  // raw, some 53 degrees Celsius

  explicit Sens(Context context);

  // What an ADC (1 or 2) sees at a channel, 0 to 4095. Without it, 0.
  std::function<std::uint16_t(unsigned adc, unsigned channel)> on_sample;
  // A touch measurement found a pad beyond its threshold: RTC_CNTL's touch interrupt and wake-up.
  std::function<void()> on_touch;

  // A touch pad's count; it falls when touched.
  void set_touch(unsigned pad, std::uint16_t count);
  void set_temperature(std::uint8_t raw) { temperature_ = raw; }

  std::uint32_t read(std::uint32_t offset) override;
  void write(std::uint32_t offset, std::uint32_t value) override;
  std::uint32_t peek(std::uint32_t offset) override;
  void reset(ResetKind kind) override;
  void archive(base::Archive& ar) override;

 private:
  std::uint32_t conversion(unsigned adc) const;
  void start_conversion(unsigned adc);
  void measure_touch();

  std::array<base::Ticks, 2> ready_at_{};  // when each ADC's conversion is done; kNever before the first
  std::array<std::uint16_t, 2> samples_{};
  std::array<std::uint16_t, kTouchPads> touch_{};
  std::array<std::uint16_t, kTouchPads> measured_{};
  std::uint32_t active_ = 0;  // pads found touched
  bool touch_done_ = false;
  std::uint8_t temperature_ = kTemperature;
};

}  // namespace espalier::devices
