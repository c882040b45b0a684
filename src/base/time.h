// Virtual time of a machine.
#pragma once

#include <cstdint>

namespace espalier::base {

// A point in a machine's virtual time, or a span of it, in ticks of 1/480,000,000 s. 480 MHz is the least
// common multiple of the clocks that the ESP32 derives from its PLL and its 40 MHz crystal (240, 160, 80, 40
// MHz), so a CPU or APB cycle is a whole number of ticks and no clock ever drifts against another. 64 bits
// last 1,218 years.
using Ticks = std::uint64_t;

inline constexpr Ticks kTicksPerSecond = 480'000'000;
inline constexpr Ticks kTicksPerMillisecond = kTicksPerSecond / 1'000;
inline constexpr Ticks kTicksPerMicrosecond = kTicksPerSecond / 1'000'000;
inline constexpr Ticks kNever = ~Ticks{0};

// Ticks in one cycle of a clock of `hz` hertz, for clocks that divide 480 MHz.
constexpr Ticks ticks_per_cycle(std::uint32_t hz) {
  return kTicksPerSecond / hz;
}

// `value` * `by` / `per`, rounded down; the product of the two may be up to 2^64. Exact whatever `value` is,
// and without a division of 128 bits, which is a call.
constexpr std::uint64_t scaled(std::uint64_t value, std::uint64_t by, std::uint64_t per) {
  return value / per * by + value % per * by / per;
}

// Host nanoseconds to ticks and back; exact up to rounding down.
constexpr Ticks ticks_from_ns(std::uint64_t ns) {
  return scaled(ns, 12, 25);
}
constexpr std::uint64_t ns_from_ticks(Ticks ticks) {
  return scaled(ticks, 25, 12);
}

// Whole cycles of a clock of `hz` hertz within `ticks`; also right for clocks that do not divide 480 MHz
// (RTC slow clock at 150 kHz, 8 MHz oscillator).
constexpr std::uint64_t cycles_in(Ticks ticks, std::uint32_t hz) {
  return scaled(ticks, hz, kTicksPerSecond);
}
// The first tick at which `cycles` cycles of a clock of `hz` hertz have passed (rounds up).
constexpr Ticks ticks_for(std::uint64_t cycles, std::uint32_t hz) {
  return static_cast<Ticks>((static_cast<unsigned __int128>(cycles) * kTicksPerSecond + hz - 1) / hz);
}

}  // namespace espalier::base
