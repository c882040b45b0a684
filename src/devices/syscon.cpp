#include "devices/syscon.h"

namespace espalier::devices {
namespace {

constexpr std::uint32_t SYSCON_SYSCLK_CONF_REG = 0x00;
constexpr std::uint32_t SYSCON_XTAL_TICK_CONF_REG = 0x04;
constexpr std::uint32_t SYSCON_PLL_TICK_CONF_REG = 0x08;
constexpr std::uint32_t SYSCON_CK8M_TICK_CONF_REG = 0x0c;

constexpr Reg kRegisters[] = {
    {SYSCON_SYSCLK_CONF_REG, 0x2000, 0x3fff},
    {SYSCON_XTAL_TICK_CONF_REG, 0x27, 0xff},
    {SYSCON_PLL_TICK_CONF_REG, 0x4f, 0xff},
    {SYSCON_CK8M_TICK_CONF_REG, 0x0b, 0xff},
    {0x10, 0x007f8240, 0x07ffffff},     // SARADC_CTRL
    {0x14, 0x000001fe, 0x000007ff},     // SARADC_CTRL2
    {0x18, 0x0208ff08},                 // SARADC_FSM
    {0x1c, 0x0f0f0f0f, 0xffffffff, 8},  // SARADC_SAR{1,2}_PATT_TAB{1,2,3,4}
    {0x3c, 0x63, 0xff},                 // APLL_TICK_CONF
    {0x7c, 0x96042000},                 // DATE; bit 31: the third mask, revision 3 (ESP-IDF efuse_hal.c)
};

}  // namespace

Syscon::Syscon(Context context) : RegisterBlock("syscon", kSize, kRegisters, context) {}

unsigned Syscon::pre_div_cnt() const {
  return field(SYSCON_SYSCLK_CONF_REG, 9, 0);
}
unsigned Syscon::pll_tick_cycles() const {
  return get(SYSCON_PLL_TICK_CONF_REG) + 1;
}
unsigned Syscon::xtal_tick_cycles() const {
  return get(SYSCON_XTAL_TICK_CONF_REG) + 1;
}
unsigned Syscon::rc_fast_tick_cycles() const {
  return get(SYSCON_CK8M_TICK_CONF_REG) + 1;
}

void Syscon::write(std::uint32_t offset, std::uint32_t value) {
  const std::uint32_t before = get(offset);
  RegisterBlock::write(offset, value);
  if (offset <= SYSCON_CK8M_TICK_CONF_REG && get(offset) != before && on_clock_change) on_clock_change();
}

void Syscon::reset(ResetKind kind) {
  RegisterBlock::reset(kind);
  if (on_clock_change) on_clock_change();
}

}  // namespace espalier::devices
