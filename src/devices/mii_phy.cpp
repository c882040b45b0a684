#include "devices/mii_phy.h"

namespace espalier::devices {

namespace {

enum : unsigned {
  BMCR = 0,
  BMSR = 1,
  PHYIDR1 = 2,
  PHYIDR2 = 3,
  ANAR = 4,
  ANLPAR = 5,
  ANER = 6,
  PHYSTS = 0x10
};

enum : std::uint16_t {
  BMCR_RESET = 1u << 15,
  BMCR_LOOPBACK = 1u << 14,
  BMCR_SPEED_100 = 1u << 13,
  BMCR_AUTONEG = 1u << 12,
  BMCR_POWER_DOWN = 1u << 11,
  BMCR_RESTART_AUTONEG = 1u << 9,
  BMCR_FULL_DUPLEX = 1u << 8,

  BMSR_AUTONEG_COMPLETE = 1u << 5,
  BMSR_LINK = 1u << 2,

  PHYSTS_LINK = 1u << 0,
  PHYSTS_SPEED_10 = 1u << 1,
  PHYSTS_FULL_DUPLEX = 1u << 2,
  PHYSTS_LOOPBACK = 1u << 3,
  PHYSTS_AUTONEG_COMPLETE = 1u << 4,
};

struct PhyReg {
  std::uint8_t number;
  std::uint16_t reset;
  std::uint16_t writable;
};
// What is not listed reads as zero and ignores writes.
constexpr PhyReg kRegs[] = {
    {BMCR, BMCR_SPEED_100 | BMCR_AUTONEG | BMCR_FULL_DUPLEX, 0x7d80},
    {BMSR, 0x7849,
     0},  // 100/10 Mbit/s, full and half duplex, preamble suppression, auto-negotiation, extended
    {PHYIDR1, 0x2000, 0},    // OUI 080017h
    {PHYIDR2, 0x5c90, 0},    // model 9, revision 0
    {ANAR, 0x01e1, 0xafff},  // everything, 802.3
    {ANLPAR, 0, 0},
    {ANER, 0x0004, 0},
    {0x07, 0x2001, 0xffff},  // ANNPTR
    {PHYSTS, 0, 0},
    {0x11, 0, 0x0003},                          // MICR
    {0x12, 0, 0x00ff},                          // MISR
    {0x16, 0x0100, 0xffff},                     // PCSR
    {0x17, 0x0021, 0xffff},                     // RBR
    {0x18, 0, 0x003f},                          // LEDCR
    {0x19, 0x8020 | MiiPhy::kAddress, 0xffe0},  // PHYCR: auto-MDIX, the strapped address
    {0x1a, 0x0804, 0xffff},                     // 10BTSCR
    {0x1b, 0, 0xffff},                          // CDCTRL1
    {0x1d, 0x6011, 0xffff},                     // EDCR
};

// The other end's abilities: acknowledge, 100 and 10 Mbit/s full and half duplex, 802.3.
constexpr std::uint16_t kPartner = 0x41e1;
constexpr std::uint16_t kPartnerCanNegotiate = 1u << 0;

}  // namespace

void MiiPhy::reset() {
  regs_.fill(0);
  for (const PhyReg& reg : kRegs) regs_[reg.number] = reg.reset;
}

bool MiiPhy::link_up() const {
  return cable_ && !(regs_[BMCR] & BMCR_POWER_DOWN);
}

bool MiiPhy::loopback() const {
  return regs_[BMCR] & BMCR_LOOPBACK;
}

std::uint16_t MiiPhy::read(unsigned reg) const {
  const bool link = link_up();
  const bool negotiated = link && (regs_[BMCR] & BMCR_AUTONEG);
  std::uint16_t value = reg < kRegisters ? regs_[reg] : 0;
  switch (reg) {
    case BMSR:
      if (link) value |= BMSR_LINK;
      if (negotiated) value |= BMSR_AUTONEG_COMPLETE;
      break;
    case ANLPAR:
      if (negotiated) value |= kPartner;
      break;
    case ANER:
      if (negotiated) value |= kPartnerCanNegotiate;
      break;
    case PHYSTS:
      if (link) value |= PHYSTS_LINK;
      if (negotiated) value |= PHYSTS_AUTONEG_COMPLETE;
      if (loopback()) value |= PHYSTS_LOOPBACK;
      // Negotiated: the best of both. Otherwise as forced.
      if (negotiated || (regs_[BMCR] & BMCR_FULL_DUPLEX)) value |= PHYSTS_FULL_DUPLEX;
      if (!negotiated && !(regs_[BMCR] & BMCR_SPEED_100)) value |= PHYSTS_SPEED_10;
      break;
    default:
      break;
  }
  return value;
}

void MiiPhy::write(unsigned reg, std::uint16_t value) {
  if (reg == BMCR && (value & BMCR_RESET)) {  // clears itself
    reset();
    return;
  }
  for (const PhyReg& known : kRegs) {
    if (known.number != reg) continue;
    regs_[reg] = static_cast<std::uint16_t>((regs_[reg] & ~known.writable) | (value & known.writable));
  }
}

}  // namespace espalier::devices
