// A timer group: two general timers, the LACT timer, the main watchdog and the calibration of the RTC's slow
// clocks.
#pragma once

#include <array>
#include <cstdint>
#include <functional>

#include "base/irq.h"
#include "devices/group_timer.h"
#include "devices/register_block.h"
#include "devices/reset_cause.h"
#include "devices/watchdog_stages.h"

namespace espalier::devices {

// TIMG0 at 0x3FF5F000, TIMG1 at 0x3FF60000.
// Source: ESP32 TRM, chapters "64-bit Timers" and "Watchdog Timers"; ESP-IDF
// soc/esp32/register/soc/timer_group_reg.h, esp_hw_support/port/esp32/rtc_time.c.
class TimerGroup final : public RegisterBlock {
 public:
  static constexpr std::uint32_t kSize = 0x100;
  // Its interrupts: bits of the INT registers, and the order of the sources in the interrupt matrix (TIMG0:
  // levels from 14, edges from 58; TIMG1: levels from 18, edges from 62).
  enum Interrupt : std::uint8_t { kT0, kT1, kWdt, kLact, kInterrupts };
  // TIMG_RTC_CALI_CLK_SEL: which clock is measured.
  enum class CalibrationClock : std::uint8_t { kRtcSlow = 0, kRcFastDiv256 = 1, kXtal32k = 2 };

  struct Config {
    unsigned index = 0;  // 0 or 1
    std::uint32_t xtal_hz = 40'000'000;
  };

  // Where the watchdog's resets go: the core that belongs to the group (PRO_CPU, APP_CPU) or all of the
  // digital core.
  ResetRequest on_reset;
  // Frequency of a clock for calibration; 0 if it does not run, which leaves a calibration without an end.
  std::function<std::uint32_t(CalibrationClock)> slow_clock_hz;

  TimerGroup(Context context, const Config& config);

  base::IrqLine& level_irq(Interrupt interrupt) { return level_irq_[interrupt]; }
  base::IrqLine& edge_irq(Interrupt interrupt) { return edge_irq_[interrupt]; }

  // The APB's frequency, which clocks the timers and the watchdog; 0 stops them (light sleep).
  void set_apb_hz(std::uint32_t hz);
  // Whether the chip boots from flash. If so TIMG0's watchdog runs after a reset until software clears
  // TIMG_WDT_FLASHBOOT_MOD_EN.
  void set_flash_boot(bool flash_boot);

  // Whether anything happens when the watchdog expires (default: yes); QEMU's property wdt_disable.
  void set_watchdog_acts(bool acts) { watchdog_acts_ = acts; }

  std::uint32_t read(std::uint32_t offset) override;
  void write(std::uint32_t offset, std::uint32_t value) override;
  std::uint32_t peek(std::uint32_t offset) override;
  void reset(ResetKind kind) override;
  void archive(base::Archive& ar) override;

 private:
  struct TimerRegister {
    GroupTimer* timer;
    GroupTimer::Register reg;
  };
  TimerRegister timer_register(std::uint32_t offset);
  std::uint32_t value(std::uint32_t offset);
  bool flash_boot_protection() const;
  void update_watchdog();
  void watchdog_expired(unsigned stage);
  void write_calibration(std::uint32_t value);
  void start_calibration();
  bool calibrated() const;
  void alarm(Interrupt interrupt, bool level, bool edge);
  void raise(Interrupt interrupt, bool level, bool edge);
  void update_interrupts();

  Config config_;
  GroupTimer t0_, t1_, lact_;
  WatchdogStages watchdog_;
  std::uint32_t apb_hz_ = 0;
  bool flash_boot_ = true;
  bool watchdog_acts_ = true;
  base::Ticks calibrated_at_ = base::kNever;
  std::uint32_t calibration_value_ = 0;
  std::uint32_t raw_ = 0;
  std::uint32_t enabled_ = 0;
  std::array<base::IrqLine, kInterrupts> level_irq_;
  std::array<base::IrqLine, kInterrupts> edge_irq_;
};

}  // namespace espalier::devices
