// DPORT, the ESP32's system registers at 0x3FF00000: caches, interrupt matrix, APP_CPU, clock gates and
// resets.
#pragma once

#include <cstdint>
#include <functional>

#include "devices/interrupt_matrix.h"
#include "devices/register_block.h"

namespace espalier::devices {

// Source: ESP32 TRM, chapter "DPort Registers"; ESP-IDF soc/esp32/register/soc/dport_reg.h. Registers for
// memory protection, tracing and power-down of memories only remember what is written.
class Dport final : public RegisterBlock {
 public:
  static constexpr std::uint32_t kSize = 0x1000;
  static constexpr unsigned kCpus = 2;

  // The buses through which a core reaches its cache, by their bit in DPORT_{PRO,APP}_CACHE_CTRL1_REG.
  enum class CacheBus : std::uint8_t {
    kIram0 = 0,
    kIram1 = 1,
    kIrom0 = 2,
    kDram1 = 3,
    kDrom0 = 4,
    kOpsdram = 5
  };
  // How the two cores' caches share external RAM.
  enum class PsramMode : std::uint8_t { kNormal, kLowHigh, kEvenOdd };
  // The three registers that hold peripherals in reset.
  enum class ResetBank : std::uint8_t {
    kCrypto,      // DPORT_PERI_RST_EN_REG, after secure boot and digital signature were counted in
    kPeripheral,  // DPORT_PERIP_RST_EN_REG
    kRadio,       // DPORT_CORE_RST_EN_REG: Wi-Fi, Bluetooth, SDIO, Ethernet
  };
  struct AppCpu {
    bool in_reset = true;        // DPORT_APPCPU_RESETTING; the core starts when it falls
    bool clock_enabled = false;  // DPORT_APPCPU_CLKGATE_EN
    bool run_stalled = false;    // DPORT_APPCPU_RUNSTALL
    std::uint32_t boot_address = 0;
    bool operator==(const AppCpu&) const = default;
  };

  // What the chip has to know of; each may stay empty. They are called on changes only, a reset's included,
  // and not on loading an archive: the chip then asks for everything anew.
  std::function<void(unsigned cpu)> on_cache_change;  // enable, bus masks, page sizes, PSRAM mode
  std::function<void(unsigned cpu)> on_cache_flush;   // the cache's contents have been dropped
  std::function<void(const AppCpu& before, const AppCpu& now)> on_app_cpu_change;
  std::function<void()> on_cpu_clock_change;  // cpuperiod_sel()
  // Bits newly set and newly cleared. A peripheral is reset when its bit is set, and stays in reset till it
  // is cleared.
  std::function<void(ResetBank bank, std::uint32_t asserted, std::uint32_t released)> on_peripheral_reset;

  // Map and status registers are forwarded to `matrix`, the cross-core interrupts (sources 24 to 27) and the
  // cache access error (68) drive it.
  Dport(Context context, InterruptMatrix& matrix);

  bool cache_enabled(unsigned cpu) const;
  // True if the cache is on and the bus is not masked.
  bool cache_bus_enabled(unsigned cpu, CacheBus bus) const;
  std::uint32_t flash_page_size(unsigned cpu) const;  // 64 KiB unless firmware has chosen less
  std::uint32_t psram_page_size(unsigned cpu) const;  // 32 KiB, as firmware sets it; 4 KiB after reset
  PsramMode psram_mode(unsigned cpu) const;
  AppCpu app_cpu() const;
  // DPORT_CPUPERIOD_SEL: see cpu_clocks().
  unsigned cpuperiod_sel() const;
  // Bits set in a reset bank just now; DPORT_PERIP_CLK_EN_REG; DPORT_WIFI_CLK_EN_REG.
  std::uint32_t in_reset(ResetBank bank) const;
  std::uint32_t peripheral_clocks() const;
  std::uint32_t radio_clocks() const;
  // DMA channel (1 or 2) of SPI1, SPI2 or SPI3; 0 for none.
  unsigned spi_dma_channel(unsigned spi) const;
  // DPORT_SLAVE_SPI_CONFIG_REG: reads of flash through the cache decrypt; the encryption block may be used.
  bool flash_decryption() const;
  bool flash_encryption() const;

  // A core touched a cache window while its cache or that bus was off: noted in {PRO,APP}_DCACHE_DBUG3_REG,
  // and an interrupt where DPORT_CACHE_IA_INT_EN_REG asks for one.
  void report_illegal_access(unsigned cpu, CacheBus bus);

  std::uint32_t read(std::uint32_t offset) override;
  void write(std::uint32_t offset, std::uint32_t value) override;
  std::uint32_t peek(std::uint32_t offset) override;
  void reset(ResetKind kind) override;
  void archive(base::Archive& ar) override;

  // Bits of DPORT_PERIP_CLK_EN_REG and DPORT_PERIP_RST_EN_REG.
  static constexpr std::uint32_t kTimers = 1u << 0, kSpi01 = 1u << 1, kUart0 = 1u << 2, kWdg = 1u << 3,
                                 kI2s0 = 1u << 4, kUart1 = 1u << 5, kSpi2 = 1u << 6, kI2cExt0 = 1u << 7,
                                 kUhci0 = 1u << 8, kRmt = 1u << 9, kPcnt = 1u << 10, kLedc = 1u << 11,
                                 kUhci1 = 1u << 12, kTimerGroup0 = 1u << 13, kEfuse = 1u << 14,
                                 kTimerGroup1 = 1u << 15, kSpi3 = 1u << 16, kPwm0 = 1u << 17,
                                 kI2cExt1 = 1u << 18, kTwai = 1u << 19, kPwm1 = 1u << 20, kI2s1 = 1u << 21,
                                 kSpiDma = 1u << 22, kUart2 = 1u << 23, kUartMem = 1u << 24, kPwm2 = 1u << 25,
                                 kPwm3 = 1u << 26;
  // Bits of ResetBank::kCrypto.
  static constexpr std::uint32_t kAes = 1u << 0, kSha = 1u << 1, kRsa = 1u << 2, kSecureBoot = 1u << 3,
                                 kDigitalSignature = 1u << 4;
  // Bits of ResetBank::kRadio.
  static constexpr std::uint32_t kWifiBb = 1u << 0, kFe = 1u << 1, kWifiMac = 1u << 2, kBtBb = 1u << 3,
                                 kBtMac = 1u << 4, kSdioSlave = 1u << 5, kSdioHost = 1u << 6, kEmac = 1u << 7,
                                 kMacPower = 1u << 8, kRwBtMac = 1u << 9, kRwBtLp = 1u << 10;

 private:
  void write_cache_ctrl(unsigned cpu, std::uint32_t value);
  void write_cache_ctrl1(unsigned cpu, std::uint32_t value);
  void cache_changed(unsigned cpu);
  void write_app_cpu(std::uint32_t offset, std::uint32_t value);
  void write_reset_bank(ResetBank bank, std::uint32_t value);
  void update_cache_interrupt();

  InterruptMatrix& matrix_;
};

}  // namespace espalier::devices
