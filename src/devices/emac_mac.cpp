#include "devices/emac_mac.h"

namespace espalier::devices {
namespace {

constexpr std::uint32_t EMACGMIIADDR_REG = 0x10;
constexpr std::uint32_t EMACMIIDATA_REG = 0x14;

constexpr Reg kRegisters[] = {
    {0x00},                         // EMACCONFIG
    {0x04},                         // EMACFF
    {EMACGMIIADDR_REG, 0, 0xfffe},  // MIIBUSY, bit 0, is never seen set
    {EMACMIIDATA_REG, 0, 0xffff},
    {0x18},                                // EMACFC
    {0x24, 0, 0},                          // EMACDEBUG: idle
    {0x28},                                // PMT_RWUFFR
    {0x2c},                                // PMT_CSR
    {0x30},                                // EMACLPI_CSR
    {0x34},                                // EMACLPITIMERSCONTROL
    {0x38, 0, 0},                          // EMACINTS
    {0x3c, 0, 0x60f},                      // EMACINTMASK
    {0x40, 0x8000ffff, 0xffff},            // EMACADDR0HIGH
    {0x44, 0xffffffff},                    // EMACADDR0LOW
    {0x48, 0x0000ffff, 0xffffffff, 7, 8},  // EMACADDR1HIGH to 7
    {0x4c, 0xffffffff, 0xffffffff, 7, 8},
};

constexpr std::uint32_t MIIBUSY = 1, MIIWRITE = 2;

}  // namespace

EmacMac::EmacMac(Context context) : RegisterBlock("emac_mac", kSize, kRegisters, context) {}

void EmacMac::write(std::uint32_t offset, std::uint32_t value) {
  RegisterBlock::write(offset, value);
  if (offset == EMACGMIIADDR_REG && (value & MIIBUSY) && !(value & MIIWRITE)) set(EMACMIIDATA_REG, 0xffff);
}

}  // namespace espalier::devices
