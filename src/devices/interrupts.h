// The four interrupt registers that nearly every ESP32 peripheral has, and the line they drive.
#pragma once

#include <cstdint>

#include "base/archive.h"
#include "base/irq.h"

namespace espalier::devices {

// RAW latches events, ENA selects, ST is RAW & ENA and drives the line, CLR clears RAW's bits (write 1) and
// reads as 0. RAW and ST ignore writes.
class Interrupts {
 public:
  struct Layout {
    std::uint32_t raw, st, ena, clr;  // register offsets
    std::uint32_t mask;               // the bits that exist
  };
  explicit Interrupts(const Layout& layout) : layout_(layout) {}

  base::IrqLine line;

  bool owns(std::uint32_t offset) const {
    return offset == layout_.raw || offset == layout_.st || offset == layout_.ena || offset == layout_.clr;
  }
  // Without side effects.
  std::uint32_t read(std::uint32_t offset) const {
    if (offset == layout_.raw) return raw_;
    if (offset == layout_.st) return raw_ & ena_;
    return offset == layout_.ena ? ena_ : 0;
  }
  void write(std::uint32_t offset, std::uint32_t value) {
    if (offset == layout_.ena)
      ena_ = value & layout_.mask;
    else if (offset == layout_.clr)
      raw_ &= ~value;
    update();
  }
  void raise(std::uint32_t bits) {
    raw_ |= bits & layout_.mask;
    update();
  }
  std::uint32_t raw() const { return raw_; }
  std::uint32_t enabled() const { return ena_; }
  void reset() {
    raw_ = ena_ = 0;
    update();
  }
  void archive(base::Archive& ar) {
    ar(raw_, ena_);
    update();
  }

 private:
  void update() { line.set((raw_ & ena_) != 0); }

  Layout layout_;
  std::uint32_t raw_ = 0;
  std::uint32_t ena_ = 0;
};

}  // namespace espalier::devices
