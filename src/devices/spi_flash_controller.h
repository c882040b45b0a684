// SPI0 and SPI1, the ESP32's controllers of the flash and PSRAM chips.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "devices/device.h"
#include "devices/register_file.h"
#include "devices/spi_slave.h"

namespace espalier::devices {

// Registers of TRM ch. "SPI Controller" at 0x3ff43000 (SPI0, which the caches use) and 0x3ff42000 (SPI1,
// which software uses). A command bit in SPI_CMD_REG starts a transaction with the chip whose chip select
// SPI_PIN_REG enables; it is over at once, so SPI_CMD_REG and the state in SPI_EXT2_REG always read as idle.
// What takes time is what the chips do, which their own status registers tell. The caches' accesses are not
// transactions here: the chip's memory map shows the flash and PSRAM contents themselves; the registers that
// shape them are kept.
//
// Not modelled: slave mode and DMA (registers only), encryption of what SPI1 writes.
class SpiFlashController : public Device {
 public:
  static constexpr std::uint32_t kSize = 0x400;
  static constexpr unsigned kChipSelects = 3;

  // `number` is 0 or 1.
  SpiFlashController(Context context, unsigned number);

  // Puts a chip at a chip select: 0 is the flash, 1 the PSRAM. Nobody there reads as ones.
  void attach(unsigned chip_select, SpiSlave* chip) { chips_[chip_select] = chip; }

  std::string_view name() const override { return name_; }
  std::uint32_t read(std::uint32_t offset) override;
  void write(std::uint32_t offset, std::uint32_t value) override;
  std::uint32_t peek(std::uint32_t offset) override { return registers_.get(offset); }
  void reset(ResetKind kind) override;
  void archive(base::Archive& ar) override;

  // SPI_INTR: the end of a transaction, while its enable bit is set in SPI_SLAVE_REG.
  base::IrqLine interrupt;

 private:
  void start(std::uint32_t command);
  void run_flash_command(std::uint32_t command);
  void run_flash_read();
  void run_user_command();
  void transfer(SpiTransfer& transfer);
  void update_interrupt();
  bool bit(std::uint32_t offset, std::uint32_t mask) const { return registers_.get(offset) & mask; }
  std::uint32_t field(std::uint32_t offset, unsigned low, unsigned bits) const {
    return registers_.get(offset) >> low & ((1u << bits) - 1);
  }
  std::uint8_t data_byte(std::size_t index) const;
  void set_data_byte(std::size_t index, std::uint8_t value);

  std::string_view name_;
  RegisterFile registers_;
  std::array<SpiSlave*, kChipSelects> chips_{};
};

}  // namespace espalier::devices
