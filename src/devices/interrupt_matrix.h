// The interrupt matrix: routes the peripherals' interrupts to both cores' interrupt inputs.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/archive.h"
#include "base/irq.h"
#include "base/trace.h"

namespace espalier::devices {

// 69 sources, two cores with 32 interrupt inputs each. Each source is mapped, for each core, to one input; an
// input is high while any source mapped to it is. Six inputs are the core's own (timers, software,
// profiling): mapping a source to one of those disconnects it. DPORT forwards its map and status registers
// here. Source: ESP32 TRM, chapter "Interrupt Matrix".
class InterruptMatrix {
 public:
  static constexpr unsigned kSources = 69;
  static constexpr unsigned kCpus = 2;
  static constexpr unsigned kLines = 32;
  // Inputs 6, 7, 11, 15, 16 and 29.
  static constexpr std::uint32_t kInternalLines =
      1u << 6 | 1u << 7 | 1u << 11 | 1u << 15 | 1u << 16 | 1u << 29;
  static constexpr unsigned kResetLine = 16;

  explicit InterruptMatrix(base::Tracer* tracer = nullptr);
  // "UART0", as the TRM calls the source.
  static std::string_view source_name(unsigned source);

  // What a peripheral's interrupt line connects to.
  base::IrqLine::Sink input(unsigned source) {
    return [this, source](bool level) { set_source(source, level); };
  }
  void set_source(unsigned source, bool level);
  // The wire to a core's interrupt input.
  base::IrqLine& output(unsigned cpu, unsigned line) { return outputs_[cpu][line]; }

  // DPORT_{PRO,APP}_*_INTR_MAP_REG. Only the low five bits of `line` count.
  void map(unsigned cpu, unsigned source, std::uint32_t line);
  std::uint32_t mapping(unsigned cpu, unsigned source) const { return map_[cpu][source]; }
  // DPORT_{PRO,APP}_INTR_STATUS_{0,1,2}_REG: the levels of the sources, whatever they are mapped to.
  std::uint32_t status(unsigned word) const { return levels_[word]; }

  // All sources disconnected; their levels belong to the peripherals and stay.
  void reset();
  void archive(base::Archive& ar);

 private:
  bool level(unsigned source) const { return levels_[source / 32] >> source % 32 & 1; }
  // Counts a source in or out at an input and drives its wire.
  void attach(unsigned cpu, unsigned line);
  void detach(unsigned cpu, unsigned line);
  void drive(unsigned cpu, unsigned line, bool level);

  base::Tracer* tracer_;
  std::array<std::uint32_t, 3> levels_{};
  std::array<std::array<std::uint8_t, kSources>, kCpus> map_{};
  std::array<std::array<std::uint8_t, kLines>, kCpus> high_{};  // how many mapped sources are high
  std::array<std::array<base::IrqLine, kLines>, kCpus> outputs_;
};

}  // namespace espalier::devices
