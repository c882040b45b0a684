// The Ethernet transceiver behind the MAC's management interface: what ESP-IDF's openeth users expect, a
// DP83848C.
#pragma once

#include <array>
#include <cstdint>

#include "base/archive.h"

namespace espalier::devices {

// A 10/100 PHY (IEEE 802.3 clause 22 registers; identifiers, PHYSTS and strap values: Texas Instruments'
// DP83848C datasheet, "Register Block"). Auto-negotiation completes at once, with a partner that can do
// everything up to 100BASE-TX full duplex.
class MiiPhy {
 public:
  // Where ESP-IDF's examples look for it first.
  static constexpr unsigned kAddress = 1;
  static constexpr unsigned kRegisters = 32;

  MiiPhy() { reset(); }
  // As the hardware reset: registers only, the cable stays as it is.
  void reset();
  std::uint16_t read(unsigned reg) const;
  void write(unsigned reg, std::uint16_t value);
  // Whether a cable is plugged in. True at first.
  void set_cable(bool plugged) { cable_ = plugged; }
  // The link as the MAC sees it: no cable, or a PHY that is powered down, has none.
  bool link_up() const;
  // The guest wants to hear itself.
  bool loopback() const;
  void archive(base::Archive& ar) { ar(regs_, cable_); }

 private:
  std::array<std::uint16_t, kRegisters> regs_{};
  bool cable_ = true;
};

}  // namespace espalier::devices
