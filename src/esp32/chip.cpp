#include "esp32/chip.h"

#include <utility>

#include "esp32/interrupt_sources.h"

namespace espalier::esp32 {

using devices::Device;
using devices::Dport;
using devices::ResetCause;
using devices::ResetKind;
using devices::ResetScope;

// Where a device lies (ESP-IDF soc/esp32/register/soc/reg_base.h) and which reset bit of DPORT is its own.
struct Chip::Row {
  std::uint32_t address;
  std::uint32_t size;
  Device& (*device)(Chip&);
  Dport::ResetBank bank = Dport::ResetBank::kPeripheral;
  std::uint32_t reset_bits = 0;
};

struct Chip::Interrupt {
  Source source;
  base::IrqLine& (*line)(Chip&);
};

namespace {
constexpr auto kCrypto = Dport::ResetBank::kCrypto;
constexpr auto kPeripheral = Dport::ResetBank::kPeripheral;
constexpr auto kRadio = Dport::ResetBank::kRadio;
}  // namespace

const Chip::Row Chip::kRows[] = {
    {0x3ff00000, Dport::kSize, [](Chip& c) -> Device& { return c.dport; }},
    {0x3ff10000, devices::CacheMmu::kSize, [](Chip& c) -> Device& { return c.cache_mmu; }},
    {0x3ff40000, devices::Uart::kSize, [](Chip& c) -> Device& { return c.uart[0]; }, kPeripheral, Dport::kUart0},
    {0x3ff42000, devices::SpiFlashController::kSize, [](Chip& c) -> Device& { return c.spi1; }},
    {0x3ff43000, devices::SpiFlashController::kSize, [](Chip& c) -> Device& { return c.spi0; }},
    {0x3ff44000, devices::Gpio::kSize, [](Chip& c) -> Device& { return c.gpio; }},
    {0x3ff47000, 0x100, [](Chip& c) -> Device& { return c.frc_timer; }},
    {0x3ff48000, devices::RtcCntl::kSize, [](Chip& c) -> Device& { return c.rtc_cntl; }},
    {0x3ff48400, devices::RtcIo::kSize, [](Chip& c) -> Device& { return c.rtc_io; }},
    {0x3ff49000, devices::IoMux::kSize, [](Chip& c) -> Device& { return c.io_mux; }},
    {0x3ff50000, devices::Uart::kSize, [](Chip& c) -> Device& { return c.uart[1]; }, kPeripheral, Dport::kUart1},
    {0x3ff5a000, devices::Efuse::kSize, [](Chip& c) -> Device& { return c.efuse; }},
    {0x3ff5f000, devices::TimerGroup::kSize, [](Chip& c) -> Device& { return c.timer_group[0]; }, kPeripheral,
     Dport::kTimerGroup0},
    {0x3ff60000, devices::TimerGroup::kSize, [](Chip& c) -> Device& { return c.timer_group[1]; }, kPeripheral,
     Dport::kTimerGroup1},
    {0x3ff69000, devices::OpenEth::kSize, [](Chip& c) -> Device& { return c.open_eth; }, kRadio, Dport::kEmac},
    {0x3ff6e000, devices::Uart::kSize, [](Chip& c) -> Device& { return c.uart[2]; }, kPeripheral, Dport::kUart2},
};

const Chip::Interrupt Chip::kInterrupts[] = {
    {kSourceTg0T0Level, [](Chip& c) -> base::IrqLine& { return c.timer_group[0].level_irq(devices::TimerGroup::kT0); }},
};

}  // namespace espalier::esp32
