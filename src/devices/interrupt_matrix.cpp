#include "devices/interrupt_matrix.h"

namespace espalier::devices {
namespace {

constexpr std::array<std::string_view, InterruptMatrix::kSources> kSourceNames = {
    "WIFI_MAC",      "WIFI_MAC_NMI",   "WIFI_BB",      "BT_MAC",
    "BT_BB",         "BT_BB_NMI",      "RWBT",         "RWBLE",
    "RWBT_NMI",      "RWBLE_NMI",      "SLC0",         "SLC1",
    "UHCI0",         "UHCI1",          "TG0_T0_LEVEL", "TG0_T1_LEVEL",
    "TG0_WDT_LEVEL", "TG0_LACT_LEVEL", "TG1_T0_LEVEL", "TG1_T1_LEVEL",
    "TG1_WDT_LEVEL", "TG1_LACT_LEVEL", "GPIO",         "GPIO_NMI",
    "FROM_CPU0",     "FROM_CPU1",      "FROM_CPU2",    "FROM_CPU3",
    "SPI0",          "SPI1",           "SPI2",         "SPI3",
    "I2S0",          "I2S1",           "UART0",        "UART1",
    "UART2",         "SDIO_HOST",      "ETH_MAC",      "PWM0",
    "PWM1",          "PWM2",           "PWM3",         "LEDC",
    "EFUSE",         "TWAI",           "RTC_CORE",     "RMT",
    "PCNT",          "I2C_EXT0",       "I2C_EXT1",     "RSA",
    "SPI1_DMA",      "SPI2_DMA",       "SPI3_DMA",     "WDT",
    "TIMER1",        "TIMER2",         "TG0_T0_EDGE",  "TG0_T1_EDGE",
    "TG0_WDT_EDGE",  "TG0_LACT_EDGE",  "TG1_T0_EDGE",  "TG1_T1_EDGE",
    "TG1_WDT_EDGE",  "TG1_LACT_EDGE",  "MMU_IA",       "MPU_IA",
    "CACHE_IA"};

}  // namespace

std::string_view InterruptMatrix::source_name(unsigned source) {
  return kSourceNames[source];
}

InterruptMatrix::InterruptMatrix(base::Tracer* tracer) : tracer_(tracer) {
  for (auto& cpu : map_) cpu.fill(kResetLine);
}

void InterruptMatrix::attach(unsigned cpu, unsigned line) {
  if (kInternalLines >> line & 1) return;
  ++high_[cpu][line];
  drive(cpu, line, true);
}

void InterruptMatrix::detach(unsigned cpu, unsigned line) {
  if (kInternalLines >> line & 1) return;
  if (--high_[cpu][line] == 0) drive(cpu, line, false);
}

void InterruptMatrix::drive(unsigned cpu, unsigned line, bool to) {
  if (tracer_ != nullptr && outputs_[cpu][line].level() != to)
    tracer_->trace<base::TraceEvent::interrupt_line>(cpu, line, to);
  outputs_[cpu][line].set(to);
}

void InterruptMatrix::set_source(unsigned source, bool high) {
  if (level(source) == high) return;
  if (tracer_ != nullptr)
    tracer_->trace<base::TraceEvent::interrupt_source>(source, source_name(source), high);
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
