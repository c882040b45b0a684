// SPI2 (HSPI) and SPI3 (VSPI), the general-purpose SPI controllers (ESP32 TRM, chapter "SPI Controller";
// ESP-IDF soc/esp32/register/soc/spi_reg.h).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "devices/dma.h"
#include "devices/interrupts.h"
#include "devices/register_block.h"
#include "devices/spi_slave.h"

namespace espalier::devices {

// SPI2 at 0x3FF64000, SPI3 at 0x3FF65000, as masters: a user transaction reaches the chip whose chip select
// PIN enables, takes the time its clocks take, and ends with TRANS_DONE. Data comes from and goes to the W
// registers, or, where a DMA link has been started, to memory. Without a chip MISO is high. In slave mode no
// master ever clocks: a transaction never ends.
class GpSpi : public RegisterBlock {
 public:
  static constexpr std::uint32_t kSize = 0x1000;
  static constexpr unsigned kChipSelects = 3;

  GpSpi(std::string_view name, DmaBus& dma, Context context);

  // Puts a chip at a chip select; nullptr takes it away. `chip` must outlive this.
  void attach(unsigned chip_select, SpiSlave* chip) { chips_[chip_select % kChipSelects] = chip; }
  // The controller's line, and that of its DMA channel.
  base::IrqLine& irq() { return line_; }
  base::IrqLine& dma_irq() { return dma_interrupts_.line; }
  void set_apb_hz(std::uint32_t hz) { apb_hz_ = hz ? hz : apb_hz_; }

  std::uint32_t read(std::uint32_t offset) override;
  void write(std::uint32_t offset, std::uint32_t value) override;
  std::uint32_t peek(std::uint32_t offset) override;
  void reset(ResetKind kind) override;
  void archive(base::Archive& ar) override;

 private:
  void start();
  void finish();
  void build(SpiTransfer& transfer);
  std::vector<std::uint8_t> outgoing(std::size_t bytes);
  void incoming(std::span<const std::uint8_t> bytes);
  std::uint64_t clocks(const SpiTransfer& transfer) const;
  base::Ticks clock_time(std::uint64_t clocks) const;
  void link_written(std::uint32_t offset, std::uint32_t value);
  void update_line();

  DmaBus& dma_;
  Interrupts dma_interrupts_;
  base::IrqLine line_;
  base::Timer timer_;
  std::array<SpiSlave*, kChipSelects> chips_{};
  std::uint32_t apb_hz_ = 80'000'000;
  bool running_ = false;
  bool out_started_ = false, in_started_ = false;  // DMA links wait for the next transaction
  std::vector<std::uint8_t> mosi_, miso_;          // of the running transaction
  std::uint32_t pending_ = 0;                      // DMA interrupts due at its end
};

}  // namespace espalier::devices
