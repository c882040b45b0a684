// RTC_CNTL at 0x3FF48000: resets, clocks, the RTC timer and watchdog, sleep and what survives it.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>

#include "devices/clock_tree.h"
#include "devices/clocked_counter.h"
#include "devices/interrupts.h"
#include "devices/register_block.h"
#include "devices/reset_cause.h"
#include "devices/timer_group.h"
#include "devices/watchdog_stages.h"

namespace espalier::devices {

// Lies in the RTC domain: its registers, the RTC timer and the watchdog survive a core reset and deep sleep.
// Source: ESP32 TRM, chapters "Reset and Clock", "Watchdog Timers" and "Low-Power Management (RTC_CNTL)";
// ESP-IDF soc/esp32/register/soc/rtc_cntl_reg.h, esp_hw_support/port/esp32/{rtc_clk,rtc_time,rtc_sleep}.c.
// Registers of the power and isolation switches only remember what is written.
class RtcCntl final : public RegisterBlock {
 public:
  static constexpr std::uint32_t kSize = 0x200;
  static constexpr unsigned kCpus = 2;

  // What can end a sleep: bit numbers in RTC_CNTL_WAKEUP_ENA and RTC_CNTL_WAKEUP_CAUSE.
  enum class WakeSource : std::uint8_t {
    kExt0 = 0,
    kExt1 = 1,
    kGpio = 2,
    kTimer = 3,
    kSdio = 4,
    kWifi = 5,
    kUart0 = 6,
    kUart1 = 7,
    kTouch = 8,
    kUlp = 9,
    kBluetooth = 10,
  };
  struct Config {
    Oscillators oscillators = {};
    bool flash_boot = true;  // as set_flash_boot()
  };

  // What the chip has to do; each may stay empty. None is called on loading an archive.
  ResetRequest on_reset;
  // A core is held by RTC_CNTL_SW_STALL_*, or let go.
  std::function<void(unsigned cpu, bool stalled)> on_stall;
  // soc_clock() or rc_fast_cpu_hz() has changed.
  std::function<void()> on_cpu_clock_change;
  // Both cores stop where they are (and the APB with them) until on_wake().
  std::function<void()> on_light_sleep;
  // The digital core loses its power; the sleep ends with on_reset(kCore, kDeepSleep).
  std::function<void()> on_deep_sleep;
  // The end of a light sleep; the sources are in wake_cause().
  std::function<void()> on_wake;
  // RTC fast memory, 8 KiB, whose checksum RTC_MEM_CONF computes.
  std::function<std::span<const std::uint8_t>()> rtc_fast_memory;

  RtcCntl(Context context, const Config& config);

  // Source 46 (RTC_CORE) of the interrupt matrix.
  base::IrqLine& irq() { return interrupts_.line; }

  // The cause that RTC_CNTL_RESET_STATE_REG reports. The chip sets it for every reset that it carries out,
  // after reset(); for APP_CPU that includes its release by DPORT (kByProCpu).
  void set_reset_cause(unsigned cpu, ResetCause cause) { reset_cause_[cpu] = cause; }
  ResetCause reset_cause(unsigned cpu) const { return reset_cause_[cpu]; }
  // RTC_CNTL_{PRO,APP}CPU_STAT_VECTOR_SEL: true (as after reset) if the core starts in ROM, false if in RTC
  // fast memory.
  bool starts_in_rom(unsigned cpu) const;
  bool stalled(unsigned cpu) const { return stalled_[cpu]; }

  SocClock soc_clock() const;
  std::uint32_t rc_fast_cpu_hz() const;
  // RTC_SLOW_CLK. The 150 kHz oscillator follows its trim, RTC_CNTL_SCK_DCAP: see rtc_cntl.cpp.
  std::uint32_t slow_clock_hz() const;
  // For TimerGroup::slow_clock_hz.
  std::uint32_t calibration_hz(TimerGroup::CalibrationClock clock) const;

  // Whether the chip boots from flash: if so the watchdog runs after power-on until software clears
  // RTC_CNTL_WDT_FLASHBOOT_MOD_EN.
  void set_flash_boot(bool flash_boot);
  // Supply below the brown-out threshold, or above it again.
  void set_brown_out(bool low);
  // Whether the firmware has enabled the detector.
  bool detects_brown_out() const;

  bool asleep() const { return sleep_ != Sleep::kAwake; }
  std::uint32_t wake_cause() const;
  // A wake-up source other than timer, EXT0 and EXT1 becomes active or idle.
  void set_wake_source(WakeSource source, bool active);
  // Level of the pad chosen for EXT0, and of the 18 RTC pads (bit n: RTC GPIO n) for EXT1. Until the first
  // call the pads count as undriven and wake nothing.
  void set_ext0_pad(bool high);
  void set_rtc_pads(std::uint32_t levels);

  std::uint32_t read(std::uint32_t offset) override;
  void write(std::uint32_t offset, std::uint32_t value) override;
  std::uint32_t peek(std::uint32_t offset) override;
  void reset(ResetKind kind) override;
  void archive(base::Archive& ar) override;

 private:
  enum class Sleep : std::uint8_t { kAwake, kLight, kDeep };

  std::uint64_t rtc_time() const;
  // When the RTC timer reaches SLP_TIMER0/1; now, if it has passed it.
  base::Ticks alarm_time() const;
  void settle();
  // Things that follow from the registers.
  void update_slow_clock();
  void update_stall();
  void update_watchdog();
  void update_alarm();
  void update_brown_out();
  void refresh();

  void write_options0(std::uint32_t value);
  void write_clock(std::uint32_t offset, std::uint32_t value);
  void write_rtc_mem_conf(std::uint32_t value);
  void request_time();
  void time_latched();
  void watchdog_expired(unsigned stage);

  void sleep();
  bool sleep_rejected() const;
  std::uint32_t active_wake_sources() const;
  bool ext1_active() const;
  void pads_changed();
  void schedule_wake();
  void wake_due();

  Config config_;
  Interrupts interrupts_;
  ClockedCounter counter_;
  base::Timer latch_timer_;
  base::Ticks latch_due_ = base::kNever;
  base::Timer alarm_timer_;
  base::Timer wake_timer_;
  WatchdogStages watchdog_;
  std::uint64_t latched_time_ = 0;
  bool time_valid_ = false;
  std::array<ResetCause, kCpus> reset_cause_{ResetCause::kPowerOn, ResetCause::kPowerOn};
  std::array<bool, kCpus> stalled_{};
  Sleep sleep_ = Sleep::kAwake;
  base::Ticks earliest_wake_ = 0;
  std::uint32_t wake_lines_ = 0;    // levels of the sources set by set_wake_source()
  std::uint32_t wake_pending_ = 0;  // sources that were active at some time during this sleep
  std::uint32_t rtc_pads_ = 0;
  bool rtc_pads_driven_ = false;
  bool ext0_high_ = false;
  bool ext0_driven_ = false;
  bool brown_out_ = false;
};

}  // namespace espalier::devices
