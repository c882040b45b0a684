// A machine's virtual time, and the CPU cycles that pass in it.
#pragma once

#include <cstdint>

#include "base/archive.h"
#include "base/event_queue.h"
#include "base/time.h"
#include "xtensa/core.h"

namespace espalier::esp32 {

enum class ClockMode : std::uint8_t {
  kRealtime,  // virtual time is the host's monotonic clock
  kWarp,      // an instruction takes a cycle, idle time is skipped
};

class MachineClock final : public base::TimeSource {
 public:
  explicit MachineClock(ClockMode mode);

  ClockMode mode() const { return mode_; }

  // In warp, the time of the core that runs just now; in realtime, the host's.
  base::Ticks now() override;

  // Warp: `core` begins to run at `start`; now() follows its instructions until end_run().
  void begin_run(const xtensa::Core& core, base::Ticks start);
  // The time that the core reached; now() stays there.
  base::Ticks end_run();
  // Warp: time goes on to `time` with nothing running. Never backwards.
  void advance_to(base::Ticks time);

  // The CPU clock, 80 MHz..240 MHz or the crystal's 40 MHz and its divisions; must divide 480 MHz.
  void set_cpu_frequency(std::uint32_t hz);
  std::uint32_t cpu_frequency() const { return hz_; }
  base::Ticks ticks_per_cycle() const { return ticks_per_cycle_; }

  // Cycles of the CPU clock since power-on, through all changes of its frequency.
  std::uint64_t cycles();
  // The first time at which cycles() reaches `cycles`.
  base::Ticks time_of_cycle(std::uint64_t cycles) const;

  void archive(base::Archive& ar);

 private:
  std::uint64_t host_ns() const;

  ClockMode mode_;
  std::uint64_t host_origin_ns_ = 0;
  base::Ticks time_ = 0;  // warp: now, or the running core's time at `instructions_`
  const xtensa::Core* running_ = nullptr;
  std::uint64_t instructions_ = 0;
  std::uint32_t hz_ = 40'000'000;
  base::Ticks ticks_per_cycle_ = 12;
  base::Ticks cycle_origin_ = 0;  // when cycles() was cycle_base_
  std::uint64_t cycle_base_ = 0;
};

}  // namespace espalier::esp32
