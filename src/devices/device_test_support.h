// What the devices' tests share: a clock that the test winds on, and a block of DMA memory.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "base/event_queue.h"
#include "base/log.h"
#include "devices/device.h"
#include "devices/dma.h"

namespace espalier::devices::testing {

// Virtual time under the test's hand, with a logger that keeps its lines.
class Bench final : private base::TimeSource {
 public:
  Bench()
      : events_(*this),
        log_([this](base::LogLevel, base::LogArea, std::string_view m) { lines.emplace_back(m); }) {}

  Context context() { return {events_, log_, tracer}; }
  base::EventQueue& events() { return events_; }
  base::Logger& log() { return log_; }
  base::Ticks now() override { return now_; }
  // Lets `ticks` pass, firing each timer at its own deadline.
  void run(base::Ticks ticks) { run_until(now_ + ticks); }
  void run_until(base::Ticks end) {
    while (events_.next_deadline() <= end) {
      now_ = std::max(now_, events_.next_deadline());
      events_.run_due(now_);
    }
    now_ = end;
  }
  // Lets time pass without firing anything: what a CPU that is late to its events sees.
  void skip(base::Ticks ticks) { now_ += ticks; }

  std::vector<std::string> lines;
  base::Tracer tracer;

 private:
  base::Ticks now_ = 0;
  base::EventQueue events_;
  base::Logger log_;
};

// RAM from `base` on, as DMA sees it.
class Memory final : public DmaBus {
 public:
  explicit Memory(std::uint32_t base = 0x3ffb0000, std::size_t size = 0x10000) : base_(base), bytes(size) {}
  bool read(std::uint32_t addr, std::span<std::uint8_t> into) override {
    if (!holds(addr, into.size())) return false;
    std::copy_n(bytes.begin() + (addr - base_), into.size(), into.begin());
    return true;
  }
  bool write(std::uint32_t addr, std::span<const std::uint8_t> from) override {
    if (!holds(addr, from.size())) return false;
    std::copy(from.begin(), from.end(), bytes.begin() + (addr - base_));
    return true;
  }

 private:
  bool holds(std::uint32_t addr, std::size_t n) const {
    return addr >= base_ && addr - base_ <= bytes.size() && n <= bytes.size() - (addr - base_);
  }
  std::uint32_t base_;

 public:
  std::vector<std::uint8_t> bytes;
};

}  // namespace espalier::devices::testing
