// The ESP32's oscillators and how the CPU's and the APB's clocks follow from them.
// Source: ESP32 TRM, chapter "Reset and Clock", tables "CPU_CLK Source", "CPU_CLK Derivation" and "APB_CLK".
#pragma once

#include <cstdint>

namespace espalier::devices {

// What a board provides. The frequencies of the chip's own oscillators are those of a typical part.
struct Oscillators {
  std::uint32_t xtal_hz = 40'000'000;
  std::uint32_t rc_fast_hz = 8'000'000;
  std::uint32_t xtal32k_hz = 32'768;  // 0: no 32 kHz crystal on the board
};

// RTC_CNTL_SOC_CLK_SEL
enum class SocClock : std::uint8_t { kXtal = 0, kPll = 1, kRcFast = 2, kApll = 3 };

struct CpuClocks {
  std::uint32_t cpu_hz;
  std::uint32_t apb_hz;
  bool operator==(const CpuClocks&) const = default;
};

// `cpuperiod_sel` is DPORT_CPUPERIOD_SEL, `pre_div_cnt` SYSCON_PRE_DIV_CNT (divider minus one, for the
// crystal and the fast RC oscillator alike), `rc_fast_hz` the fast oscillator after its own divider. On the
// PLL the selector alone decides (0: 80, 1: 160, 2: 240 MHz), as firmware programs the PLL to the 320 or 480
// MHz that the selector asks for. The audio PLL's frequency is unknown here; like Espressif's own firmware
// nothing selects it for the CPU, and it counts as the crystal.
constexpr CpuClocks cpu_clocks(SocClock source, unsigned cpuperiod_sel, unsigned pre_div_cnt,
                               std::uint32_t xtal_hz, std::uint32_t rc_fast_hz) {
  if (source == SocClock::kPll) {
    constexpr std::uint32_t kPllCpuHz[4] = {80'000'000, 160'000'000, 240'000'000, 240'000'000};
    return {kPllCpuHz[cpuperiod_sel & 3], 80'000'000};
  }
  const std::uint32_t hz = (source == SocClock::kRcFast ? rc_fast_hz : xtal_hz) / (pre_div_cnt + 1);
  return {hz, hz};
}

}  // namespace espalier::devices
