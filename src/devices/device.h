// What every peripheral is: a block of 32-bit registers with a reset and a state that can be archived.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/archive.h"
#include "base/event_queue.h"
#include "base/irq.h"
#include "base/log.h"
#include "base/trace.h"

namespace espalier::devices {

// What the chip hands to each device: its clock, where to report, and what it tells of. A device knows
// nothing else of its surroundings; interrupt lines and back ends are further constructor arguments or
// members to connect.
struct Context {
  base::EventQueue& events;
  base::Logger& log;
  base::Tracer& tracer;
};

// How much of the chip a reset takes with it (ESP32 TRM, chapter "Reset and Clock").
enum class ResetKind : std::uint8_t {
  kCore,    // digital core: all peripherals, not the RTC domain (software and watchdog resets)
  kSystem,  // everything, the RTC domain included (power-on, brown-out, RTC watchdog's system reset)
};

// A peripheral. Offsets are byte offsets from the device's base address, multiples of 4. Reads may have side
// effects (FIFOs); peek() must not and is what debuggers and narrow writes use.
class Device {
 public:
  virtual ~Device() = default;
  virtual std::string_view name() const = 0;
  virtual std::uint32_t read(std::uint32_t offset) = 0;
  virtual void write(std::uint32_t offset, std::uint32_t value) = 0;
  // A load of 1 or 2 bytes reads the word and extracts; a store of 1 or 2 bytes arrives here, as the bytes of
  // `mask` within the word at `offset`. By default they are merged with the register's present value.
  virtual void write_masked(std::uint32_t offset, std::uint32_t value, std::uint32_t mask) {
    write(offset, (peek(offset) & ~mask) | (value & mask));
  }
  virtual std::uint32_t peek(std::uint32_t offset) { return read(offset); }
  virtual void reset(ResetKind kind) = 0;
  virtual void archive(base::Archive& ar) = 0;
};

}  // namespace espalier::devices
