#include "devices/interrupt_matrix.h"

namespace espalier::devices {

InterruptMatrix::InterruptMatrix() {
  for (auto& cpu : map_) cpu.fill(kResetLine);
}

void InterruptMatrix::attach(unsigned cpu, unsigned line) {
  if (kInternalLines >> line & 1) return;
  ++high_[cpu][line];
  outputs_[cpu][line].set(true);
}

void InterruptMatrix::detach(unsigned cpu, unsigned line) {
  if (kInternalLines >> line & 1) return;
  if (--high_[cpu][line] == 0) outputs_[cpu][line].set(false);
}

void InterruptMatrix::set_source(unsigned source, bool high) {
  if (level(source) == high) return;
  levels_[source / 32] ^= 1u << source % 32;
  for (unsigned cpu = 0; cpu < kCpus; ++cpu) {
    if (high)
      attach(cpu, map_[cpu][source]);
    else
      detach(cpu, map_[cpu][source]);
  }
}

void InterruptMatrix::map(unsigned cpu, unsigned source, std::uint32_t line) {
  const auto to = static_cast<std::uint8_t>(line & (kLines - 1));
  const std::uint8_t from = map_[cpu][source];
  if (to == from) return;
  map_[cpu][source] = to;
  if (!level(source)) return;
  detach(cpu, from);
  attach(cpu, to);
}

void InterruptMatrix::reset() {
  for (unsigned cpu = 0; cpu < kCpus; ++cpu)
    for (unsigned source = 0; source < kSources; ++source) map(cpu, source, kResetLine);
}

void InterruptMatrix::archive(base::Archive& ar) {
  ar.section("interrupt_matrix");
  ar(levels_, map_);
  if (ar.is_saving()) return;
  for (auto& cpu : high_) cpu.fill(0);
  for (unsigned cpu = 0; cpu < kCpus; ++cpu) {
    for (unsigned source = 0; source < kSources; ++source) {
      map_[cpu][source] &= kLines - 1;
      const std::uint8_t line = map_[cpu][source];
      if (level(source) && !(kInternalLines >> line & 1)) ++high_[cpu][line];
    }
    for (unsigned line = 0; line < kLines; ++line) outputs_[cpu][line].set(high_[cpu][line] != 0);
  }
}

}  // namespace espalier::devices
