#include "esp32/chip.h"

#include <utility>

#include "esp32/interrupt_sources.h"

namespace espalier::esp32 {

using base::IrqLine;
using devices::Device;
using devices::Dport;
using devices::ResetCause;
using devices::ResetKind;
using devices::ResetScope;
using devices::TimerGroup;

// Where a device lies (ESP-IDF soc/esp32/register/soc/reg_base.h) and which of DPORT's reset bits are its
// own.
struct Chip::Row {
  std::uint32_t address;
  std::uint32_t size;
  Device& (*device)(Chip&);
  Dport::ResetBank bank = Dport::ResetBank::kPeripheral;
  std::uint32_t reset_bits = 0;
};

struct Chip::Interrupt {
  Source source;
  IrqLine& (*line)(Chip&);
};

namespace {
constexpr auto kCrypto = Dport::ResetBank::kCrypto;
constexpr auto kPeripheral = Dport::ResetBank::kPeripheral;
constexpr auto kRadio = Dport::ResetBank::kRadio;
// GPIO0 high at reset: boot from flash (TRM, chapter "Reset and Clock", strapping pins).
constexpr std::uint32_t kStrapGpio0 = 0x10;
constexpr std::uint32_t kRtcFastVector = 0x400c0000;
}  // namespace

// A row that lies within an earlier one's range takes its place there.
const Chip::Row Chip::kRows[] = {
    {0x3ff00000, Dport::kSize, [](Chip& c) -> Device& { return c.dport; }},
    {0x3ff01000, devices::Aes::kSize, [](Chip& c) -> Device& { return c.aes; }, kCrypto, Dport::kAes},
    {0x3ff02000, devices::Rsa::kSize, [](Chip& c) -> Device& { return c.rsa; }, kCrypto, Dport::kRsa},
    {0x3ff03000, devices::Sha::kSize, [](Chip& c) -> Device& { return c.sha; }, kCrypto, Dport::kSha},
    {0x3ff10000, devices::CacheMmu::kSize, [](Chip& c) -> Device& { return c.cache_mmu; }},
    {0x3ff40000, devices::Uart::kSize, [](Chip& c) -> Device& { return c.uart[0]; }, kPeripheral,
     Dport::kUart0},
    {0x3ff42000, devices::SpiFlashController::kSize, [](Chip& c) -> Device& { return c.spi1; }},
    {0x3ff43000, devices::SpiFlashController::kSize, [](Chip& c) -> Device& { return c.spi0; }},
    {0x3ff44000, devices::Gpio::kSize, [](Chip& c) -> Device& { return c.gpio; }},
    {0x3ff47000, devices::FrcTimer::kSize, [](Chip& c) -> Device& { return c.frc_timer; }},
    {0x3ff48000, devices::RtcCntl::kSize, [](Chip& c) -> Device& { return c.rtc_cntl; }},
    {0x3ff48400, devices::RtcIo::kSize, [](Chip& c) -> Device& { return c.rtc_io; }},
    {0x3ff48800, devices::Sens::kSize, [](Chip& c) -> Device& { return c.sens; }},
    {0x3ff49000, devices::IoMux::kSize, [](Chip& c) -> Device& { return c.io_mux; }},
    {0x3ff4c000, devices::Uhci::kSize, [](Chip& c) -> Device& { return c.uhci[1]; }, kPeripheral,
     Dport::kUhci1},
    {0x3ff4e000, devices::RegI2c::kSize, [](Chip& c) -> Device& { return c.regi2c; }},
    {0x3ff4f000, devices::I2s::kSize, [](Chip& c) -> Device& { return c.i2s[0]; }, kPeripheral, Dport::kI2s0},
    {0x3ff50000, devices::Uart::kSize, [](Chip& c) -> Device& { return c.uart[1]; }, kPeripheral,
     Dport::kUart1},
    {0x3ff53000, devices::I2c::kSize, [](Chip& c) -> Device& { return c.i2c[0]; }, kPeripheral,
     Dport::kI2cExt0},
    {0x3ff54000, devices::Uhci::kSize, [](Chip& c) -> Device& { return c.uhci[0]; }, kPeripheral,
     Dport::kUhci0},
    {0x3ff56000, devices::Rmt::kSize, [](Chip& c) -> Device& { return c.rmt; }, kPeripheral, Dport::kRmt},
    {0x3ff57000, devices::Pcnt::kSize, [](Chip& c) -> Device& { return c.pcnt; }, kPeripheral, Dport::kPcnt},
    {0x3ff59000, devices::Ledc::kSize, [](Chip& c) -> Device& { return c.ledc; }, kPeripheral, Dport::kLedc},
    {0x3ff5a000, devices::Efuse::kSize, [](Chip& c) -> Device& { return c.efuse; }},
    {0x3ff5b000, devices::FlashEncryption::kSize, [](Chip& c) -> Device& { return c.flash_encryption; }},
    {0x3ff5e000, devices::Mcpwm::kSize, [](Chip& c) -> Device& { return c.mcpwm[0]; }, kPeripheral,
     Dport::kPwm0},
    {0x3ff5f000, TimerGroup::kSize, [](Chip& c) -> Device& { return c.timer_group[0]; }, kPeripheral,
     Dport::kTimerGroup0},
    {0x3ff60000, TimerGroup::kSize, [](Chip& c) -> Device& { return c.timer_group[1]; }, kPeripheral,
     Dport::kTimerGroup1},
    {0x3ff64000, devices::GpSpi::kSize, [](Chip& c) -> Device& { return c.spi2; }, kPeripheral, Dport::kSpi2},
    {0x3ff65000, devices::GpSpi::kSize, [](Chip& c) -> Device& { return c.spi3; }, kPeripheral, Dport::kSpi3},
    {0x3ff66000, devices::Syscon::kSize, [](Chip& c) -> Device& { return c.syscon; }},
    {0x3ff67000, devices::I2c::kSize, [](Chip& c) -> Device& { return c.i2c[1]; }, kPeripheral,
     Dport::kI2cExt1},
    {0x3ff68000, devices::Sdmmc::kSize, [](Chip& c) -> Device& { return c.sdmmc; }, kRadio, Dport::kSdioHost},
    {0x3ff69000, devices::OpenEth::kSize, [](Chip& c) -> Device& { return c.open_eth; }, kRadio,
     Dport::kEmac},
    {0x3ff6a000, devices::EmacMac::kSize, [](Chip& c) -> Device& { return c.emac_mac; }, kRadio,
     Dport::kEmac},
    {0x3ff6b000, devices::Twai::kSize, [](Chip& c) -> Device& { return c.twai; }, kPeripheral, Dport::kTwai},
    {0x3ff6c000, devices::Mcpwm::kSize, [](Chip& c) -> Device& { return c.mcpwm[1]; }, kPeripheral,
     Dport::kPwm1},
    {0x3ff6d000, devices::I2s::kSize, [](Chip& c) -> Device& { return c.i2s[1]; }, kPeripheral, Dport::kI2s1},
    {0x3ff6e000, devices::Uart::kSize, [](Chip& c) -> Device& { return c.uart[2]; }, kPeripheral,
     Dport::kUart2},
    {devices::Wdev::kBase, devices::Wdev::kSize, [](Chip& c) -> Device& { return c.wdev; }},
};

const Chip::Interrupt Chip::kInterrupts[] = {
    {kSourceTg0T0Level, [](Chip& c) -> IrqLine& { return c.timer_group[0].level_irq(TimerGroup::kT0); }},
    {kSourceTg0T1Level, [](Chip& c) -> IrqLine& { return c.timer_group[0].level_irq(TimerGroup::kT1); }},
    {kSourceTg0WdtLevel, [](Chip& c) -> IrqLine& { return c.timer_group[0].level_irq(TimerGroup::kWdt); }},
    {kSourceTg0LactLevel, [](Chip& c) -> IrqLine& { return c.timer_group[0].level_irq(TimerGroup::kLact); }},
    {kSourceTg1T0Level, [](Chip& c) -> IrqLine& { return c.timer_group[1].level_irq(TimerGroup::kT0); }},
    {kSourceTg1T1Level, [](Chip& c) -> IrqLine& { return c.timer_group[1].level_irq(TimerGroup::kT1); }},
    {kSourceTg1WdtLevel, [](Chip& c) -> IrqLine& { return c.timer_group[1].level_irq(TimerGroup::kWdt); }},
    {kSourceTg1LactLevel, [](Chip& c) -> IrqLine& { return c.timer_group[1].level_irq(TimerGroup::kLact); }},
    {kSourceTg0T0Edge, [](Chip& c) -> IrqLine& { return c.timer_group[0].edge_irq(TimerGroup::kT0); }},
    {kSourceTg0T1Edge, [](Chip& c) -> IrqLine& { return c.timer_group[0].edge_irq(TimerGroup::kT1); }},
    {kSourceTg0WdtEdge, [](Chip& c) -> IrqLine& { return c.timer_group[0].edge_irq(TimerGroup::kWdt); }},
    {kSourceTg0LactEdge, [](Chip& c) -> IrqLine& { return c.timer_group[0].edge_irq(TimerGroup::kLact); }},
    {kSourceTg1T0Edge, [](Chip& c) -> IrqLine& { return c.timer_group[1].edge_irq(TimerGroup::kT0); }},
    {kSourceTg1T1Edge, [](Chip& c) -> IrqLine& { return c.timer_group[1].edge_irq(TimerGroup::kT1); }},
    {kSourceTg1WdtEdge, [](Chip& c) -> IrqLine& { return c.timer_group[1].edge_irq(TimerGroup::kWdt); }},
    {kSourceTg1LactEdge, [](Chip& c) -> IrqLine& { return c.timer_group[1].edge_irq(TimerGroup::kLact); }},
    {kSourceTimer1, [](Chip& c) -> IrqLine& { return c.frc_timer.irq(0); }},
    {kSourceTimer2, [](Chip& c) -> IrqLine& { return c.frc_timer.irq(1); }},
    {kSourceUart0, [](Chip& c) -> IrqLine& { return c.uart[0].irq(); }},
    {kSourceUart1, [](Chip& c) -> IrqLine& { return c.uart[1].irq(); }},
    {kSourceUart2, [](Chip& c) -> IrqLine& { return c.uart[2].irq(); }},
    {kSourceSpi0, [](Chip& c) -> IrqLine& { return c.spi0.interrupt; }},
    {kSourceSpi1, [](Chip& c) -> IrqLine& { return c.spi1.interrupt; }},
    {kSourceRtcCore, [](Chip& c) -> IrqLine& { return c.rtc_cntl.irq(); }},
    {kSourceEfuse, [](Chip& c) -> IrqLine& { return c.efuse.interrupt; }},
    {kSourceRsa, [](Chip& c) -> IrqLine& { return c.rsa.interrupt; }},
    {kSourceLedc, [](Chip& c) -> IrqLine& { return c.ledc.irq(); }},
    {kSourceRmt, [](Chip& c) -> IrqLine& { return c.rmt.irq(); }},
    {kSourcePcnt, [](Chip& c) -> IrqLine& { return c.pcnt.irq(); }},
    {kSourcePwm0, [](Chip& c) -> IrqLine& { return c.mcpwm[0].irq(); }},
    {kSourcePwm1, [](Chip& c) -> IrqLine& { return c.mcpwm[1].irq(); }},
    {kSourceI2cExt0, [](Chip& c) -> IrqLine& { return c.i2c[0].irq(); }},
    {kSourceI2cExt1, [](Chip& c) -> IrqLine& { return c.i2c[1].irq(); }},
    {kSourceI2s0, [](Chip& c) -> IrqLine& { return c.i2s[0].irq(); }},
    {kSourceI2s1, [](Chip& c) -> IrqLine& { return c.i2s[1].irq(); }},
    {kSourceSpi2, [](Chip& c) -> IrqLine& { return c.spi2.irq(); }},
    {kSourceSpi3, [](Chip& c) -> IrqLine& { return c.spi3.irq(); }},
    {kSourceSpi2Dma, [](Chip& c) -> IrqLine& { return c.spi2.dma_irq(); }},
    {kSourceSpi3Dma, [](Chip& c) -> IrqLine& { return c.spi3.dma_irq(); }},
    {kSourceUhci0, [](Chip& c) -> IrqLine& { return c.uhci[0].irq(); }},
    {kSourceUhci1, [](Chip& c) -> IrqLine& { return c.uhci[1].irq(); }},
    {kSourceTwai, [](Chip& c) -> IrqLine& { return c.twai.irq(); }},
    {kSourceSdioHost, [](Chip& c) -> IrqLine& { return c.sdmmc.irq(); }},
    {kSourceEthMac, [](Chip& c) -> IrqLine& { return c.open_eth.irq; }},
};

Chip::Chip(devices::Context context, devices::DmaBus& dma, devices::FlashStorage& flash,
           devices::PsramContents psram, const ChipOptions& options)
    : interrupt_matrix(&context.tracer),
      dport(context, interrupt_matrix),
      cache_mmu(&context.tracer),
      rtc_cntl(context, {.oscillators = {}, .flash_boot = (options.strapping & kStrapGpio0) != 0}),
      syscon(context),
      timer_group{TimerGroup(context, {.index = 0}), TimerGroup(context, {.index = 1})},
      frc_timer(context, 40'000'000),
      uart{devices::Uart("uart0", 0, context), devices::Uart("uart1", 1, context),
           devices::Uart("uart2", 2, context)},
      io_mux(context),
      gpio(io_mux, context),
      rtc_io(gpio, context),
      sens(context),
      regi2c(context),
      random(options.random_seed),
      wdev([this] { return random(); }, context),
      efuse(context, options.efuses),
      spi0(context, 0),
      spi1(context, 1),
      flash_chip(context, flash),
      flash_encryption(context),
      aes(context),
      sha(context),
      rsa(context),
      ledc(context),
      rmt(context),
      pcnt(context),
      mcpwm{devices::Mcpwm("mcpwm0", context), devices::Mcpwm("mcpwm1", context)},
      i2c{devices::I2c("i2c0", context), devices::I2c("i2c1", context)},
      i2s{devices::I2s("i2s0", dma, context), devices::I2s("i2s1", dma, context)},
      spi2("spi2", dma, context),
      spi3("spi3", dma, context),
      uhci{devices::Uhci("uhci0", dma, context), devices::Uhci("uhci1", dma, context)},
      twai(context),
      sdmmc(context),
      emac_mac(context),
      open_eth(context, dma) {
  if (!psram.bytes.empty()) psram_chip.emplace(std::move(psram));
  for (devices::SpiFlashController* spi : {&spi0, &spi1}) {
    spi->attach(0, &flash_chip);
    if (psram_chip) spi->attach(1, &*psram_chip);
  }
  gpio.set_strapping(options.strapping);
  for (const devices::PlainBlock& block : devices::plain_blocks())
    plain_blocks_.push_back(devices::make_plain_block(block, context));
  for (TimerGroup& group : timer_group) {
    group.set_flash_boot((options.strapping & kStrapGpio0) != 0);
    group.set_watchdog_acts(options.timer_group_watchdogs);
  }
  connect_interrupts();
  connect_control();
}

void Chip::connect_interrupts() {
  for (const Interrupt& row : kInterrupts) row.line(*this).connect(interrupt_matrix.input(row.source));
  // GPIO has a line for each core, but they are one source in each core's half of the matrix; firmware
  // enables a pin for the core that it routed the source to.
  for (unsigned cpu = 0; cpu < 2; ++cpu) {
    gpio.irq(cpu).connect([this](bool) {
      interrupt_matrix.set_source(kSourceGpio, gpio.irq(0).level() || gpio.irq(1).level());
    });
    gpio.nmi(cpu).connect([this](bool) {
      interrupt_matrix.set_source(kSourceGpioNmi, gpio.nmi(0).level() || gpio.nmi(1).level());
    });
  }
}

void Chip::connect_control() {
  const devices::ResetRequest reset = [this](ResetScope scope, ResetCause cause) {
    if (on_reset) on_reset(scope, cause);
  };
  const auto gates = [this] {
    if (on_core_gates) on_core_gates();
  };
  rtc_cntl.on_reset = reset;
  rtc_cntl.on_stall = [gates](unsigned, bool) { gates(); };
  rtc_cntl.on_cpu_clock_change = [this] { update_clocks(); };
  rtc_cntl.on_light_sleep = rtc_cntl.on_deep_sleep = [this] { set_sleep(true); };
  rtc_cntl.on_wake = [this] { set_sleep(false); };
  for (TimerGroup& group : timer_group) {
    group.on_reset = reset;
    group.slow_clock_hz = [this](TimerGroup::CalibrationClock clock) {
      return rtc_cntl.calibration_hz(clock);
    };
  }
  dport.on_cpu_clock_change = [this] { update_clocks(); };
  syscon.on_clock_change = [this] { update_clocks(); };
  dport.on_app_cpu_change = [this, gates](const Dport::AppCpu& before, const Dport::AppCpu& now) {
    if (before.in_reset && !now.in_reset) {
      rtc_cntl.set_reset_cause(1, ResetCause::kByProCpu);
      if (on_app_cpu_start) on_app_cpu_start();
    }
    gates();
  };
  dport.on_peripheral_reset = [this](Dport::ResetBank bank, std::uint32_t asserted, std::uint32_t) {
    peripheral_reset(bank, asserted);
  };
  gpio.on_wakeup = [this] {
    rtc_cntl.set_wake_source(devices::RtcCntl::WakeSource::kGpio, true);
    rtc_cntl.set_wake_source(devices::RtcCntl::WakeSource::kGpio, false);
  };
  gpio.on_signal = [this](unsigned signal, bool level) { pcnt.input(signal, level); };
  sens.on_touch = [this] {
    rtc_cntl.set_wake_source(devices::RtcCntl::WakeSource::kTouch, true);
    rtc_cntl.set_wake_source(devices::RtcCntl::WakeSource::kTouch, false);
  };
}

void Chip::set_rtc_fast_memory(std::span<const std::uint8_t> memory) {
  rtc_cntl.rtc_fast_memory = [memory] { return memory; };
}

void Chip::mount(DeviceBus& bus) {
  const auto blocks = devices::plain_blocks();
  for (std::size_t i = 0; i < blocks.size(); ++i)
    bus.mount(blocks[i].base, blocks[i].size, *plain_blocks_[i]);
  for (const Row& row : kRows) bus.mount(row.address, row.size, row.device(*this));
}

template <class Visit>
void Chip::for_each_device(Visit visit) {
  for (auto& block : plain_blocks_) visit(*block);
  for (const Row& row : kRows) visit(row.device(*this));
}

void Chip::power_on() {
  for_each_device([](Device& device) { device.reset(ResetKind::kSystem); });
  interrupt_matrix.reset();
  flash_chip.power_cycle();
  if (psram_chip) psram_chip->power_cycle();
  for (unsigned cpu = 0; cpu < 2; ++cpu) rtc_cntl.set_reset_cause(cpu, ResetCause::kPowerOn);
  update_clocks();
}

void Chip::reset(ResetScope scope, ResetCause cause) {
  asleep_ = false;
  if (scope == ResetScope::kCore || scope == ResetScope::kSystem) {
    const ResetKind kind = scope == ResetScope::kSystem ? ResetKind::kSystem : ResetKind::kCore;
    for_each_device([&](Device& device) { device.reset(kind); });
    interrupt_matrix.reset();
    update_clocks();
  }
  if (scope != ResetScope::kAppCpu) rtc_cntl.set_reset_cause(0, cause);
  if (scope != ResetScope::kProCpu) rtc_cntl.set_reset_cause(1, cause);
}

void Chip::peripheral_reset(Dport::ResetBank bank, std::uint32_t asserted) {
  for (const Row& row : kRows)
    if (row.bank == bank && (row.reset_bits & asserted)) row.device(*this).reset(ResetKind::kCore);
}

bool Chip::core_runs(unsigned cpu) const {
  if (asleep_ || rtc_cntl.stalled(cpu)) return false;
  if (cpu == 0) return true;
  const Dport::AppCpu app = dport.app_cpu();
  return !app.in_reset && app.clock_enabled && !app.run_stalled;
}

std::uint32_t Chip::reset_vector(unsigned cpu) const {
  return rtc_cntl.starts_in_rom(cpu) ? xtensa::kResetVector : kRtcFastVector;
}

devices::CpuClocks Chip::clocks() const {
  return devices::cpu_clocks(rtc_cntl.soc_clock(), dport.cpuperiod_sel(), syscon.pre_div_cnt(), 40'000'000,
                             rtc_cntl.rc_fast_cpu_hz());
}

void Chip::update_clocks() {
  const devices::CpuClocks now = clocks();
  const std::uint32_t apb_hz = asleep_ ? 0 : now.apb_hz;
  for (TimerGroup& group : timer_group) group.set_apb_hz(apb_hz);
  frc_timer.set_apb_hz(apb_hz);
  if (!asleep_) {
    for (devices::Uart& u : uart) u.set_apb_hz(apb_hz);
    for (devices::Mcpwm& m : mcpwm) m.set_apb_hz(apb_hz);
    for (devices::I2c& bus : i2c) bus.set_apb_hz(apb_hz);
    for (devices::GpSpi* spi : {&spi2, &spi3}) spi->set_apb_hz(apb_hz);
    ledc.set_apb_hz(apb_hz);
    rmt.set_apb_hz(apb_hz);
    twai.set_apb_hz(apb_hz);
  }
  if (on_clocks) on_clocks(now);
}

void Chip::set_sleep(bool asleep) {
  if (asleep) {
    std::uint32_t levels = 0;
    for (unsigned pin = 0; pin < devices::RtcIo::kRtcPins; ++pin)
      levels |= std::uint32_t{rtc_io.level(pin)} << pin;
    rtc_cntl.set_ext0_pad(rtc_io.ext0_level());
    rtc_cntl.set_rtc_pads(levels);
  }
  asleep_ = asleep;
  update_clocks();
  if (on_core_gates) on_core_gates();
}

void Chip::archive(base::Archive& ar) {
  ar.section("chip");
  interrupt_matrix.archive(ar);
  for_each_device([&](Device& device) {
    ar.section(device.name());
    device.archive(ar);
  });
  flash_chip.archive(ar);
  if (psram_chip) psram_chip->archive(ar);
  random.archive(ar);
  ar(asleep_);
  if (!ar.is_saving()) update_clocks();
}

}  // namespace espalier::esp32
